"""Plane Navier-Stokes flows: a right-hand side at less than its FFTs, a data set in few steps.

    python benchmarks/navier_stokes.py [--quick] [--json FILE]

Right-hand sides are of the vorticity equation on a torus in float64, de-aliased by the 2/3 rule.
exponax's is its nonlinear function, compiled; the published generator of Li et al. (2021),
arXiv:2010.08895, is written here from its formulas, with PyTorch: velocity and gradient of w by
four inverse FFTs, advection by one forward, explicit Euler for it and Crank-Nicolson for viscosity.

    w <- ((1 - h nu k^2 / 2) w + h (f - (u . grad w)_k)) / (1 + h nu k^2 / 2)

Data sets are its published ones: initial fields (of the modes that both sides keep), force,
viscosities, steps of 1e-4. Both sides have the same grid; errors are in L2 on the 64 x 64 points
that are stored, relative to a solution on that grid with errors of 1e-11 per step. CPU time of one
thread.
"""

import os
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault(
    "XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
)

import numba
import numpy as np
from report import Row, finish, interleave, parse_arguments
from threadpoolctl import threadpool_limits

from nwidth.meshes import Grid
from nwidth.solvers import NavierStokes, simulate
from nwidth.solvers.equations.published_settings import published_setting
from nwidth.solvers.spectral import FastFourier

EXPONAX, GENERATOR = "exponax 0.2, jitted", "published scheme, torch"
PUBLISHED_STEP, STORED = 1e-4, 64
VISCOSITIES = ("1e-3", "1e-4", "1e-5")


def repeated(call: Callable[[], Any], times: int) -> Callable[[], None]:
    """Return so many calls as one."""

    def run() -> None:
        for _ in range(times):
            call()

    return run


def field(grid: Grid) -> np.ndarray:
    """Return a smooth random vorticity of size one."""
    n = grid.shape[0]
    k = np.hypot(*np.meshgrid(np.fft.fftfreq(n, 1 / n), np.arange(n // 2 + 1), indexing="ij"))
    noise = np.fft.rfft2(np.random.default_rng(0).normal(size=grid.shape))
    w = np.fft.irfft2(noise * k * np.exp(-((k / 6) ** 2)), grid.shape)
    return w / w.std()


def four_transforms(n: int) -> Callable[[], None]:
    """Return two whole inverse and two whole forward FFTs, to arrays that are there."""
    transform = FastFourier((n, n))
    fields = np.random.default_rng(1).normal(size=(2, n, n))
    modes = np.zeros((2, *transform.modes), transform.complex)

    def run() -> None:
        for u, v in zip(fields, modes, strict=True):
            transform.backward(v, u, destroy=True)
        for u, v in zip(fields, modes, strict=True):
            transform.forward(u, v)

    return run


def exponax_stepper(n: int, viscosity: float, dt: float, order: int) -> Any:
    """Return exponax's stepper on a box of 2 pi."""
    import jax

    jax.config.update("jax_enable_x64", True)
    import exponax

    return exponax.stepper.NavierStokesVorticity(
        2, 2 * np.pi, n, dt, diffusivity=viscosity, order=order
    )


def exponax_side(n: int, w: np.ndarray) -> Callable[[], Any]:
    """Return exponax's nonlinear function, compiled."""
    stepper = exponax_stepper(n, 1e-3, 1e-3, 1)
    import exponax
    import jax

    v = exponax.fft(w[None], num_spatial_dims=2)
    nonlinear = stepper._integrator._nonlinear_fun
    side = jax.jit(lambda v: nonlinear(v))  # the function itself has no hash
    return lambda: side(v).block_until_ready()


class PublishedScheme:
    """First-order steps of the published generator on the unit torus.

    As there, wavenumbers are whole arrays and the factors of each term are formed at every step.
    """

    def __init__(self, w: np.ndarray, viscosity: float, force: np.ndarray, step: float):
        import torch

        self.torch, self.shape, self.step, self.viscosity = torch, w.shape, step, viscosity
        n = w.shape[0]
        axes = torch.fft.fftfreq(n, 1 / n, dtype=torch.float64), torch.arange(n // 2 + 1.0)
        self.k0, self.k1 = torch.meshgrid(axes[0], axes[1].double(), indexing="ij")
        self.squared = 4 * np.pi**2 * (self.k0**2 + self.k1**2)
        self.divisor = self.squared.clone()
        self.divisor[0, 0] = 1.0
        self.kept = (self.k0.abs() <= n / 3) & (self.k1 <= n / 3)
        self.force = torch.fft.rfft2(torch.as_tensor(force))
        self.w = torch.fft.rfft2(torch.as_tensor(w))

    def __call__(self) -> None:
        """Make one step."""
        fft, w, h = self.torch.fft, self.w, self.step
        psi = w / self.divisor
        u = fft.irfft2(2.0 * np.pi * self.k1 * 1j * psi, self.shape)
        v = fft.irfft2(-2.0 * np.pi * self.k0 * 1j * psi, self.shape)
        w0 = fft.irfft2(2.0 * np.pi * self.k0 * 1j * w, self.shape)
        w1 = fft.irfft2(2.0 * np.pi * self.k1 * 1j * w, self.shape)
        advection = self.kept * fft.rfft2(u * w0 + v * w1)
        decay = 0.5 * h * self.viscosity * self.squared
        self.w = (-h * advection + h * self.force + (1.0 - decay) * w) / (1.0 + decay)

    def field(self) -> np.ndarray:
        """Return the vorticity."""
        return self.torch.fft.irfft2(self.w, self.shape).numpy()


def right_hand_sides(n: int, repeats: int) -> list[Row]:
    """Time one right-hand side of each."""
    grid = Grid.periodic((n, n), upper=2 * np.pi)
    problem, w = NavierStokes(grid), field(grid)
    v = problem.state({"vorticity": w})
    system, out = problem.system({}), np.empty_like(v)
    calls = max(2, 10 * 256**2 // n**2)
    contenders: dict[str, Callable[[], Any]] = {
        "ours": lambda: system.nonlinear(0.0, v, out),
        "ffts": four_transforms(n),
    }
    notes = {}
    for name, start in (
        ("exponax", lambda: exponax_side(n, w)),
        ("torch", lambda: PublishedScheme(w, 1e-3, 0 * w, PUBLISHED_STEP)),
    ):
        try:
            contenders[name] = start()
        except ImportError:
            notes[name] = f"{name} is not installed"
    runs = {name: repeated(call, calls) for name, call in contenders.items()}
    seconds = interleave(runs, repeats, time.process_time, calls=2)  # as in a loop of steps
    ms = {name: 1e3 * s / calls for name, s in seconds.items()}
    if "exponax" in contenders:
        notes["exponax"] = agreement(contenders["exponax"](), problem, out)
    task, goal = f"right-hand side, {n} x {n}", {256: 1.8, 512: 2.4}.get(n)
    floor = "four whole FFTs (goal: 1.25 of them)"
    rows = [(EXPONAX, "exponax", goal), (GENERATOR + ", one step", "torch", 3.5)]
    return [
        *(
            Row(task, ms["ours"], ms.get(key), name, "ms", goal, 1, notes.get(key, ""))
            for name, key, goal in rows
        ),
        Row(task, ms["ours"], ms["ffts"], floor, "ms", 0.8, 1, f"by {FastFourier(1).library}"),
    ]


def agreement(theirs: Any, problem: NavierStokes, ours: np.ndarray) -> str:
    """Say how far the two right-hand sides are apart; exponax's vorticity is u_y - v_x."""
    n = problem.grid.shape[0]
    other = -problem.space.resampled(np.asarray(theirs)[0] / n**2, problem.modes)
    return f"they agree to {abs(other - ours).max() / abs(ours).max():.0e}"


def data_set(label: str, n: int, end: float, rtol: float) -> Row:
    """Time one sample to a time, and compare errors."""
    problem = published_setting(f"navier-stokes-fno-{label}").problem(n)
    start = problem.state(problem.sample(np.random.default_rng(0)))
    inputs = problem.fields(start)  # of the modes that both keep
    task = f"data set, viscosity {label}, {n} x {n}, to t = {end:g}"
    exact = simulate(problem, inputs, [end], rtol=1e-11).checked().fields["vorticity"][0]
    stored = slice(None, None, max(1, n // STORED))

    def error(w: np.ndarray) -> float:
        gap, whole = (w - exact)[stored, stored], exact[stored, stored]
        return float(np.linalg.norm(gap) / np.linalg.norm(whole))

    began = time.process_time()
    found = simulate(problem, inputs, [end], rtol=rtol).checked()
    ours = time.process_time() - began
    note = f"error {error(found.fields['vorticity'][0]):.0e}, {found.counts.evaluations} sides"
    try:
        force = problem.forcing.field(problem.grid)
        scheme = PublishedScheme(inputs["vorticity"], float(label), force, PUBLISHED_STEP)
    except ImportError:
        return Row(task, ours / end, None, GENERATOR, "s per t", 100, note="torch is not installed")
    steps = round(end / PUBLISHED_STEP)
    began = time.process_time()
    for _ in range(steps):
        scheme()
    peer = time.process_time() - began
    note += f"; theirs {error(scheme.field()):.0e}, {steps} steps"
    return Row(task, ours / end, peer / end, GENERATOR, "s per t", 100, 1, note)


def main() -> None:
    arguments = parse_arguments(__doc__.splitlines()[0])
    numba.set_num_threads(1)
    try:
        import torch

        torch.set_num_threads(1)
    except ImportError:
        pass
    with threadpool_limits(1):
        rows = []
        for n in (256, 512):
            rows += right_hand_sides(n, 5 if arguments.quick else 25)
        for label in VISCOSITIES:
            n, end = (128, 0.5) if arguments.quick else (256, 1.0)
            rows.append(data_set(label, n, end, 1e-4))
    finish("Navier-Stokes in the plane", rows, arguments)


if __name__ == "__main__":
    main()

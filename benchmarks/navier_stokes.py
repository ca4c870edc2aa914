"""Plane Navier-Stokes flows: a right-hand side at less than its FFTs, a data set in few steps.

    python benchmarks/navier_stokes.py [--quick] [--json FILE]

Right-hand sides are of the vorticity equation on a torus in float64, de-aliased by the 2/3 rule.
exponax's is its nonlinear function, compiled; the published generator of Li et al. (2021),
arXiv:2010.08895, is written here from its formulas, with PyTorch and operation by operation as its
script `ns_2d.py` has them: velocity and gradient of w by four inverse FFTs, advection by one
forward, explicit Euler for it and Crank-Nicolson for viscosity,

    w <- ((1 - h nu k^2 / 2) w + h (f - (u . grad w)_k)) / (1 + h nu k^2 / 2)

with whole arrays of wavenumbers, and factors of each term formed anew at every step. Since June
2022 its FFTs are real ones; until then, when the published data were made, they were complex ones
of all modes. The goal is set by the newer, faster form, with one sample at a time, which on a
processor is faster than batches; the script itself has batches in float32 on a graphics card.

Data sets are its published ones: 256 x 256 points of which 64 x 64 are stored, initial fields (of
the modes that both sides keep), force, viscosities, times, steps of 1e-4. Ours are whole samples.
Theirs are the last unit of time, as all steps cost the same; there errors of both are compared: in
L2 at the points that are stored, relative to a solution with errors of 1e-11 per step, from one
state. Our tolerance is the loosest power of ten whose error is no larger than theirs. One row
has a whole sample of either on fewer points, with the largest error at 50 times. CPU time of one
thread.
"""

import os
import time
import warnings
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
TOLERANCES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7)


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
    """First-order steps of the published generator on the unit torus, of one sample.

    As there, wavenumbers are integers, and nothing is prepared but them, the negative Laplacian and
    the mask; with `real=False` FFTs are complex ones of all modes, as until 2022.
    """

    def __init__(
        self, w: np.ndarray, viscosity: float, force: np.ndarray, step: float, real: bool = True
    ):
        import torch

        self.fft, self.size, self.real = torch.fft, w.shape, real
        self.step, self.viscosity = step, viscosity
        n = w.shape[-1]
        once = torch.cat((torch.arange(n // 2), torch.arange(-(n // 2), 0)))
        self.k1 = once.repeat(n, 1)[:, : n // 2 + 1 if real else n]
        self.k0 = once.repeat(n, 1).transpose(0, 1)[:, : n // 2 + 1 if real else n]
        self.laplacian = 4 * np.pi**2 * (self.k0**2 + self.k1**2)
        self.laplacian[0, 0] = 1.0
        kept = torch.logical_and(self.k0.abs() <= n / 3, self.k1.abs() <= n / 3)
        self.mask = kept.to(self.laplacian.dtype)[None]
        self.force, self.w = (self.forward(torch.as_tensor(u)[None]) for u in (force, w))

    def forward(self, u: Any) -> Any:
        """Return modes."""
        return self.fft.rfft2(u) if self.real else self.fft.fft2(u)

    def backward(self, v: Any) -> Any:
        """Return values."""
        return self.fft.irfft2(v, s=self.size) if self.real else self.fft.ifft2(v).real

    def __call__(self) -> None:
        """Make one step."""
        w, h, nu, laplacian = self.w, self.step, self.viscosity, self.laplacian
        psi = w / laplacian
        u = self.backward(2.0 * np.pi * self.k1 * 1j * psi)
        v = self.backward(-2.0 * np.pi * self.k0 * 1j * psi)
        w0 = self.backward(2.0 * np.pi * self.k0 * 1j * w)
        w1 = self.backward(2.0 * np.pi * self.k1 * 1j * w)
        advection = self.mask * self.forward(u * w0 + v * w1)
        explicit = -h * advection + h * self.force + (1.0 - 0.5 * h * nu * laplacian) * w
        self.w = explicit / (1.0 + 0.5 * h * nu * laplacian)

    def field(self) -> np.ndarray:
        """Return the vorticity."""
        return self.backward(self.w)[0].numpy()


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
        ("older", lambda: PublishedScheme(w, 1e-3, 0 * w, PUBLISHED_STEP, real=False)),
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
    rows = [
        (EXPONAX, "exponax", goal),
        (GENERATOR + ", one step", "torch", 3.5),
        (GENERATOR + " until 2022, one step", "older", None),
    ]
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


def cpu_seconds(run: Callable[[], Any]) -> tuple[float, Any]:
    """Return how long a call takes, and what it returns."""
    began = time.process_time()
    found = run()
    return time.process_time() - began, found


def error(found: np.ndarray, exact: np.ndarray) -> float:
    """Return the largest error of fields at times, at the points that are stored."""
    stored = slice(None, None, max(1, exact.shape[-1] // STORED))
    gap, exact = (found - exact)[:, stored, stored], exact[:, stored, stored]
    return float((np.linalg.norm(gap, axis=(1, 2)) / np.linalg.norm(exact, axis=(1, 2))).max())


def published(problem: NavierStokes, w: np.ndarray, times: list[float]) -> np.ndarray:
    """Return fields at times, by the published scheme from w at t = 0."""
    force = problem.forcing.field(problem.grid)
    scheme, found, done = PublishedScheme(w, problem.viscosity, force, PUBLISHED_STEP), [], 0
    for t in times:
        while done < round(t / PUBLISHED_STEP):
            scheme()
            done += 1
        found.append(scheme.field())
    return np.array(found)


def data_set(label: str, n: int, window: float) -> Row:
    """Time one sample, ours to its end, theirs in a window before it; compare errors there."""
    setting = published_setting(f"navier-stokes-fno-{label}")
    problem, end = setting.problem(n), setting.times[-1]
    task = f"data set, viscosity {label}, {n} x {n}, one sample to t = {end:g}"
    inputs = problem.fields(problem.state(problem.sample(np.random.default_rng(0))))
    late = {"vorticity": ours(problem, inputs, [end - window], 1e-5).fields["vorticity"][0]}
    return compared(task, problem, inputs, [*setting.times[1:]], late, [window])


def whole_sample(label: str, n: int, end: float) -> Row:
    """Time one sample of either to the end; compare errors at all times."""
    problem = published_setting(f"navier-stokes-fno-{label}").problem(n)
    task = f"data set, viscosity {label}, {n} x {n}, to t = {end:g}, all steps of either"
    inputs = problem.fields(problem.state(problem.sample(np.random.default_rng(0))))
    times = [float(t) for t in np.arange(1.0, end + 0.5)]
    return compared(task, problem, inputs, times, inputs, times)


def ours(problem: NavierStokes, inputs: Any, times: list[float], rtol: float) -> Any:
    """Return our solution."""
    with warnings.catch_warnings():  # of samples that the published grid does not resolve
        warnings.simplefilter("ignore")
        return simulate(problem, inputs, times, rtol=rtol).checked()


def compared(
    task: str, problem: NavierStokes, inputs: Any, times: list[float], late: Any, part: list[float]
) -> Row:
    """Time `inputs` to `times` by ours, `late` to `part` by theirs; compare errors from `late`."""
    exact = ours(problem, late, part, 1e-11).fields["vorticity"]
    try:
        seconds, found = cpu_seconds(lambda: published(problem, late["vorticity"], part))
    except ImportError:
        peer, bound, told = None, 1e-6, "torch is not installed"
    else:
        peer, bound = seconds * times[-1] / part[-1], error(found, exact)
        steps = round(times[-1] / PUBLISHED_STEP)
        told = f"theirs {bound:.0e}, {steps} steps, {round(part[-1] / PUBLISHED_STEP)} made"
    for rtol in TOLERANCES:
        reached = error(ours(problem, late, part, rtol).fields["vorticity"], exact)
        if reached <= bound:
            break
    else:
        return Row(task, None, peer, GENERATOR, "s", 100, note="errors of ours are larger")
    seconds, run = cpu_seconds(lambda: ours(problem, inputs, times, rtol))
    note = f"error {reached:.0e} at rtol {rtol:.0e}, {run.counts.evaluations} sides; {told}"
    tail = f"; at most {float(run.tail.max()):.1%} in the finest third of the modes"
    return Row(task, seconds, peer, GENERATOR, "s", 100, 1, note + tail)


def main() -> None:
    arguments = parse_arguments(__doc__.splitlines()[0])
    numba.set_num_threads(1)
    try:
        import torch

        torch.set_num_threads(1)
        torch.set_default_dtype(torch.float64)
    except ImportError:
        pass
    with threadpool_limits(1):
        rows = []
        for n in (256, 512):
            rows += right_hand_sides(n, 5 if arguments.quick else 25)
        for label in VISCOSITIES:
            rows.append(data_set(label, 64 if arguments.quick else 256, 1.0))
        rows.append(whole_sample("1e-3", 64, 2.0 if arguments.quick else 50.0))
    finish("Navier-Stokes in the plane", rows, arguments)


if __name__ == "__main__":
    main()

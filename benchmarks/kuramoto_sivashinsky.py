"""Kuramoto-Sivashinsky equation by ETDRK4: microseconds per step, one trajectory and many.

    python benchmarks/kuramoto_sivashinsky.py [--quick] [--json FILE]

u_t + u u_x + u_xx + u_xxxx = 0 from cos(x / 16) (1 + sin(x / 16)), periodic; the length grows with
the number of points, so that all runs are equally resolved. Fixed steps of 0.05 with the 2/3 rule,
double precision. exponax steps in Fourier space inside one compiled loop; rocket-fft is the same
loop in Numba with its transforms. CPU time of one thread, elapsed time where there are two; errors
are differences of the sides after ten time units, and that of our steps to steps of an eighth.
"""

import os

os.environ["XLA_FLAGS"] = (
    os.environ.get("XLA_FLAGS", "") + " --xla_cpu_multi_thread_eigen=false"
).strip()

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from report import Row, finish, interleave, parse_arguments

from nwidth.meshes import Grid
from nwidth.solvers.spectral import FourierSpace
from nwidth.solvers.stepping import ETDRK4, QuadraticSystem, quadratic_evolution

POINTS = (256, 1024, 4096)
DT, SAMPLES = 0.05, 64
Array = np.ndarray
# A number of steps -> the modes after so many.
Run = Callable[[int], Array]


class Case:
    """The equation on so many points, and its initial modes."""

    def __init__(self, points: int):
        self.points, self.length = points, 64 * np.pi * points / 256
        self.space = FourierSpace(Grid.periodic(points, upper=self.length))
        self.k = self.space.wavenumbers[0]
        self.symbol = self.k**2 - self.k**4
        self.factor = np.where(self.space.kept, -0.5j * self.k, 0)
        self.system = QuadraticSystem(self.space.transform, self.symbol, self.factor)
        x = self.space.grid.axes[0].points
        self.u = np.cos(x / 16) * (1 + np.sin(x / 16))
        self.v = self.space.transform.forward(self.u)
        self.v[~self.space.kept] = 0

    def ours(self, steps: int, dt: float = DT, v: Array | None = None, threads: int = 1) -> Array:
        """Return our modes."""
        start = self.v if v is None else v
        found = quadratic_evolution(
            self.system, start, [steps * dt], dt=dt, max_steps=steps, threads=threads
        )
        return found.checked().states[..., 0, :]


def exponax_run(case: Case, samples: int = 0) -> Run:
    """Return the rollout of exponax, its steps in Fourier space."""
    import equinox
    import exponax
    import jax

    jax.config.update("jax_enable_x64", True)
    stepper = exponax.stepper.KuramotoSivashinskyConservative(
        1, case.length, case.points, DT, order=4
    )
    step = jax.vmap(stepper.step_fourier) if samples else stepper.step_fourier
    # Its coefficients are sums over points, ours means.
    shape = (samples, 1, len(case.v)) if samples else (1, len(case.v))
    start = jax.numpy.asarray(np.broadcast_to(case.v * case.points, shape))

    @equinox.filter_jit
    def roll(v: Any, steps: Any) -> Any:
        return jax.lax.fori_loop(0, steps, lambda _, w: step(w), v)

    def run(steps: int) -> Array:
        return np.asarray(roll(start, steps).block_until_ready())[..., 0, :] / case.points

    return run


def rocket_run(case: Case) -> Run:
    """Return the loop in Numba with the transforms of rocket-fft."""
    import rocket_fft  # noqa: F401  (teaches Numba np.fft)
    from numba import njit

    (half, _, _, whole), _ = ETDRK4.start(case.system, case.v).coefficients(DT)
    f1, f2, _, f3 = whole.weights
    table = np.stack([half.factor, half.weights[0], whole.factor, f1, f2, f3])
    g, points = case.factor * case.points, case.points

    @njit(nogil=True)
    def roll(v, table, g, points, steps):
        e, q, whole, f1, f2, f3 = table
        for _ in range(steps):
            n1 = g * np.fft.rfft(np.fft.irfft(v, points) ** 2)
            a = e * v + q * n1
            n2 = g * np.fft.rfft(np.fft.irfft(a, points) ** 2)
            b = e * v + q * n2
            n3 = g * np.fft.rfft(np.fft.irfft(b, points) ** 2)
            c = e * a + q * (2 * n3 - n1)
            n4 = g * np.fft.rfft(np.fft.irfft(c, points) ** 2)
            v = whole * v + f1 * n1 + f2 * (n2 + n3) + f3 * n4
        return v

    scale = 1.0 / points**2  # of v as sums over points: irfft divides by them, and u is squared
    return lambda steps: roll(case.v * points, table, g * scale * points, points, steps) / points


def difference(case: Case, v: Array, w: Array) -> float:
    """Return the relative difference of two fields."""
    return float(np.linalg.norm(v - w) / np.linalg.norm(w))


def trajectory(points: int, quick: bool) -> list[Row]:
    """Compare one trajectory on one core."""
    case, steps = Case(points), 2000 if quick else 5000
    runs: dict[str, Run] = {"ours": case.ours}
    missing: dict[str, str] = {}
    for name, package, make in (
        ("exponax", "exponax", exponax_run),
        ("rocket", "rocket-fft", rocket_run),
    ):
        try:
            runs[name] = make(case)
        except ImportError:
            missing[name] = f"{package} is not installed"
    ends = {name: run(200) for name, run in runs.items()}
    fine = case.ours(1600, DT / 8)
    error = f"error {difference(case, ends['ours'], fine):.1e}"
    seconds = interleave(
        {name: (lambda run=run: run(steps)) for name, run in runs.items()},
        3 if quick else 7,
        time.process_time,
    )
    task, ours = f"step, N = {points}", 1e6 * seconds["ours"] / steps
    rows = [Row(task, ours, 10.0, "limit", "us", 1.0, 1, error)] if points == 256 else []
    for name, label, goal in (
        ("exponax", "exponax ETDRK4", 2.5),
        ("rocket", "Numba with rocket-fft", None),
    ):
        if name in missing:
            rows.append(Row(task, ours, None, label, "us", goal, 1, missing[name]))
            continue
        note = f"{error}; sides differ by {difference(case, ends['ours'], ends[name]):.1e}"
        rows.append(Row(task, ours, 1e6 * seconds[name] / steps, label, "us", goal, 1, note))
    return rows


def batch(quick: bool) -> list[Row]:
    """Compare many trajectories, on one core and on two."""
    case, steps = Case(256), 100 if quick else 400
    v = np.repeat(case.v[None], SAMPLES, axis=0)
    contenders: dict[int, dict[str, Callable[[], object]]] = {
        threads: {"ours": lambda threads=threads: case.ours(steps, v=v, threads=threads)}
        for threads in (1, 2)
    }
    note = ""
    try:
        run = exponax_run(case, SAMPLES)
        for sides in contenders.values():
            sides["exponax"] = lambda: run(steps)
    except ImportError:
        note = "exponax is not installed"
    rows = []
    for threads, sides in contenders.items():
        clock = time.process_time if threads == 1 else time.perf_counter
        seconds = interleave(sides, 3 if quick else 5, clock)
        ours, peer = (
            1e6 * seconds[name] / steps / SAMPLES if name in seconds else None
            for name in ("ours", "exponax")
        )
        task = f"step of one of {SAMPLES}, N = 256"
        rows.append(Row(task, ours, peer, "exponax, vmap", "us", None, threads, note))
    return rows


def main() -> None:
    arguments = parse_arguments(__doc__.splitlines()[0])
    rows = [row for points in POINTS for row in trajectory(points, arguments.quick)]
    finish("Kuramoto-Sivashinsky equation", rows + batch(arguments.quick), arguments)


if __name__ == "__main__":
    main()

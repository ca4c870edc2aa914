"""Burgers' equation at both published settings: errors against Cole and Hopf, and a data set.

    python benchmarks/burgers.py [--quick] [--json FILE]

Settings of Li et al. (2021), arXiv:2010.08895: "printed" has viscosity 0.1 and velocities
N(0, 625 (-Laplace + 25)^-2), "script" 1/1000 and N(0, 2401 (-Laplace + 49)^-2.5). Errors are the
largest at 256 points, five times and some samples, of the drawn field's closed form by quadrature,
`cole_hopf`. Where a sample is followed to 1e-10, both sides step as coarsely as that allows: ours
with the loosest power of ten per step, exponax with the longest steps of 0.1 / 2^k. The script has
ETDRK4 by Chebfun, with steps of 1e-4 when it was published and of 1/200 since April 2021, which are
quicker and far from such errors; here that is written in NumPy, with real transforms, which are
quicker than its complex ones, and without de-aliasing, as there. All its steps cost the same; with
8192 points only the first tenth is made. CPU time of one thread. Data sets are those of
`generate_trajectories` from u(0) to u(1), drawn, written and closed, in elapsed time, the start of
workers included; with the tolerance of the setting, errors are at t = 1 of the first samples.
"""

import os
import tempfile
import time
import warnings
from collections.abc import Callable
from typing import Any

os.environ["XLA_FLAGS"] = (
    os.environ.get("XLA_FLAGS", "") + " --xla_cpu_multi_thread_eigen=false"
).strip()

import numpy as np
from report import Row, finish, interleave, parse_arguments

from nwidth.arrays import generator
from nwidth.fields import FieldDataset
from nwidth.solvers import cole_hopf, generate_trajectories, published_setting, simulate

SETTINGS = {"printed": "burgers-fno-paper", "script": "burgers-fno-script"}
# Points that resolve the samples to 1e-10, and the finest published grid.
POINTS = {"printed": (1024, 8192), "script": (2048, 8192)}
ERROR, SECONDS, SAMPLES = 1e-10, 30.0, 1000
TIMES, CHECKED = (0.1, 0.3, 0.5, 0.7, 1.0), 256
LATER = 1 / 200  # steps of the script since April 2021
TOLERANCES = tuple(10.0**-k for k in range(6, 13))
Array = np.ndarray
# How finely to step -> fields at TIMES.
Run = Callable[[float], Array]


class Case:
    """One sample of a setting on so many points, and its closed form."""

    def __init__(self, label: str, points: int, sample: int):
        self.setting = published_setting(SETTINGS[label])
        self.problem, self.points = self.setting.problem(points), points
        self.inputs = self.problem.sample(generator(0, sample))
        self.viscosity = self.problem.coefficients["viscosity"]
        self.picked = slice(None, None, points // CHECKED)
        x = self.problem.grid.axes[0].points[self.picked]
        u = self.inputs["velocity"]
        self.exact = np.array([cole_hopf(u, self.viscosity, t, points=x) for t in TIMES])

    def ours(self, rtol: float) -> Array:
        """Return our fields."""
        found = simulate(self.problem, self.inputs, TIMES, rtol=rtol)
        return found.checked().fields["velocity"]

    def error(self, fields: Array) -> float:
        """Return the largest error of fields at the first of TIMES."""
        exact = self.exact[: len(fields)]
        return float(abs(fields[:, self.picked] - exact).max())

    def loosest(self, run: Run, choices: tuple[float, ...]) -> float:
        """Return the first choice whose error is as wanted, the last one if none is."""
        for choice in choices:
            if self.error(run(choice)) <= ERROR:
                break
        return choice


def exponax_run(case: Case) -> Run:
    """Return the rollout of exponax with steps of 0.1 over a number, in Fourier space."""
    import equinox
    import exponax
    import jax

    jax.config.update("jax_enable_x64", True)
    start = jax.numpy.fft.rfft(jax.numpy.asarray(case.inputs["velocity"])[None])
    known: dict[float, Callable[[Any, Any], Any]] = {}

    def compiled(steps: float) -> Callable[[Any, Any], Any]:
        stepper = exponax.stepper.Burgers(
            1, 1.0, case.points, 0.1 / steps, diffusivity=case.viscosity, order=4, conservative=True
        )

        @equinox.filter_jit
        def roll(v: Any, count: Any) -> Any:
            return jax.lax.fori_loop(0, count, lambda _, w: stepper.step_fourier(w), v)

        return roll

    def run(steps: float) -> Array:
        roll = known.setdefault(steps, compiled(steps))
        v, found, before = start, [], 0.0
        for t in TIMES:
            v = roll(v, round((t - before) * 10 * steps))
            found.append(np.fft.irfft(np.asarray(v.block_until_ready())[0], case.points))
            before = t
        return np.array(found)

    return run


def script_run(case: Case, times: tuple[float, ...], dt: float = 1e-4) -> Array:
    """Return the fields of the script's scheme, by Kassam & Trefethen (2005)."""
    n = case.points
    k = 2 * np.pi * np.arange(n // 2 + 1)
    z = -dt * case.viscosity * k**2
    around = z[:, None] + np.exp(1j * np.pi * (np.arange(32) + 0.5) / 32)
    e, half = np.exp(z), np.exp(z / 2)
    q = dt * ((np.exp(around / 2) - 1) / around).mean(axis=1).real
    last = np.exp(around)
    f1 = dt * ((-4 - around + last * (4 - 3 * around + around**2)) / around**3).mean(axis=1).real
    f2 = dt * ((4 + 2 * around + last * (-4 + 2 * around)) / around**3).mean(axis=1).real
    f3 = dt * ((-4 - 3 * around - around**2 + last * (4 - around)) / around**3).mean(axis=1).real
    g = -0.5j * k
    g[-1] = 0

    def slope(v: Array) -> Array:
        return g * np.fft.rfft(np.fft.irfft(v, n) ** 2)

    v, found, before = np.fft.rfft(case.inputs["velocity"]), [], 0.0
    for t in times:
        for _ in range(round((t - before) / dt)):
            nv = slope(v)
            a = half * v + q * nv
            na = slope(a)
            nb = slope(half * v + q * na)
            nc = slope(half * a + q * (2 * nb - nv))
            v = e * v + f1 * nv + f2 * (na + nb) + f3 * nc
        found.append(np.fft.irfft(v, n))
        before = t
    return np.array(found)


def errors(label: str, points: int, quick: bool) -> Row:
    """Compare the errors of some samples with the limit."""
    rtol = min(published_setting(SETTINGS[label]).rtol, 1e-8 if label == "printed" else 5e-11)
    cases = [Case(label, points, i) for i in range(2 if quick else 8)]
    worst = max(case.error(case.ours(rtol)) for case in cases)
    task = f"error, {label}, N = {points}"
    note = f"{len(cases)} samples, {rtol:.0e} per step"
    if points < POINTS[label][0]:
        note += f"; no goal: the grid does not resolve all fronts, {POINTS[label][0]} points do"
        return Row(task, worst, ERROR, "limit", "", None, 1, note)
    return Row(task, worst, ERROR, "limit", "", 1.0, 1, note)


def one_sample(label: str, points: int, quick: bool) -> list[Row]:
    """Compare one sample followed to 1e-10, and by the script."""
    case = Case(label, points, 1)
    rtol = case.loosest(case.ours, TOLERANCES)
    ends = TIMES if points < 8192 else TIMES[:1]
    sides: dict[str, Callable[[], Array]] = {
        "ours": lambda: case.ours(rtol),
        "script": lambda: script_run(case, ends),
        "later": lambda: script_run(case, ends, LATER),
    }
    shorter = "" if ends == TIMES else " to t = 0.1"
    notes = {"script": f"steps of 1e-4{shorter}", "later": f"steps of 1/200{shorter}"}
    try:
        run = exponax_run(case)
        steps = case.loosest(run, tuple(float(2**k) for k in range(4, 14)))
        sides["exponax"] = lambda: run(steps)
        notes["exponax"] = f"steps of {0.1 / steps:.1e}"
    except ImportError:
        notes["exponax"] = "exponax is not installed"
    found = {name: case.error(side()) for name, side in sides.items()}
    seconds = interleave(sides, 1 if quick else 3, time.process_time)
    for name in ("script", "later"):
        seconds[name] *= TIMES[-1] / ends[-1]
    rows = []
    task = f"one sample to {ERROR:.0e}, {label}, N = {points}"
    for name, peer in (
        ("exponax", "exponax ETDRK4"),
        ("script", "the script's scheme, NumPy"),
        ("later", "the script's since 2021"),
    ):
        note = f"{rtol:.0e} per step, error {found['ours']:.1e}; peer: {notes[name]}"
        if name in found:
            note += f", error {found[name]:.1e}"
        rows.append(Row(task, seconds["ours"], seconds.get(name), peer, "s", None, 1, note))
    return rows


def data_set(label: str, workers: int, quick: bool) -> Row:
    """Generate samples with 1024 points."""
    setting = published_setting(SETTINGS[label])
    problem, samples = setting.problem(1024), SAMPLES // (5 if quick else 1)
    with tempfile.TemporaryDirectory() as folder:
        path, start = f"{folder}/{label}.h5", time.perf_counter()
        generate_trajectories(
            problem, path, samples, [0.0, 1.0], rtol=setting.rtol, workers=workers
        ).close()
        seconds = time.perf_counter() - start
        with FieldDataset.open(path) as data:
            ends = [data["velocity"][i][1] for i in range(4)]
    nu = problem.coefficients["viscosity"]
    drawn = [problem.sample(generator(0, i))["velocity"] for i in range(4)]
    exact = [cole_hopf(u, nu, 1.0) for u in drawn]
    gap = float(abs(np.array(ends) - exact).max())
    note = f"{setting.rtol:.0e} per step, error {gap:.0e}"
    if quick:
        note += f"; {samples} samples with the start of workers, times {SAMPLES // samples}"
    goal = 1.0 if workers == 2 else None
    task = f"{SAMPLES} samples, {label}, N = 1024"
    return Row(task, seconds * SAMPLES / samples, SECONDS, "limit", "s", goal, workers, note)


def main() -> None:
    arguments = parse_arguments(__doc__.splitlines()[0])
    warnings.simplefilter("ignore", UserWarning)  # of fronts that 1024 points do not resolve
    quick, rows = arguments.quick, []
    for label, points in POINTS.items():
        rows += [errors(label, n, quick) for n in sorted({1024, *points})]
    for label, points in POINTS.items():
        for n in points[:1] if quick else points:
            rows += one_sample(label, n, quick)
    for label in SETTINGS:
        rows += [data_set(label, workers, quick) for workers in (1, 2)]
    finish("Burgers' equation", rows, arguments)


if __name__ == "__main__":
    main()

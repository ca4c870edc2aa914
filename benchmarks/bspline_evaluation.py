"""B-splines at many points: splines, all functions that do not vanish, with derivatives.

    python benchmarks/bspline_evaluation.py [--quick] [--json FILE]

The peer is `scipy.interpolate.BSpline`: values against its call, values with derivatives against
two of its calls, all functions against `design_matrix`. Double precision, nanoseconds per point,
CPU time of one thread, elapsed time where there are two. Errors of both sides are those of some
points against rational arithmetic, in parts of the largest value. Bytes are those of points and
results; the speed of memory is that of a copy of as many numbers.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
import scipy.interpolate
from numba import set_num_threads
from report import Row, finish, interleave, parse_arguments

from nwidth.meshes import KnotVector
from nwidth.solvers.bsplines import BasisValues, BSplineBasis, Spline

Array = np.ndarray
CHECKED = 60
PEER = "scipy BSpline"


@dataclass
class Case:
    """A spline of random coefficients, and points in random order or sorted."""

    degree: int
    intervals: int
    uniform: bool
    ordered: bool
    points: int

    @cached_property
    def spline(self) -> Spline:
        """The spline."""
        rng = np.random.default_rng(self.degree)
        knots = KnotVector.uniform(self.intervals, self.degree)
        if not self.uniform:
            inner = np.sort(rng.uniform(0, 1, self.intervals - 1))
            knots = KnotVector.open(np.concatenate([[0.0], inner, [1.0]]), self.degree)
        return Spline(knots, rng.standard_normal(knots.size))

    @cached_property
    def peer(self) -> scipy.interpolate.BSpline:
        """SciPy's spline."""
        return self.spline.to_scipy()

    @cached_property
    def x(self) -> Array:
        """The points."""
        x = np.random.default_rng(0).uniform(0, 1, self.points)
        return np.sort(x) if self.ordered else x

    @property
    def task(self) -> str:
        """The case in words."""
        knots = f"{self.intervals} {'equal' if self.uniform else 'random'} intervals"
        return f"degree {self.degree}, {knots}, {'sorted' if self.ordered else 'random'} points"

    def errors(self, order: int) -> str:
        """Return the largest errors of both sides at some points."""
        x = self.x[:: max(1, len(self.x) // CHECKED)]
        exact = [exact_value(self.spline, Fraction(float(v)), order) for v in x]
        scale = max(abs(float(v)) for v in exact)
        ours, peer = (
            max(abs(float(Fraction(float(v)) - w)) for v, w in zip(found, exact, strict=True))
            / scale
            for found in (self.spline(x, order), self.peer(x, order))
        )
        return f"errors {ours:.0e}, SciPy {peer:.0e}"


def exact_value(spline: Spline, x: Fraction, order: int) -> Fraction:
    """Return a derivative by de Boor's algorithm in rational numbers."""
    p, t = spline.degree, spline.knots.values
    mu = min(int(np.searchsorted(t, float(x), "right")) - 1, len(t) - p - 2)
    knot = {i: Fraction(float(t[i])) for i in range(mu - p, mu + p + 2) if 0 <= i < len(t)}
    d = {i: Fraction(float(spline.coefficients[i])) for i in range(mu - p, mu + 1)}
    for q in range(p, p - order, -1):
        d = {i: q * (d[i] - d[i - 1]) / (knot[i + q] - knot[i]) for i in range(mu - q + 1, mu + 1)}
    for q in range(p - order, 0, -1):
        d = {
            i: ((x - knot[i]) * d[i] + (knot[i + q] - x) * d[i - 1]) / (knot[i + q] - knot[i])
            for i in range(mu - q + 1, mu + 1)
        }
    return d[mu]


def speed_of_copies(points: int) -> float:
    """Return nanoseconds per number of a copy: read eight bytes, write eight."""
    source, target = np.ones(points), np.ones(points)
    seconds = interleave({"copy": lambda: np.copyto(target, source)}, 5, time.process_time)
    return 1e9 * seconds["copy"] / points


def measured(
    case: Case,
    sides: dict[str, Callable[[], object]],
    repeats: int,
    clock: Callable[[], float] = time.process_time,
) -> dict[str, float]:
    """Return nanoseconds per point of each side."""
    return {
        name: 1e9 * seconds / case.points
        for name, seconds in interleave(sides, repeats, clock).items()
    }


def splines(case: Case, copy: float, repeats: int, goal: float | None) -> list[Row]:
    """Compare values, and values with derivatives in one pass."""
    s, peer, x = case.spline, case.peer, case.x
    ns = measured(
        case,
        {
            "ours": lambda: s(x),
            "both": lambda: s.with_derivative(x),
            "peer": lambda: peer(x),
            "peer's": lambda: (peer(x), peer(x, 1)),
        },
        repeats,
    )
    bytes_ = f"16 bytes, {ns['ours'] / copy:.1f} times a copy"
    rows = [
        Row(
            f"values, {case.task}",
            ns["ours"],
            ns["peer"],
            PEER,
            "ns",
            goal,
            1,
            f"{case.errors(0)}; {bytes_}",
        )
    ]
    if goal is None:
        return rows
    task = f"values and derivatives, {case.task}"
    note = f"{case.errors(1)}; 24 bytes, {ns['both'] / copy / 1.5:.1f} times a copy"
    rows.append(Row(task, ns["both"], ns["peer's"], f"{PEER}, twice", "ns", None, 1, note))
    cost, task = ns["both"] / ns["ours"], f"cost of derivatives, {case.task}"
    return [*rows, Row(task, cost, 1.5, "limit", "values", 1.0, 1)]


def functions(case: Case, copy: float, repeats: int, goal: float | None) -> list[Row]:
    """Compare all functions that do not vanish, in new memory and in what is there."""
    basis, p = BSplineBasis(case.spline.knots), case.degree
    x, t = case.x, case.spline.knots.values
    rooms = [
        BasisValues(np.zeros(case.points, np.int64), np.zeros((d + 1, case.points, p + 1)))
        for d in (0, 1)
    ]
    ns = measured(
        case,
        {
            "new": lambda: basis.evaluate(x),
            "there": lambda: basis.evaluate(x, out=rooms[0]),
            "new, both": lambda: basis.evaluate(x, 1),
            "both": lambda: basis.evaluate(x, 1, out=rooms[1]),
            "matrix": lambda: basis.matrix(x),
            "peer": lambda: scipy.interpolate.BSpline.design_matrix(x, t, p),
        },
        repeats,
    )
    few = x[:1000]
    wanted = scipy.interpolate.BSpline.design_matrix(few, t, p)
    gap = float(np.abs((basis.matrix(few) - wanted).toarray()).max())
    size = 16 + 8 * (p + 1)
    speed = f"{size} bytes, {ns['there'] / copy / (size / 16):.1f} times a copy"
    peer, note = "BSpline.design_matrix", f"sides differ by {gap:.0e}"
    rows = [
        Row(f"all functions, {case.task}", ns["new"], ns["peer"], peer, "ns", goal, 1, note),
        Row(
            f"all functions, out=, {case.task}",
            ns["there"],
            ns["peer"],
            peer,
            "ns",
            goal,
            1,
            speed,
        ),
        Row(f"sparse matrix, {case.task}", ns["matrix"], ns["peer"], peer, "ns", goal, 1, note),
    ]
    if goal is not None:
        for name, values, words, limit in (
            ("both", "there", "all functions, out=", 1.0),
            ("new, both", "new", "all functions", None),
        ):
            cost, task = ns[name] / ns[values], f"cost of derivatives, {words}, {case.task}"
            rows.append(Row(task, cost, 1.5, "limit", "values", limit, 1))
    return rows


def two_threads(case: Case, repeats: int) -> list[Row]:
    """Compare two threads of ours with SciPy's one."""
    s, peer, x = case.spline, case.peer, case.x
    set_num_threads(2)
    try:
        sides = {"ours": lambda: s(x), "peer": lambda: peer(x)}
        ns = measured(case, sides, repeats, time.perf_counter)
    finally:
        set_num_threads(1)
    return [Row(f"values, {case.task}", ns["ours"], ns["peer"], PEER, "ns", None, 2)]


def main() -> None:
    arguments = parse_arguments(__doc__.splitlines()[0])
    quick = arguments.quick
    points, repeats = (10**6, 3) if quick else (10**7, 5)
    most = 0
    try:
        set_num_threads(2)
        most = 2
    except ValueError:  # one core
        pass
    set_num_threads(1)
    copy = speed_of_copies(points)
    rows = []
    for uniform in (True, False):
        for ordered in (False, True):
            rows += splines(Case(3, 100, uniform, ordered, points), copy, repeats, 5.0)
    rows += splines(Case(3, 3000, True, False, points // 10), copy, repeats, 5.0)
    for degree in (1, 2, 4, 5, 6, 7):
        for uniform in (True, False):
            case = Case(degree, 100, uniform, False, points // 10)
            rows += splines(case, copy, repeats, None)
    rows += functions(Case(3, 100, True, False, points), copy, 3, 5.0)
    rows += functions(Case(3, 100, False, True, points), copy, 3, 5.0)
    for degree in (1, 2, 5, 7):
        rows += functions(Case(degree, 100, True, False, points // 10), copy, 3, None)
    if most == 2:
        rows += two_threads(Case(3, 100, True, False, points), repeats)
    finish("B-splines at many points", rows, arguments)


if __name__ == "__main__":
    main()

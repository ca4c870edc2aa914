"""Riesz fractional diffusion on rectangles: solves, iterations, steps in time.

    python benchmarks/riesz_rectangle.py [--quick] [--json FILE]

-K_x d^1.2 u/d|x|^1.2 - K_y d^1.8 u/d|y|^1.8 = f on the unit square, splines of degrees 2, 4, 6,
f = exp(-x y). The peer for constant K is SciPy's solver of Sylvester equations (Schur's forms,
after Bartels and Stewart), given the dense matrices, of which it keeps nothing for another f; for K
that vary it is our GMRES without preconditioner, up to 400 iterations. Wall time of one thread.
Accuracy is that of (4 x (1 - x))^4 (4 y (1 - y))^4.
"""

import time

import numpy as np
import scipy.linalg
from report import Row, finish, interleave, parse_arguments
from threadpoolctl import threadpool_limits

from nwidth.solvers import fgmres, simulate
from nwidth.solvers.fractional import FractionalDiffusion, PolynomialBump, RieszRectangle
from nwidth.solvers.stepping import SBDF4

ALPHA = (1.2, 1.8)
LARGE = (1024, 1024), (128, 128, 128)


def f(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the source."""
    return np.exp(-x * y)


def vary(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return a coefficient between 1/7 and 7."""
    return np.exp(np.sin(3 * x + y) - np.cos(2 * x - 3 * y))


def constant(n: int, p: int, quick: bool) -> list[Row]:
    """Compare with Sylvester's equation, once with all set-up and once for one more source."""
    problem = RieszRectangle(n, p, ALPHA)
    A = problem.operator
    (R, S), (B, C) = [M.dense() for M in A.matrices], [M.matrix.toarray() for M in A.masses]
    left, right = -scipy.linalg.solve(B, R), -scipy.linalg.solve(C, S).T
    b = f(*problem.points)

    def sylvester() -> np.ndarray:
        values = scipy.linalg.solve(C, scipy.linalg.solve(B, b).T).T
        return scipy.linalg.solve_sylvester(left, right, values)

    sides = {"ours": lambda: RieszRectangle(n, p, ALPHA).solve(f), "peer": sylvester}
    seconds = interleave(sides, 2 if quick else 3)
    found, peer = problem.solve(f), sylvester()
    inner = found.spline.coefficients[1:-1, 1:-1]
    note = f"sides differ by {np.abs(inner - peer).max() / np.abs(peer).max():.0e}"
    start = time.perf_counter()
    for _ in range(3):
        problem.solve(f)
    again = (time.perf_counter() - start) / 3
    task = f"constant K, {problem.shape[0] ** 2} unknowns, p = {p}"
    name = "scipy.linalg.solve_sylvester, matrices given"
    return [
        Row(f"{task}, all", seconds["ours"], seconds["peer"], name, "s", None, 1, note),
        Row(
            f"{task}, one more f",
            again,
            seconds["peer"],
            name,
            "s",
            5.0,
            1,
            f"{found.iterations} iterations",
        ),
    ]


def varying(n: int, p: int) -> Row:
    """Compare with GMRES without preconditioner."""
    problem = RieszRectangle(n, p, ALPHA, coefficient=[vary, lambda x, y: 1 + x * y])
    problem.inverse  # noqa: B018  (made when it is used first)
    start = time.perf_counter()
    found = problem.solve(f)
    middle = time.perf_counter()
    alone = fgmres(problem.operator, f(*problem.points), rtol=1e-10, max_iterations=400)
    peer = time.perf_counter() - middle
    note = f"{found.iterations} iterations; peer {alone.iterations}, {alone.status.name.lower()}"
    task = f"K_x / K_y from 0.12 to 6.3, {problem.shape[0] ** 2} unknowns, p = {p}"
    return Row(task, middle - start, peer, "GMRES alone", "s", 5.0, 1, note)


def large(shape: tuple[int, ...]) -> Row:
    """Time a million unknowns and more, set-up included."""
    start = time.perf_counter()
    problem = RieszRectangle(shape, 4, (1.2, 1.8, 1.5)[: len(shape)])
    found = problem.solve(1.0)
    seconds = time.perf_counter() - start
    size = np.prod(problem.shape)
    note = f"all; {found.iterations} iterations, residual {found.residual:.0e}"
    return Row(f"{size} unknowns, {len(shape)} axes, p = 4", seconds, None, "", "s", None, 1, note)


def accuracy(n: int, p: int) -> Row:
    """Tell the error of a known solution, and the order from half as many intervals."""
    errors = []
    for k in (n // 2, n):
        problem = RieszRectangle(k, p, ALPHA)
        u = PolynomialBump(4, problem.lower, problem.upper)
        found = problem.solve(u.source(problem.points, ALPHA, problem.coefficients), 1e-13)
        errors.append(float(np.abs(found.u - u(*problem.grid.coordinates())).max()))
    theory = p + (2 if p % 2 == 0 else 1) - max(ALPHA)
    note = f"order {np.log2(errors[0] / errors[1]):.2f}, theory {theory:.1f}"
    return Row(f"error, {n} intervals, p = {p}", errors[1], None, "", "", None, 1, note)


def steps(n: int) -> Row:
    """Time a step of SBDF4 where K varies, and compare with one of constant K."""
    sides = {}
    for name, K in (("ours", 1.0), ("peer", [vary, lambda x, y: 1 + x * y])):
        problem = FractionalDiffusion(n, 4, ALPHA, coefficient=K, source=1.0)
        start = {"density": np.zeros(problem.grid.shape)}
        problem.diagonal  # noqa: B018
        sides[name] = lambda problem=problem, start=start: simulate(
            problem, start, [0.1], method=SBDF4, dt=0.005
        )
    seconds = interleave(sides, 2)
    task = f"20 steps in time, {n + 2}^2 unknowns, p = 4"
    note = "modes; the other side solves by GMRES"
    return Row(task, seconds["ours"], seconds["peer"], "ours, K that varies", "s", None, 1, note)


def compared(quick: bool) -> list[Row]:
    """Return all rows."""
    rows = [row for p in (2, 4, 6) for row in constant(128 if quick else 256, p, quick)]
    rows += [varying(n, p) for n in ((64,) if quick else (64, 256)) for p in (2, 4, 6)]
    rows += [
        large((256, 256) if quick else (1024, 1024)),
        large((48,) * 3 if quick else (128,) * 3),
    ]
    rows += [accuracy(64 if quick else 128, p) for p in (2, 3, 4, 5, 6)]
    rows.append(steps(48 if quick else 128))
    return rows


def main() -> None:
    arguments = parse_arguments(__doc__.splitlines()[0])
    with threadpool_limits(1):
        rows = compared(arguments.quick)
    finish("Riesz fractional diffusion on rectangles", rows, arguments)


if __name__ == "__main__":
    main()

"""Riesz fractional diffusion by B-spline collocation: solves, large systems, accuracy.

    python benchmarks/riesz.py [--quick] [--json FILE]

-d^alpha u / d|x|^alpha = f on (0, 1), u = 0 outside, in degrees 2 to 5, to a relative residual of
1e-10, f = 1 + sin 3x. No other package for Python solves it, so the peers are our own products by
the FFT in the same GMRES with the same refinement, alone (up to 300 iterations) and with Strang's
circulant preconditioner, and dense elimination by SciPy. CPU time of one thread; residuals are
those of coefficients in two parts, before they are rounded to double precision. Setup is what needs
the matrix and not f. Errors are those of (4 x (1 - x))^4.
"""

import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.fft
import scipy.linalg
from report import Row, finish, interleave, parse_arguments
from scipy.sparse.linalg import LinearOperator
from threadpoolctl import threadpool_limits

from nwidth.solvers.bsplines import Spline
from nwidth.solvers.fractional import (
    PolynomialBump,
    RieszDiffusion,
    RieszMatrix,
    RieszMultigrid,
    RieszPreconditioner,
)
from nwidth.solvers.fractional.riesz_refinement import riesz_refinement
from nwidth.solvers.krylov import Iterate
from nwidth.solvers.linear_operator import MatrixOperator

ALPHAS, DEGREES = (1.2, 1.5, 1.8), (2, 3, 4, 5)
UNKNOWNS, RTOL = 16_384, 1e-10
LIMIT_MS, LIMIT_ITERATIONS = 30.0, 15
# Errors that were measured with the published method; relative to the largest value of u.
TABLE = {
    (1.2, 2): 5.6e-7, (1.2, 3): 4.2e-7, (1.2, 4): 1.7e-10, (1.2, 5): 5.1e-11,
    (1.5, 2): 2.1e-6, (1.5, 4): 6.9e-10, (1.8, 3): 1.2e-5, (1.8, 5): 1.0e-9,
}  # fmt: skip
Array = np.ndarray


def source(x: Array) -> Array:
    """Return f."""
    return 1 + np.sin(3 * x)


def circulant(A: RieszMatrix) -> MatrixOperator:
    """Return the inverse of Strang's circulant, of the symbol at the angles of the FFT."""
    N = A.size
    theta = 2 * np.pi * np.arange(N // 2 + 1) / N
    values = -A.symbol(theta)
    values[0] = values[1]
    return MatrixOperator(
        LinearOperator(
            A.shape, lambda x: scipy.fft.irfft(scipy.fft.rfft(x.ravel()) / values, N), dtype=float
        )
    )


def gmres(problem: RieszDiffusion, b: Array, M: Any, most: int) -> Iterate:
    """Return the solution by the same GMRES with refinement, with another preconditioner."""
    A = problem.operator
    return riesz_refinement(A, b, A.accurate, A.size, M, rtol=RTOL, max_iterations=most)


def solves(alpha: float, p: int, quick: bool) -> list[Row]:
    """Compare solves at 16,384 unknowns, where matrix and preconditioner are there."""
    problem = RieszDiffusion(UNKNOWNS + 2 - p, p, alpha)
    b, M = source(problem.points), circulant(problem.matrix)
    problem.preconditioner  # noqa: B018  (made when it is used first)
    found, ends = problem.solve(b, RTOL), {"strang": gmres(problem, b, M, 200)}
    sides: dict[str, Callable[[], object]] = {
        "ours": lambda: problem.solve(b, RTOL), "strang": lambda: gmres(problem, b, M, 200)
    }  # fmt: skip
    seconds = interleave(sides, 3 if quick else 7, time.process_time)
    start = time.process_time()
    ends["alone"] = gmres(problem, b, None, 300)
    seconds["alone"] = time.process_time() - start
    ours, task = 1e3 * seconds["ours"], f"solve, alpha {alpha}, p = {p}"
    note = f"{found.iterations} iterations, residual {found.residual:.0e}"
    rows = [
        Row(task, ours, LIMIT_MS, "limit", "ms", 1.0, 1, note),
        Row(f"iterations, alpha {alpha}, p = {p}", found.iterations, LIMIT_ITERATIONS, "limit", "",
            1.0, 1, found.status.name.lower()),
    ]  # fmt: skip
    for name, label, goal in (
        ("strang", "GMRES, Strang's circulant", None),
        ("alone", "GMRES alone", 5.0),
    ):
        end = ends[name]
        told = f"{note}; peer {end.iterations} iterations, residual {end.residuals[-1]:.0e}"
        rows.append(Row(task, ours, 1e3 * seconds[name], label, "ms", goal, 1, told))
    return rows


def setups(alpha: float, p: int, quick: bool) -> Row:
    """Time what is done once for a matrix, and all together, after a first problem."""
    samples: dict[str, list[float]] = {"setup": [], "all": []}
    for _ in range(3 if quick else 7):
        start = time.process_time()
        problem = RieszDiffusion(UNKNOWNS + 2 - p, p, alpha)
        problem.preconditioner  # noqa: B018
        made = time.process_time()
        problem.solve(source, RTOL)
        samples["setup"].append(1e3 * (made - start))
        samples["all"].append(1e3 * (time.process_time() - start))
    setup, whole = (statistics.median(samples[name]) for name in ("setup", "all"))
    note = f"of it {setup:.0f} ms setup: entries, preconditioner"
    return Row(f"setup and solve, alpha {alpha}, p = {p}", whole, None, "", "ms", None, 1, note)


def dense(alpha: float, p: int, quick: bool) -> Row:
    """Compare with elimination, setup included."""
    n = 1000 if quick else 2000
    A = RieszMatrix(n, p, alpha)
    b = source(A.points)
    matrix = -A.dense()
    sides: dict[str, Callable[[], object]] = {
        "ours": lambda: RieszDiffusion(n, p, alpha).solve(b, RTOL),
        "dense": lambda: scipy.linalg.solve(matrix, b),
    }
    seconds = interleave(sides, 3, time.process_time)
    x = RieszDiffusion(n, p, alpha).solve(b, RTOL).spline.coefficients[1:-1]
    y = scipy.linalg.solve(matrix, b)
    note = f"setup in ours only; sides differ by {np.abs(x - y).max() / np.abs(y).max():.0e}"
    task = f"all, {A.size} unknowns, alpha {alpha}, p = {p}"
    return Row(task, 1e3 * seconds["ours"], 1e3 * seconds["dense"], "dense LU, entries given", "ms",
               None, 1, note)  # fmt: skip


def multigrid(alpha: float, p: int, quick: bool) -> Row:
    """Compare our two preconditioners."""
    problem = RieszDiffusion(UNKNOWNS + 2 - p, p, alpha)
    b = source(problem.points)
    ends = {name: problem.solve(b, RTOL, method=name) for name in ("tau", "multigrid")}
    sides = {name: (lambda name=name: problem.solve(b, RTOL, method=name)) for name in ends}
    seconds = interleave(sides, 2 if quick else 5, time.process_time)
    note = "; ".join(f"{name} {end.iterations} iterations" for name, end in ends.items())
    task = f"tau against V-cycle, alpha {alpha}, p = {p}"
    return Row(task, 1e3 * seconds["tau"], 1e3 * seconds["multigrid"], "our multigrid", "ms",
               None, 1, note)  # fmt: skip


def repeated(alpha: float, p: int, quick: bool) -> Row:
    """Compare solves where the inverse is there, as for many sources, with usual ones."""
    problem = RieszDiffusion(UNKNOWNS + 2 - p, p, alpha)
    b = source(problem.points)
    problem.solve(b, RTOL)
    start = time.process_time()
    problem.inverse  # noqa: B018
    setup = 1e3 * (time.process_time() - start)
    ends = {name: problem.solve(b, RTOL, method=name) for name in ("inverse", "tau")}
    sides = {name: (lambda name=name: problem.solve(b, RTOL, method=name)) for name in ends}
    seconds = interleave(sides, 3 if quick else 7, time.process_time)
    note = f"{ends['inverse'].iterations} iterations, residual {ends['inverse'].residual:.0e}"
    return Row(f"further source, alpha {alpha}, p = {p}", 1e3 * seconds["inverse"],
               1e3 * seconds["tau"], "our GMRES with sines", "ms", None, 1,
               f"{note}; {setup:.0f} ms for the inverse, once")  # fmt: skip


def large(alpha: float, p: int) -> list[Row]:
    """Time a million unknowns and their memory, setup included, in a process of their own."""
    script = f"import sys; sys.path[:0] = {sys.path!r}; import riesz; riesz.million({alpha}, {p})"
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()
    seconds, megabytes, iterations, left, status = (*map(float, told[:2]), *told[2:])
    task = f"1,000,000 unknowns, alpha {alpha}, p = {p}"
    note = f"{iterations} iterations, residual {left}, {status}"
    return [
        Row(task, seconds, 5.0, "limit", "s", 1.0, 1, f"setup included; {note}"),
        Row(task, megabytes / 1e3, 2.0, "limit", "GB", 1.0, 1, "largest memory of the process"),
    ]


def million(alpha: float, p: int) -> None:
    """Print seconds, megabytes, iterations, residual and status of a large solve."""
    with threadpool_limits(1):
        RieszDiffusion(64, p, alpha).solve(1.0)
        start = time.process_time()
        found = RieszDiffusion(1_000_002 - p, p, alpha).solve(source, RTOL)
        seconds = time.process_time() - start
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(seconds, megabytes, found.iterations, f"{found.residual:.0e}", found.status.name)


def accuracy(alpha: float, p: int) -> list[Row]:
    """Compare errors with the table, and those of degree 6 with the goal."""
    u, x = PolynomialBump(4), np.linspace(0, 1, 4001)

    def error(n: int) -> float:
        problem = RieszDiffusion(n, p, alpha)
        found = problem.solve(-u.riesz([problem.points], 0, alpha), 1e-13)
        return float(np.abs(found(x) - u(x)).max())

    theory = p + 2 - alpha if p % 2 == 0 else p + 1 - alpha
    coarse, fine, last = (error(n) for n in (64, 128, 256))
    note = f"order {np.log2(coarse / fine):.2f} from n = 64 to 128, in theory {theory:.1f}"
    task = f"error, alpha {alpha}, p = {p}, n = 256"
    if p == 6:
        return [Row(task, last, 1e-11, "limit", "", 1.0, 1, note)]
    if (alpha, p) not in TABLE:
        return [Row(task, last, None, "", "", None, 1, note)]
    # Two digits are known of the table.
    rounded = float(f"{last:.1e}")
    return [Row(task, rounded, TABLE[alpha, p], "published method", "", 1.0, 1, note)]


def fine(n: int) -> Row:
    """Compare errors on a fine mesh with those of elimination, which is given the same entries."""
    alpha, p = 1.8, 5
    u, x = PolynomialBump(4), np.linspace(0, 1, 4001)
    problem = RieszDiffusion(n, p, alpha)
    f = -u.riesz([problem.points], 0, alpha)
    ours = np.abs(problem.solve(f, 1e-13)(x) - u(x)).max()
    coefficients = np.zeros(problem.basis.size)
    coefficients[1:-1] = scipy.linalg.solve(-problem.matrix.dense(), f)
    theirs = np.abs(Spline(problem.basis, coefficients)(x) - u(x)).max()
    return Row(f"error, alpha {alpha}, p = {p}, n = {n}", float(ours), float(theirs), "dense LU",
               "", 10.0, 1, "the method itself leaves 1e-14 at n = 4096")  # fmt: skip


def preconditioned(alpha: float, quick: bool) -> Row:
    """Return how iterations of both preconditioners depend on the degree."""
    counts = {}
    for kind in (RieszPreconditioner, RieszMultigrid):
        counts[kind] = []
        for p in (2, 6, 10) if quick else (2, 4, 6, 8, 10, 12):
            problem = RieszDiffusion(1000, p, alpha)
            name = "tau" if kind is RieszPreconditioner else "multigrid"
            counts[kind].append(problem.solve(source, RTOL, method=name).iterations)
    tau, cycle = counts.values()
    note = f"tau {min(tau)} to {max(tau)}, V-cycle {min(cycle)} to {max(cycle)}, 1000 intervals"
    task = f"iterations, alpha {alpha}, degrees 2 to {10 if quick else 12}"
    return Row(task, max(tau), LIMIT_ITERATIONS, "limit", "", 1.0, 1, note)


def compared(quick: bool) -> list[Row]:
    """Return all rows."""
    cases = [(alpha, p) for alpha in ALPHAS for p in DEGREES]
    some = [(1.2, 2), (1.5, 3), (1.8, 5)]
    rows = [row for case in (some if quick else cases) for row in solves(*case, quick)]
    rows += [setups(*case, quick) for case in some]
    rows += [dense(*case, quick) for case in some]
    rows += [repeated(*case, quick) for case in some]
    rows += [multigrid(*case, quick) for case in some]
    rows += [preconditioned(alpha, quick) for alpha in ALPHAS]
    rows += [row for case in (some[1:2] if quick else some) for row in large(*case)]
    rows += [row for alpha in ALPHAS for p in (*DEGREES, 6) for row in accuracy(alpha, p)]
    rows.append(fine(2048 if quick else 4096))
    return rows


def main() -> None:
    arguments = parse_arguments(__doc__.splitlines()[0])
    with threadpool_limits(1):
        rows = compared(arguments.quick)
    finish("Riesz fractional diffusion", rows, arguments)


if __name__ == "__main__":
    main()

"""Cost per unknown of multigrid for constant coefficients, from 512^2 to 16385^2 nodes.

    python benchmarks/multigrid_scaling.py [--quick] [--json FILE] [--rounds N]

-div(grad u) = f with u = 0 on the walls and a solution that is a product of sin(pi x) exp(x).
Two rows per size: one full multigrid, to the discretization error, with all levels in float64; and
on to a relative residual of 1e-8, with coarse levels in float32. Each has seconds per unknown, the
ratio to those on 513^2 nodes and the peak memory of the process so far; the last row of full
multigrid tells how far its costs are apart. Where caches end, memory sets the pace: the note has
the speed of a triad on three arrays of the same size. The residual of the start grows with the
grid, so that to 1e-8 larger grids take more cycles; a cycle itself costs the same.
"""

import resource
import time
from functools import partial
from statistics import median

import numba
import numpy as np
from poisson import triad_bandwidth
from report import Row, finish, parse_arguments

from nwidth.solvers import Status
from nwidth.solvers.multigrid import PoissonMultigrid


def source(n: int) -> np.ndarray:
    """Return h^2 f on the interior nodes of n x n intervals, made row by row."""
    x = np.linspace(0, 1, n + 1)[1:-1]
    one = np.sin(np.pi * x) * np.exp(x) / n
    two = (np.sin(np.pi * x) * (1 - np.pi**2) + 2 * np.pi * np.cos(np.pi * x)) * np.exp(x) / n
    b = np.multiply.outer(-two, one)
    for i, value in enumerate(one):
        b[i] -= value * two
    return b


def error(u: np.ndarray) -> float:
    """Return the largest difference to the solution, row by row."""
    x = np.linspace(0, 1, len(u) + 2)[1:-1]
    one = np.sin(np.pi * x) * np.exp(x)
    return max(float(np.abs(row - value * one).max()) for row, value in zip(u, one, strict=True))


def timed(solver, rounds: int, clock):
    """Return the last result, and the median seconds of so many rounds after a first one."""
    seconds = []
    for _ in range(rounds + 1):
        start = clock()
        found = solver()
        seconds.append(clock() - start)
    assert found.status is Status.CONVERGED, found.status
    return found, median(seconds[1:] or seconds)


def solve(n: int, rounds: int, clock) -> list[tuple[float, str]]:
    """Return seconds per unknown and a note: to the discretization error, and to 1e-8."""
    b, results = source(n), []
    x = np.empty_like(b)
    for task in ("full", "iterate"):
        coarse = np.float64 if task == "full" else np.float32
        multigrid = PoissonMultigrid(b.shape, (1.0, 1.0), coarse_dtype=coarse)
        if task == "full":
            solver = partial(multigrid.full_multigrid, b, out=x)
        else:
            solver = partial(multigrid.iterate, b, start="full", rtol=1e-8, out=x)
        found, seconds = timed(solver, rounds, clock)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        cycles, each = len(found.residuals) - 1, seconds / b.size
        note = f"{cycles} cycles, residual {found.residuals[-1]:.0e}, largest error "
        note += f"{error(found.x):.1e}, {seconds:.3g} s, {each / cycles:.2e} s per unknown and "
        results.append((each, note + f"cycle; peak {peak:.1f} GB"))
        del found, solver, multigrid
    return results


def main() -> None:
    arguments = parse_arguments(
        __doc__.splitlines()[0],
        rounds=(5, "timed rounds"),
        clock=("wall", "wall or cpu time; cpu for one thread on a busy machine"),
        threads=(2, "number of threads"),
        largest=(16384, "intervals per axis of the largest grid"),
    )
    threads = min(arguments.threads, numba.config.NUMBA_NUM_THREADS)
    numba.set_num_threads(threads)
    clock = {"wall": time.perf_counter, "cpu": time.process_time}[arguments.clock]
    largest = min(arguments.largest, 2048) if arguments.quick else arguments.largest
    names = ("to the discretization error", "to 1e-8")
    rows, costs, n = [], ([], []), 512
    while n <= largest:
        results = solve(n, 1 if n >= 8192 else arguments.rounds, clock)
        speed = f"; triad {triad_bandwidth(n * n) / 1e9:.0f} GB/s" if n <= 4096 else ""
        for k, (each, note) in enumerate(results):
            costs[k].append(each)
            note += speed
            if k == 0 and 2 * n > largest:
                note += f"; largest cost over smallest {max(costs[0]) / min(costs[0]):.2f}"
            title = f"{n + 1} x {n + 1} {names[k]}"
            rows.append(
                Row(title, each, costs[k][0], "513 x 513", "s/unknown", None, threads, note)
            )
        n *= 2
    finish("Scaling of multigrid", rows, arguments)


if __name__ == "__main__":
    main()

"""Poisson's equation with constant coefficients: our multigrid against transforms and PyAMG.

    python benchmarks/poisson.py [--quick] [--json FILE] [--rounds N]

-div(grad u) = f with u = 0 on the walls, on 1025^2 and 2049^2 nodes and on 129^3 and 257^3 nodes.
The solution is a product of sin(pi x) exp(x); "to the discretization error" is one full multigrid,
"to 1e-8" means relative residuals of at most 1e-8 for a random right-hand side. Peers are
`scipy.fft.idstn(dstn(b, 1) / eigenvalues, 1)` with as many workers as we have threads, and PyAMG's
Ruge-Stueben set-up and conjugate gradients to 1e-8; it is given the assembled matrix, which counts
for nothing, as are work space and array for the result of ours. PyAMG knows one thread: it runs
once per grid, and on 257^3 nodes its time is taken as 8 times that on 129^3. Neither has a way to
stop at the discretization error. Ours and the transforms take turns of several calls; those after
the first count, as in a program that solves one system after another. The first finds in no cache
what it needs: notes have its time as well.

Bytes are those that the passes as built move when each reads and writes every array once; lines
that are read because they are written are not counted, as is usual for the triad a = b + s c. The
limit is its speed on arrays of the same size and with the same threads, which is that of the last
cache if they fit; for first calls it is the speed on arrays of 128 MB.

Full multigrid in the plane stays below that limit since its arithmetic is not free: with every row
in the first cache its passes take 2.9 ns per unknown, as much as moving the bytes, and the two
overlap in part. Tried without gain: rows padded against conflicts of addresses, prefetching by
hand, columns in blocks, vectors of 512 bits, and right-hand sides that are not sorted by columns.
"""

import time
from functools import reduce

import numba
import numpy as np
from darcy_solve import triad
from report import Row, finish, interleave, parse_arguments
from scipy.fft import dstn, idstn
from threadpoolctl import threadpool_limits

from nwidth.meshes import Grid
from nwidth.solvers import Poisson
from nwidth.solvers.multigrid import PoissonMultigrid

# What one full multigrid and one cycle move per unknown of a level, in numbers. Reading the
# right-hand side: 2, coarse one 2^-d. Down: right-hand side 1, second colour 1/2, coarse arrays
# 2^-d each. Up: the same, second colour twice, solution 1.
BEGIN, NEST_BEGIN = (2, 1), (1, 1)
DOWN, NESTED_DOWN = (1.5, 1), (1.5, 2)
UP, MEASURED_UP = (3, 1), (3, 2)
FUSED = (2, 2)

# Calls of a contender in a turn.
CALLS = 4

# Ratios to reach against PyAMG and against sine transforms, by task and dimension.
GOALS = {("full", 2): (400, 6), ("iterate", 2): (70, 1.2), ("iterate", 3): (100, None)}


def numbers(passes: list[tuple[float, int]], d: int) -> float:
    """Sum up what passes move per unknown."""
    return sum(own + coarse / 2**d for own, coarse in passes)


def cycle_bytes(d: int) -> float:
    """Bytes per unknown that a cycle on the coarse levels moves."""
    return 8 * numbers([DOWN, UP], d) / (2**d - 1)


def full_multigrid_bytes(d: int) -> float:
    """Bytes per unknown of a full multigrid with one cycle on the finest level."""
    cycles = 1 if d == 2 else 2
    below = numbers([NEST_BEGIN, NESTED_DOWN, UP] + (cycles - 1) * [(1.5, 1), UP], d)
    nested = (8 * below + cycles * cycle_bytes(d)) / (2**d - 1)
    return 8 * numbers([BEGIN, NESTED_DOWN, MEASURED_UP], d) + cycle_bytes(d) + nested


def iterate_bytes(d: int, cycles: int) -> float:
    """Bytes per unknown of cycles from zero."""
    finest = numbers([(2, 0), DOWN] + (cycles - 1) * [FUSED] + [UP], d)
    return 8 * finest + cycles * cycle_bytes(d)


def triad_bandwidth(size: int) -> float:
    """Measured bytes per second of a triad with three arrays of `size` numbers."""
    a, b, c = np.zeros(size), np.ones(size), np.ones(size)
    best = np.inf
    for _ in range(12):
        start = time.perf_counter()
        triad(a, b, c)
        best = min(best, time.perf_counter() - start)
    return 24 * size / best


def manufactured(n: int, d: int) -> tuple[Poisson, np.ndarray, np.ndarray]:
    """Return a problem with n intervals per axis, its source and the solution at the unknowns."""
    x = np.linspace(0, 1, n + 1)
    one = np.sin(np.pi * x) * np.exp(x)
    two = (np.sin(np.pi * x) * (1 - np.pi**2) + 2 * np.pi * np.cos(np.pi * x)) * np.exp(x)
    f = np.zeros((n + 1,) * d)
    for k in range(d):
        f -= reduce(np.multiply.outer, [two if j == k else one for j in range(d)])
    u = reduce(np.multiply.outer, [one] * d)[(slice(1, -1),) * d]
    problem = Poisson(Grid.uniform((n + 1,) * d))
    return problem, problem.source({"source": f}), np.ascontiguousarray(u)


def transform(b: np.ndarray, couplings: tuple[float, ...], threads: int) -> np.ndarray:
    """Solve by sine transforms; the eigenvalues are summed up on the fly, which is quickest."""
    hat = dstn(b, 1, workers=threads)
    total = 0.0
    for k, (n, t) in enumerate(zip(b.shape, couplings, strict=True)):
        angles = np.pi * np.arange(1, n + 1) / (n + 1)
        shape = [-1 if j == k else 1 for j in range(b.ndim)]
        total = total + (t * (2 - 2 * np.cos(angles))).reshape(shape)
    hat /= total
    return idstn(hat, 1, overwrite_x=True, workers=threads)


def ruge_stueben_seconds(operator, b: np.ndarray, clock) -> tuple[float, np.ndarray] | None:
    """Time one set-up and solve of PyAMG; None if it is not there."""
    try:
        import pyamg
    except ImportError:
        return None
    import scipy.sparse as sp

    matrix = sp.csr_matrix(operator.to_sparse())
    start = clock()
    x = pyamg.ruge_stuben_solver(matrix).solve(b.ravel(), tol=1e-8, accel="cg", maxiter=100)
    return clock() - start, x.reshape(b.shape)


def relative(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.linalg.norm(x - y) / np.linalg.norm(y))


def compare(n: int, d: int, threads: int, arguments, peers: dict, memory: float) -> list[Row]:
    """Rows of one grid: to the discretization error and to 1e-8, against both peers."""
    name = " x ".join([str(n + 1)] * d)
    problem, b, u = manufactured(n, d)
    operator = problem.operator({"source": np.zeros(problem.grid.shape)})
    multigrid = PoissonMultigrid.of(operator)
    random = np.random.default_rng(0).standard_normal(b.shape)
    clock = {"wall": time.perf_counter, "cpu": time.process_time}[arguments.clock]
    bandwidth = triad_bandwidth(b.size)
    x, y = np.empty_like(b), np.empty_like(b)
    contenders = {
        "full": lambda: multigrid.full_multigrid(b, out=x),
        "iterate": lambda: multigrid.iterate(random, rtol=1e-8, out=y),
        "transform": lambda: transform(random, multigrid.couplings, threads),
    }
    seconds = interleave(contenders, arguments.rounds, clock, CALLS)
    first = interleave(contenders, arguments.rounds, clock)
    if (n, d) not in peers and (n, d) != (256, 3):
        peers[n, d] = ruge_stueben_seconds(operator, random, clock)
    if (n, d) == (256, 3) and peers.get((128, 3)):
        peers[n, d] = (8 * peers[128, 3][0], None)
    found, solved = contenders["full"](), contenders["iterate"]()
    exact = multigrid.iterate(b, rtol=1e-11).x
    error = relative(found.x, u)
    cycles = solved.iterations
    residual = np.linalg.norm(random - operator.apply(solved.x)) / np.linalg.norm(random)

    def limits(task: str, moved: float) -> str:
        """Say how far from the bus a task is, in a loop and on its first call."""
        share = 100 * moved * b.size / seconds[task] / bandwidth
        text = (
            f"{moved:.0f} B per unknown: {share:.0f} % of {bandwidth / 1e9:.0f} GB/s; first call "
        )
        share = 100 * moved * b.size / first[task] / memory
        text += f"{first[task]:.3g} s, {share:.0f} % of {memory / 1e9:.0f} GB/s, "
        return text + f"{first['transform'] / first[task]:.2f}x sine transforms"

    notes = {
        "full": f"relative error {error:.1e}, of the exact discrete solution "
        f"{relative(exact, u):.1e}; cycles {len(found.residuals) - 1}; "
        + limits("full", full_multigrid_bytes(d)),
        "iterate": f"{cycles} cycles, residual {residual:.0e}; "
        + limits("iterate", iterate_bytes(d, cycles)),
    }
    gap = relative(contenders["transform"](), solved.x)
    rows: list[Row] = []
    for task, text in (("full", "to the discretization error"), ("iterate", "to 1e-8")):
        many, few = GOALS.get((task, d), (None, None))
        title, peer, note = f"{name} {text}", peers.get((n, d)), notes[task]
        if peer is not None:
            if peer[1] is None:
                note += "; PyAMG: 8 times 129 x 129 x 129"
            elif task == "iterate":
                note += f"; PyAMG differs by {relative(peer[1], solved.x):.0e}"
            other = "PyAMG RS-CG to 1e-8"
            rows.append(Row(title, seconds[task], peer[0], other, "s", many, threads, note))
        note = f"differs by {gap:.0e}" if task == "iterate" else ""
        if peer is None:
            note = f"{notes[task]}; {note}"
        goal, other = few if n == 1024 or task == "full" else None, "sine transforms"
        ratio = seconds[task], seconds["transform"]
        rows.append(Row(title, *ratio, other, "s", goal, threads, note))
    return rows


def main() -> None:
    arguments = parse_arguments(
        __doc__.splitlines()[0],
        rounds=(7, "timed rounds of each contender"),
        clock=("wall", "wall or cpu time; cpu for one thread on a busy machine"),
        threads=(2, "largest number of threads"),
    )
    grids = [(1024, 2), (128, 3)] if arguments.quick else [(1024, 2), (2048, 2), (128, 3), (256, 3)]
    rows: list[Row] = []
    peers: dict = {}
    for threads in range(1, min(arguments.threads, numba.config.NUMBA_NUM_THREADS) + 1):
        numba.set_num_threads(threads)
        with threadpool_limits(threads, "blas"):
            memory = triad_bandwidth(2**24)
            for n, d in grids:
                rows += compare(n, d, threads, arguments, peers, memory)
    finish("Poisson's equation", rows, arguments)


if __name__ == "__main__":
    main()

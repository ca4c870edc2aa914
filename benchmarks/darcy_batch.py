"""Darcy flow, many samples: our batches against PyAMG and against Cholesky factors that are reused.

    python benchmarks/darcy_batch.py [--quick] [--json FILE] [--samples N] [--rounds N]

Two-phase permeability {3, 12}, and log-normal permeability of contrast 2.4e4 or so, on 421 x 421
nodes to a relative residual 1e-8: 64 samples by `solve_batch`. Peers take sample after sample:
PyAMG's Ruge-Stueben set-up and conjugate gradients, and CHOLMOD (through cvxopt), whose symbolic
factor is made once and whose numeric factor and solve count. Ours is timed from the permeability to
the pressure field; the peers are given assembled matrices, which count for nothing. All times are
per sample, in CPU time for one thread and wall time for two; all residuals are checked.

Two-phase samples {1, 100} on 33^3 and 65^3 nodes, and log-normal ones on a line, are compared with
one `solve` per sample. One more row generates a data set, random fields and HDF5 included, against
a minute for 1000 samples. `--quick` generates 64.
"""

import resource
import tempfile
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path

import numba
import numpy as np
from darcy_solve import triad_bandwidth
from report import Row, finish, interleave, parse_arguments
from threadpoolctl import threadpool_limits

from nwidth.arrays import generator
from nwidth.meshes import GaussianRandomField, Grid, TwoPhaseField
from nwidth.solvers import BatchSolver, Darcy, generate, solve

N, RTOL, MINUTE = 421, 1e-8, 60.0
# Per unknown and iteration. Conjugate gradients: x and r twice and couplings in float64 (48), z, p
# twice, right-hand side of the cycle and its line fill in float32 (20). Cycle in float32, times 4/3
# for the coarse levels: down f, d, two couplings, u and its line fill (24), up u twice and the rest
# (24).
BYTES = 68 + 48 * 4 / 3


def two_phase(g: np.ndarray) -> np.ndarray:
    """Permeability 12 where the field is positive and 3 elsewhere."""
    return np.where(g >= 0, 12.0, 3.0)


def log_normal(g: np.ndarray) -> np.ndarray:
    """Permeability exp(2 g) of the field scaled to variance one."""
    return np.exp(2 * g / g.std())


def pyamg_solves(matrices: list, b: np.ndarray) -> tuple[Callable[[], None], list[np.ndarray]]:
    """Return what solves for the next sample by PyAMG, and the list of its solutions."""
    import pyamg

    queue, found = cycle(matrices), []

    def run() -> None:
        hierarchy = pyamg.ruge_stuben_solver(next(queue))
        found.append(hierarchy.solve(b, tol=RTOL, accel="cg", maxiter=300))

    return run, found


def cholesky_solves(matrices: list, b: np.ndarray) -> tuple[Callable[[], None], list[np.ndarray]]:
    """Return what solves for the next sample by CHOLMOD, and the list of its solutions."""
    import scipy.sparse as sp
    from cvxopt import cholmod, matrix, spmatrix

    lower = [sp.tril(item).tocoo() for item in matrices]
    made = [spmatrix(item.data, item.row, item.col, item.shape) for item in lower]
    factor = cholmod.symbolic(made[0])
    queue, found = cycle(made), []

    def run() -> None:
        x = matrix(b)
        cholmod.numeric(next(queue), factor)
        cholmod.solve(factor, x)
        found.append(np.array(x).ravel())

    return run, found


PEERS = {"PyAMG RS-CG": pyamg_solves, "CHOLMOD, symbolic reused": cholesky_solves}


def compare(name: str, a: np.ndarray, threads: int, rounds: int, goals: dict) -> list[Row]:
    """Rows of one kind of permeability against all peers."""
    import scipy.sparse as sp

    problem = Darcy(Grid.uniform((N, N)))
    solver, inputs = BatchSolver(problem), {"permeability": a}
    b = problem.source({"permeability": a[0]})
    matrices = [
        sp.csr_matrix(problem.operator({"permeability": x}).to_sparse()) for x in a[: rounds + 1]
    ]
    batch = solver.solve(inputs, RTOL).checked()
    ours = [problem.unknowns(u).ravel() for u in batch.u[: rounds + 1]]
    contenders: dict[str, Callable[[], object]] = {"ours": lambda: solver.solve(inputs, RTOL)}
    solutions = {}
    for peer, make in PEERS.items():
        try:
            contenders[peer], solutions[peer] = make(matrices, b.ravel())
        except ImportError:
            solutions[peer] = None
    clock = time.process_time if threads == 1 else time.perf_counter
    seconds = interleave(contenders, rounds, clock)
    mine = seconds["ours"] / len(a)
    iterations = sum(batch.iterations) / len(a)
    speed = BYTES * b.size * iterations / mine / 1e9
    size = np.linalg.norm(b)
    rows = []
    for peer in PEERS:
        note = f"batch of {len(a)}, {iterations:.1f} iterations, {BYTES:.0f} B per unknown and "
        note += f"iteration: {speed:.0f} GB/s with set-up"
        if solutions[peer] is None:
            rows.append(Row(name, mine, None, peer, "s", goals[peer], threads, note))
            continue
        pairs = zip(matrices, ours, solutions[peer], strict=False)
        worst = np.max(
            [[np.linalg.norm(b.ravel() - A @ x) / size for x in found] for A, *found in pairs], 0
        )
        note += f"; residuals {worst[0]:.0e} and {worst[1]:.0e}"
        rows.append(Row(name, mine, seconds[peer], peer, "s", goals[peer], threads, note))
    return rows


def against_solve(shape: tuple[int, ...], rounds: int) -> Row:
    """One row: a batch of 16 on a line or in space against one solve per sample, one thread."""
    grid = Grid.uniform(shape)
    field = GaussianRandomField(grid, alpha=len(shape), tau=3)
    g = np.stack([field.sample(generator(0, i)) for i in range(16)])
    a = log_normal(g) if len(shape) == 1 else np.where(g >= 0, 100.0, 1.0)
    problem, queue = Darcy(grid), cycle(a)
    solver, inputs = BatchSolver(problem), {"permeability": a}
    batch = solver.solve(inputs, RTOL).checked()
    alone = solve(problem, {"permeability": a[0]}, RTOL).checked()
    contenders: dict[str, Callable[[], object]] = {
        "ours": lambda: solver.solve(inputs, RTOL),
        "alone": lambda: solve(problem, {"permeability": next(queue)}, RTOL),
    }
    seconds = interleave(contenders, rounds, time.process_time)
    mine = seconds["ours"] / len(a)
    note = f"batch of {len(a)}, {batch.methods[0]}, {np.mean(batch.iterations):.1f} iterations; "
    note += f"alone {alone.method}, {alone.iterations}"
    name = f"{' x '.join(map(str, shape))} nodes, per sample"
    return Row(name, mine, seconds["alone"], "one solve per sample", "s", 1.5, 1, note)


def generation(samples: int, threads: int) -> Row:
    """One row: a data set of two-phase samples; run it first, for the memory of the process."""
    grid = Grid.uniform((N, N))
    field = TwoPhaseField(GaussianRandomField(grid, alpha=2, tau=3), 3.0, 12.0)
    problem = Darcy(grid, permeability=field)
    with tempfile.TemporaryDirectory() as folder:
        generate(problem, Path(folder) / "first.h5", 2).close()  # compiles or loads kernels
        start, cpu = time.perf_counter(), time.process_time()
        generate(problem, Path(folder) / "all.h5", samples).close()
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    note = f"{1e3 * seconds / samples:.1f} ms wall, {1e3 * cpu / samples:.1f} ms CPU per sample; "
    note += f"{memory:.2f} GB of memory at most"
    name = f"generate {samples} samples, fields and HDF5 included"
    goal = MINUTE * samples / 1000
    return Row(name, seconds, goal, "a minute per 1000 samples", "s", 1.0, threads, note)


def main() -> None:
    arguments = parse_arguments(
        __doc__.splitlines()[0],
        samples=(64, "samples in a batch"),
        rounds=(5, "timed rounds of each contender"),
    )
    most = numba.config.NUMBA_NUM_THREADS
    rows = [generation(64 if arguments.quick else 1000, min(2, most))]
    field = GaussianRandomField(Grid.uniform((N, N)), alpha=2, tau=3)
    g = np.stack([field.sample(generator(0, i)) for i in range(arguments.samples)])
    rounds = 2 if arguments.quick else arguments.rounds
    amg, cholesky = PEERS
    for threads in (1, 2):
        if threads > most:
            continue
        numba.set_num_threads(threads)
        with threadpool_limits(threads, "blas"):
            goals = {amg: 30.0, cholesky: 10.0}
            name = f"two-phase Darcy {N} x {N}, per sample"
            rows += compare(name, two_phase(g), threads, rounds, goals)
            goals = {amg: 20.0, cholesky: None}
            a = np.stack([log_normal(x) for x in g])
            contrast = np.median(a.max(axis=(1, 2)) / a.min(axis=(1, 2)))
            name = f"log-normal, contrast {contrast:.1e}, {N} x {N}, per sample"
            rows += compare(name, a, threads, rounds, goals)
    numba.set_num_threads(1)
    with threadpool_limits(1, "blas"):
        rows += [against_solve(shape, rounds) for shape in ((1001,), (33,) * 3, (65,) * 3)]
    numba.set_num_threads(min(2, most))
    memory = triad_bandwidth(20_000_000)
    rows.append(Row("triad a = b + s c, two threads", 24e-9 / memory, None, "-", "s/B"))
    rows[-1].note = f"in memory {memory:.0f} GB/s"
    finish("Darcy flow in batches", rows, arguments)


if __name__ == "__main__":
    main()

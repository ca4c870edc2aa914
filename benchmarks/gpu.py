"""Solves on a GPU: Poisson and Darcy, single and in batches, against one core of the host.

    python benchmarks/gpu.py [--quick] [--json FILE] [--rounds N]

Without CuPy or a device there is one row that says so. Problems are those of `poisson.py` and
`darcy_batch.py`: constant coefficients and two-phase permeability {3, 12} on 1025^2 to 4097^2
nodes, one at a time by `solve`, and 64 and 1000 samples on 421^2 by `solve_batch`, to a relative
residual 1e-8. Inputs and solutions stay on the device; times are those of events on its stream,
with all that the host does in between. Peers run on one core: PyAMG's Ruge-Stueben set-up and
conjugate gradients, and CHOLMOD, whose symbolic factor is made once.

Traffic, bytes per unknown and iteration, if every array is read or written once per kernel:

    conjugate gradients, float64           single    batch
        q = A p and p . q                     64       104    (batch: zero couplings, p . q twice)
        z = M r: size, to and from float32    40        40
        (r, z)                                32        32
        p = z + beta p                        40        40
        x += alpha p, r -= alpha q, (r, r)   104       104
    cycle, float32, all levels               370       380    (sweeps 2, 3, 4 or 2 throughout)
        a relaxation of one colour            24        28
        residual, restriction, correction     54        58
    together                                 650       700

At 3.7 TB/s, what an H200 copies, that is 2.9 ms per iteration on 4097^2 and 20 ms per solve of 7
iterations; 2.1 ms per iteration for 64 samples on 421^2 and 0.25 ms per sample for 7, set-up not
counted. Launches set another bound: about 250 per iteration of a single solve and 150 of a batch,
10 us each where the host is quick, so that smaller grids take no less than 4097^2.
"""

from collections.abc import Callable
from itertools import islice
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from darcy_batch import PEERS, RTOL, N, two_phase
from report import Row, finish, parse_arguments
from threadpoolctl import threadpool_limits

from nwidth.arrays import generator
from nwidth.meshes import GaussianRandomField, Grid
from nwidth.solvers import BatchSolver, Darcy, Poisson, Problem, solve

SINGLE_BYTES, BATCH_BYTES = 650, 700
# The largest grid, in unknowns, that the peers are asked to solve.
PEERS_SIZE = 1_100_000


def find_device() -> tuple[Any, str]:
    """Return CuPy and the name of the device, or None and why there is none."""
    try:
        import cupy
    except ImportError:
        return None, "CuPy is not installed"
    try:
        properties = cupy.cuda.runtime.getDeviceProperties(0)
    except cupy.cuda.runtime.CUDARuntimeError as error:
        return None, f"no device: {error}"
    return cupy, properties["name"].decode()


def device_seconds(cupy: Any, run: Callable[[], object], rounds: int) -> float:
    """Return the median time between events before and after, after one warm-up."""
    seconds = []
    for _ in range(rounds + 1):
        start, end = cupy.cuda.Event(), cupy.cuda.Event()
        start.record()
        run()
        end.record()
        end.synchronize()
        seconds.append(cupy.cuda.get_elapsed_time(start, end) / 1e3)
    return median(seconds[1:])


def copy_bandwidth(cupy: Any, rounds: int, size: int = 2**27) -> float:
    """Return the bytes per second of a copy of `size` numbers on the device."""
    source = cupy.ones(size)
    target = cupy.empty_like(source)
    return 2 * source.nbytes / device_seconds(cupy, lambda: cupy.copyto(target, source), rounds)


def peer_seconds(problem: Problem, inputs: list[dict]) -> dict[str, float | None]:
    """Return the median times of the peers on one core; the first input is their warm-up."""
    import scipy.sparse as sp

    matrices = [sp.csr_matrix(problem.operator(item).to_sparse()) for item in inputs]
    seconds: dict[str, float | None] = {}
    for peer, make in PEERS.items():
        try:
            run, _ = make(matrices, problem.source(inputs[0]).ravel())
        except ImportError:
            seconds[peer] = None
            continue
        times = []
        with threadpool_limits(1, "blas"):
            for _ in inputs:
                start = perf_counter()
                run()
                times.append(perf_counter() - start)
        seconds[peer] = median(times[1:])
    return seconds


def rows_of(name: str, seconds: float, peers: dict, traffic: float, note: str) -> list[Row]:
    """Return a row per peer; `traffic` is what the whole solve moves, in bytes."""
    note += f"; {traffic / seconds / 1e9:.0f} GB/s by the model, set-up included in the time"
    return [Row(name, seconds, theirs, peer, "s", None, 1, note) for peer, theirs in peers.items()]


def single(cupy: Any, n: int, problem: Problem, field: np.ndarray, rounds: int) -> list[Row]:
    """Rows of one solve at a time."""
    (item,) = problem.inputs
    inputs = {item.name: cupy.asarray(field)}
    found = solve(problem, inputs, RTOL).checked()
    seconds = device_seconds(cupy, lambda: solve(problem, inputs, RTOL), rounds)
    unknowns = problem.unknowns(found.u).size
    peers: dict[str, float | None] = dict.fromkeys(PEERS)
    if unknowns <= PEERS_SIZE:
        peers = peer_seconds(problem, [{item.name: field}] * 3)
    name = f"{type(problem).__name__} {n} x {n}"
    note = f"{found.iterations} iterations, residual {found.residual:.0e}"
    traffic = SINGLE_BYTES * unknowns * found.iterations
    return rows_of(name, seconds, peers, traffic, note)


def batch(cupy: Any, a: Any, peers: dict, rounds: int) -> list[Row]:
    """Rows of a batch of two-phase samples, per sample."""
    samples, n = a.shape[:2]
    problem = Darcy(Grid.uniform((n, n)))
    solver, inputs = BatchSolver(problem), {"permeability": a}
    found = solver.solve(inputs, RTOL).checked()
    seconds = device_seconds(cupy, lambda: solver.solve(inputs, RTOL), rounds) / samples
    iterations = sum(found.iterations) / samples
    name = f"two-phase Darcy {n} x {n}, batch of {samples}, per sample"
    note = f"{iterations:.1f} iterations, residual {max(found.residual):.0e}"
    unknowns = problem.unknowns(found.u[0]).size
    return rows_of(name, seconds, peers, BATCH_BYTES * unknowns * iterations, note)


def samples_of(n: int, number: int, distinct: int = 64) -> np.ndarray:
    """Return two-phase samples, the distinct ones repeated."""
    field = GaussianRandomField(Grid.uniform((n, n)), alpha=2, tau=3)
    drawn = (field.sample(generator(0, i)) for i in range(distinct))
    a = np.stack([two_phase(g) for g in islice(drawn, min(number, distinct))])
    return np.resize(a, (number, n, n))


def measure(cupy: Any, sizes: list[int], batches: list[int], n: int, rounds: int) -> list[Row]:
    """Return all rows of a device."""
    rows = []
    for size in sizes:
        grid = Grid.uniform((size, size))
        x, y = grid.coordinates()
        f = np.exp(x) * np.sin(np.pi * x) * np.cos(y)
        rows += single(cupy, size, Poisson(grid), f, rounds)
        rows += single(cupy, size, Darcy(grid), samples_of(size, 1)[0], rounds)
    if batches:
        a = samples_of(n, max(batches))
        peers = peer_seconds(Darcy(Grid.uniform((n, n))), [{"permeability": one} for one in a[:4]])
        for number in batches:
            rows += batch(cupy, cupy.asarray(a[:number]), peers, rounds)
    return rows


def main() -> None:
    arguments = parse_arguments(__doc__.splitlines()[0], rounds=(5, "timed rounds of each row"))
    cupy, name = find_device()
    if cupy is None:
        row = Row("all", None, None, "-", note=f"{name}: nothing was measured")
        finish("Solves on a GPU", [row], arguments)
        return
    rounds = 2 if arguments.quick else arguments.rounds
    sizes, batches = ([1025], [64]) if arguments.quick else ([1025, 2049, 4097], [64, 1000])
    rows = measure(cupy, sizes, batches, N, rounds)
    speed = copy_bandwidth(cupy, rounds)
    rows.append(Row("copy on the device", 1 / speed, None, "-", "s/B", note=f"{name}: "))
    rows[-1].note += f"{speed / 1e9:.0f} GB/s, read and written"
    finish("Solves on a GPU", rows, arguments)


if __name__ == "__main__":
    main()

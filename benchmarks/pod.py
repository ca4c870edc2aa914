"""POD against numpy's QR and SVD and against pyMOR, from a file larger than memory, and evolving.

    python benchmarks/pod.py [--quick] [--json FILE]

Gaussian bumps exp(-((x - mu) / 0.02)^2) on [0, 1], 20000 points x, 500 parameters mu, to 1e-10:
157 singular values. Random sparse matrices that grow row by row. CPU time of one thread; memory is
the growth of the process's peak, each contender in a process of its own.
"""

import multiprocessing
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import scipy.sparse as sp
from report import Row, finish, interleave, parse_arguments
from threadpoolctl import threadpool_limits

from nwidth.rom import UpdatedSVD, pod, streaming_pod

RTOL = 1e-10
MB = 1e6


def bumps(points: int, rows: int, first: int = 0, last: int | None = None) -> np.ndarray:
    """Return rows first to last of the matrix."""
    x, mu = np.linspace(0, 1, points), np.linspace(0, 1, rows)[first:last]
    return np.exp(-(((x - mu[:, None]) / 0.02) ** 2))


def by_numpy(f: np.ndarray, rtol: float) -> np.ndarray:
    """Return modes by numpy's QR decomposition and SVD."""
    Q, R = np.linalg.qr(f.T)
    U, sigma, _ = np.linalg.svd(R)
    return Q @ U[:, : int((sigma > rtol * sigma[0]).sum())]


def pymor_pod() -> Callable | None:
    """Return pyMOR's POD of rows, or None where it is absent."""
    try:
        from pymor.algorithms.pod import pod as theirs
        from pymor.core.logger import set_log_levels
        from pymor.vectorarrays.numpy import NumpyVectorSpace
    except ImportError:
        return None
    set_log_levels({"pymor": "ERROR"})

    def run(f: np.ndarray, rtol: float, method: str) -> int:
        vectors = NumpyVectorSpace(f.shape[1]).from_numpy(f.T)
        return len(theirs(vectors, rtol=rtol, method=method)[0])

    return run


def in_memory(quick: bool) -> list[Row]:
    """Return rows for data in memory."""
    points, rows = (5000, 500) if quick else (20000, 500)
    f, cpu, repeats = bumps(points, rows), time.process_time, 2 if quick else 3
    contenders = {
        "ours": lambda: pod(f, RTOL),
        "numpy": lambda: by_numpy(f, RTOL),
        "loose": lambda: pod(f, 1e-5),
        "loose by QR": lambda: pod(f, 1e-5, method="qr"),
        "loose, numpy": lambda: by_numpy(f, 1e-5),
    }
    seconds = interleave(contenders, repeats, cpu)
    found, wanted = pod(f, RTOL), by_numpy(f, RTOL)
    defect = abs(found.modes @ found.modes.T - np.eye(found.rank)).max()
    task = f"{points} x {rows} bumps"
    table = [
        Row(
            f"{task}, 1e-10: CPU time",
            seconds["ours"],
            seconds["numpy"],
            "numpy QR + SVD",
            goal=1 / 1.2,
            note=f"{found.rank} and {wanted.shape[1]} modes, defect {defect:.0e}; goal: 1.2 times",
        ),
        Row(
            f"{task}, 1e-5, method of snapshots: CPU time",
            seconds["loose"],
            seconds["loose, numpy"],
            "numpy QR + SVD",
            note=f"{pod(f, 1e-5).method}; our QR {seconds['loose by QR']:.3g} s",
        ),
    ]
    theirs = pymor_pod()
    for method in ("method_of_snapshots", "qr_svd"):
        name = f"pyMOR pod, {method}"
        if theirs is None:
            table.append(Row(f"{task}: modes beyond 157", found.rank - 157, None, name, "modes"))
            continue
        start = cpu()
        count = theirs(f, RTOL, method)
        spent = cpu() - start
        note = f"{found.rank} and {count} modes"
        table.append(Row(f"{task}: CPU time", seconds["ours"], spent, name, note=note))
    exact = found.rank == 157
    table.append(
        Row(
            f"{task}, 1e-10: wrong modes (+1)",
            abs(found.rank - 157) + 1,
            None if theirs is None else abs(theirs(f, RTOL, "method_of_snapshots") - 157) + 1,
            "pyMOR pod",
            "modes",
            goal=1,
            note=f"reference: 157, ours {'exactly' if exact else found.rank}",
        )
    )
    return table


def peak() -> float:
    """Return the largest memory of this process so far, in bytes."""
    status = Path("/proc/self/status").read_text()
    return 1024.0 * int(status.split("VmHWM:")[1].split()[0])


def write(path: str, points: int, rows: int) -> None:
    """Write the matrix to a file, part by part; in a process of its own."""
    with h5py.File(path, "w") as file:
        out = file.create_dataset("bumps", (rows, points), np.float64)
        for first in range(0, rows, 256):
            out[first : first + 256] = bumps(points, rows, first, first + 256)


def streamed(path: str, memory: int | None) -> tuple[np.ndarray, np.ndarray, float, float, float]:
    """Return modes, singular values, error, CPU time and growth of the peak, in this process."""
    with threadpool_limits(1), h5py.File(path) as file:
        streaming_pod(bumps(100, 40), RTOL)  # imports
        before, start = peak(), time.process_time()
        if memory is None:
            found = pod(file["bumps"][:], RTOL)
        else:
            found = streaming_pod(file["bumps"], RTOL, memory=memory)
        spent = time.process_time() - start
        return found.modes, found.singular_values, found.error, spent, peak() - before


def missed(one: np.ndarray, other: np.ndarray) -> float:
    """Return what orthonormal rows miss of others, of orthonormal ones the sine of an angle."""
    return float(np.linalg.norm(one - (one @ other.T) @ other, 2))


def from_file(quick: bool) -> list[Row]:
    """Return rows for a file that is larger than the budget."""
    points, rows, memory = (2000, 2000, 16 << 20) if quick else (20000, 3000, 160 << 20)
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/bumps.h5"
        runs = []
        for task in ((write, path, points, rows), (streamed, path, memory), (streamed, path, None)):
            with ProcessPoolExecutor(1, context) as pool:
                runs.append(pool.submit(*task).result())
    ours, whole = runs[1:]
    size = points * rows * 8
    gap = whole[1] / whole[1][0]
    well = int((gap > 1e-3).sum())  # beyond, rounding alone turns modes by more than 1e-10
    turned = missed(ours[0][:well], whole[0][:well])
    relative = whole[1][: len(whole[0]), None] / whole[1][0]
    weighed = missed(relative * whole[0], ours[0])
    counts = f"{len(ours[0])} and {len(whole[0])} modes"
    task = f"file of {size / MB:.0f} MB, budget {memory / MB:.0f} MB"
    return [
        Row(
            f"{task}: growth of the peak",
            ours[4] / MB,
            memory / MB,
            "the budget",
            "MB",
            goal=1,
            note=f"one pass; in memory {whole[4] / MB:.0f} MB",
        ),
        Row(
            f"{task}: angle of the modes above 1e-3",
            turned,
            1e-10,
            "the goal, 1e-10",
            "rad",
            goal=1,
            note=f"{well} modes; all {counts} times their values to {weighed:.0e}; stated error "
            f"{ours[2]:.1e}",
        ),
        Row(f"{task}: CPU time", ours[3], whole[3], "all in memory by QR", note=counts),
    ]


class DenseUpdate:
    """Zha and Simon's update of rows, on dense vectors, in numpy."""

    def __init__(self, U: np.ndarray, sigma: np.ndarray, V: np.ndarray):
        self.U, self.sigma, self.V = U, sigma, V

    def append_rows(self, rows: sp.csr_array) -> None:
        """Put sparse rows below."""
        E, k = rows.toarray().T, len(self.sigma)
        C = self.V.T @ E
        Q, R = np.linalg.qr(E - self.V @ C)
        K = np.block([[np.diag(self.sigma), np.zeros((k, E.shape[1]))], [C.T, R.T]])
        F, sigma, Gh = np.linalg.svd(K)
        self.U = np.concatenate([self.U @ F[:k, :k], F[k:, :k]])
        self.V = np.concatenate([self.V, Q], axis=1) @ Gh[:k].T
        self.sigma = sigma[:k]


def evolving(quick: bool) -> list[Row]:
    """Return rows for sparse rows that are appended."""
    from scipy.sparse.linalg import svds

    m, n, rank, batches, rows = (10000, 8000, 32, 30, 5) if quick else (50000, 40000, 32, 100, 5)
    rng = np.random.default_rng(0)
    # A decaying spectrum: popular columns and busy rows.
    entries = 20 * (m + batches * rows)
    i = rng.integers(m + batches * rows, size=entries)
    j = (n * rng.random(entries) ** 3).astype(int)
    A = sp.csr_array((rng.random(entries), (i, j)), shape=(m + batches * rows, n))
    cpu = time.process_time
    svd = UpdatedSVD(A[:m], rank, drift=1e-10)
    dense = DenseUpdate(svd.left_vectors, svd.singular_values, svd.right_vectors)
    spent = {"ours": 0.0, "dense": 0.0}
    for batch in range(batches):
        new = A[m + batch * rows : m + (batch + 1) * rows]
        for name, contender in (("ours", svd), ("dense", dense)):
            start = cpu()
            contender.append_rows(new)
            spent[name] += cpu() - start
    start = cpu()
    exact = np.sort(svds(A, rank, return_singular_vectors=True)[1])[::-1]
    again = cpu() - start
    off = abs(svd.singular_values - dense.sigma).max() / dense.sigma[0]
    lost = abs(svd.singular_values - exact).max() / exact[0]
    V = svd.right_vectors
    defect = abs(V.T @ V - np.eye(rank)).max()
    task = f"{m} x {n} sparse, rank {rank}, {rows} rows appended"
    note = f"equal to {off:.0e}, defect {defect:.0e}, tall vectors formed {svd.formed} times"
    each = {name: 1e3 * seconds / batches for name, seconds in spent.items()}
    return [
        Row(task, each["ours"], each["dense"], "the same on dense vectors", "ms", note=note),
        Row(
            task,
            each["ours"],
            1e3 * again,
            "scipy svds anew",
            "ms",
            note=f"values differ by {lost:.0e} of the first after {batches} updates",
        ),
    ]


def main() -> None:
    """Run all and print the table."""
    arguments = parse_arguments(__doc__.splitlines()[0])
    with threadpool_limits(1):
        rows = in_memory(arguments.quick) + from_file(arguments.quick) + evolving(arguments.quick)
    finish("POD", rows, arguments)


if __name__ == "__main__":
    main()

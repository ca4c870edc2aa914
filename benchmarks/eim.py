"""Empirical interpolation against pyMOR's, in memory and from a file larger than the budget.

    python benchmarks/eim.py [--quick] [--json FILE]

Gaussian bumps exp(-((x - mu) / 0.02)^2) on [0, 1], 20000 points x, 500 parameters mu, to 1e-8.
Without pyMOR (`pip install pymor`) the peer is the published algorithm in NumPy, every step done on
every row. Memory is the growth of the process's peak, each contender in a process of its own.
"""

import multiprocessing
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import h5py
import numba
import numpy as np
from report import Row, finish, interleave, parse_arguments
from threadpoolctl import threadpool_limits

from nwidth.rom import eim
from nwidth.rom.remainder import Remainder

RTOL, WIDTH = 1e-8, 0.02
MB = 1e6


def bumps(
    points: int, rows: int, width: float = WIDTH, first: int = 0, last: int | None = None
) -> np.ndarray:
    """Return rows first to last of the matrix, made without large temporary arrays."""
    x, mu = np.linspace(0, 1, points), np.linspace(0, 1, rows)[first:last]
    out = np.empty((len(mu), points))
    for row, centre in zip(out, mu, strict=True):
        np.subtract(x, centre, out=row)
        row /= width
        np.square(row, out=row)
        np.exp(np.negative(row, out=row), out=row)
    return out


def published(data: np.ndarray, norm: str) -> tuple[list[int], list[int]]:
    """Choose as the paper writes it, every step on every row, in NumPy."""
    r, rows, points, first = data.copy(), [], [], None
    while True:
        if norm == "sup":
            sizes = np.maximum(r.max(axis=1), -r.min(axis=1))
        else:
            sizes = np.sqrt(np.einsum("ji,ji->j", r, r))
        first = sizes.max() if first is None else first
        if sizes.max() <= RTOL * first:
            return rows, points
        rows.append(int(sizes.argmax()))
        points.append(int(np.abs(r[rows[-1]]).argmax()))
        q = r[rows[-1]] / r[rows[-1], points[-1]]
        for j, c in enumerate(r[:, points[-1]].copy()):
            r[j] -= c * q


def pymor_points(data: np.ndarray, norm: str) -> list[int]:
    """Return the points of pyMOR."""
    from pymor.algorithms.ei import ei_greedy
    from pymor.core.logger import set_log_levels
    from pymor.vectorarrays.numpy import NumpyVectorSpace

    set_log_levels({"pymor": "ERROR"})
    vectors = NumpyVectorSpace(data.shape[1]).from_numpy(data.T)
    error_norm = "sup" if norm == "sup" else None
    points, _, _ = ei_greedy(vectors, error_norm=error_norm, rtol=RTOL, copy=True)
    return [int(point) for point in points]


def peer() -> tuple[str, bool]:
    """Return the name of the peer, and whether it is pyMOR."""
    try:
        import pymor
    except ImportError:
        return "published algorithm in NumPy (pyMOR is absent)", False
    return f"pyMOR {pymor.__version__} ei_greedy", True


def peer_points(data: np.ndarray, norm: str) -> list[int]:
    """Return the peer's points."""
    return pymor_points(data, norm) if peer()[1] else published(data, norm)[1]


def peak() -> float:
    """Return the largest memory of this process so far, in bytes."""
    status = Path("/proc/self/status").read_text()  # getrusage would inherit the parent's peak
    return 1024.0 * int(status.split("VmHWM:")[1].split()[0])


def one_thread() -> threadpool_limits:
    """Let one thread do everything."""
    numba.set_num_threads(1)
    return threadpool_limits(1)


def growth(which: str, shape: tuple[int, int]) -> float:
    """Return by how much the peak grows, in units of the data; in a process of its own."""
    with one_thread():
        small = bumps(50, 20)
        run = {"ours": lambda f: eim(f, RTOL), "peer": lambda f: peer_points(f, "sup")}[which]
        run(small)
        data = bumps(*shape)
        before = peak()
        run(data)
        return (peak() - before) / data.nbytes


def write(path: str, shape: tuple[int, int], width: float) -> None:
    """Write the matrix to a file, part by part; in a process of its own."""
    points, rows = shape
    with h5py.File(path, "w") as file:
        out = file.create_dataset("bumps", (rows, points), np.float64)
        for first in range(0, rows, 256):
            out[first : first + 256] = bumps(points, rows, width, first, first + 256)


class Counted:
    """A data set that counts how often it is read from its beginning."""

    def __init__(self, data: h5py.Dataset):
        self.data, self.shape, self.dtype, self.passes = data, data.shape, data.dtype, 0

    def __getitem__(self, rows: slice) -> np.ndarray:
        self.passes += rows.start == 0
        return self.data[rows]


def from_file(path: str, memory: int) -> dict:
    """Choose from the file within a budget; in a process of its own."""
    with one_thread(), h5py.File(path) as file:
        small = file["bumps"][:200]
        eim(small, RTOL, memory=small.nbytes // 2)
        data, before = Counted(file["bumps"]), peak()
        start, cpu = time.perf_counter(), time.process_time()
        model = eim(data, RTOL, memory=memory)
        return {
            "points": model.points.tolist(),
            "rows": model.rows.tolist(),
            "wall": time.perf_counter() - start,
            "cpu": time.process_time() - cpu,
            "passes": data.passes,
            "memory": peak() - before,
        }


def in_memory(path: str) -> dict:
    """Choose with all rows in memory; in a process of its own.

    By `Remainder` itself, which overwrites the rows: `eim` would hold a second copy of them.
    """
    with one_thread():
        Remainder(np.eye(3), 0, None).largest()
        with h5py.File(path) as file:
            data = file["bumps"][:]
        cpu = time.process_time()
        remainder, rows, points, errors = Remainder(data, 0, None), [], [], []
        while True:
            row, error = remainder.largest()
            errors.append(error)
            if error <= RTOL * errors[0]:
                cpu = time.process_time() - cpu
                return {"rows": rows, "points": points, "cpu": cpu}
            rows.append(row)
            points.append(remainder.subtract(row))


def apart(function, *arguments):
    """Call a function in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def speed(shape: tuple[int, int], repeats: int) -> list[Row]:
    """Compare CPU seconds in memory, for both norms."""
    data, rows, name = bumps(*shape), [], peer()[0]
    for norm, goal in (("sup", 6.0), ("l2", None)):
        found, wanted = eim(data, RTOL, norm=norm).points.tolist(), peer_points(data, norm)
        same = sum(a == b for a, b in zip(found, wanted, strict=False))
        times = interleave(
            {
                "ours": lambda norm=norm: eim(data, RTOL, norm=norm),
                "peer": lambda norm=norm: peer_points(data, norm),
            },
            repeats,
            time.process_time,
        )
        ties = "" if norm == "sup" else "; norms of most rows are equal up to rounding"
        note = f"CPU; {len(found)} points against {len(wanted)}, {same} the same in order{ties}"
        task = f"EIM {norm}, {shape[0]} x {shape[1]} bumps to {RTOL:g}"
        rows.append(Row(task, times["ours"], times["peer"], name, "s", goal, 1, note))
    return rows


def memory(shape: tuple[int, int]) -> list[Row]:
    """Compare the growth of the peak in memory, in units of the data."""
    ours, theirs = (apart(growth, which, shape) for which in ("ours", "peer"))
    task = f"EIM sup, {shape[0]} x {shape[1]}: peak memory over the data"
    return [
        Row(task, ours, 1.3, "limit", "1", 1.0, 1, f"{peer()[0]}: {theirs:.2f}"),
    ]


def out_of_core(shape: tuple[int, int], width: float, budget: int) -> list[Row]:
    """Choose from a file, and in memory."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "bumps.h5")
        apart(write, path, shape, width)
        size = Path(path).stat().st_size
        found, wanted = apart(from_file, path, budget), apart(in_memory, path)
    pairs = [list(zip(way["rows"], way["points"], strict=True)) for way in (found, wanted)]
    same = sum(a == b for a, b in zip(*pairs, strict=False))
    task = f"EIM sup from a file of {size / 1e9:.1f} GB, budget {budget / MB:.0f} MB"
    note = f"CPU; {found['passes']} passes, {found['wall']:.0f} s of wall time"
    count, limit = float(len(pairs[1])), 1.3 * budget / MB
    return [
        Row(task, found["cpu"], wanted["cpu"], "in memory", "s", None, 1, note),
        Row(f"{task}: steps", count, float(same), "those that are the same", "1", 1.0),
        Row(f"{task}: peak memory", found["memory"] / MB, limit, "1.3 budgets", "MB", 1.0),
    ]


def main() -> None:
    arguments = parse_arguments(__doc__.splitlines()[0])
    quick = arguments.quick
    shape = (5000 if quick else 20000, 500)
    with one_thread():
        rows = speed(shape, 1 if quick else 3)
    rows += memory(shape)
    if quick:
        rows += out_of_core((2000, 26000), 0.1, 64 << 20)
    else:
        rows += out_of_core((20000, 26844), WIDTH, 512 << 20)
    finish("Empirical interpolation", rows, arguments)


if __name__ == "__main__":
    main()

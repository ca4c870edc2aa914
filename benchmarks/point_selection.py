"""POD, points for a basis, and skeletons: what they cost and how good they are.

    python benchmarks/point_selection.py [--quick] [--json FILE]

Process CPU time, one thread. The snapshots are exp(-((x - mu) / 0.02)^2) on 20000 points for 500
parameters, 76 MiB. pyMOR's POD takes eigenvalues of the Gram matrix by default, whose square roots
are noise below 1e-8: "modes at 1e-10" counts what each keeps, where 157 singular values are above
the tolerance. Its `deim` and `qdeim` begin with that POD; so do ours, with the randomized one. The
rows of choices alone start from the same basis; SciPy's QR decomposition has the pivots of Q-DEIM,
its LU decomposition those of DEIM. The matrix of the cross approximation is 1 / |x - y| between two
clouds at a distance, and is never formed by ours; SciPy's interpolative decomposition needs it.

What it showed: full accuracy costs no more than the Gram matrix. LAPACK's LU decomposition, in
blocks and with another choice between equal values, is several times faster than DEIM here; blocks
of 4 to 32 functions did not pay in ours. Points of S-OPT, as many as functions, are worse than
those of DEIM on these snapshots; twice as many are as good as points at equal distances.
"""

import time

import numpy as np
import scipy.linalg
import scipy.linalg.interpolative
from report import Row, finish, interleave, parse_arguments
from threadpoolctl import threadpool_limits

from nwidth.rom import BasisInterpolation, aca, deim, gnat, pod, qdeim, s_opt

try:
    from pymor.algorithms.ei import deim as pymor_deim
    from pymor.algorithms.ei import qdeim as pymor_qdeim
    from pymor.algorithms.pod import pod as pymor_pod
    from pymor.core.logger import set_log_levels
    from pymor.vectorarrays.numpy import NumpyVectorSpace
except ImportError:
    NumpyVectorSpace = None
else:
    set_log_levels({"pymor": "ERROR"})

ABSENT = "pyMOR is not installed"


def snapshots() -> np.ndarray:
    """Return the fields as rows (500, 20000)."""
    x, mu = np.linspace(0, 1, 20000), np.linspace(0, 1, 500)
    return np.exp(-(((x - mu[:, None]) / 0.02) ** 2))


def measured(contenders: dict, repeats: int) -> dict[str, float]:
    """Return the CPU seconds of each contender, interleaved."""
    return interleave(contenders, repeats, time.process_time)


def decompositions(f: np.ndarray, repeats: int, quick: bool) -> list[Row]:
    """POD alone and with points, against pyMOR."""
    rtol, rows = 1e-8, []
    ours = {
        "POD by QR": lambda: pod(f, rtol),
        "POD by random products": lambda: pod(f, rtol, method="randomized"),
        "POD and DEIM": lambda: deim(pod(f, rtol, method="randomized").modes),
        "POD and Q-DEIM": lambda: qdeim(pod(f, rtol, method="randomized").modes),
        "numpy svd": lambda: np.linalg.svd(f, full_matrices=False),
    }
    theirs: dict = {}
    if NumpyVectorSpace is not None:
        U = NumpyVectorSpace(f.shape[1]).from_numpy(np.asfortranarray(f.T))
        theirs = {
            "pyMOR pod": lambda: pymor_pod(U, rtol=rtol),
            "pyMOR deim": lambda: pymor_deim(U, rtol=rtol),
            "pyMOR qdeim": lambda: pymor_qdeim(U, rtol=rtol),
        }
    times = measured({**ours, **theirs}, repeats)
    if theirs and not quick:
        slow = {"pyMOR qr_svd": lambda: pymor_pod(U, rtol=rtol, method="qr_svd")}
        times |= measured(slow, 1)
    for task, peer, goal in (
        ("POD by QR", "pyMOR qr_svd", 5.0),
        ("POD by QR", "pyMOR pod", None),
        ("POD by QR", "numpy svd", 1.0),
        ("POD by random products", "pyMOR pod", 1.0),
        ("POD and DEIM", "pyMOR deim", 1.0),
        ("POD and Q-DEIM", "pyMOR qdeim", 1.0),
    ):
        note = ABSENT if not theirs and peer.startswith("pyMOR") else ""
        rows.append(
            Row(f"{task}, 1e-8", times[task], times.get(peer), peer, "CPU s", goal, 1, note)
        )
    # Modes that are kept against those there are.
    kept = len(pymor_pod(U, rtol=1e-10)[0]) if theirs else None
    found = pod(f, 1e-10)
    note = "157 singular values are above 1e-10 of the first"
    rows.append(Row("modes at 1e-10", found.rank, kept, "pyMOR pod", "modes", 1.0, 1, note))
    return rows


def choices(f: np.ndarray, repeats: int) -> list[Row]:
    """Points for one basis."""
    U = pod(f, 1e-8).modes
    r = len(U)
    times = measured(
        {
            "DEIM": lambda: deim(U),
            "Q-DEIM": lambda: qdeim(U),
            "S-OPT": lambda: s_opt(U),
            "S-OPT, 2 r points": lambda: s_opt(U, 2 * r),
            "GNAT, 2 r points": lambda: gnat(U, 2 * r),
            "lu": lambda: scipy.linalg.lu_factor(U.T, check_finite=False),
            "qr": lambda: scipy.linalg.qr(U, mode="r", pivoting=True, check_finite=False),
        },
        repeats,
    )
    models = {
        "DEIM": deim(U),
        "Q-DEIM": qdeim(U),
        "S-OPT": s_opt(U),
        "S-OPT, 2 r points": s_opt(U, 2 * r),
        "GNAT, 2 r points": gnat(U, 2 * r),
    }
    peers = {"DEIM": ("lu", "scipy lu_factor", None), "Q-DEIM": ("qr", "scipy qr, pivoting", 1.0)}
    rows = []
    for name, model in models.items():
        key, peer, goal = peers.get(name, ("qr", "scipy qr, pivoting", None))
        note = f"r = {r}; Lebesgue constant {model.lebesgue_constant():.3g}"
        rows.append(
            Row(f"{name}, points alone", times[name], times[key], peer, "CPU s", goal, 1, note)
        )
    evenly = np.linspace(0, U.shape[1] - 1, 2 * r).round().astype(int)
    even, least = BasisInterpolation(U, evenly).error_constant(), models["DEIM"].error_constant()
    for name, model in models.items():
        peer, constant = ("even points, 2 r", even) if "2 r" in name else ("DEIM", least)
        if name != "DEIM":
            task = f"error constant of {name}"
            rows.append(Row(task, model.error_constant(), constant, peer, "1"))
    return rows


def crosses(n: int, repeats: int) -> list[Row]:
    """Approximate a kernel between two clouds."""
    rng = np.random.default_rng(0)
    x, y = rng.random((n, 3)), rng.random((n, 3)) + np.array([2.0, 0, 0])

    def entries(i, j):
        return 1 / np.sqrt(((x[i] - y[j]) ** 2).sum(axis=-1))

    def interpolative():
        A = np.concatenate([entries(i[:, None], np.arange(n)) for i in np.split(np.arange(n), 10)])
        return scipy.linalg.interpolative.interp_decomp(A, 1e-6)

    times = measured({"aca": lambda: aca(entries, (n, n), 1e-6), "id": interpolative}, repeats)
    found = aca(entries, (n, n), 1e-6)
    k = interpolative()[0]
    A = entries(np.arange(n)[:, None], np.arange(n))
    error = np.linalg.norm(A - found.to_dense()) / np.linalg.norm(A)
    note = f"rank {found.rank} ({k}); error {error:.1e}, estimated {found.error:.1e}"
    task = f"cross approximation, {n} x {n}, 1e-6"
    return [Row(task, times["aca"], times["id"], "scipy interp_decomp", "CPU s", 1.0, 1, note)]


def main() -> None:
    arguments = parse_arguments(__doc__.splitlines()[0])
    repeats = 1 if arguments.quick else 3
    with threadpool_limits(1):
        f = snapshots()
        rows = decompositions(f, repeats, arguments.quick) + choices(f, repeats)
        rows += crosses(2000, repeats)
    finish("POD, points of a basis, and cross approximation", rows, arguments)


if __name__ == "__main__":
    main()

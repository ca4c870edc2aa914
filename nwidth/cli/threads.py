"""One number of threads for Numba, torch and BLAS alike, so that they do not oversubscribe."""

import os
import sys

VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)


def available() -> int:
    """Return the number of cores this process may use.

    >>> available() >= 1
    True
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def limit_threads(number: int | None) -> int:
    """Let every library use at most `number` threads (None: one per available core).

    Libraries that are not loaded yet read the environment; loaded ones are told directly.
    Idle OpenMP threads sleep instead of spinning: with several pools in one process (Numba, BLAS,
    torch) or a shared machine, spinning threads take the cores from those that work.
    """
    count = available() if number is None else number
    for name in VARIABLES:
        # Numba reads its variable at every compilation and fails if it has changed after the start.
        if name != "NUMBA_NUM_THREADS" or "numba" not in sys.modules:
            os.environ[name] = str(count)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

    from threadpoolctl import threadpool_limits

    threadpool_limits(count)
    if "numba" in sys.modules:
        numba = sys.modules["numba"]
        numba.set_num_threads(min(count, numba.config.NUMBA_NUM_THREADS))
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(count)
    return count

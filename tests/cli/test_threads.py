import os
import subprocess
import sys

import numpy as np
import pytest

from nwidth.cli.threads import limit_threads

CODE = """
from nwidth.cli.threads import limit_threads
limit_threads(1)
import numpy as np
from threadpoolctl import threadpool_info
np.ones((4, 4)) @ np.ones((4, 4))
print(max(pool["num_threads"] for pool in threadpool_info()))
"""


def test_libraries_that_load_later_obey():
    environment = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    result = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, check=True, env=environment
    )
    assert result.stdout.split() == ["1"]


def test_numba_can_still_compile_after_its_threads_have_started(monkeypatch):
    numba = pytest.importorskip("numba")
    monkeypatch.setenv("NUMBA_NUM_THREADS", str(numba.config.NUMBA_NUM_THREADS))

    @numba.njit(parallel=True)
    def twice(x):
        out = np.empty_like(x)
        for i in numba.prange(len(x)):
            out[i] = 2 * x[i]
        return out

    before = numba.get_num_threads()
    try:
        twice(np.ones(3))
        limit_threads(before + 1)
        assert twice(np.ones(3, dtype=np.float32)).tolist() == [2, 2, 2]  # compiles once more
    finally:
        limit_threads(before)

import os
import subprocess
import sys

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

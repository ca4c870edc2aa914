"""What all tests share: fresh compiled kernels, and no doctests of PyTorch code without PyTorch."""

import hashlib
import os
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent

# Numba does not notice that a function called from another file has changed since it was cached:
# the cache folder is therefore named by the contents of all kernel files.
_KERNELS = sorted((ROOT / "nwidth").rglob("_*_numba.py"))
_CONTENTS = hashlib.sha256(b"".join(path.read_bytes() for path in _KERNELS)).hexdigest()[:16]
os.environ.setdefault("NUMBA_CACHE_DIR", str(ROOT / ".numba_cache" / _CONTENTS))

collect_ignore_glob = [] if find_spec("torch") else ["nwidth/operators/*"]

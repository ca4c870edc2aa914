"""`njit` for the kernels of this package: code kept on disk, never older than what it was made of.

Numba keeps the machine code of a function until the file holding the function changes. Functions
and constants taken from other files are compiled into it, and a change there goes unnoticed: after
an upgrade the old code would run on. Here the stamp of the code is a digest of the function's file
and of all kernel files that it names, and that those name.
"""

import hashlib
import inspect
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import FunctionCache, IndexDataCacheFile

_FOLDER = Path(__file__).resolve().parent
_KERNEL_FILE = re.compile(rb"\b_\w+_numba\b")


def njit(*, cache: Any = False, **options: Any) -> Callable[[Callable], Any]:
    """Compile a kernel as `numba.njit` does; `cache=True` keeps its code on disk.

    The code lies where Numba puts it: in `NUMBA_CACHE_DIR`, in `__pycache__` beside the file, or in
    the user's cache folder. With nowhere to write, every process compiles anew.
    """

    def compiled(function: Callable) -> Any:
        dispatcher = numba.njit(**options)(function)
        if cache and not numba.config.DISABLE_JIT:
            with suppress(RuntimeError):  # no folder can be written
                dispatcher._cache = _KernelCache(function)
        return dispatcher

    return compiled


class _KernelCache(FunctionCache):
    """Numba's cache of one function, under our stamp and a name without the line number.

    A new stamp then overwrites the old code in place; with the line number in the name, functions
    that moved in their file would leave their old code behind.
    """

    def __init__(self, function: Callable):
        super().__init__(function)
        path = Path(inspect.getfile(function))
        name = f"{path.stem}.{function.__qualname__}.{sys.implementation.cache_tag}"
        # Without sources to read (a zip archive, a frozen program) Numba's own stamp must do.
        stamp = stamps().get(path.stem) or self._impl.locator.get_source_stamp()
        self._cache_file = IndexDataCacheFile(self.cache_path, name, stamp)


@cache
def stamps() -> dict[str, str]:
    """Return the stamp of every kernel file of the package by its name.

    >>> len(stamps()["_njit_numba"])
    64
    """
    sources = {path.stem: path.read_bytes() for path in sorted(_FOLDER.rglob("_*_numba.py"))}
    named = {
        name: {word.decode() for word in _KERNEL_FILE.findall(source)} & {*sources}
        for name, source in sources.items()
    }
    return {name: _digest(name, sources, named) for name in sources}


def _digest(name: str, sources: dict[str, bytes], named: dict[str, set[str]]) -> str:
    """Return the digest of a file's source and of all that it depends on."""
    reached, open_ends = {name}, [name]
    while open_ends:
        found = named[open_ends.pop()] - reached
        reached |= found
        open_ends += found
    parts = (hashlib.sha256(sources[name]).digest() for name in sorted(reached))
    return hashlib.sha256(b"".join(parts)).hexdigest()

"""Sweeps of point rules: source templates, filled, kept in a cache folder, loaded from there.

Numba keeps compiled code on disk only for functions that live in files, so the filled template is
written to one. Its name is a hash of everything that the machine code depends on: the filled
source, the bytecode and constants of the rule, and those of all functions it calls.
"""

import atexit
import hashlib
import os
import shutil
import sys
import tempfile
import types
from collections.abc import Callable, Iterator
from functools import cache
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import numpy as np

from nwidth.errors import InputError

_HEADER = '"""Sweep of the point rule {rule}, halo {halo}: written by nwidth, safe to delete."""\n'

_NUMBA = """
from numba import njit{prange}

rule = njit(rule)


@njit({parallel}cache=True, error_model="numpy")
def sweep(out, {arguments}):
{loops}
{indent}out[{indices}] = rule({indices}, {arguments})
"""

_CUDA = """
from numba import cuda

rule = cuda.jit(device=True)(rule)


@cuda.jit
def sweep(out, {arguments}):
    {reversed_indices} = cuda.grid({dimension})
{offsets}
    if {inside}:
        out[{indices}] = rule({indices}, {arguments})
"""

# A fixed time stamp: processes that race to write one file leave the same file, so Numba, which
# looks at size and time, keeps its compiled code.
_STAMP = 946684800


def build(
    rule: Callable, halo: int, dimension: int, arguments: tuple[str, ...], target: str
) -> Any:
    """Return the compiled-on-first-call sweep of a rule for "serial", "threads" or "cuda"."""
    if rule.__module__ not in sys.modules:
        raise InputError(
            f"pointwise: expected {rule.__qualname__} to belong to an imported module, got "
            f"{rule.__module__!r}; Numba finds the globals of a compiled rule through its module"
        )
    filled = fill(rule, halo, dimension, arguments, target)
    digest = hashlib.sha256("\n".join([filled, *fingerprint(rule)]).encode()).hexdigest()[:24]
    name = f"{rule.__name__.strip('<>')}_{digest}_{target}"
    try:
        path = store(cache_folder(), name, filled)
    except OSError:
        path = store(temporary_folder(), name, filled)
    return load(path, rule)


def fill(rule: Callable, halo: int, dimension: int, arguments: tuple[str, ...], target: str) -> str:
    """Return the source of a sweep, with the rule's own argument names and a literal halo."""
    threads = target == "threads"
    ranges = ["prange" if threads else "range", "range", "range"]
    indices = "ijk"[:dimension]
    inner = [f"{halo}, out.shape[{axis}] - {halo}" for axis in range(dimension)]
    loops = [
        f"{'    ' * (axis + 1)}for {i} in {ranges[axis]}({inner[axis]}):"
        for axis, i in enumerate(indices)
    ]
    facts = {
        "rule": f"{rule.__module__}.{rule.__qualname__}",
        "halo": halo,
        "prange": ", prange" if threads else "",
        "parallel": "parallel=True, " if threads else "",
        "dimension": dimension,
        "arguments": ", ".join(arguments),
        "indices": ", ".join(indices),
        "loops": "\n".join(loops),
        "indent": "    " * (dimension + 1),
        "reversed_indices": ", ".join(reversed(indices)),
        "offsets": "\n".join(f"    {i} += {halo}" for i in indices),
        "inside": " and ".join(
            f"{i} < out.shape[{axis}] - {halo}" for axis, i in enumerate(indices)
        ),
    }
    template = _CUDA if target == "cuda" else _NUMBA
    return (_HEADER + template).format(**facts).replace(", )", ")")


def fingerprint(function: Any, seen: set[int] | None = None) -> Iterator[str]:
    """Yield what the compiled code of a function depends on, the functions it calls included."""
    function = getattr(function, "py_func", function)
    seen = set() if seen is None else seen
    if id(function) in seen:
        return
    seen.add(id(function))
    code = function.__code__
    yield from _code(code)
    names = {*code.co_names, *(n for inner in _inner(code) for n in inner.co_names)}
    for name in sorted(names & {*function.__globals__}):
        yield name
        yield from _value(function.__globals__[name], names, seen)
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        yield name
        yield from _value(cell.cell_contents, names, seen)


def _code(code: types.CodeType) -> Iterator[str]:
    yield code.co_code.hex()
    yield " ".join(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _code(constant)
        else:
            items = sorted(map(repr, constant)) if isinstance(constant, frozenset) else constant
            yield repr(items)


def _inner(code: types.CodeType) -> Iterator[types.CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from _inner(constant)


def _value(value: Any, names: set[str], seen: set[int]) -> Iterator[str]:
    """Yield the text of a global: constants by value, our functions by code, others by name."""
    if isinstance(getattr(value, "py_func", value), types.FunctionType):
        library = value.__module__.split(".")[0] in {"math", "numba", "numpy", "scipy"}
        yield f"{value.__module__}.{value.__qualname__}"
        if not library:
            yield from fingerprint(value, seen)
    elif isinstance(value, np.ndarray):
        yield f"{value.dtype} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
    elif isinstance(value, bool | int | float | complex | str | bytes | tuple | np.generic | None):
        yield f"{type(value).__name__} {value!r}"
    elif isinstance(value, types.ModuleType):
        yield value.__name__
        if value.__name__.split(".")[0] not in {"math", "numba", "numpy", "scipy"}:
            for name in sorted(names & {*vars(value)}):
                yield name
                yield from _value(vars(value)[name], names, seen)
    else:
        yield f"{type(value).__module__}.{type(value).__qualname__}"


def cache_folder() -> Path:
    """Return the folder of filled templates: NWIDTH_CACHE_DIR or the user's cache."""
    if own := os.environ.get("NWIDTH_CACHE_DIR"):
        return Path(own).expanduser() / "kernels"
    if shared := os.environ.get("XDG_CACHE_HOME"):
        return Path(shared) / "nwidth" / "kernels"
    return Path(os.path.expanduser("~")) / ".cache" / "nwidth" / "kernels"  # noqa: PTH111


@cache
def temporary_folder() -> Path:
    """Return a folder of this process, removed at its end, for when no cache can be written."""
    folder = Path(tempfile.mkdtemp(prefix="nwidth-kernels-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def store(folder: Path, name: str, source: str) -> Path:
    """Write a source file, whole or not at all, unless the same text stands there already."""
    path = folder / f"{name}.py"
    content = source.encode()
    if path.is_file() and path.read_bytes() == content:
        return path
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(dir=folder, prefix=f".{name}", suffix=".partial")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.utime(partial, (_STAMP, _STAMP))
        Path(partial).replace(path)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise
    return path


def load(path: Path, rule: Callable) -> Any:
    """Import a filled template with the rule as its global and return its sweep."""
    loader = SourceFileLoader(f"nwidth_kernel_{path.stem}", str(path))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    module.__dict__["rule"] = rule
    sys.modules[loader.name] = module  # Numba looks compiled code's environment up by this name
    try:
        loader.exec_module(module)
    except BaseException as error:
        del sys.modules[loader.name]
        if isinstance(error, ImportError):
            raise InputError(
                f"pointwise: expected numba for this device, got '{error}'; "
                "install nwidth with its GPU extra"
            ) from error
        raise
    return module.__dict__["sweep"]

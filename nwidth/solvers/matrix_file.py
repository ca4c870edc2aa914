"""Sparse matrices and right-hand sides from files: Matrix Market, SciPy's .npz, NumPy's .npy."""

import gzip
import warnings
import zipfile
import zlib
from collections.abc import Callable
from math import prod
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from nwidth.arguments import require_path
from nwidth.arrays import require_finite
from nwidth.errors import FileFormatError, InputError, NonFiniteError

Array = NDArray[Any]

# A file may unpack to this many times its size, and to this many bytes whatever its size.
_MOST_RATIO = 1100
_SMALL_BYTES = 1 << 24

# Rows and columns beyond the number of entries by more than this are no matrix but a mistake.
_EMPTY_ROWS = 10_000_000

_LONGEST_LINE = 1 << 16
_WORDS = (
    ("coordinate", "array"),
    ("real", "integer", "unsigned-integer", "complex", "pattern", "double"),
    ("general", "symmetric", "skew-symmetric", "hermitian"),
)
_FORMATS = {
    "csr": {"indices", "indptr", "format", "shape", "data"},
    "csc": {"indices", "indptr", "format", "shape", "data"},
    "bsr": {"indices", "indptr", "format", "shape", "data"},
    "coo": {"row", "col", "format", "shape", "data"},
    "dia": {"offsets", "format", "shape", "data"},
}
_DAMAGE = (
    ValueError,
    OverflowError,
    TypeError,
    IndexError,
    KeyError,
    EOFError,
    NotImplementedError,
    UnicodeDecodeError,
    SyntaxError,
    TokenError,
    RecursionError,
    zipfile.BadZipFile,
    zlib.error,
    gzip.BadGzipFile,
)


def read_matrix(path: str | Path) -> Any:
    r"""Return the matrix of a file as a SciPy CSR array, float64, float32 or complex.

    Matrix Market files (.mtx, .mtx.gz) hold real, integer, complex or pattern entries, sparse or
    dense; of symmetric, skew-symmetric and Hermitian ones both halves are filled in, and the
    entries of a pattern are ones. Files of `scipy.sparse.save_npz` (.npz) hold any format.
    Nothing in a file is executed. Reference: Boisvert, Pozo, Remington, Barrett & Dongarra (1997),
    The Matrix Market: a web resource for test matrix collections,
    doi:10.1007/978-1-5041-2940-4_9.

    Raises `FileFormatError` for files that are missing, foreign, damaged, cut off, that declare
    more than they hold or unpack to more than 1100 times their size, and for NaN and infinity.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "a.mtx"
    ...     text = "%%MatrixMarket matrix coordinate real symmetric\n2 2 2\n1 1 4\n2 1 1\n"
    ...     _ = file.write_text(text)
    ...     read_matrix(file).toarray().tolist()
    [[4.0, 1.0], [1.0, 0.0]]
    """
    path = require_path(path, "path")
    if path.name.endswith((".mtx", ".mtx.gz")):
        matrix = _guarded(path, _read_market)
    elif path.suffix == ".npz":
        matrix = _guarded(path, _read_npz)
    else:
        raise FileFormatError(
            f"{path}: expected a matrix in a file ending in .mtx, .mtx.gz or .npz; save it by "
            "scipy.io.mmwrite or scipy.sparse.save_npz"
        )
    return _checked_matrix(path, matrix)


def read_vector(path: str | Path) -> Array:
    """Return the right-hand sides in a file, shape (n,), or (n, m) for m of them.

    Files are dense Matrix Market arrays (.mtx, .mtx.gz) or .npy. One column gives shape (n,).
    Raises `FileFormatError` as `read_matrix` does.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(Path(folder) / "b.npy", np.arange(3))
    ...     read_vector(Path(folder) / "b.npy").tolist()
    [0.0, 1.0, 2.0]
    """
    path = require_path(path, "path")
    if path.name.endswith((".mtx", ".mtx.gz")):
        vector = _guarded(path, _read_market)
        vector = vector.toarray() if hasattr(vector, "toarray") else vector
    elif path.suffix == ".npy":
        vector = _guarded(path, _read_npy)
    else:
        raise FileFormatError(
            f"{path}: expected right-hand sides in a file ending in .npy, .mtx or .mtx.gz; save "
            "them by numpy.save"
        )
    if vector.dtype.kind in "SU":
        raise FileFormatError(f"{path}: expected numbers, got text")
    if vector.ndim not in (1, 2) or vector.size == 0:
        raise FileFormatError(
            f"{path}: expected right-hand sides of shape (n,) or (n, m), got {vector.shape}"
        )
    vector = vector.astype(np.float64) if vector.dtype.kind in "biu" else vector
    vector = vector[:, 0] if vector.ndim == 2 and vector.shape[1] == 1 else vector
    try:
        return np.ascontiguousarray(require_finite(vector, str(path)))
    except NonFiniteError as error:
        raise FileFormatError(str(error)) from None


def _guarded(path: Path, read: Callable[[Path], Any]) -> Any:
    """Return what `read` finds; errors of the operating system and of parsers name the file."""
    try:
        if path.is_dir():
            raise FileFormatError(f"{path}: expected a file, found a folder")
        return read(path)
    except FileFormatError:
        raise
    except FileNotFoundError:
        raise FileFormatError(f"{path}: no such file; check the name") from None
    except PermissionError:
        raise FileFormatError(f"{path}: no permission to read it") from None
    except MemoryError:
        raise FileFormatError(f"{path}: its arrays do not fit into memory") from None
    except (*_DAMAGE, OSError) as error:
        raise FileFormatError(
            f"{path}: expected a {path.suffix.lstrip('.')} file, but it is foreign or damaged "
            f"({str(error)[:100]}); export or copy it again"
        ) from None


def _read_market(path: Path) -> Any:
    """Return what a Matrix Market file holds, a sparse or a dense array."""
    packed = path.suffix == ".gz"
    opener: Any = gzip.open if packed else open
    with opener(path, "rb") as stream:
        size = _unpacked_size(path, stream) if packed else path.stat().st_size
        stream.seek(0)
        words, sizes = _market_header(path, stream, size)
        numbers = _numbers(stream.read())
    if words[2] == "array":
        return _dense_market(numbers, sizes, *words[3:])
    return _sparse_market(numbers, sizes, *words[3:])


def _numbers(text: bytes) -> Array:
    """Return the numbers in a text, all of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return np.fromstring(text, sep=" ") if text.strip() else np.empty(0)  # type: ignore[call-overload]
        except DeprecationWarning:
            raise ValueError("it holds something else than numbers") from None


def _sparse_market(numbers: Array, sizes: list[int], field: str, symmetry: str) -> Any:
    """Return the matrix of a list of entries, each its row, column and number from 1 on."""
    import scipy.sparse as sp

    rows, columns, entries = sizes
    width = {"pattern": 2, "complex": 4}.get(field, 3)
    if numbers.size != entries * width:
        raise ValueError(f"expected {entries} entries, it holds {numbers.size / width:g}")
    table = numbers.reshape(entries, width)
    places = table[:, :2]
    if not ((places >= 1) & (places <= (rows, columns)) & (places == np.floor(places))).all():
        raise ValueError(f"expected rows up to {rows} and columns up to {columns}")
    i, j = (places - 1).astype(np.int64).T
    values = np.ones(entries) if field == "pattern" else table[:, 2]
    if field == "complex":
        values = table[:, 2] + 1j * table[:, 3]
    if symmetry != "general":
        if rows != columns:
            raise ValueError(f"expected a square matrix because it is {symmetry}")
        off = i != j
        i, j = np.concatenate([i, j[off]]), np.concatenate([j, i[off]])
        values = np.concatenate([values, _mirrored(values[off], symmetry)])
    return sp.coo_array((values, (i, j)), shape=(rows, columns)).tocsr()


def _dense_market(numbers: Array, sizes: list[int], field: str, symmetry: str) -> Array:
    """Return the matrix of a list of numbers, column by column, the lower half if symmetric."""
    rows, columns = sizes
    values = numbers
    if field == "complex":
        values = numbers[0::2] + 1j * numbers[1::2]
    if symmetry == "general":
        return values.reshape(rows, columns, order="F")
    if rows != columns:
        raise ValueError(f"expected a square matrix because it is {symmetry}")
    skew = symmetry == "skew-symmetric"
    j, i = np.triu_indices(rows, 1 if skew else 0)
    if values.size != i.size:
        raise ValueError(f"expected {i.size} numbers, it holds {values.size}")
    matrix = np.zeros((rows, rows), values.dtype)
    matrix[j, i] = _mirrored(values, symmetry)
    matrix[i, j] = values
    return matrix


def _mirrored(values: Array, symmetry: str) -> Array:
    """Return what stands on the other side of the diagonal."""
    if symmetry == "skew-symmetric":
        return -values
    return values.conj() if symmetry == "hermitian" else values


def _unpacked_size(path: Path, stream: IO[bytes]) -> int:
    """Return the size of what a gzip file holds, unless it is out of proportion."""
    most = max(_SMALL_BYTES, _MOST_RATIO * path.stat().st_size)
    size = 0
    while block := stream.read(1 << 20):
        size += len(block)
        if size > most:
            raise FileFormatError(f"{path}: unpacks to more than {most} bytes; it is not read")
    return size


def _market_header(path: Path, stream: IO[bytes], size: int) -> tuple[list[str], list[int]]:
    """Return the words of the first line and the sizes, which the file is long enough for."""
    words = stream.readline(_LONGEST_LINE).decode("ascii").lower().split()
    good = len(words) == 5 and words[:2] == ["%%matrixmarket", "matrix"]
    if not good or any(w not in known for w, known in zip(words[2:], _WORDS, strict=True)):
        raise ValueError(
            "the first line is not '%%MatrixMarket matrix coordinate|array real|integer|complex|"
            "pattern general|symmetric|skew-symmetric|hermitian'"
        )
    line = b"%"
    while line.startswith(b"%") or not line.strip():
        line = stream.readline(_LONGEST_LINE)
        if not line:
            raise ValueError("it ends before its sizes")
    sizes = [int(word) for word in line.split()]
    sparse = words[2] == "coordinate"
    if len(sizes) != (3 if sparse else 2) or min(sizes) < 0 or words[2:4] == ["array", "pattern"]:
        raise ValueError(f"expected {3 if sparse else 2} sizes, got {line[:40]!r}")
    rows, columns = sizes[:2]
    entries = sizes[2] if sparse else rows * columns
    each = 2 if not sparse else 4 if words[3] == "pattern" else 6
    stored = entries if sparse or words[4] == "general" else rows * (columns - 1) // 2
    if stored * each > size + 1:  # the last line may lack its end
        raise FileFormatError(
            f"{path}: declares {entries} entries but holds only {size} bytes; copy it again"
        )
    if sparse and max(rows, columns) > entries + _EMPTY_ROWS:
        raise FileFormatError(
            f"{path}: declares {rows} x {columns} with {entries} entries; it is not read"
        )
    return words, sizes


def _read_npz(path: Path) -> Any:
    """Return the matrix that `scipy.sparse.save_npz` has written."""
    import scipy.sparse as sp

    with zipfile.ZipFile(path) as archive:
        members = {}
        for info in archive.infolist():
            if info.file_size > max(_SMALL_BYTES, _MOST_RATIO * info.compress_size):
                raise FileFormatError(
                    f"{path}: {info.filename} unpacks {info.compress_size} bytes to "
                    f"{info.file_size}; it is not read"
                )
            members[info.filename.removesuffix(".npy")] = info
        if not {"format", "shape", "data"} <= set(members):
            raise ValueError(
                "it holds no sparse matrix of scipy.sparse.save_npz but "
                + (", ".join(sorted(members)[:5]) or "nothing")
            )
        arrays = {}
        for name in members.keys() & set().union(*_FORMATS.values()):
            with archive.open(members[name]) as stream:
                arrays[name] = _read_array(stream, members[name].file_size)
    kind = arrays["format"].item()
    kind = kind.decode("ascii") if isinstance(kind, bytes) else str(kind)
    if kind not in _FORMATS:
        raise ValueError(f"expected one of the formats {', '.join(_FORMATS)}, got {kind[:20]!r}")
    if missing := _FORMATS[kind] - set(arrays):
        raise ValueError(f"{', '.join(sorted(missing))} is missing")
    shape = tuple(int(n) for n in arrays["shape"])
    data = arrays["data"]
    if len(shape) != 2 or min(shape) < 0 or max(shape) > data.size + _EMPTY_ROWS:
        raise FileFormatError(
            f"{path}: declares shape {shape} with {data.size} entries; it is not read"
        )
    if data.dtype.kind not in "biufc":
        raise ValueError(f"expected numbers, got dtype {data.dtype}")
    if kind == "coo":
        matrix = sp.coo_array((data, (arrays["row"], arrays["col"])), shape=shape)
    elif kind == "dia":
        matrix = sp.dia_array((data, arrays["offsets"]), shape=shape)
    else:
        if {arrays["indices"].dtype.kind, arrays["indptr"].dtype.kind} - {"i", "u"}:
            raise ValueError("expected integer indices")
        build = {"csr": sp.csr_array, "csc": sp.csc_array, "bsr": sp.bsr_array}[kind]
        matrix = build((data, arrays["indices"], arrays["indptr"]), shape=shape)
        matrix.check_format(full_check=True)
    return matrix


def _read_npy(path: Path) -> Array:
    with path.open("rb") as stream:
        return _read_array(stream, path.stat().st_size)


def _read_array(stream: IO[bytes], size: int) -> Array:
    """Return an array of numbers or text in the npy format, from a stream of `size` bytes."""
    version = npy.read_magic(stream)
    header = {(1, 0): npy.read_array_header_1_0}.get(version, npy.read_array_header_2_0)
    shape, fortran, dtype = header(stream)
    if dtype.hasobject or dtype.kind not in "biufcSU":
        raise ValueError(f"expected numbers, got dtype {dtype}")
    wanted = prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or wanted > size:
        raise ValueError(f"an array declares {wanted} bytes, the file holds {size}")
    data = stream.read(wanted)
    if len(data) != wanted:
        raise ValueError("the file ends before its arrays do")
    array = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")
    return array.astype(dtype.newbyteorder("="))


def _checked_matrix(path: Path, matrix: Any) -> Any:
    """Return the matrix as CSR in order, its numbers finite."""
    from nwidth.solvers.sparse_operator import canonical

    try:
        return canonical(matrix)
    except NonFiniteError as error:
        raise FileFormatError(f"{path}: {error}") from None
    except InputError as error:
        raise FileFormatError(f"{path}: {error}") from None

"""POD of rows that come block by block and are seen once, in bounded memory."""

from math import prod
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.archive import load_archive, save_archive
from nwidth.arguments import (
    require_dtype,
    require_integer,
    require_integers,
    require_number,
    require_path,
)
from nwidth.arrays import as_floating, power_of_two, to_numpy
from nwidth.errors import FileFormatError, InputError, NonFiniteError
from nwidth.rom.field_geometry import FieldGeometry
from nwidth.rom.matrix_products import frobenius_norm
from nwidth.rom.pod import POD, ROUND_OFF
from nwidth.rom.row_source import RowSource, default_memory
from nwidth.rom.selection_status import SelectionStatus
from nwidth.rom.thin_svd import thin_svd

Array = NDArray[Any]

_KIND = "streaming-pod"
# On the way values are dropped below this part of the tolerance; errors of modes are its square.
_ON_THE_WAY = 1e-5
_ROWS_AT_LEAST = 16


class StreamingPOD:
    """Singular values and modes of all rows so far, which are themselves forgotten.

        [diag(sigma) V*; E] = U' diag(sigma') V'*        for each block of new rows E

    Values below 1e-5 rtol sigma_1, or that memory does not hold, are dropped. As the left vectors
    of what is dropped are orthogonal from block to block and to those that stay, what is dropped
    adds up exactly:

        ||A - Q diag(sigma) V*||_F^2 = sum of the dropped sigma'^2,    A* A = V diag(sigma^2) V* + D

    so that `error` bounds that of the projection on the modes, and sigma_k(A)^2 lies between
    sigma_k^2 and sigma_k^2 + error^2. Every step is a Householder QR decomposition, so that
    orthogonality does not drift. References: Brand (2006), doi:10.1016/j.laa.2005.07.021; Himpe,
    Leibner & Rave (2018), doi:10.1137/16M1085413, section 3 on merging in a chain.

    Args:
        shape: of a field.
        rtol: relative to the largest singular value. Good values: 1e-2 to 1e-12.
        dtype: of the rows, float32, float64, complex64 or complex128.
        max_rank: limit on the number of modes of the result.
        weights: of the points, > 0, of that shape; ones by default.
        inner_product: `InnerProduct`, or a matrix, of flat fields, in place of weights.
        memory: bytes for modes and work, besides a block that is given; by default a quarter of
            the machine's memory.

    `rows` is the number of rows so far, `rank` that of the state.

    >>> stream, data = StreamingPOD((3,)), np.array([[2.0, 0.0, 1.0], [4.0, 0.0, 2.0]])
    >>> found = stream.update(data[:1]).update(data[1:]).pod()
    >>> stream.rows, found.rank, bool(np.isclose(found.singular_values[0], 5))
    (2, 1, True)
    """

    def __init__(
        self,
        shape: Any,
        rtol: float = 1e-8,
        *,
        dtype: Any = np.float64,
        max_rank: int | None = None,
        weights: Any = None,
        inner_product: Any = None,
        memory: int | None = None,
    ):
        self.shape = require_integers(shape, "shape", 1)
        self.rtol = require_number(rtol, "rtol", "[0, 1)")
        self.dtype = require_dtype(dtype, "float32", "float64", "complex64", "complex128")
        self.max_rank = None if max_rank is None else require_integer(max_rank, "max_rank", 1)
        self.memory = default_memory() if memory is None else require_integer(memory, "memory", 1)
        self._geometry = FieldGeometry.of(weights, inner_product, self.shape)
        if self._geometry.product is not None and self._geometry.product.dtype.kind == "c":
            self.dtype = np.result_type(self.dtype, np.complex64)
        self.block, self._most = self._room()
        self.rows = 0
        self._sigma = np.zeros(0, np.dtype(self.dtype).type(0).real.dtype)
        self._modes = np.zeros((0, prod(self.shape)), self.dtype)  # times the roots of weights
        self._dropped, self._lost, self._cut = 0.0, 1.0, False
        self._geometry.root_as(self._sigma.dtype)  # weights are refused before the work

    @property
    def rank(self) -> int:
        """Number of singular values that are kept on the way."""
        return len(self._sigma)

    def update(self, rows: Any) -> Self:
        """Take more rows (count, *shape), as many as there are; return the stream itself.

        Raises `InputError` for rows of another shape, or of a dtype that this one does not hold,
        and `NonFiniteError`, which names the row; what came before is kept.
        """
        rows = to_numpy(as_floating(rows, "rows"))
        if rows.shape[1:] != self.shape or rows.ndim != 1 + len(self.shape):
            raise InputError(
                f"rows: expected shape (any, {', '.join(map(str, self.shape))}), got {rows.shape} "
                f"at row {self.rows}"
            )
        if not np.can_cast(rows.dtype, self.dtype, "safe"):
            raise InputError(
                f"rows: expected dtype {self.dtype} or one that it holds, got {rows.dtype} at row "
                f"{self.rows}; convert the rows, or give dtype={rows.dtype.name!r} at the start"
            )
        flat = rows.reshape(len(rows), prod(self.shape))
        for start in range(0, len(flat), self.block):
            bad = ~np.isfinite(flat[start : start + self.block]).all(axis=1)
            if bad.any():
                row = self.rows + int(bad.argmax()) + start
                raise NonFiniteError(
                    f"rows: expected finite numbers, got others in row {row}; repair or remove it"
                )
        for start in range(0, len(flat), self.block):
            self._merge(flat[start : start + self.block])
        return self

    def pod(self) -> POD:
        """Return the modes of all rows so far; scores follow from `coefficients` of the rows."""
        sigma, keep = self._sigma, max(self.rtol, self._floor())
        largest = float(sigma.max(initial=0.0))
        kept = int((sigma > keep * largest).sum())
        beyond = np.hypot(float(sigma[kept]) if kept < len(sigma) else 0.0, self._dropped)
        limit = len(sigma) if self.max_rank is None else self.max_rank
        if kept > limit:
            kept, status = limit, SelectionStatus.MAX_RANK
        elif self._cut and beyond > keep * largest:
            status = SelectionStatus.MEMORY
        elif self.rtol < self._floor() and kept < min(self.rows, self._modes.shape[1]):
            status = SelectionStatus.EXHAUSTED
        else:
            status = SelectionStatus.CONVERGED
        total = np.hypot(frobenius_norm(sigma), self._dropped)
        left = np.hypot(frobenius_norm(sigma[kept:]), self._dropped)
        root = self._geometry.root_as(sigma.dtype)
        return POD(
            modes=(self._modes[:kept] / root).reshape(-1, *self.shape),
            singular_values=sigma.copy(),
            scores=None,
            weights=self._geometry.weights,
            error=float(left / total) + self._floor() if total else 0.0,  # with round-off
            status=status,
            inner_product=self._geometry.product,
            method="streaming",
        )

    def _merge(self, block: Array) -> None:
        """Merge a block of rows, flat and finite, into singular values and modes."""
        k, root, product = self.rank, self._geometry.root, self._geometry.product
        stack = np.empty((k + len(block), block.shape[1]), self.dtype)
        np.multiply(self._sigma[:, None], self._modes, out=stack[:k])
        stack[k:] = block
        if root is not None:
            stack[k:] *= root.astype(self._sigma.dtype)
        self._modes = self._modes[:0].copy()  # frees memory
        scale = self._sigma.dtype.type(power_of_two(stack.view(self._sigma.dtype)))
        if scale != 1:
            stack *= scale
        if product is not None:
            stack, back, self._lost = FieldGeometry(None, product).coordinates(stack)
        floor = max(_ON_THE_WAY * self.rtol, self._floor())
        sigma, modes = thin_svd(stack, floor, self._most, overwrite=True)[1:]
        del stack
        kept = len(modes)
        self._modes = modes if product is None else back(modes).astype(self.dtype, copy=False)
        self._cut |= bool((sigma[kept:] > floor * sigma.max(initial=0.0)).any())
        self._dropped = float(np.hypot(self._dropped, frobenius_norm(sigma[kept:]) / float(scale)))
        self._sigma = (sigma[:kept] / scale).astype(self._sigma.dtype, copy=False)
        self.rows += len(block)

    def _floor(self) -> float:
        """Return the round-off of singular values relative to the largest."""
        return ROUND_OFF * float(np.finfo(self.dtype).eps) * self._lost

    def _room(self) -> tuple[int, int]:
        """Return how many rows a block has, and how many modes are kept, within memory."""
        n, size = prod(self.shape), self.dtype.itemsize
        if self._geometry.product is not None:
            size = 4 * np.result_type(self.dtype, np.float64).itemsize
        fits = self.memory // (n * size)
        if fits < min(_ROWS_AT_LEAST, 8 * n):
            raise InputError(
                f"memory: expected room for {_ROWS_AT_LEAST} rows, {_ROWS_AT_LEAST * n * size} "
                f"bytes, got {self.memory}"
            )
        # Rows are held twice, and their small matrices a few times; tall ones are copied.
        room = min(fits // (2 if n > fits else 4), int((fits * n) ** 0.5 / 4))
        block = max(1, room // 4)
        return block, max(1, min(room - block, n))

    def described(self) -> dict[str, Any]:
        """Return what a stream that goes on has to have in common with this one."""
        digests = {name: float(abs(a).sum()) for name, a in self._geometry.archived().items()}
        return {
            "shape": list(self.shape),
            "rtol": self.rtol,
            "dtype": self.dtype.name,
            "max_rank": self.max_rank,
            "geometry": digests,
        }

    def save(self, path: str | Path) -> None:
        """Write the state to one HDF5 file, whole or not at all, to go on from later."""
        arrays = {"sigma": self._sigma, "modes": self._modes, **self._geometry.archived()}
        told = {
            **self.described(),
            "memory": self.memory,
            "rows": self.rows,
            "dropped": self._dropped,
            "lost": self._lost,
            "cut": self._cut,
        }
        save_archive(path, _KIND, arrays, told)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a state back; executes nothing and opens no other file."""
        arrays, told = load_archive(path, _KIND)
        try:
            shape = tuple(told["shape"])
            geometry = FieldGeometry.from_archived(arrays, shape)
            names = ("shape", "rtol", "dtype", "max_rank", "memory")
            found = cls(
                **{name: told[name] for name in names},
                weights=geometry.weights,
                inner_product=geometry.product,
            )
            sigma, modes = arrays["sigma"], arrays["modes"]
            fits = sigma.dtype == found._sigma.dtype and modes.dtype == found.dtype
            fits = fits and sigma.ndim == 1 and modes.shape == (len(sigma), prod(shape))
            fits = fits and bool(np.isfinite(modes).all() and np.isfinite(sigma).all())
            if not fits or not (np.diff(sigma) <= 0).all() or (sigma < 0).any():
                raise ValueError("the arrays do not fit together")
            found.rows = require_integer(told["rows"], "rows", 0)
            found._dropped = require_number(told["dropped"], "dropped", "[0, inf)")
            found._lost = require_number(told["lost"], "lost", "[1, inf)")
            if type(told["cut"]) is not bool or len(sigma) > found.rows:
                raise ValueError("cut, rows: expected true or false, and rows of all values")
            found._cut = told["cut"]
            now = found.described()
            if any(told[name] != value for name, value in now.items()):
                raise ValueError("the inner product is not the one that was described")
            # Modes are kept times the roots of weights.
            FieldGeometry(None, geometry.product).require_modes(modes, "modes")
        except (KeyError, TypeError, ValueError) as error:
            raise FileFormatError(f"{path}: not a streaming POD ({error})") from None
        found._sigma, found._modes = sigma, modes
        return found


def streaming_pod(
    data: Any,
    rtol: float = 1e-8,
    *,
    max_rank: int | None = None,
    weights: Any = None,
    inner_product: Any = None,
    memory: int | None = None,
    checkpoint: str | Path | None = None,
) -> POD:
    """Return the POD of rows larger than memory, read once: a file, a stream, a function.

    See `StreamingPOD` for the method and its error, `pod` for the arguments it shares.

    Args:
        data: what `RowSource` takes: an HDF5 data set, a field of a `FieldDataset`, a
            `SampledFunction`, an iterable of blocks.
        rtol: relative to the largest singular value. Good values: 1e-2 to 1e-12.
        max_rank: limit on the number of modes.
        weights: of the points.
        inner_product: of a matrix, in place of weights.
        memory: bytes for everything, a block of data included. Twice that of the modes is
            needed, and of as many rows at a time for speed; what does not fit is dropped, and
            `error` and `status` tell.
        checkpoint: file that the state is written to after each block; if it is there already,
            rows that it has seen are not read again.

    `scores` of the result are None: a second pass, `found.coefficients(block)`, gives them.

    >>> data = np.outer(np.arange(1.0, 101), [2.0, 0.0, 1.0])
    >>> found = streaming_pod((data[k : k + 20] for k in range(0, 100, 20)))
    Traceback (most recent call last):
        ...
    nwidth.errors.InputError: data: expected an iterable that can be read again, got an iterator; \
give an object whose __iter__ starts anew
    >>> streaming_pod(data).rank
    1
    """
    source = RowSource(data)
    memory = default_memory() if memory is None else require_integer(memory, "memory", 1)
    options = {"max_rank": max_rank, "weights": weights, "inner_product": inner_product}
    stream = StreamingPOD(
        source.shape[1:], rtol, dtype=source.dtype, memory=memory * 4 // 5, **options
    )
    if checkpoint is not None and require_path(checkpoint, "checkpoint").exists():
        begun = StreamingPOD.load(checkpoint)
        if begun.described() != stream.described() or begun.rows > source.shape[0]:
            raise InputError(
                f"checkpoint: {checkpoint} was written for other data or another tolerance; "
                "remove it or name another file"
            )
        stream = begun
    for _, block in source.blocks(stream.block, stream.rows):
        stream.update(block.reshape(-1, *stream.shape))
        if checkpoint is not None:
            stream.save(checkpoint)
    return stream.pod()

"""Rows of a matrix from arrays, files, functions and streams, in blocks that are checked."""

import os
from collections.abc import Iterable, Iterator
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import as_floating, namespace, to_numpy
from nwidth.errors import InputError, NonFiniteError

Array = NDArray[Any]

# Bytes of a block where nothing else is wanted.
_BLOCK = 1 << 24


class RowSource:
    """Rows f(x_j, .) that are read in blocks, as often as wanted.

    Args:
        data: an array; anything with `shape`, `dtype` and slices of rows, such as a field of a
            `FieldDataset`, an HDF5 data set or a `SampledFunction`; or an iterable that gives
            blocks of rows (count, *shape) anew each time, the same ones in the same order.

    `shape` is that of all rows, `dtype` float32, float64 or complex; a stream is read once to know
    them. `largest` is the largest modulus of a real or imaginary part read so far. Raises
    `InputError` for data that are empty or no numbers, and `NonFiniteError`, which names row and
    column, for NaN or infinity.

    >>> source = RowSource([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    >>> [(start, block.tolist()) for start, block in source.blocks(2)]
    [(0, [[1.0, 2.0], [3.0, 4.0]]), (2, [[5.0, 6.0]])]
    """

    def __init__(self, data: Any):
        data = to_numpy(data) if namespace(data).__name__ == "torch" else data
        sliced = all(hasattr(data, name) for name in ("shape", "dtype", "__getitem__"))
        if hasattr(data, "tocsr"):
            raise InputError("data: expected a dense array, got a sparse one; give data.toarray()")
        if callable(data) and not sliced and not isinstance(data, Iterable):
            raise InputError(
                "data: expected rows, got a function; give SampledFunction(function, x, y)"
            )
        self._stream = not sliced and isinstance(data, Iterable) and not _is_plain(data)
        if self._stream and iter(data) is data:
            raise InputError(
                "data: expected an iterable that can be read again, got an iterator; "
                "give an object whose __iter__ starts anew"
            )
        self._data = data if sliced or self._stream else as_floating(data, "data")
        if self._stream:
            self.shape, given = self._counted()
        else:
            self.shape, given = tuple(map(int, self._data.shape)), self._data.dtype
        if len(self.shape) < 2 or 0 in self.shape:
            raise InputError(f"data: expected rows of fields (rows, *shape), got {self.shape}")
        self.dtype = as_floating(np.empty(0, given), "data").dtype
        self.largest, self._known = 0.0, False

    @property
    def array(self) -> Array | None:
        """The rows as the array they are, none if they have to be read."""
        return np.asarray(self._data) if isinstance(self._data, np.ndarray) else None

    @property
    def nbytes(self) -> int:
        """Memory that all rows would take."""
        return prod(self.shape) * self.dtype.itemsize

    def blocks(self, count: int | None = None, first: int = 0) -> Iterator[tuple[int, Array]]:
        """Give blocks of at most so many rows, flat and finite, each with its first row's number.

        By default they hold 16 MiB or one row. They may be views of the data: do not write. Rows
        before the `first` one are left out, and not even read where data can be sliced.
        """
        count = count or max(1, _BLOCK * self.shape[0] // self.nbytes)
        start = first
        for block in self._raw_blocks(count, first):
            if block.shape[1:] != self.shape[1:]:
                raise InputError(
                    f"data: expected rows of shape {self.shape[1:]}, got {block.shape[1:]} at row "
                    f"{start}"
                )
            block = as_floating(block, "data").reshape(len(block), -1)
            block = np.ascontiguousarray(block, self.dtype)
            if not self._known:
                self.largest = max(self.largest, self._checked(block, start))
            yield start, block
            start += len(block)
            del block  # before the next one is read
        if start != self.shape[0]:
            raise InputError(f"data: expected {self.shape[0]} rows each time, got {start}")
        self._known = self._known or first == 0

    def read(self) -> Array:
        """Return all rows, flat, in new memory."""
        out = np.empty((self.shape[0], prod(self.shape[1:])), self.dtype)
        for start, block in self.blocks():
            out[start : start + len(block)] = block
        return out

    def _checked(self, block: Array, first: int) -> float:
        """Return the largest modulus of parts, or raise if a number is not finite."""
        parts = block.view(block.real.dtype)
        least, most = float(parts.min()), float(parts.max())
        if np.isfinite(least) and np.isfinite(most):
            return max(-least, most)
        row, column = np.argwhere(~np.isfinite(block))[0]
        where = tuple(map(int, np.unravel_index(column, self.shape[1:])))
        raise NonFiniteError(
            f"data: expected finite numbers, got {block[row, column]} in row {first + row}, column "
            f"{where[0] if len(where) == 1 else where}; repair or remove this row"
        )

    def _raw_blocks(self, count: int, first: int) -> Iterator[Array]:
        if not self._stream:
            for start in range(first, self.shape[0], count):
                yield to_numpy(self._data[start : start + count])
            return
        passed = 0
        for block in self._data:
            block = to_numpy(block)
            for start in range(max(0, first - passed), len(block), count):
                yield block[start : start + count]
            passed += len(block)
            del block  # before the next one comes

    def _counted(self) -> tuple[tuple[int, ...], np.dtype]:
        """Return the shape of all rows of a stream and their common dtype."""
        rows, shape, dtypes = 0, None, set()
        for block in self._data:
            block = to_numpy(block)
            if block.ndim < 2:
                raise InputError(
                    f"data: expected blocks of rows (count, *shape), got shape {block.shape}"
                )
            shape = block.shape[1:] if shape is None else shape
            rows += len(block)
            dtypes.add(block.dtype)
        if shape is None:
            raise InputError("data: expected blocks of rows, got none")
        return (rows, *shape), np.result_type(*dtypes)


def default_memory() -> int:
    """Return a quarter of the machine's memory in bytes.

    >>> default_memory() > 2**20
    True
    """
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 4


def _is_plain(data: Any) -> bool:
    """Return whether data are numbers in Python's own containers."""
    return isinstance(data, list | tuple | str | bytes | dict | set)

"""Lazy views of the fields of a data file: what is read is what is asked for."""

import operator
import threading
from collections.abc import Iterator, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from h5py import h5s, h5t
from numpy.typing import NDArray

from nwidth.errors import FileFormatError, InputError

if TYPE_CHECKING:
    from nwidth.fields import FieldDataset

_KEPT_BYTES = 1 << 25

Index = int | slice | Sequence[int] | NDArray[Any]


class SampleReader:
    """Reads whole samples of one HDF5 dataset into given memory, with nothing set up per call.

    In an unfinished file the last few tiny samples lie apart, in `waiting`, until they fill a
    chunk: those from number `apart` on. Chunks that tiny samples share are kept in memory, up to
    32 MiB of them, since every call into HDF5 costs more than such a sample.
    """

    def __init__(self, dataset: h5py.Dataset, waiting: h5py.Dataset | None, count: int):
        self._dataset = dataset
        self._waiting = waiting
        self.apart = count if waiting is None else count - count % len(waiting)
        self._id = dataset.id
        self._space = dataset.id.get_space()
        self._rest = dataset.shape[1:]
        self._origin = (0,) * len(self._rest)
        self._memory = h5s.create_simple((1, *self._rest))
        self._type = h5t.py_create(dataset.dtype)  # h5py would build it again for every read
        self._lock = threading.Lock()  # the selection is shared state
        self._per_chunk = dataset.chunks[0] if dataset.chunks else 1
        self._chunk_bytes = self._per_chunk * prod(self._rest) * dataset.dtype.itemsize
        self._chunks: dict[int, NDArray[Any]] = {}

    def read(self, index: int, out: NDArray[Any]) -> None:
        """Read one sample into contiguous memory of the right type and size."""
        if index >= self.apart:
            out[...] = self.part(index, ()).reshape(out.shape)
            return
        with self._lock:
            self._space.select_hyperslab((index, *self._origin), (1, *self._rest))
            self._id.read(self._memory, self._space, out, self._type)

    def read_each(self, indices: Sequence[int], out: NDArray[Any]) -> None:
        """Read samples in any order, one by one: HDF5's own lists of indices are much slower."""
        if max(indices) >= self.apart:
            for k, index in enumerate(indices):
                self.read(index, out[k : k + 1])
            return
        if self._per_chunk > 1:
            for k, index in enumerate(indices):
                number, row = divmod(index, self._per_chunk)
                chunk = self._chunks.get(number)
                out[k] = (self._shared_chunk(number) if chunk is None else chunk)[row]
            return
        one, origin, select = (1, *self._rest), self._origin, self._space.select_hyperslab
        read, memory, space, type_ = self._id.read, self._memory, self._space, self._type
        with self._lock:
            for k, index in enumerate(indices):
                select((index, *origin), one)
                read(memory, space, out[k], type_)

    def _shared_chunk(self, number: int) -> NDArray[Any]:
        """Read a chunk of several samples and keep it."""
        first = number * self._per_chunk
        samples = min(self._per_chunk, self.apart - first)
        chunk = np.empty((samples, *self._rest), self._dataset.dtype)
        self.read_run(first, samples, chunk)
        if (len(self._chunks) + 1) * self._chunk_bytes > _KEPT_BYTES:
            self._chunks.clear()
        self._chunks[number] = chunk
        return chunk

    def read_run(self, start: int, count: int, out: NDArray[Any]) -> None:
        """Read neighbouring samples into contiguous memory."""
        whole = max(0, min(count, self.apart - start))
        if whole:
            memory = h5s.create_simple((whole, *self._rest))
            with self._lock:
                self._space.select_hyperslab((start, *self._origin), (whole, *self._rest))
                self._id.read(memory, self._space, out, self._type)
        for k in range(whole, count):
            self.read(start + k, out[k : k + 1])

    def part(self, index: int, key: tuple[Any, ...]) -> NDArray[Any]:
        """Return a part of one sample."""
        if index < self.apart or self._waiting is None:
            return np.asarray(self._dataset[(index, *key)])
        return np.asarray(self._waiting[(index - self.apart, *key)])


class FieldView:
    """One field of a data set, read on demand: `(sample, [time,] *grid[, component])`.

    The first index picks samples: an integer, a slice, or a list or array of integers or truth
    values in any order; it is served sample by sample into one array. Further integers and slices
    pick parts of each sample, and only these are read.
    """

    def __init__(self, owner: "FieldDataset", name: str):
        self._owner = owner
        self.name = name
        layout = owner.layout
        self.unit = layout.fields[name].unit
        self.components = layout.fields[name].components
        self.dtype = layout.dtype
        self._sample_shape = layout.sample_shapes[name]

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of samples, then the shape of one."""
        return (len(self._owner), *self._sample_shape)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return 1 + len(self._sample_shape)

    def __len__(self) -> int:
        return len(self._owner)

    def __iter__(self) -> Iterator[NDArray[Any]]:
        for index in range(len(self)):
            yield self.read(index)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        if not isinstance(key, tuple):
            return self.read(slice(None) if key is Ellipsis else key)
        if not key or key[0] is Ellipsis:
            rest = key[1:] if key else ()
            if any(k is Ellipsis for k in rest):
                raise IndexError(f"{self.name}: expected at most one ellipsis")
            key = (slice(None),) * (self.ndim - len(rest)) + rest
        return self.read(key[0]) if len(key) == 1 else self._part(key[0], key[1:])

    def read(self, samples: Index, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return the samples, read into `out` if given (contiguous, of the right type and shape).

        Raises `IndexError` for samples that are not there and `FileFormatError` if a checksum says
        that the bytes on disk have changed.
        """
        if not isinstance(samples, slice) and np.ndim(samples) == 0:
            index = self._index(samples)
            out = self._target(out, self._sample_shape)
            self._guarded(lambda reader: reader.read(index, out))
            return out
        picked = self._positions(samples)
        out = self._target(out, (len(picked), *self._sample_shape))
        if not len(picked):
            return out
        if isinstance(picked, range) and picked.step == 1:
            self._guarded(lambda reader: reader.read_run(picked.start, len(picked), out))
        else:
            self._guarded(lambda reader: reader.read_each(picked, out))
        return out

    def _part(self, samples: Any, rest: tuple[Any, ...]) -> NDArray[Any]:
        """Return parts of samples; HDF5 reads only these."""
        file_rest = self._owner.layout.stored_shape(self.name)
        lead = (0,) * (len(file_rest) - len(self._sample_shape))
        self._require_plain(rest)
        one = not isinstance(samples, slice) and np.ndim(samples) == 0
        picked = [self._index(samples)] if one else self._positions(samples)
        if not len(picked):
            return np.empty((0, *self._sample_shape), self.dtype)[(slice(None), *rest)]
        parts: list[NDArray[Any]] = []

        def read_each(reader: SampleReader) -> None:
            parts.extend(reader.part(k, (*lead, *rest)) for k in picked)

        self._guarded(read_each)
        return parts[0] if one else np.stack(parts)

    def _require_plain(self, rest: tuple[Any, ...]) -> None:
        """Raise unless HDF5 can serve the indices of parts as NumPy would."""
        for key in rest:
            number = isinstance(key, int | np.integer) and not isinstance(key, bool)
            rising = isinstance(key, slice) and (key.step is None or key.step > 0)
            if not (number or rising or key is Ellipsis):
                raise InputError(
                    f"{self.name}: expected integers and slices with rising steps after the first "
                    f"index, got {key!r:.80}; read the samples first and index the array"
                )
        axes = sum(key is not Ellipsis for key in rest)
        if axes >= self.ndim or len(rest) - axes > 1:
            raise IndexError(
                f"{self.name}: expected at most {self.ndim} indices and one ellipsis, got "
                f"{axes + 1} and {len(rest) - axes}"
            )

    def _guarded(self, read: Any) -> None:
        """Run a reading function and name the file if the bytes are damaged."""
        try:
            read(self._owner.reader(self.name))
        except OSError as error:
            if isinstance(error, FileFormatError):
                raise
            raise FileFormatError(
                f"{self._owner.path}: {self.name} cannot be read, the file is damaged "
                f"({str(error)[:160]}); restore it or write it again"
            ) from None

    def _index(self, index: Any) -> int:
        """Return a valid sample number for an integer that may count from the end."""
        try:
            if isinstance(index, bool | np.bool_):
                raise TypeError
            number = operator.index(index)
        except TypeError:
            raise InputError(
                f"{self.name}: expected integers, slices or lists of integers, got {index!r:.80}"
            ) from None
        count = len(self)
        if not -count <= number < count:
            raise IndexError(f"{self.name}: expected a sample below {count}, got {number}")
        return number % count

    def _positions(self, samples: Any) -> range | list[int]:
        """Return the sample numbers of a slice, a mask or a list of integers."""
        if isinstance(samples, slice):
            return range(len(self))[samples]
        picked = np.asarray(samples)
        if picked.ndim == 1 and picked.dtype == bool:
            if len(picked) != len(self):
                raise IndexError(
                    f"{self.name}: expected {len(self)} truth values, got {len(picked)}"
                )
            return np.flatnonzero(picked).tolist()
        if picked.ndim != 1 or (picked.size and picked.dtype.kind not in "iu"):
            raise InputError(f"{self.name}: expected a flat list of integers, got {samples!r:.80}")
        if not picked.size:
            return []
        count, least, most = len(self), int(picked.min()), int(picked.max())
        if not -count <= least <= most < count:
            raise IndexError(f"{self.name}: expected samples below {count}, got {least} to {most}")
        return (picked if least >= 0 else picked % count).tolist()

    def _target(self, out: NDArray[Any] | None, shape: tuple[int, ...]) -> NDArray[Any]:
        """Return the array to read into."""
        if out is None:
            return np.empty(shape, self.dtype)
        if out.shape != shape or out.dtype != self.dtype or not out.flags.c_contiguous:
            raise InputError(
                f"{self.name}: expected out of shape {shape}, type {self.dtype} and C order, got "
                f"{out.shape} and {out.dtype}"
            )
        return out

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError(
                f"{self.name}: expected leave to copy, the numbers are in a file; drop copy=False"
            )
        return self.read(slice(None)).astype(dtype or self.dtype, copy=False)

    def __repr__(self) -> str:
        return f"FieldView({self.name}: {self.shape}, {self.dtype}, unit {self.unit})"

"""Fields on a grid, their inputs and their provenance, in one HDF5 file."""

import os
import threading
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from nwidth.archive import hdf5_image
from nwidth.arguments import require_path
from nwidth.arrays import require_finite, to_numpy
from nwidth.audit import audit, open_audited, open_journaled, problems
from nwidth.errors import FileFormatError, InputError
from nwidth.field_layout import (
    GROUP,
    WAITING,
    Field,
    FieldLayout,
    dataset_options,
    read_json,
    read_layout,
    waiting_room,
    write_json,
    write_layout,
)
from nwidth.field_view import FieldView, SampleReader
from nwidth.field_writer import METADATA, UNCACHED, FieldWriter, fresh_file
from nwidth.journaled_file import JournaledFile
from nwidth.manifest import (
    update_manifest,
    verify_coordinates,
    verify_finite,
    verify_manifest,
    write_manifest,
)
from nwidth.meshes import Grid

__all__ = ["Field", "FieldDataset", "FieldView"]

_OPENING = threading.Lock()
# A child forked while another thread opens a file would wait for that thread forever.
os.register_at_fork(
    before=_OPENING.acquire, after_in_parent=_OPENING.release, after_in_child=_OPENING.release
)


class FieldDataset:
    """Named fields `(sample, [time,] *grid[, component])`, scalars, grid, units and provenance.

    The file is laid out as The Well's (Ohana et al. 2024, arXiv:2412.00568), with HDF5 dimension
    scales, so xarray, The Well's loader and plain h5py read it too; see `docs/file_format.md`.

    Samples are appended one by one and survive the death of the process from the moment `append`
    returns. A file that is being written says so: `complete` is False until `finish`, readers see
    the samples counted so far, foreign readers see NaN beyond them and `n_trajectories` 0. One
    process writes at a time, and no other may read meanwhile.

    Objects are picklable and may be used from threads and from other processes: each process
    opens the file for itself. Start workers that also compute with "spawn" or "forkserver":
    threads of Numba (OpenMP) do not survive a fork.

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> grid = Grid.uniform((3, 4))
    >>> with FieldDataset.create(f"{folder.name}/a.h5", grid, {"pressure": "Pa"}) as data:
    ...     for k in range(3):
    ...         _ = data.append({"pressure": np.full((3, 4), k)})
    ...     data.finish()
    >>> data = FieldDataset.open(f"{folder.name}/a.h5")
    >>> data["pressure"].shape, float(data["pressure"][[2, 0]].sum())
    ((3, 3, 4), 24.0)
    >>> data.verify()
    []
    >>> data.close(); folder.cleanup()
    """

    def __init__(self, path: str | Path, mode: str):
        self.path = require_path(path, "path").resolve()
        self.mode = mode
        self._pid: int | None = None
        self._file: h5py.File | None = None
        self._stream: JournaledFile | None = None
        self._writer: FieldWriter | None = None
        self._readers: dict[str, SampleReader] = {}
        self._count = 0
        self._complete = False

    @classmethod
    def create(
        cls,
        path: str | Path,
        grid: Grid,
        fields: Mapping[str, Field | str],
        *,
        scalars: Mapping[str, str] | None = None,
        times: ArrayLike | None = None,
        time_unit: str = "1",
        samples: int | None = None,
        dtype: DTypeLike = "float64",
        provenance: Mapping[str, Any] | None = None,
        boundary: Mapping[str, Any] | None = None,
        overwrite: bool = False,
        checksum: bool = True,
        compression: str | None = None,
        allow_nonfinite: bool | Collection[str] = False,
    ) -> Self:
        """Create an empty data set to append to.

        `fields` gives a unit, or a `Field`, by name; `scalars` a unit by name, one value per
        sample. `times` is None for static data. `samples` is the expected number, for which disk
        space is reserved now: a disk that is too full is an error here and not after a day.
        `boundary` is what `Boundary.describe()` gives; The Well's readers learn from it which sides
        let something pass (OPEN: a value or a flux is prescribed) and which do not (WALL).
        `allow_nonfinite` names the fields and scalars that may hold NaN and infinity (True: all).
        `compression` is "gzip", "lzf" or, with hdf5plugin, "bitshuffle" or "blosc2"; solution
        fields seldom shrink by more than a quarter.

        Raises `InputError` for what cannot be stored, `FileFormatError` (an OSError) if the file
        exists (unless `overwrite`), is being written, or has no place on the disk.
        """
        layout = FieldLayout.checked(
            grid,
            fields,
            scalars=scalars or {},
            times=times,
            time_unit=time_unit,
            dtype=dtype,
            boundary=boundary or {},
            expected=samples,
            allow_nonfinite=allow_nonfinite,
        )
        options = dataset_options(checksum, compression)
        self = cls(path, "a")
        self.layout = layout
        if provenance is not None and not isinstance(provenance, Mapping):
            raise InputError(f"provenance: expected a mapping, got {provenance!r:.80}")
        image = hdf5_image(lambda file: write_layout(file, layout, provenance or {}, options))
        with fresh_file(self.path, overwrite, image) as stream:
            self._stream, self._file, self._pid = stream, stream.hdf5(**UNCACHED), os.getpid()
            self._writer = FieldWriter(stream, self._file, layout)
        return self

    @classmethod
    def open(cls, path: str | Path, mode: str = "r") -> Self:
        """Open a data set for reading ("r") or for appending to an unfinished one ("a").

        The file is audited first: nothing outside it is read, nothing is executed. Raises
        `FileFormatError` if it is missing, foreign, damaged, or open for writing elsewhere.
        """
        if mode not in ("r", "a"):
            raise InputError(f"mode: expected 'r' or 'a', got {mode!r}")
        self = cls(path, mode)
        self._connect()
        return self

    def _connect(self) -> h5py.File:
        """Return the file, opened by this very process."""
        if self._pid == os.getpid() and self._file is not None:
            return self._file
        with _OPENING:
            if self._pid == os.getpid() and self._file is not None:
                return self._file
            if self._pid not in (None, os.getpid()) and self.mode == "a":
                raise FileFormatError(
                    f"{self.path}: expected one writer, got a copy of it in another process; "
                    "finish or close it before it is handed to workers"
                )
            source: Path | JournaledFile = self.path
            if self.mode == "a":
                source = open_journaled(self.path)
            try:
                options = UNCACHED if self.mode == "a" else {}
                self._take(source, open_audited(source, sparse=True, **options))
            except BaseException:
                if isinstance(source, JournaledFile):
                    source.close_hdf5()
                raise
        return self._file

    def _take(self, source: Path | JournaledFile, file: h5py.File) -> None:
        """Read all but the numbers, and prepare to append."""
        try:
            self.layout = read_layout(file)
            self._count = int(file[f"{GROUP}/count"][()])
            self._complete = bool(file[f"{GROUP}/complete"][()])
            self._readers, self._writer, self._stream = {}, None, None
            if isinstance(source, JournaledFile):
                self._stream = source
                if not self._complete:
                    self._writer = FieldWriter(source, file, self.layout)
        except FileFormatError:
            file.close()
            raise
        except Exception as error:  # whatever a damaged file makes of it
            file.close()
            raise FileFormatError(
                f"{self.path}: the data set is damaged ({str(error)[:200]}); restore it"
            ) from None
        self._file, self._pid = file, os.getpid()

    def append(self, fields: Mapping[str, Any], scalars: Mapping[str, float] | None = None) -> int:
        """Append one sample, every field and scalar of it, and return its number.

        When this returns, the sample survives a kill of the process (a power cut may still take
        what the system has not written to disk). Arrays are converted to the file's precision.
        Raises `InputError` for wrong names, shapes or types, `NonFiniteError` for NaN or infinity
        (unless `allow_nonfinite` names it), and an OSError if the disk is full; the file then
        is as it was before.
        """
        batch = {name: array[None] for name, array in _arrays(fields, "fields").items()}
        values = {name: value[None] for name, value in _arrays(scalars, "scalars").items()}
        return self.extend(batch, values)[0]

    def extend(
        self, fields: Mapping[str, Any], scalars: Mapping[str, ArrayLike] | None = None
    ) -> range:
        """Append a batch, arrays `(samples, ...)`, with one flush, and return the numbers."""
        writer = self._appendable()
        numbers, values = _arrays(fields, "fields"), _arrays(scalars, "scalars")
        _require_names(numbers, self.layout.fields, "fields")
        _require_names(values, self.layout.scalars, "scalars")
        sizes = {name: array.shape[:1] for name, array in {**numbers, **values}.items()}
        if len({*sizes.values()}) != 1 or () in sizes.values():
            raise InputError(f"expected the same number of samples everywhere, got {sizes}")
        count = next(iter(sizes.values()))[0]
        stored = {
            name: self._storable(name, array, (count, *self.layout.sample_shapes[name]))
            for name, array in numbers.items()
        }
        plain = {name: self._storable(name, value, (count,)) for name, value in values.items()}
        start, expected = writer.count, self.layout.expected
        if expected is not None and start + count > expected:
            raise InputError(
                f"{self.path.name}: expected {expected} samples in all, got number "
                f"{start + count}; create the file with a larger number of samples"
            )
        self._readers.clear()
        if count:
            writer.append(stored, plain, count)
        return range(start, start + count)

    def _appendable(self) -> FieldWriter:
        """Return the writer, or raise why there is none."""
        self._connect()
        if self._writer is None:
            why = "it is finished" if self.mode == "a" or self._complete else "it is open to read"
            raise InputError(
                f"{self.path.name}: expected a file to append to, but {why}; "
                "open an unfinished file with mode='a' or create a new one"
            )
        return self._writer

    def _storable(self, name: str, array: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        """Return numbers of the stored type in C order, or raise what is wrong with them."""
        if array.dtype.kind not in "biuf":
            raise InputError(
                f"{name}: expected real numbers, got {array.dtype}; "
                "store real and imaginary parts as components"
            )
        if array.shape != shape:
            raise InputError(
                f"{name}: expected shape {shape[1:]} per sample, got {array.shape[1:]}"
            )
        kind = self.layout.dtype if name in self.layout.fields else np.dtype("f8")
        with np.errstate(all="ignore"):
            stored = np.ascontiguousarray(array, dtype=kind)
            # A finite sum proves finite terms at the price of one pass and no temporary.
            total = np.einsum("i->", stored.reshape(-1))
            if not np.isfinite(total) and name not in self.layout.allow_nonfinite:
                require_finite(stored, name)
        return stored

    def finish(self, *, early: bool = False) -> None:
        """Mark the data set complete: cut unused space and write the SHA-256 manifest.

        All numbers are read back once for it. The object then reads, and other processes may too.
        `early` accepts fewer samples than expected.
        """
        file = self._connect()
        if self._complete:
            return
        writer = self._appendable()
        if not early and self.layout.expected not in (None, writer.count):
            raise InputError(
                f"{self.path.name}: expected {self.layout.expected} samples, got {writer.count}; "
                "append the rest, or call finish(early=True)"
            )
        writer.require_space()
        writer.trim()
        file.attrs["n_trajectories"] = writer.count
        file[f"{GROUP}/expected"][()] = writer.count
        file.flush()
        writer.require_space()
        write_manifest(file)
        file.flush()
        file[f"{GROUP}/complete"][()] = 1
        file.flush()
        self._complete = True
        self.close()
        with JournaledFile(self.path) as stream, stream.hdf5() as again:
            again.pop(WAITING, None)
            again.flush()
            stream.sync()
        self.mode = "r"

    def verify(self) -> list[str]:
        """Read everything once and return what is wrong with the file, empty if nothing is.

        Checks that the file is self-contained, complete, finite, agrees with its grid, and holds
        bit for bit what it held when it was finished.
        """
        found = audit(self.path) if self._stream is None else [*problems(self._connect())]
        if found:
            return found
        try:
            file = self._connect()
            if not self.complete:
                found.append(f"it is unfinished: {len(self)} of {self.expected or 'any'} samples")
            else:
                found += verify_manifest(file)
            found += verify_coordinates(file, self.grid)
            for name, values in {**dict(self), **self.scalars}.items():
                if name not in self.layout.allow_nonfinite:
                    found += verify_finite(name, values)
        except Exception as error:  # damaged bytes surface as many kinds
            found.append(f"it cannot be read: {str(error)[:200]}")
        return found

    def __getitem__(self, name: str) -> FieldView:
        if name not in self.layout.fields:
            raise InputError(
                f"{self.path.name}: expected one of the fields {', '.join(self.field_names)}, "
                f"got {name!r}"
            )
        return FieldView(self, name)

    def __contains__(self, name: object) -> bool:
        return name in self.layout.fields

    def __iter__(self) -> Iterator[str]:
        """Go over the names of the fields, as a mapping does; `len` counts the samples."""
        return iter(self.layout.fields)

    def keys(self) -> tuple[str, ...]:
        """Return the names of the fields, so that `dict(data)` gives views by name."""
        return self.field_names

    def read(self, index: int, name: str, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return one sample of one field, read into `out` if given."""
        return self[name].read(index, out)

    def reader(self, name: str) -> SampleReader:
        """Return the reader of one field in this process."""
        if self._pid != os.getpid() or self._file is None:
            self._connect()
        reader = self._readers.get(name)
        if reader is None:
            file = self._connect()
            waiting = None if self._complete else file.get(waiting_room(name))
            reader = SampleReader(file[self.layout.path(name)], waiting, len(self))
            self._readers[name] = reader
        return reader

    @property
    def scalars(self) -> dict[str, NDArray[np.float64]]:
        """The scalars of all samples, arrays `(sample,)` by name."""
        file = self._connect()
        return {name: file[f"scalars/{name}"][: len(self)] for name in self.layout.scalars}

    @property
    def provenance(self) -> dict[str, Any]:
        """What made the data: equation, solver, tolerances, seed, versions."""
        return read_json(self._connect()[GROUP], "provenance")

    def annotate(self, more: Mapping[str, Any]) -> None:
        """Add entries to the provenance; a finished file keeps a valid manifest."""
        file = self._connect()
        if self.mode != "a":
            raise InputError(f"{self.path.name}: expected a writable file; open it with mode='a'")
        provenance = {**self.provenance, **more}
        if self._writer is not None:
            self._writer.require_space()
        elif self._stream is not None:
            self._stream.reserve(METADATA)
        write_json(file[GROUP], "provenance", provenance)
        if self._complete:
            update_manifest(file, f"{GROUP}/provenance")
        file.flush()

    @property
    def grid(self) -> Grid:
        """The grid of all fields."""
        return self.layout.grid

    @property
    def times(self) -> NDArray[np.float64] | None:
        """The times of every sample, or None for static data."""
        return self.layout.times

    @property
    def field_names(self) -> tuple[str, ...]:
        """Names of the fields, in the order they were declared."""
        return tuple(self.layout.fields)

    @property
    def scalar_names(self) -> tuple[str, ...]:
        """Names of the scalars."""
        return tuple(self.layout.scalars)

    @property
    def units(self) -> dict[str, str]:
        """Units of fields and scalars by name."""
        fields = {name: field.unit for name, field in self.layout.fields.items()}
        return {**fields, **self.layout.scalars}

    @property
    def boundary(self) -> dict[str, Any]:
        """The description of the sides."""
        return dict(self.layout.boundary)

    @property
    def expected(self) -> int | None:
        """The number of samples that were announced, or None."""
        return self.layout.expected

    @property
    def complete(self) -> bool:
        """Whether the data set was finished."""
        self._connect()
        return self._complete

    def __len__(self) -> int:
        return self._count if self._writer is None else self._writer.count

    def __bool__(self) -> bool:
        return True

    def close(self) -> None:
        """Close the file; a further read opens it again."""
        if self._file is not None and self._pid == os.getpid():
            self._count = len(self)
            self._readers, self._writer = {}, None
            self._file.close()
            if self._stream is not None:
                self._stream.close()
        self._file = self._pid = self._stream = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "mode": self.mode}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["path"], "r")  # type: ignore[misc]
        self._connect()

    def __repr__(self) -> str:
        kind = "complete" if self._complete else f"unfinished, {self.expected or 'any'} expected"
        names = ", ".join(self.field_names)
        return f"FieldDataset({self.path.name}: {len(self)} samples ({kind}) of {names})"


def _arrays(given: Any, what: str) -> dict[str, NDArray[Any]]:
    """Return a mapping of NumPy arrays, or raise what cannot be one."""
    if given is None and what == "scalars":
        return {}
    if not isinstance(given, Mapping):
        raise InputError(f"{what}: expected arrays by name, got {type(given).__name__}")
    arrays = {}
    for name, values in given.items():
        try:
            arrays[name] = to_numpy(values)
        except (TypeError, ValueError):
            raise InputError(f"{name}: expected an array, got {values!r:.80}") from None
    return arrays


def _require_names(given: Mapping[str, Any], wanted: Mapping[str, Any], what: str) -> None:
    if {*given} != {*wanted}:
        raise InputError(
            f"{what}: expected exactly {', '.join(wanted) or 'none'}, "
            f"got {', '.join(map(str, given)) or 'none'}"
        )

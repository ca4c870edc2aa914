"""Batches of normalized tensors, straight from a data set."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nwidth.errors import InputError
from nwidth.fields import FieldDataset
from nwidth.meshes import Grid
from nwidth.operators.training.data_agreement import require_finite_samples
from nwidth.operators.training.normalizer import Normalizer

# Data sets whose tensors need no more than this many bytes are kept in memory.
_CACHE_BYTES = 1 << 31
_BLOCK_BYTES = 1 << 26


class TrainingData:
    """Some samples of a data set as network inputs v and targets u, both normalized.

    v is `encode` of the inputs, stacked as channels; u is the output divided by its scale, less
    `level`, to be compared with the network's output plus `shift` (see `Normalizer`): relative
    errors, with the level in their denominators, are then those of the physical fields, and no
    power of a physical unit can overflow.

    Small sets (2 GB) are cached as tensors on the device, at the coarsening in use: another one
    replaces them and reads the data anew. Larger sets are read batch by batch.
    """

    def __init__(
        self,
        dataset: FieldDataset,
        inputs: tuple[str, ...],
        output: str,
        samples: NDArray[np.integer],
        normalizers: Mapping[str, Normalizer],
        like: Tensor,
    ):
        self.dataset, self.inputs, self.output = dataset, inputs, output
        self.samples = np.asarray(samples)
        self.normalizers = normalizers
        self.dtype, self.device = like.dtype, like.device
        self.shift, self.level = normalizers[output].shift, normalizers[output].level
        self.grid: Grid = dataset.grid
        numbers = sum(int(np.prod(dataset[name].shape[1:])) for name in (*inputs, output))
        self._sample_bytes = numbers * like.element_size()
        self._cached = self._sample_bytes * len(self.samples) <= _CACHE_BYTES
        self._cache: dict[int, tuple[Tensor, Tensor]] = {}

    def __len__(self) -> int:
        return len(self.samples)

    def batch(self, positions: NDArray[np.integer], factor: int = 1) -> tuple[Tensor, Tensor]:
        """Return v (batch, channels, *grid) and u alike for positions among the samples."""
        if not self._cached:
            return self._read(self.samples[positions], factor)
        if factor not in self._cache:
            self._cache = {factor: self._read_all(factor)}
        where = torch.as_tensor(positions, device=self.device)
        v, u = self._cache[factor]
        return v[where], u[where]

    def _read_all(self, factor: int) -> tuple[Tensor, Tensor]:
        """Read all samples in blocks."""
        step = max(1, _BLOCK_BYTES // self._sample_bytes)
        starts = range(0, len(self.samples), step)
        parts = [self._read(self.samples[k : k + step], factor) for k in starts]
        v, u = zip(*parts, strict=True)
        return torch.cat(v), torch.cat(u)

    def _read(self, samples: NDArray[np.integer], factor: int) -> tuple[Tensor, Tensor]:
        """Read some samples, coarsen, normalize, convert."""
        v = [self._channels(name, samples, factor) for name in self.inputs]
        target = self._channels(self.output, samples, factor)
        scaled = [self.normalizers[n].encode(a) for n, a in zip(self.inputs, v, strict=True)]
        return (
            self._tensor(np.concatenate(scaled, axis=1)),
            self._tensor(self.normalizers[self.output].target(target)),
        )

    def _tensor(self, array: NDArray[Any]) -> Tensor:
        """Copy to a tensor of the network's precision and device."""
        return torch.tensor(np.ascontiguousarray(array), dtype=self.dtype, device=self.device)

    def _channels(
        self, name: str, samples: NDArray[np.integer], factor: int
    ) -> NDArray[np.floating]:
        """Return a field as (sample, channel, *grid)."""
        field = as_channels(np.asarray(self.dataset[name][samples]), self.grid.dimension)
        require_finite_samples(field, samples, f"{name} of {self.dataset.path}")
        return field if factor == 1 else self.grid.restrict(field, factor)

    def describe(self) -> dict[str, Any]:
        """Return what identifies these data: names, grid, normalizers, a digest of every number.

        All samples are read once, in blocks.
        """
        digest = hashlib.sha256(np.ascontiguousarray(self.samples, dtype=np.int64).tobytes())
        for name in (*self.inputs, self.output):
            view = self.dataset[name]
            each = int(np.prod(view.shape[1:])) * view.dtype.itemsize
            step = max(1, _BLOCK_BYTES // each)
            digest.update(f"{name} {view.dtype.str} {view.shape[1:]} ".encode())
            for k in range(0, len(self.samples), step):
                block = np.ascontiguousarray(view[self.samples[k : k + step]])
                digest.update(block.reshape(-1).view(np.uint8).data)
        return {
            "inputs": list(self.inputs),
            "output": self.output,
            "grid": self.grid.describe(),
            "samples": len(self.samples),
            "normalizers": {
                name: [self.normalizers[name].mean, self.normalizers[name].scale]
                for name in (*self.inputs, self.output)
            },
            "digest": digest.hexdigest(),
        }


def as_channels(field: NDArray[Any], dimension: int) -> NDArray[Any]:
    """Return fields (sample, *grid[, component]) as (sample, channel, *grid)."""
    if field.ndim == dimension + 1:
        return field[:, None]
    return np.moveaxis(field, -1, 1)


def channels_of(dataset: FieldDataset, name: str) -> int:
    """Return the number of components of a static field, or raise `InputError`."""
    if name not in dataset.field_names:
        raise InputError(
            f"expected a field {name!r} in {dataset.path}, got {', '.join(dataset.field_names)}; "
            "name the model's inputs and output after fields of the data"
        )
    if dataset.times is not None:
        raise InputError(
            f"expected static fields (sample, *grid), but {dataset.path} holds time series; "
            "store the states to learn from as fields of their own"
        )
    extra = dataset[name].shape[1 + dataset.grid.dimension :]
    return int(np.prod(extra)) if extra else 1

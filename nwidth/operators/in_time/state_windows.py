"""Windows of consecutive states of a data set in time, from memory or straight from the file."""

import hashlib
from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nwidth.arguments import require_integer
from nwidth.arrays import require_finite
from nwidth.fields import FieldDataset
from nwidth.meshes import Grid
from nwidth.operators.training.normalizer import Normalizer

# Trajectories whose tensors need no more than this many bytes are kept in memory.
CACHE_BYTES = 1 << 31
_BLOCK_BYTES = 1 << 26


class StateWindows:
    """Windows of states v_j, ..., v_{j+n-1} of some trajectories of a data set, normalized.

    States are those of every `stride`-th time. Those of several `fields`, and their components,
    are channels; `constants` are the fields of the data set that do not change in time, and
    `shared` are fields `(*grid)` that are the same for every trajectory, such as a forcing.

    Trajectories that need no more than `budget` bytes as tensors are cached on the device, at the
    coarsening in use: another one replaces them and reads the data anew. Of larger ones only the
    states of the windows asked for are read, each time.

    Raises `NonFiniteError`, naming field and file, for states that are NaN or infinite.
    """

    def __init__(
        self,
        dataset: FieldDataset,
        fields: tuple[str, ...],
        constants: tuple[str, ...],
        samples: NDArray[np.integer],
        normalizers: Mapping[str, Normalizer],
        like: Tensor,
        *,
        shared: Mapping[str, NDArray[Any]] | None = None,
        stride: int = 1,
        budget: int = CACHE_BYTES,
    ):
        self.dataset, self.fields, self.constants = dataset, fields, constants
        self.samples = np.asarray(samples)
        self.normalizers = normalizers
        self.shared = {} if shared is None else dict(shared)
        self.dtype, self.device = like.dtype, like.device
        self.stride = require_integer(stride, "stride", 1)
        self.grid: Grid = dataset.grid
        assert dataset.times is not None
        self.times = dataset.times[:: self.stride]
        names = (*fields, *constants)
        numbers = sum(prod(dataset[name].shape[1:]) for name in names) // self.stride
        self._trajectory_bytes = max(1, numbers * like.element_size())
        self._cached = self._trajectory_bytes * len(self.samples) <= budget
        self._cache: dict[int, tuple[Tensor, Tensor]] = {}
        counts = [prod(dataset.layout.fields[name].components) for name in fields]
        # What a normalized state is short of the field divided by its scale, of which relative
        # errors should see the level in their denominators alone: see `Normalizer`.
        self.near = self._by_channel([normalizers[n].shift for n in fields], counts)
        level = self._by_channel([normalizers[n].level for n in fields], counts)
        self.shift, self.level = self.near + level, level if level.any() else 0.0

    def _by_channel(self, values: list[float], counts: list[int]) -> Tensor:
        """Return a number of each field at all its components, to be added to states."""
        repeated = torch.tensor(np.repeat(values, counts), dtype=self.dtype, device=self.device)
        return repeated.view(-1, *(1,) * self.grid.dimension)

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def length(self) -> int:
        """Number of states of a trajectory."""
        return len(self.times)

    @property
    def trajectories_at_once(self) -> int:
        """Number of trajectories of which all states are read together: of large ones a single."""
        return max(1, _BLOCK_BYTES // self._trajectory_bytes)

    def axes(self, factor: int) -> tuple[Any, ...]:
        """Return the axes of the grid coarsened by a factor."""
        return (self.grid if factor == 1 else self.grid.coarsen(factor)).axes

    def states(
        self, positions: NDArray[np.integer], starts: NDArray[np.integer], count: int, factor: int
    ) -> Tensor:
        """Return `count` states of trajectories by position, each from its own start.

        Shape (n, count, channels, *grid); start 0 is the first time of the data.
        """
        if not self._cached:
            parts = [
                self._states(self.samples[[p]], int(j), int(j) + count, factor)
                for p, j in zip(positions, starts, strict=True)
            ]
            return torch.cat(parts)
        at = torch.as_tensor(np.asarray(starts)[:, None] + np.arange(count), device=self.device)
        which = torch.as_tensor(np.asarray(positions), device=self.device)[:, None]
        return self._all(factor)[0][which, at]

    def unchanging(self, positions: NDArray[np.integer], factor: int) -> Tensor:
        """Return the constants of trajectories and what is shared, (n, channels, *grid)."""
        if self._cached:
            return self._all(factor)[1][torch.as_tensor(np.asarray(positions), device=self.device)]
        return self._unchanging(self.samples[positions], factor)

    def _all(self, factor: int) -> tuple[Tensor, Tensor]:
        """Return the cached states and constants of all trajectories."""
        if factor not in self._cache:
            step = self.trajectories_at_once
            blocks = [self.samples[k : k + step] for k in range(0, len(self.samples), step)]
            self._cache = {}
            self._cache[factor] = (
                torch.cat([self._states(block, 0, self.length, factor) for block in blocks]),
                torch.cat([self._unchanging(block, factor) for block in blocks]),
            )
        return self._cache[factor]

    def _states(self, samples: NDArray[np.integer], first: int, stop: int, factor: int) -> Tensor:
        """Read states, coarsen, normalize, convert."""
        when = slice(first * self.stride, (stop - 1) * self.stride + 1, self.stride)
        parts = []
        for name in self.fields:
            field = np.asarray(self.dataset[name][samples, when])
            flat = field.reshape(-1, *field.shape[2:])
            channels = self._channels(name, flat, factor)
            parts.append(channels.reshape(len(samples), stop - first, *channels.shape[1:]))
        return self._tensor(np.concatenate(parts, axis=2))

    def _unchanging(self, samples: NDArray[np.integer], factor: int) -> Tensor:
        """Read constants and append what is shared."""
        parts = [
            self._channels(name, np.asarray(self.dataset[name][samples]), factor)
            for name in self.constants
        ]
        for name, field in self.shared.items():
            channel = self._channels(name, field[None], factor)
            parts.append(np.broadcast_to(channel, (len(samples), *channel.shape[1:])))
        if not parts:
            sizes = [axis.size for axis in self.axes(factor)]
            return torch.empty(len(samples), 0, *sizes, dtype=self.dtype, device=self.device)
        return self._tensor(np.concatenate(parts, axis=1))

    def _channels(self, name: str, field: NDArray[Any], factor: int) -> NDArray[np.floating]:
        """Return fields (n, *grid[, component]) encoded, as (n, channel, *coarse grid)."""
        channels = field.reshape(*field.shape[: 1 + self.grid.dimension], -1)
        field = np.moveaxis(channels, -1, 1)
        require_finite(field, f"{name} of {self.dataset.path}")
        if factor > 1:
            field = self.grid.restrict(field, factor)
        return np.asarray(self.normalizers[name].encode(field))

    def _tensor(self, array: NDArray[Any]) -> Tensor:
        """Copy to a tensor of the network's precision and device."""
        return torch.tensor(np.ascontiguousarray(array), dtype=self.dtype, device=self.device)

    def describe(self) -> dict[str, Any]:
        """Return what identifies these data: names, grid, times, a digest of every number.

        All trajectories are read once, in blocks.
        """
        digest = hashlib.sha256(np.ascontiguousarray(self.samples, dtype=np.int64).tobytes())
        for name, field in self.shared.items():
            digest.update(f"{name} ".encode() + np.ascontiguousarray(field, np.float64).tobytes())
        names = (*self.fields, *self.constants)
        for name in names:
            view = self.dataset[name]
            step = max(1, _BLOCK_BYTES // (prod(view.shape[1:]) * view.dtype.itemsize))
            digest.update(f"{name} {view.dtype.str} {view.shape[1:]} ".encode())
            for k in range(0, len(self.samples), step):
                block = np.ascontiguousarray(view[self.samples[k : k + step]])
                digest.update(block.reshape(-1).view(np.uint8).data)
        scalings = {n: self.normalizers[n] for n in (*names, *self.shared)}
        return {
            "fields": list(self.fields),
            "inputs": list(self.constants),
            "shared": sorted(self.shared),
            "grid": self.grid.describe(),
            "times": self.times.tolist(),
            "trajectories": len(self.samples),
            "normalizers": {n: [scaling.mean, scaling.scale] for n, scaling in scalings.items()},
            "digest": digest.hexdigest(),
        }

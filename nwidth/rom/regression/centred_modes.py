"""The mean of given fields and the modes of what differs from it."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import require_finite, require_shape
from nwidth.errors import InputError
from nwidth.rom.pod import pod
from nwidth.rom.row_norm import point_weights

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class CentredModes:
    """Fields as f ~ f_0 + sum_k c_k u_k, f_0 the mean of the given ones and u_k their POD modes.

    `mean` (*shape), `modes` (r, *shape) orthonormal for the `weights` (*shape) of the points.
    Scores c_k and norms come in double precision, fields in that of the modes.

    >>> found = CentredModes.of(np.array([[1.0, 2.0], [3.0, 2.0]]), np.ones(2))
    >>> found.rank, found.mean.tolist(), abs(found.scores([[3.0, 2.0]])).round(12).tolist()
    (1, [2.0, 2.0], [[1.0]])
    """

    mean: Array
    modes: Array
    weights: Array

    @classmethod
    def of(
        cls, fields: Array, weights: Array, rtol: float = 1e-8, max_rank: int | None = None
    ) -> Self:
        """Return those of fields (samples, *shape): modes with sigma_k > rtol sigma_1."""
        # The mean of float32 fields is summed in double precision.
        mean = fields.mean(axis=0, dtype=np.float64).astype(fields.dtype)
        weights = point_weights(weights, fields.shape[1:])
        differ = fields - mean
        size = float(np.abs(fields).max())
        if np.abs(differ).max() <= 8 * float(np.finfo(fields.dtype).eps) * size:
            return cls(mean, np.zeros((0, *mean.shape), fields.dtype), weights)
        return cls(mean, pod(differ, rtol, max_rank=max_rank, weights=weights).modes, weights)

    @property
    def rank(self) -> int:
        """Number r of modes."""
        return len(self.modes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a field."""
        return self.mean.shape

    def scores(self, fields: Any) -> Array:
        """Return c_k = (f - f_0, u_k) of fields (samples, *shape), shape (samples, r)."""
        weighted = (np.asarray(fields, np.float64) - self.mean) * self.weights
        return weighted.reshape(-1, self.mean.size) @ self.modes.reshape(-1, self.mean.size).T

    def combine(self, scores: Array) -> Array:
        """Return fields (samples, *shape) in double precision from scores (samples, r)."""
        return self.mean + np.tensordot(scores, self.modes, axes=(-1, 0))

    def norms(self, fields: Any) -> Array:
        """Return the norms of fields (samples, *shape)."""
        fields = np.asarray(fields, np.float64)
        return np.sqrt((fields**2 * self.weights).reshape(len(fields), -1).sum(axis=1))

    def archived(self) -> dict[str, Array]:
        """Return the arrays for a file."""
        return {"mean": self.mean, "modes": self.modes, "weights": self.weights}

    @classmethod
    def from_archived(cls, arrays: dict[str, Array]) -> Self:
        """Return what `archived` gave; KeyError or ValueError for anything else."""
        mean, modes = arrays["mean"], arrays["modes"]
        require_finite(mean, "mean")
        require_finite(require_shape(modes, (None, *mean.shape), "modes"), "modes")
        if mean.dtype != modes.dtype or mean.dtype.kind != "f" or mean.size == 0:
            raise InputError(f"modes: expected real fields, got {mean.dtype} and {modes.dtype}")
        return cls(mean, modes, point_weights(arrays["weights"], mean.shape))

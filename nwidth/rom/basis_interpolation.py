"""Fields from values at points, for a basis and points that any method has chosen."""

from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.archive import load_archive, save_archive
from nwidth.arrays import as_floating, require_finite, to_numpy
from nwidth.errors import FileFormatError, InputError
from nwidth.rom.field_basis import field_rows, orthonormal
from nwidth.rom.lebesgue_constants import lebesgue_constant

Array = NDArray[Any]

_KIND = "basis-interpolation"


class BasisInterpolation:
    """Interpolation, or least squares, in the span of a basis from values at points.

        f  ~  U (P^T U)^+ P^T f

    with the basis as columns of U and P^T f the values of f at the points. Points are flat indices
    into a field, at least as many as basis functions; with as many the values are reproduced. By
    the 2-norm, ||f - its interpolant|| <= C ||f - U U^+ f|| with C = `error_constant()`.
    Reference: Chaturantabut & Sorensen (2010), doi:10.1137/090766498, lemma 3.2.

    Args:
        basis: fields as rows, shape (r, *shape), real or complex, linearly independent.
        points: distinct indices, m >= r of them, in the order that values will have.

    >>> y = np.linspace(0, 1, 5)
    >>> model = BasisInterpolation(np.stack([np.ones(5), y]), [0, 4])
    >>> model.interpolate([1.0, 3.0]).round(12).tolist()
    [1.0, 1.5, 2.0, 2.5, 3.0]
    """

    def __init__(self, basis: Any, points: Any):
        self.basis = field_rows(basis, "basis")
        n, points = self.basis[0].size, np.asarray(points)
        if points.ndim != 1 or points.dtype.kind not in "iu":
            raise InputError(f"points: expected a list of flat indices, got {points!r:.80}")
        if points.size and not (points.min() >= 0 and points.max() < n):
            raise InputError(f"points: expected indices from 0 to {n - 1}, got {points!r:.80}")
        if len(np.unique(points)) < len(points):
            raise InputError(f"points: expected each point once, got {points!r:.80}")
        if len(points) < self.rank:
            raise InputError(
                f"points: expected at least as many as the {self.rank} fields of the basis, got "
                f"{len(points)}"
            )
        self.points = points.astype(np.int64)
        singular_values = np.linalg.svd(self.sampled, compute_uv=False)
        if (
            singular_values[-1]
            <= len(points) * np.finfo(singular_values.dtype).eps * (singular_values[0])
        ):
            raise InputError(
                f"points: expected points that tell the {self.rank} fields of the basis apart, but "
                f"at these their rank is {int((singular_values > singular_values[-1]).sum())} or "
                "less; choose others"
            )

    @property
    def rank(self) -> int:
        """Number of basis functions."""
        return len(self.basis)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a field."""
        return self.basis.shape[1:]

    @property
    def sampled(self) -> Array:
        """The basis at the points, (r, m): the transpose of P^T U."""
        return self.basis.reshape(self.rank, -1)[:, self.points]

    @cached_property
    def _factors(self) -> tuple[Array, Array]:
        """P^T U = Q R."""
        q, r = np.linalg.qr(self.sampled.T)
        return q, r

    def coefficients(self, values: Any) -> Array:
        """Return c (..., r) with f ~ sum_k c_k u_k from values of fields (..., m) at the points."""
        from scipy.linalg import solve_triangular

        values = to_numpy(as_floating(values, "values"))
        m = len(self.points)
        if values.ndim == 0 or values.shape[-1] != m:
            raise InputError(
                f"values: expected the last axis to hold the {m} points, got shape {values.shape}"
            )
        require_finite(values, "values")
        q, r = self._factors
        found = solve_triangular(r, q.conj().T @ values.reshape(-1, m).T, check_finite=False)
        return np.ascontiguousarray(found.T).reshape(*values.shape[:-1], self.rank)

    def interpolate(self, values: Any) -> Array:
        """Return fields (..., *shape) from values at the points (..., m)."""
        return np.tensordot(self.coefficients(values), self.basis, axes=(-1, 0))

    def lebesgue_constant(self) -> float:
        """Return max_y sum_m |l_m(y)|, by which errors of values grow at most.

        l_m is the field whose value is one at point m and zero at the others (for more points than
        functions: its least squares fit). The maximum norm of an interpolant is at most this times
        the largest value.
        """
        unit = self.coefficients(np.eye(len(self.points), dtype=self.basis.dtype))
        return lebesgue_constant(lambda part: unit @ part, self.basis.reshape(self.rank, -1))

    def error_constant(self) -> float:
        """Return ||U (P^T U)^+||_2, for an orthonormal basis 1 / sigma_min(P^T U).

        The error of an interpolated field in the 2-norm is at most this times that of the
        orthogonal projection onto the basis.
        """
        rows = orthonormal(self.basis.reshape(self.rank, -1))
        return 1 / float(np.linalg.svd(rows[:, self.points], compute_uv=False)[-1])

    def save(self, path: str | Path) -> None:
        """Write basis and points to one HDF5 file, whole or not at all."""
        save_archive(path, _KIND, {"basis": self.basis, "points": self.points}, {})

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read an interpolation back; executes nothing and opens no other file."""
        arrays, _ = load_archive(path, _KIND)
        try:
            return cls(arrays["basis"], arrays["points"])
        except (KeyError, InputError) as error:
            raise FileFormatError(f"{path}: not an interpolation in a basis ({error})") from None

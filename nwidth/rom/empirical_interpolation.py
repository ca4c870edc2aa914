"""What empirical interpolation leaves behind: fields, points, and the matrix between them."""

from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.archive import load_archive, save_archive
from nwidth.arrays import as_floating, require_finite, to_numpy
from nwidth.errors import FileFormatError, InputError, NotConvergedError
from nwidth.rom.lebesgue_constants import lebesgue_constant
from nwidth.rom.selection_status import SelectionStatus

Array = NDArray[Any]

_KIND = "empirical-interpolation"


@dataclass(frozen=True)
class EmpiricalInterpolation:
    """Interpolation of f(x, y) from a few rows x_l and a few points y_m.

        f(x, y)  ~  sum_lm D_lm f(x_l, y) f(x, y_m),    D = F^-T,    F_lm = f(x_l, y_m)

    Rows are fields, parameters or times, points are places; both are indices into the data that
    `eim` was given. The formula is exact on the chosen rows and at the chosen points, and does not
    change when rows and points exchange their roles. Reference: Casenave, Ern & Lelievre (2016),
    Variants of the empirical interpolation method, arXiv:1508.05330.

    `rows` and `points` are the d indices in the order of their choice, `functions` (d, *points) the
    fields f(x_l, .), `values` (rows, d) what all rows of the data have at the points. `errors` are
    the largest norms of a row of the remainder, before the first step and after each one.

    >>> from nwidth.rom.eim import eim
    >>> x, y = np.linspace(0, 1, 40)[:, None], np.linspace(0, 1, 50)
    >>> model = eim(1 / (1 + x + y), rtol=1e-6)
    >>> field = 1 / (1 + 0.123 + y)
    >>> bool(abs(model.interpolate(field[model.points]) - field).max() < 1e-6)
    True
    """

    rows: Array
    points: Array
    functions: Array
    values: Array
    errors: tuple[float, ...]
    status: SelectionStatus
    norm: str = "sup"

    @property
    def rank(self) -> int:
        """Number of rows and of points."""
        return len(self.points)

    @property
    def reached(self) -> float:
        """Largest norm of a row of the remainder, relative to the largest row of the data."""
        return self.errors[-1] / self.errors[0] if self.errors[0] else 0.0

    def checked(self) -> "EmpiricalInterpolation":
        """Return the interpolation itself, or raise with the remedy if it did not converge."""
        if self.status is SelectionStatus.CONVERGED:
            return self
        raise NotConvergedError(
            f"empirical interpolation: {self.status.value} (error {self.reached:.1e} of the "
            f"largest row, rank {self.rank})"
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a field."""
        return self.functions.shape[1:]

    @cached_property
    def matrix(self) -> Array:
        """F_lm = f(x_l, y_m)."""
        return self.values[self.rows]

    @cached_property
    def _factors(self) -> Any:
        from scipy.linalg import lu_factor

        return lu_factor(self.matrix.T, check_finite=False)

    def coefficients(self, values: Any) -> Array:
        """Return beta with f(x, .) ~ sum_l beta_l f(x_l, .) from values f(x, y_m), shape (..., d).

        F^T beta = f(x, y_m) is solved, which for one x costs d^2 operations.
        """
        from scipy.linalg import lu_solve

        values = self._checked(values)
        if self.rank == 0:
            return values
        flat = values.reshape(-1, self.rank).T
        return lu_solve(self._factors, flat, check_finite=False).T.reshape(values.shape)

    def interpolate(self, values: Any) -> Array:
        """Return fields (..., *shape) from values at the points (..., d)."""
        beta = self.coefficients(values)
        return np.tensordot(beta, self.functions, axes=(-1, 0))

    def lebesgue_constant(self) -> float:
        """Return max_y sum_m |sum_l D_lm f(x_l, y)|, by which values' errors grow at most.

        The error of an interpolated field is at most 1 + this times that of the best combination
        of the chosen rows, in the maximum norm.
        """
        from scipy.linalg import lu_solve

        if self.rank == 0:
            return 0.0
        return lebesgue_constant(
            lambda part: lu_solve(self._factors, part, trans=1, check_finite=False),
            self.functions.reshape(self.rank, -1),
        )

    def swapped(self) -> "EmpiricalInterpolation":
        """Return the same interpolation with the roles of rows and points exchanged."""
        return EmpiricalInterpolation(
            self.points,
            self.rows,
            np.ascontiguousarray(self.values.T),
            np.ascontiguousarray(self.functions.reshape(self.rank, prod(self.shape)).T),
            self.errors,
            self.status,
            self.norm,
        )

    def save(self, path: str | Path) -> None:
        """Write the interpolation to one HDF5 file, whole or not at all."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        description = {"errors": self.errors, "status": self.status.name, "norm": self.norm}
        save_archive(path, _KIND, arrays, description)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read an interpolation back; executes nothing and opens no other file."""
        arrays, told = load_archive(path, _KIND)
        try:
            found = cls(
                **{name: arrays[name] for name in _ARRAYS},
                errors=tuple(map(float, told["errors"])),
                status=SelectionStatus[told["status"]],
                norm=str(told["norm"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise FileFormatError(f"{path}: not an empirical interpolation ({error})") from None
        d = found.rank
        whole = len(found.rows) == len(found.functions) == d and found.values.shape[1:] == (d,)
        if not whole or not (found.rows < len(found.values)).all():
            raise FileFormatError(f"{path}: the arrays of the interpolation do not fit together")
        return found

    def _checked(self, values: Any) -> Array:
        values = to_numpy(as_floating(values, "values"))
        if values.ndim == 0 or values.shape[-1] != self.rank:
            raise InputError(
                f"values: expected the last axis to hold the {self.rank} points, got shape "
                f"{values.shape}"
            )
        return require_finite(values, "values")


_ARRAYS = ("rows", "points", "functions", "values")

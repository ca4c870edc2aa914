"""The skeleton formula: what ACA, CUR, generalized Nystroem and empirical interpolation share."""

from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.archive import load_archive, save_archive
from nwidth.arguments import require_instance, require_integer, require_integers
from nwidth.arrays import as_floating, require_finite, to_numpy
from nwidth.errors import FileFormatError, InputError
from nwidth.rom.empirical_interpolation import EmpiricalInterpolation
from nwidth.rom.matrix_products import (
    finite_operator,
    frobenius_norm,
    products,
    random_block,
)
from nwidth.rom.selection_status import SelectionStatus
from nwidth.solvers.linear_operator import LinearOperator

Array = NDArray[Any]

_KIND = "skeleton"
# Key of the random vectors that test an error; those that find a range count from zero.
_PROBES = 1 << 30


class Skeleton(LinearOperator):
    """A matrix from some of its columns and rows, and what is between them.

        A  ~  C G^+ R

    with columns C (m, k), rows R (l, n) and the core G (l, k). For EIM, ACA and DEIM's cross
    C = A(:, J), R = A(I, :), G = A(I, J); for generalized Nystroem C = A X, R = Y* A, G = Y* A X.
    G^+ leaves out singular values below round-off, and is applied in factors: G may be as
    ill-conditioned as A, but G^+ R and C G^+ are not. Reference: Goreinov, Tyrtyshnikov &
    Zamarashkin (1997), doi:10.1016/S0024-3795(96)00301-1.

    Args:
        columns, core, rows: C, G and R, real or complex.
        row_indices, column_indices: I and J, where there are such.
        error: what the method knows of ||A - C G^+ R||_F / ||A||_F.
        status: why the method ended.
        domain_shape, range_shape: shapes of fields that A takes and gives; flat by default.

    >>> A = np.outer([1.0, 2.0], [3.0, 4.0])
    >>> found = Skeleton(A[:, :1], A[1:, :1], A[1:])
    >>> found.to_dense().round(12).tolist()
    [[3.0, 4.0], [6.0, 8.0]]
    """

    def __init__(
        self,
        columns: Any,
        core: Any,
        rows: Any,
        *,
        row_indices: Any = None,
        column_indices: Any = None,
        error: float | None = None,
        status: SelectionStatus = SelectionStatus.CONVERGED,
        domain_shape: tuple[int, ...] | None = None,
        range_shape: tuple[int, ...] | None = None,
    ):
        self.columns, self.core, self.rows = (
            _matrix(*given) for given in ((columns, "columns"), (core, "core"), (rows, "rows"))
        )
        C, G, R = self.columns.shape, self.core.shape, self.rows.shape
        if (R[0], C[1]) != G:
            raise InputError(
                f"core: expected shape {(R[0], C[1])} between columns {C} and rows {R}, got {G}"
            )
        self.row_indices = _indices(row_indices, "row_indices", G[0], C[0])
        self.column_indices = _indices(column_indices, "column_indices", G[1], R[1])
        self.error, self.status = error, require_instance(status, "status", SelectionStatus)
        domain = (R[1],) if domain_shape is None else domain_shape
        self.domain_shape = require_integers(domain, "domain_shape", 0)
        range_ = (C[0],) if range_shape is None else range_shape
        self.range_shape = require_integers(range_, "range_shape", 0)
        if self.shape != (C[0], R[1]):
            raise InputError(
                f"skeleton: expected shapes of {C[0]} and {R[1]} numbers, got {self.range_shape} "
                f"and {self.domain_shape}"
            )
        self.dtype = np.result_type(self.columns, self.core, self.rows)

    @classmethod
    def of(cls, model: EmpiricalInterpolation) -> "Skeleton":
        """Return the data of an empirical interpolation, rows x_j and points y_i, as a skeleton.

        >>> from nwidth.rom.eim import eim
        >>> data = np.vander(np.linspace(1, 2, 9), 4)
        >>> bool(abs(Skeleton.of(eim(data)).to_dense() - data).max() < 1e-13)
        True
        """
        require_instance(model, "model", EmpiricalInterpolation)
        return cls(
            model.values,
            model.matrix,
            model.functions.reshape(model.rank, -1),
            row_indices=model.rows,
            column_indices=model.points,
            status=model.status,
            domain_shape=model.shape,
        )

    @property
    def rank(self) -> int:
        """Rank of the core, to round-off."""
        return self.factors[0].shape[1]

    @cached_property
    def factors(self) -> tuple[Array, Array]:
        """A ~ X Y with X = C V S^+, Y = U* R, from the singular value decomposition G = U S V*."""
        if 0 in self.core.shape:
            return self.columns[:, :0], self.rows[:0]
        U, s, Vh = np.linalg.svd(self.core, full_matrices=False)
        above = s > max(self.core.shape) * np.finfo(s.dtype).eps * s[0]
        left = self.columns @ (Vh[above].conj().T / s[above])
        return left, U[:, above].conj().T @ self.rows

    def _apply(self, u: Any) -> Any:
        left, right = self.factors
        return (left @ (right @ np.ravel(u))).reshape(self.range_shape)

    def _adjoint(self, v: Any) -> Any:
        left, right = self.factors
        return ((np.ravel(v).conj() @ left) @ right).conj().reshape(self.domain_shape)

    def to_dense(self) -> Array:
        """Return the matrix C G^+ R."""
        left, right = self.factors
        return left @ right

    def error_estimate(self, A: Any, *, samples: int = 20, seed: int = 0) -> float:
        """Return ||A - C G^+ R||_F / ||A||_F from products of both with random vectors.

        The mean of ||E w_i||^2 over Gaussian w_i has the expectation ||E||_F^2; its relative
        deviation is at most sqrt(2 / samples). Reference: Halko, Martinsson & Tropp (2011),
        doi:10.1137/090771806, section 4.3.

        Args:
            A: matrix, dense or sparse, or operator.
            samples: number of vectors.
            seed: an integer, of the vectors.
        """
        A = finite_operator(A)
        if A.shape != self.shape:
            raise InputError(f"A: expected shape {self.shape}, got {A.shape}")
        # A stream of its own: the method that is tested may have used the first ones of the seed.
        number = require_integer(samples, "samples", 1)
        probes = random_block(number, A.shape[1], A.dtype, seed, _PROBES)
        left, right = self.factors
        wanted = products(A, probes)
        size = frobenius_norm(wanted)
        missed = frobenius_norm(wanted - (left @ (right @ probes.T)).T)
        return missed / size if size else missed

    def save(self, path: str | Path) -> None:
        """Write the skeleton to one HDF5 file, whole or not at all."""
        names = ("columns", "core", "rows", "row_indices", "column_indices")
        arrays = {name: getattr(self, name) for name in names}
        told = {
            "error": self.error,
            "status": self.status.name,
            "domain_shape": self.domain_shape,
            "range_shape": self.range_shape,
        }
        kept = {name: array for name, array in arrays.items() if array is not None}
        save_archive(path, _KIND, kept, told)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a skeleton back; executes nothing and opens no other file."""
        arrays, told = load_archive(path, _KIND)
        try:
            return cls(
                **arrays,
                error=None if told["error"] is None else float(told["error"]),
                status=SelectionStatus[told["status"]],
                domain_shape=tuple(map(int, told["domain_shape"])),
                range_shape=tuple(map(int, told["range_shape"])),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise FileFormatError(f"{path}: not a skeleton ({error})") from None


def _matrix(array: Any, name: str) -> Array:
    """Return a finite matrix of floating-point numbers."""
    array = to_numpy(as_floating(array, name))
    if array.ndim != 2:
        raise InputError(f"{name}: expected a matrix, got shape {array.shape}")
    return require_finite(array, name)


def _indices(indices: Any, name: str, number: int, limit: int) -> Array | None:
    """Return so many indices below a limit, or None."""
    if indices is None:
        return None
    indices = np.asarray(indices)
    if indices.shape != (number,) or (number and indices.dtype.kind not in "iu"):
        raise InputError(f"{name}: expected {number} integers, got {indices!r:.80}")
    if number and not (indices.min() >= 0 and indices.max() < limit):
        raise InputError(f"{name}: expected indices from 0 to {limit - 1}, got {indices!r:.80}")
    return indices.astype(np.int64)

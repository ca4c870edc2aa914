"""The levels of algebraic multigrid for a sparse matrix, ours or PyAMG's."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_choice
from nwidth.arrays import real_floating
from nwidth.errors import InputError
from nwidth.solvers.multigrid.multigrid_cycle import COARSEST
from nwidth.solvers.multigrid.ruge_stueben import ruge_stueben
from nwidth.solvers.sparse_operator import canonical

KINDS = ("ruge-stueben", "smoothed-aggregation")

# Differences between A and A^T, and between R and P^T, that are taken for round-off.
ROUND_OFF = 1e-10

# Unknowns of the coarsest level at most, which is inverted as a dense matrix.
LARGEST_INVERSE = 3000

# Each level has at most this part of the unknowns of the one above; less is worth no level.
LEAST_COARSENING = 0.9


@dataclass(frozen=True)
class AlgebraicHierarchy:
    """Matrices A_0, A_1, ..., A_L and interpolations P_0, ..., P_(L-1) between them, all SciPy CSR.

        A_(l+1) = P_l^T A_l P_l

    Made from a matrix by `from_matrix` or taken from a PyAMG solver by `of`; `HierarchyCycle` runs
    cycles on it. Matrices are real, symmetric and have a positive diagonal.

    >>> import scipy.sparse as sp
    >>> off = [-1.0] * 199
    >>> A = sp.diags_array([[2.0] * 200, off, off], offsets=[0, 1, -1])
    >>> [level.shape[0] for level in AlgebraicHierarchy.from_matrix(A).matrices]
    [200, 100, 50]
    """

    matrices: tuple[Any, ...]
    interpolations: tuple[Any, ...]

    @classmethod
    def from_matrix(
        cls, A: Any, kind: str = "ruge-stueben", near_nullspace: NDArray[Any] | None = None
    ) -> "AlgebraicHierarchy":
        """Set up the levels for a symmetric matrix with positive diagonal.

        "ruge-stueben" is ours (`ruge_stueben`), for scalar equations. "smoothed-aggregation" is
        PyAMG's, which has to be installed, for systems such as elasticity too: give it the vectors
        that A hardly changes, such as rigid motions. Reference: Vanek, Mandel & Brezina (1996),
        doi:10.1007/BF02238511.

        Args:
            A: sparse or dense matrix, n x n.
            kind: one of the two.
            near_nullspace: shape (n, k), for smoothed aggregation; constants by default.

        Raises `InputError` for matrices and arguments that cannot be used, or without PyAMG.
        """
        require_choice(kind, "kind", KINDS)
        matrix = checked(A)
        if kind == "smoothed-aggregation":
            return cls.of(_aggregation(matrix, near_nullspace))
        if near_nullspace is not None:
            raise InputError(
                "near_nullspace: expected none for ruge-stueben, which interpolates constants; use "
                "kind='smoothed-aggregation'"
            )
        matrices, interpolations = [matrix], []
        while matrices[-1].shape[0] > COARSEST:
            P = ruge_stueben(matrices[-1])
            if P.shape[1] > LEAST_COARSENING * P.shape[0] and P.shape[1] > COARSEST:
                break  # so little is coupled strongly that relaxation does for the rest
            interpolations.append(P)
            with np.errstate(all="ignore"):  # what is not definite may end in zero divisors
                coarse = P.T @ (matrices[-1] @ P)
            matrices.append(checked(coarse, f"level {len(matrices)}"))
        return cls._of(matrices, interpolations)

    @classmethod
    def of(cls, multilevel: Any) -> "AlgebraicHierarchy":
        """Take the levels of a `pyamg` MultilevelSolver: their A and P.

        Raises `InputError` for hierarchies that are not symmetric, real and with positive diagonals
        on all levels; what is above the first level of at most 80 unknowns is kept.
        """
        levels = getattr(multilevel, "levels", None)
        if not isinstance(levels, Sequence) or not levels or not hasattr(levels[0], "A"):
            raise InputError(
                "hierarchy: expected a pyamg MultilevelSolver, such as "
                f"pyamg.ruge_stuben_solver(A), got {type(multilevel).__name__}"
            )
        matrices, interpolations = [checked(levels[0].A)], []
        for number, (level, below) in enumerate(pairwise(levels)):
            if matrices[-1].shape[0] <= COARSEST:
                break
            P = canonical(level.P).astype(np.float64, copy=False)
            if _largest(canonical(level.R) - P.T) > ROUND_OFF * _largest(P):
                raise InputError(
                    f"hierarchy: expected R = P^T on level {number}, got another restriction; "
                    "cycles are for symmetric matrices only"
                )
            interpolations.append(P)
            matrices.append(checked(below.A, f"level {number + 1}"))
        return cls._of(matrices, interpolations)

    @classmethod
    def _of(cls, matrices: list[Any], interpolations: list[Any]) -> "AlgebraicHierarchy":
        """Return the hierarchy if its coarsest matrix can be inverted."""
        size = matrices[-1].shape[0]
        if size > LARGEST_INVERSE:
            raise InputError(
                f"hierarchy: expected at most {LARGEST_INVERSE} unknowns on the coarsest level, got"
                f" {size}; the matrix has hardly any strong coupling: use method='direct' or "
                "conjugate gradients without preconditioner"
            )
        return cls(tuple(matrices), tuple(interpolations))

    @property
    def operator_complexity(self) -> float:
        """Entries of all levels over those of the finest."""
        return sum(A.nnz for A in self.matrices) / self.matrices[0].nnz


def checked(A: Any, name: str = "matrix") -> Any:
    """Return A as a float64 CSR array if it is real and symmetric with a positive diagonal.

    >>> checked([[2, 1], [1, 2]]).toarray().tolist()
    [[2.0, 1.0], [1.0, 2.0]]
    """
    matrix = canonical(A)
    if matrix.dtype.kind == "c":
        raise InputError(f"{name}: expected real numbers, got {matrix.dtype}; use method='direct'")
    if matrix.shape[0] != matrix.shape[1]:
        raise InputError(f"{name}: expected a square matrix, got shape {matrix.shape}")
    matrix = matrix.astype(np.float64, copy=False)
    diagonal = matrix.diagonal()
    if not (diagonal > 0).all():
        where = int(np.argmax(~(diagonal > 0)))
        raise InputError(
            f"{name}: expected a positive diagonal, got {diagonal[where]:g} in row {where}; "
            "multigrid relaxation needs one, use method='direct'"
        )
    if asymmetry(matrix) > ROUND_OFF:
        raise InputError(
            f"{name}: expected a symmetric matrix, A and its transpose differ by "
            f"{asymmetry(matrix):.1e} of the largest entry; use method='bicgstab' or 'direct'"
        )
    return matrix


def asymmetry(matrix: Any) -> float:
    """Return max |A - A*| / max |A|."""
    return _largest(matrix - matrix.conj().T) / (_largest(matrix) or 1.0)


def _largest(matrix: Any) -> float:
    return float(np.abs(matrix.data).max()) if matrix.nnz else 0.0


def _aggregation(matrix: Any, near_nullspace: NDArray[Any] | None) -> Any:
    """Return PyAMG's hierarchy of smoothed aggregation."""
    try:
        import pyamg
    except ImportError:
        raise InputError(
            "kind 'smoothed-aggregation': expected PyAMG, which is not installed; run pip install "
            "'nwidth[algebraic]' or use kind='ruge-stueben'"
        ) from None
    if near_nullspace is not None:
        near_nullspace = real_floating(near_nullspace, "near_nullspace").astype(np.float64)
        if near_nullspace.ndim != 2 or near_nullspace.shape[0] != matrix.shape[0]:
            raise InputError(
                f"near_nullspace: expected shape ({matrix.shape[0]}, k), got {near_nullspace.shape}"
            )
        if not np.isfinite(near_nullspace).all():
            raise InputError("near_nullspace: expected finite numbers")
    import scipy.sparse as sp

    matrix = sp.csr_array(matrix)
    return pyamg.smoothed_aggregation_solver(matrix, B=near_nullspace)

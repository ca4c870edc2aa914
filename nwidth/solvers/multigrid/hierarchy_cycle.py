"""Multigrid cycles on the levels of a sparse matrix, for several right-hand sides at once."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_choice
from nwidth.errors import InputError
from nwidth.solvers.multigrid.algebraic_hierarchy import AlgebraicHierarchy
from nwidth.solvers.multigrid.chebyshev import Chebyshev
from nwidth.solvers.multigrid.gauss_seidel import GaussSeidel
from nwidth.solvers.multigrid.jacobi import Jacobi
from nwidth.solvers.multigrid.multigrid_cycle import MultigridCycle, Smoother
from nwidth.solvers.multigrid.sparse_transfer import SparseTransfer
from nwidth.solvers.sparse_operator import SparseOperator

Array = NDArray[Any]

SMOOTHERS = ("gauss-seidel", "jacobi", "chebyshev")

# The part of the spectrum that Chebyshev polynomials relax; algebraic coarse levels have about a
# fourth of the unknowns.
ALPHA = 4.0


class HierarchyCycle(MultigridCycle):
    """One cycle M ~ A^-1 on an `AlgebraicHierarchy`, in threaded kernels and any precision.

    The cycles are those of `MultigridCycle`. Gauss-Seidel relaxes forwards before and backwards
    after the coarse level, Jacobi (damped by 4/3 over Gershgorin's bound) and Chebyshev polynomials
    the same both times, so M is symmetric, and a preconditioner of conjugate gradients. Data of
    shape (n, m) holds m right-hand sides; every entry of the matrices is read once for all of them.
    Reference: Stueben (2001), doi:10.1016/S0377-0427(00)00516-1.

    Args:
        hierarchy: levels of a matrix.
        columns: m; None for plain vectors.
        dtype: precision of the cycle, float64 by default; float32 halves the memory that is moved
            and does for a preconditioner of float64 iterations.
        sweeps: relaxations before and after on each level, the last number repeated.
        cycle: "V" or "W".
        smoother: "gauss-seidel", "jacobi" or "chebyshev" (degree 2 per sweep).
        device: run on the current CUDA device, on CuPy arrays; Jacobi and Chebyshev only.

    Raises `InputError` for arguments that cannot be used.

    >>> import scipy.sparse as sp
    >>> off = [-1.0] * 199
    >>> A = sp.diags_array([[2.0] * 200, off, off], offsets=[0, 1, -1])
    >>> M = HierarchyCycle(AlgebraicHierarchy.from_matrix(A), columns=3)
    >>> M.iterate(np.ones((200, 3)), rtol=1e-8).status.name
    'CONVERGED'
    """

    accepts = (SparseOperator,)

    def __init__(
        self,
        hierarchy: AlgebraicHierarchy,
        *,
        columns: int | None = None,
        dtype: Any = None,
        sweeps: int | Sequence[int] = (1,),
        cycle: str = "V",
        smoother: str = "gauss-seidel",
        device: bool = False,
    ):
        if not isinstance(hierarchy, AlgebraicHierarchy):
            raise InputError(
                f"hierarchy: expected an AlgebraicHierarchy, got {type(hierarchy).__name__}; use "
                "AlgebraicHierarchy.from_matrix(A) or AlgebraicHierarchy.of(pyamg_solver)"
            )
        require_choice(smoother, "smoother", SMOOTHERS[1:] if device else SMOOTHERS)
        self.columns, self.device, self._smoother = columns, device, smoother
        finest = SparseOperator(
            self._placed(hierarchy.matrices[0]),
            columns,
            properties=frozenset({"symmetric"}),
        )
        super().__init__(finest, dtype, sweeps, cycle)
        for matrix, P in zip(hierarchy.matrices, hierarchy.interpolations, strict=False):
            shape = (matrix.shape[0],) if columns is None else (matrix.shape[0], columns)
            transfer = SparseTransfer(self._placed(P), shape, self.precision, columns)
            self._append(self._relaxation(matrix / self._scale), [transfer])
        coarsest = hierarchy.matrices[-1] / self._scale
        shape = (coarsest.shape[0],) if columns is None else (coarsest.shape[0], columns)
        self._close(coarsest, shape, SparseOperator(coarsest).singular)
        self._inverse = self._placed(self._inverse)

    def _relaxation(self, matrix: Any) -> Smoother:
        """Return what relaxes on a level with this matrix."""
        if self._smoother == "gauss-seidel":
            return GaussSeidel(matrix, self.precision, columns=self.columns)
        operator = SparseOperator(self._placed(matrix), self.columns, dtype=self.precision)
        if self._smoother == "jacobi":
            return Jacobi(operator, min(4 / 3 / operator.gershgorin, 0.99))
        return Chebyshev(operator, degree=2, alpha=ALPHA)

    def _placed(self, array: Any) -> Any:
        """Return a matrix or array where the cycle runs."""
        if not self.device:
            return array
        from nwidth.solvers.multigrid._sparse_cupy import to_device

        return to_device(array)

    def _largest(self) -> float:
        return float(self.operator.matrix.diagonal().max())

    def _empty(self, shape: tuple[int, ...], dtype: Any) -> Array:
        return np.empty_like(self.operator.matrix.data, shape=shape, dtype=dtype)

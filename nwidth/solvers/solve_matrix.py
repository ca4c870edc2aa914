"""Solve a system with a user's own sparse matrix by the method that suits it."""

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_choice, require_instance
from nwidth.arrays import as_floating, require_finite
from nwidth.errors import InputError
from nwidth.solvers.krylov.bicgstab import bicgstab
from nwidth.solvers.krylov.conjugate_gradient import conjugate_gradient
from nwidth.solvers.krylov.fgmres import fgmres
from nwidth.solvers.krylov.iterate import Iterate, check_limits
from nwidth.solvers.linear_operator import LinearOperator, MatrixOperator
from nwidth.solvers.multigrid.algebraic_hierarchy import ROUND_OFF, AlgebraicHierarchy, asymmetry
from nwidth.solvers.multigrid.hierarchy_cycle import HierarchyCycle
from nwidth.solvers.solution import Solution, Status
from nwidth.solvers.sparse_cholesky import SparseCholesky, suits
from nwidth.solvers.sparse_operator import SparseOperator, canonical

Array = NDArray[Any]

METHODS = ("auto", "algebraic-multigrid-cg", "direct", "bicgstab", "fgmres")

# Up to so many unknowns elimination is quickest, or so quick that nothing else is worth trying;
# multigrid is the rival of the first, incomplete factors of the second.
SMALL_SYMMETRIC, SMALL_OTHER = 2_000, 50_000


def solve_matrix(
    A: Any,
    b: Any,
    rtol: float = 1e-8,
    *,
    method: str = "auto",
    hierarchy: AlgebraicHierarchy | None = None,
    near_nullspace: Array | None = None,
    max_iterations: int = 200,
) -> Solution:
    """Return the solution of A x = b to a relative residual, for every right-hand side.

        ||b - A x||  <=  rtol ||b||

    "algebraic-multigrid-cg": conjugate gradients with one cycle (`HierarchyCycle`) in float32, for
    symmetric positive definite A; O(n) for matrices of elliptic equations. "direct": Cholesky
    factors (`SparseCholesky`) where A is symmetric and definite, LU factors (SuperLU) otherwise.
    "bicgstab", "fgmres": with incomplete LU factors, for A that is not symmetric. "auto" takes
    elimination for small matrices and such as have a known pattern, multigrid for large symmetric
    ones with positive diagonal and bicgstab for other large ones; where these break down it falls
    back to elimination. `solution.reason` tells why.

    Args:
        A: n x n, real or complex: any SciPy sparse matrix or array, or a dense one.
        b: shape (n,), or (n, m) for m right-hand sides, which are solved for together.
        rtol: relative residual, in [0, 1). Good value: 1e-8.
        method: one of the above.
        hierarchy: levels to cycle on instead of ours, such as `AlgebraicHierarchy.of(pyamg_solver)`
            of the same matrix.
        near_nullspace: shape (n, k), vectors that A hardly changes, such as rigid motions for
            elasticity; then the levels are those of smoothed aggregation, by PyAMG.
        max_iterations: limit for the iterative methods.

    A matrix that maps constants to zero is solved for the x of mean zero; b must have mean zero.
    float32 A and b give float32 x. Failures are told by `solution.status`; `solution.checked()`
    raises them. Raises `InputError` for arguments that cannot be used, with the reason.

    >>> import scipy.sparse as sp
    >>> A = sp.diags_array([[2.0] * 3, [-1.0] * 2, [-1.0] * 2], offsets=[0, 1, -1])
    >>> solve_matrix(A, [1.0, 0.0, 1.0]).u.round(6).tolist()
    [1.0, 1.0, 1.0]
    """
    start, cpu_start = time.perf_counter(), time.process_time()
    require_choice(method, "method", METHODS)
    check_limits(rtol, max_iterations)
    system = _System(A, b, rtol, max_iterations, hierarchy, near_nullspace)
    reason = "asked for"
    if method == "auto":
        method, reason = system.choice()
    try:
        result, note = system.run(method)
        broken = result.status is Status.BREAKDOWN
    except InputError:  # a coarse level shows that the matrix is not definite
        if reason == "asked for":
            raise
        broken = True
    if broken and reason != "asked for" and method != "direct":
        reason, method = f"{method} broke down", "direct"
        result, note = system.run(method)
    return Solution(
        system.field(result.x),
        result.status,
        result.residuals,
        method,
        "; ".join(filter(None, (reason, note))),
        time.perf_counter() - start,
        time.process_time() - cpu_start,
    )


class _System:
    """A checked matrix with its right-hand sides, each scaled to norm one, and ways to solve it."""

    def __init__(
        self,
        A: Any,
        b: Any,
        rtol: float,
        max_iterations: int,
        hierarchy: AlgebraicHierarchy | None,
        near_nullspace: Array | None,
    ):
        matrix = canonical(A)
        size = matrix.shape[0]
        if matrix.shape[1] != size:
            raise InputError(f"matrix: expected a square one, got shape {matrix.shape}")
        b = as_floating(b, "right-hand side")
        if b.ndim not in (1, 2) or b.shape[0] != size or b.size == 0:
            raise InputError(
                f"right-hand side: expected shape ({size},) or ({size}, m), got {b.shape}"
            )
        require_finite(b, "right-hand side")
        if hierarchy is not None:
            require_instance(hierarchy, "hierarchy", AlgebraicHierarchy)
        if hierarchy is not None and hierarchy.matrices[0].shape != matrix.shape:
            raise InputError(
                f"hierarchy: expected one of a matrix of shape {matrix.shape}, got "
                f"{hierarchy.matrices[0].shape}"
            )
        self.dtype, double = np.result_type(matrix.dtype, b.dtype), np.float64
        self.complex = self.dtype.kind == "c"
        self.matrix = matrix.astype(np.result_type(matrix.dtype, double), copy=False)
        self.rtol, self.max_iterations = rtol, max_iterations
        self.hierarchy, self.near_nullspace = hierarchy, near_nullspace
        b = b.astype(np.complex128 if self.complex else double)
        largest = np.abs(b).max(axis=0)
        largest = np.where(largest > 0, largest, 1.0)
        norms = np.linalg.norm(b / largest, axis=0)
        self.scale = largest * np.where(norms > 0, norms, 1.0)
        self.b = b / self.scale
        self.symmetric = matrix.dtype.kind != "c" and asymmetry(self.matrix) <= ROUND_OFF
        self.singular = SparseOperator(self.matrix).singular
        if self.singular and self.symmetric:
            mean = float(np.abs(self.b.mean(axis=0)).max()) * size**0.5
            if mean > max(rtol, 1e-10):
                raise InputError(
                    "right-hand side: expected mean zero because the matrix maps constants to zero,"
                    f" got a mean part of {mean:.1e} of its size; subtract the mean"
                )

    def choice(self) -> tuple[str, str]:
        """Return the method that suits and why."""
        size = self.matrix.shape[0]
        if self.hierarchy is not None or self.near_nullspace is not None:
            return "algebraic-multigrid-cg", "levels or near-nullspace were given"
        if self.symmetric and (self.matrix.diagonal() > 0).all() and not self.complex:
            if self.singular:
                return "algebraic-multigrid-cg", "symmetric, constants are mapped to zero"
            if size <= SMALL_SYMMETRIC:
                return "direct", f"only {size} unknowns: elimination is quickest"
            if suits(self.matrix):
                return "direct", f"{size} unknowns in a pattern that is known"
            return "algebraic-multigrid-cg", "symmetric with positive diagonal"
        kind = "complex" if self.complex else "symmetric, diagonal not positive"
        kind = kind if self.complex or self.symmetric else "not symmetric"
        if size <= SMALL_OTHER:
            return "direct", f"{kind}, {size} unknowns"
        return "bicgstab", f"{kind}, too large for elimination"

    def run(self, method: str) -> tuple[Iterate, str]:
        """Return the result of a method and what is worth telling."""
        if not self.b.any():
            zero = Iterate(np.zeros_like(self.b), Status.CONVERGED, (0.0,))
            return zero, "the right-hand side is zero"
        if method == "direct":
            return self._eliminate()
        if method == "algebraic-multigrid-cg":
            return self._multigrid()
        return self._krylov(bicgstab if method == "bicgstab" else fgmres)

    def _multigrid(self) -> tuple[Iterate, str]:
        if self.complex:
            raise InputError("algebraic-multigrid-cg: expected real numbers; use method='direct'")
        levels = self.hierarchy
        if levels is None:
            kind = "ruge-stueben" if self.near_nullspace is None else "smoothed-aggregation"
            levels = AlgebraicHierarchy.from_matrix(self.matrix, kind, self.near_nullspace)
        columns = None if self.b.ndim == 1 else self.b.shape[1]
        M = HierarchyCycle(levels, columns=columns, dtype=np.float32)
        # With columns of norm one, this bound on all of them is one on each.
        rtol = self.rtol / (columns or 1) ** 0.5
        result = conjugate_gradient(
            SparseOperator(self.matrix, columns),
            self.b,
            preconditioner=M,
            rtol=rtol,
            max_iterations=self.max_iterations,
        )
        note = (
            f"{len(levels.matrices)} levels, operator complexity {levels.operator_complexity:.2f}"
        )
        return self._told(result), note

    def _eliminate(self) -> tuple[Iterate, str]:
        """Solve by factors: Cholesky's if they exist, of LU otherwise."""
        note = "LU factors"
        factors: Any = None
        if self.symmetric and not self.complex:
            try:
                factors = SparseCholesky(self.matrix)
                note = f"Cholesky factors ({factors.backend})"
                note += ", known pattern" if factors.reused else ""
            except InputError:
                note = "LU factors: not positive definite"
        if factors is None:
            from scipy.sparse.linalg import splu

            try:
                factors = splu(self.matrix.astype(self.b.dtype).tocsc())
            except RuntimeError:
                x = np.zeros_like(self.b)
                return Iterate(x, Status.BREAKDOWN, (1.0,)), "the matrix is singular"
        x = factors.solve(self.b)
        residual = self._residual(x)
        status = Status.CONVERGED if residual <= max(self.rtol, 1e-15) else Status.STAGNATED
        status = status if np.isfinite(residual) else Status.NON_FINITE
        return Iterate(x, status, (residual,)), note

    def _krylov(self, method: Any) -> tuple[Iterate, str]:
        """Solve for one column after the other, with incomplete factors."""
        M = self._incomplete()
        A = SparseOperator(self.matrix.astype(self.b.dtype))
        options = {"rtol": self.rtol, "max_iterations": self.max_iterations}
        results = [
            method(A, np.ascontiguousarray(column), preconditioner=M, **options)
            for column in self.b.reshape(len(self.b), -1).T
        ]
        x = np.stack([r.x for r in results], axis=1).reshape(self.b.shape)
        worst = max(results, key=lambda r: (r.status is not Status.CONVERGED, r.iterations))
        note = "incomplete LU factors" if M is not None else "no incomplete LU factors exist"
        return self._told(Iterate(x, worst.status, worst.residuals)), note

    def _incomplete(self) -> LinearOperator | None:
        from scipy.sparse.linalg import LinearOperator as ScipyOperator
        from scipy.sparse.linalg import spilu

        try:
            factors = spilu(self.matrix.astype(self.b.dtype).tocsc(), drop_tol=1e-4, fill_factor=10)
        except RuntimeError:
            return None
        return MatrixOperator(
            ScipyOperator(
                self.matrix.shape,
                matvec=factors.solve,
                rmatvec=lambda v: factors.solve(v, "H"),
                dtype=self.b.dtype,
            )
        )

    def _residual(self, x: Array) -> float:
        """Return the largest ||b - A x|| / ||b|| of all columns."""
        return float(np.linalg.norm(self.b - self.matrix @ x, axis=0).max())

    def _told(self, result: Iterate) -> Iterate:
        """Return the result with the residual of the worst column as its last."""
        return Iterate(result.x, result.status, (*result.residuals[:-1], self._residual(result.x)))

    def field(self, x: Array) -> Array:
        """Return the solution in the scale and precision of the data, of mean zero if free."""
        if self.singular and self.symmetric:
            x = x - x.mean(axis=0)
        return (x * self.scale).astype(self.dtype, copy=False)

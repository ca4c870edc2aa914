"""Kronecker products and sums of small matrices: applied and solved one axis after the other."""

from collections.abc import Iterable, Sequence
from functools import cached_property, reduce
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from nwidth.arguments import require_flag, require_number
from nwidth.arrays import as_floating, namespace, product_along, require_finite, to_numpy
from nwidth.errors import InputError
from nwidth.solvers.bsplines.banded_matrix import BandedOperator
from nwidth.solvers.linear_operator import LinearOperator, MatrixOperator, as_operator

Array = NDArray[Any]

# Eigenvalues below this part of the largest one belong to a matrix that is singular.
SINGULAR = 1e-14

# Of matrices with eigenvectors of a larger condition too few digits would be left.
LARGEST_CONDITION = 1e12


class KroneckerOperator(LinearOperator):
    """The product A = A_1 x A_2 x ... x A_d, each factor along its own axis.

        (A u)_{i j ...} = sum_{k l ...} (A_1)_ik (A_2)_jl ... u_{k l ...}

    On N = n_1 ... n_d unknowns it takes the operations of its factors along the lines of each axis,
    never those of the N x N matrix: O(p N) for banded factors, N (n_1 + ... + n_d) for dense ones.
    The inverse is the product of the inverses, so that it costs no more. Reference: Van Loan
    (2000), doi:10.1016/S0377-0427(00)00393-9.

    Args:
        factors: one per axis: dense and sparse matrices, `BandedOperator`, or any `LinearOperator`
            on vectors; sparse ones become banded. Rectangular ones are welcome, as those that
            evaluate splines at points; they cannot be solved.

    Shapes: `multiply` and `solve` take trailing axes, such as the components of a vector field, and
    flat vectors, as `apply` does. A factor that is neither dense nor banded is applied by its own
    `apply_along(u, axis)` where it has one, or else line by line, and solved by its own
    `solve(b, axis=)`. Raises `InputError` for no factors, for what is no matrix, and for `solve`
    where a factor cannot.

    >>> A = KroneckerOperator([np.diag([1.0, 2.0]), np.array([[0.0, 1.0], [1.0, 0.0]])])
    >>> A.apply(np.array([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [[2.0, 1.0], [8.0, 6.0]]
    >>> A.solve(np.array([[2.0, 1.0], [8.0, 6.0]])).tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """

    def __init__(self, factors: Sequence[Any]):
        self.factors = _wrapped(factors, "factors")
        self.range_shape = tuple(f.shape[0] for f in self.factors)
        self.domain_shape = tuple(f.shape[1] for f in self.factors)
        self.dtype = np.result_type(*(f.operator.dtype for f in self.factors))
        self.properties = frozenset.intersection(*(f.operator.properties for f in self.factors))

    def multiply(self, u: Array) -> Array:
        """Return A u for u of shape (*domain_shape, ...)."""
        found = _along_axes([f.multiply for f in self.factors], _fits(u, self.domain_shape))
        return found.reshape(-1) if np.ndim(u) == 1 else found

    def solve(self, b: Array, *, adjoint: bool = False) -> Array:
        """Return x with A x = b, or A* x = b, for b of shape (*range_shape, ...)."""
        adjoint = require_flag(adjoint, "adjoint")
        shape = self.domain_shape if adjoint else self.range_shape
        solved = _along_axes([_solver(f, adjoint) for f in self.factors], _fits(b, shape))
        return solved.reshape(-1) if np.ndim(b) == 1 else solved

    def to_sparse(self) -> Any:
        """Return the N x N matrix as a CSR array, unknowns in the order of `ravel`."""
        return reduce(_kron, [f.sparse() for f in self.factors])

    def _apply(self, u: Any) -> Any:
        return self.multiply(u)

    def _adjoint(self, v: Any) -> Any:
        return _along_axes([f.adjoint for f in self.factors], v)


class KroneckerSum(LinearOperator):
    """The sum K = sum_k (B_1 x ... x A_k x ... x B_d) + c (B_1 x ... x B_d), and its inverse.

    Discretizations of separable equations on boxes have this form: with stiffness matrices A_k and
    mass matrices B_k it is Galerkin's -Laplace + c, with collocation matrices of second derivatives
    and of values it is that of collocation; with B_k = I, finite differences. It is applied with
    2 d - 1 products. With the eigenvectors of each axis, A_k V_k = B_k V_k L_k, its inverse is

        K^-1 = (V_1 x ... x V_d) (L_1 + ... + L_d + c)^-1 ((B_1 V_1)^-1 x ... x (B_d V_d)^-1),

    two products with dense matrices per axis. Pairs of Hermitian matrices with B_k positive
    definite have V* B V = I. Others have eigenvectors of some `condition`, which may cost so many
    times the rounding error (collocation at Greville points: 2 to 110 for degrees 2 to 6 and up to
    128 intervals in the plane); one step of refinement then wins digits back. Reference:
    R. Lynch, J. Rice, D. Thomas, Numer. Math. 6 (1964) 185, doi:10.1007/BF01386067.

    Args:
        terms: the A_k, as factors of `KroneckerOperator`, square.
        masses: the B_k; identities by default.
        shift: c.

    Shapes are those of `KroneckerOperator`. Raises `InputError` where shapes differ, and for
    `solve` where the sum is singular or where eigenvectors are of a condition above 1e12.

    >>> second = np.diag([2.0] * 3) + np.diag([-1.0] * 2, 1) + np.diag([-1.0] * 2, -1)
    >>> K = KroneckerSum([second, second])
    >>> K.solve(K.apply(np.arange(9.0))).round(12).tolist()
    [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    """

    def __init__(
        self, terms: Sequence[Any], masses: Sequence[Any] | None = None, *, shift: float = 0.0
    ):
        self.terms = _wrapped(terms, "terms")
        if masses is None:
            masses = [
                BandedOperator(
                    scipy.sparse.eye_array(t.shape[1], dtype=t.operator.dtype, format="csr"),
                    frozenset({"symmetric", "positive definite"}),
                )
                for t in self.terms
            ]
        self.masses = _wrapped(masses, "masses")
        self.shift = require_number(shift, "shift", "(-inf, inf)")
        shapes = [(t.shape, b.shape) for t, b in zip(self.terms, self.masses, strict=False)]
        square = all(a == b and a[0] == a[1] for a, b in shapes)
        if len(self.terms) != len(self.masses) or not square:
            raise InputError(
                "terms, masses: expected one square matrix each per axis, of one size, got shapes "
                f"{[t.shape for t in self.terms]} and {[b.shape for b in self.masses]}"
            )
        self.range_shape = self.domain_shape = tuple(t.shape[0] for t in self.terms)
        parts = [f.operator for f in (*self.terms, *self.masses)]
        self.dtype = np.result_type(*(p.dtype for p in parts))
        promised = frozenset.intersection(*(p.properties for p in parts))
        self.properties = promised if self.shift >= 0 else promised & {"symmetric"}

    def multiply(self, u: Array) -> Array:
        """Return K u for u of shape (*domain_shape, ...)."""
        pairs = zip(self.terms, self.masses, strict=True)
        actions = [(a.multiply, b.multiply) for a, b in pairs]
        found = self._sum(_fits(u, self.domain_shape), actions)
        return found.reshape(-1) if np.ndim(u) == 1 else found

    def solve(self, b: Array, *, adjoint: bool = False) -> Array:
        """Return x with K x = b, or K* x = b, for b of shape (*range_shape, ...)."""
        adjoint = require_flag(adjoint, "adjoint")
        f = _fits(b, self.domain_shape)
        x = self._inverse(f, adjoint)
        if not self.hermitian:
            product = self._adjoint if adjoint else self.multiply
            x = x + self._inverse(f - product(x), adjoint)
        return x.reshape(-1) if np.ndim(b) == 1 else x

    @cached_property
    def eigenvalues(self) -> Any:
        """All eigenvalues of B^-1 K, shape `domain_shape`."""
        return reduce(np.add.outer, [p.values for p in self._pencils]) + self.shift

    @property
    def hermitian(self) -> bool:
        """Whether every axis has Hermitian matrices, the mass positive definite."""
        return all(p.hermitian for p in self._pencils)

    @property
    def condition(self) -> float:
        """The product of the conditions of the eigenvectors, columns of length one."""
        return float(np.prod([p.condition for p in self._pencils]))

    def to_sparse(self) -> Any:
        """Return the N x N matrix as a CSR array, unknowns in the order of `ravel`."""
        masses = [b.sparse() for b in self.masses]
        total = self.shift * reduce(_kron, masses)
        for k, a in enumerate(self.terms):
            total = total + reduce(_kron, [*masses[:k], a.sparse(), *masses[k + 1 :]])
        return total.tocsr()

    def _apply(self, u: Any) -> Any:
        return self.multiply(u)

    def _adjoint(self, v: Any) -> Any:
        pairs = zip(self.terms, self.masses, strict=True)
        return self._sum(v, [(a.adjoint, b.adjoint) for a, b in pairs])

    def _sum(self, u: Array, actions: list[Any]) -> Array:
        """Return the sum, axis by axis: `masses` has had all B so far, `total` one A among them."""
        masses: Array = u
        total: Any = self.shift * u if self.shift else None
        for k, (term, mass) in enumerate(actions):
            new = term(masses, k)
            total = new if total is None else new + mass(total, k)
            if k < len(actions) - 1:
                masses = mass(masses, k)
        return total

    @cached_property
    def _pencils(self) -> list["_Pencil"]:
        return [
            _Pencil(a, b, k) for k, (a, b) in enumerate(zip(self.terms, self.masses, strict=True))
        ]

    @cached_property
    def _inverse_values(self) -> Array:
        size: Any = np.abs(self.eigenvalues)
        if not size.min() > SINGULAR * size.max():
            raise InputError(
                f"solve: expected a sum that is not singular, got eigenvalues of magnitude "
                f"{size.min():.1e} to {size.max():.1e}; fix the level by a boundary condition, or "
                "give a shift"
            )
        if self.condition > LARGEST_CONDITION:
            raise InputError(
                f"solve: expected eigenvectors of condition up to {LARGEST_CONDITION:.0e}, got "
                f"{self.condition:.1e}; solve with a Krylov method instead"
            )
        return 1 / self.eigenvalues

    def _inverse(self, b: Array, adjoint: bool) -> Array:
        """Return what the eigenvectors make of b."""
        xp, inverse = namespace(b), self._inverse_values
        require_finite(b, "right-hand side")
        first = [p.right.conj().T if adjoint else p.left for p in self._pencils]
        last = [p.left.conj().T if adjoint else p.right for p in self._pencils]
        inverse = (inverse.conj() if adjoint else inverse)[
            (...,) + (None,) * (b.ndim - inverse.ndim)
        ]
        kind = np.result_type(b.dtype, self.dtype)
        within = np.result_type(
            kind, *(np.complex64 if m.dtype.kind == "c" else kind for m in first)
        )
        x = _along_axes([_Dense(m.astype(within, copy=False)).multiply for m in first], b)
        x = _along_axes(
            [_Dense(m.astype(within, copy=False)).multiply for m in last],
            x * xp.asarray(inverse, within),
        )
        return x.real.astype(kind) if kind.kind != "c" else x.astype(kind)


class _Pencil:
    """Eigenvalues of A v = B v lambda, with right = V and left = (B V)^-1."""

    def __init__(self, term: "_Factor", mass: "_Factor", axis: int):
        from scipy.linalg import LinAlgError, eig, eigh

        kind = np.result_type(term.operator.dtype, mass.operator.dtype, np.float64)
        a, b = (np.asarray(f.dense(), kind) for f in (term, mass))
        self.hermitian = all(_is_hermitian(m) for m in (a, b))
        self.condition = 1.0
        if self.hermitian:
            try:
                self.values, self.right = eigh(a, b)
                self.left = self.right.conj().T
                self.condition = float(np.sqrt(np.linalg.cond(b)))
                return
            except LinAlgError:  # B is not positive definite
                self.hermitian = False
        self.values, self.right = eig(a, b)
        if not np.isfinite(self.values).all():
            raise InputError(f"masses: expected no singular one, got one along axis {axis}")
        if not self.values.imag.any() and kind.kind != "c":
            self.values, self.right = self.values.real, self.right.real
        self.right = self.right / np.linalg.norm(self.right, axis=0)
        self.condition = float(np.linalg.cond(self.right))
        self.left = np.linalg.solve(self.right, np.linalg.inv(b))


class _Factor:
    """A matrix or operator on vectors that is applied along an axis of arrays."""

    def __init__(self, operator: LinearOperator):
        self.operator, self.shape = operator, operator.shape

    def multiply(self, u: Array, axis: int) -> Array:
        along = getattr(self.operator, "apply_along", None)
        if along is not None:
            return along(u, axis)
        return _line_by_line(self.operator.apply, u, axis, self.shape[1])

    def adjoint(self, v: Array, axis: int) -> Array:
        along = getattr(self.operator, "adjoint_along", None)
        if along is not None:
            return along(v, axis)
        return _line_by_line(self.operator.adjoint, v, axis, self.shape[0])

    def solve(self, b: Array, axis: int, adjoint: bool) -> Array:
        solver = getattr(self.operator, "solve", None)
        if solver is None:
            raise InputError(
                f"solve: expected factors that are matrices or have `solve`, got {self.operator}"
            )
        return solver(b, axis=axis, adjoint=True) if adjoint else solver(b, axis=axis)

    def dense(self) -> Array:
        return self.operator.to_dense()

    def sparse(self) -> Any:
        to_sparse = getattr(self.operator, "to_sparse", None)
        return scipy.sparse.csr_array(self.dense() if to_sparse is None else to_sparse())


class _Dense(_Factor):
    """A dense matrix."""

    def __init__(self, matrix: Any, properties: frozenset[str] = frozenset()):
        super().__init__(MatrixOperator(matrix, properties))
        self.matrix = matrix

    def multiply(self, u: Array, axis: int) -> Array:
        return _product(self.matrix, u, axis)

    def adjoint(self, v: Array, axis: int) -> Array:
        return _product(self.matrix.conj().T, v, axis)

    def solve(self, b: Array, axis: int, adjoint: bool) -> Array:
        from scipy.linalg import lu_solve

        xp, lines = namespace(b), to_numpy(b)
        lines = require_finite(np.moveaxis(lines, axis, 0), "right-hand side")
        found = lu_solve(self._lu, lines.reshape(lines.shape[0], -1), trans=2 if adjoint else 0)
        return xp.moveaxis(xp.asarray(found).reshape(lines.shape), 0, axis)

    @cached_property
    def _lu(self) -> Any:
        from scipy.linalg import lu_factor

        rows, columns = self.shape
        if rows != columns:
            raise InputError(f"solve: expected square factors, got shape {self.shape}")
        if np.linalg.matrix_rank(to_numpy(self.matrix)) < rows:
            raise InputError(f"solve: expected no singular factors, got one of {rows} rows")
        return lu_factor(to_numpy(self.matrix))

    def dense(self) -> Array:
        return to_numpy(self.matrix)


def _wrapped(factors: Any, name: str) -> tuple[_Factor, ...]:
    """Return matrices and operators as factors."""
    listed = isinstance(factors, Iterable) and not isinstance(factors, str | dict | np.ndarray)
    listed = listed and not scipy.sparse.issparse(factors)
    factors = list(factors) if listed else []
    if not factors:
        raise InputError(f"{name}: expected one or more matrices in a list, one per axis, got none")
    return tuple(_factor(f, name) for f in factors)


def _factor(factor: Any, name: str) -> _Factor:
    properties: frozenset[str] = frozenset()
    if isinstance(factor, MatrixOperator):
        factor, properties = factor.matrix, factor.properties
    if scipy.sparse.issparse(factor):
        return _Factor(BandedOperator(factor, properties))
    if hasattr(factor, "__array__") or isinstance(factor, list | tuple):
        matrix = as_floating(factor, name)
        if matrix.ndim != 2 or 0 in matrix.shape:
            raise InputError(f"{name}: expected matrices, got an array of shape {matrix.shape}")
        return _Dense(require_finite(matrix, name), properties)
    operator = as_operator(factor)
    if len(operator.domain_shape) != 1 or len(operator.range_shape) != 1:
        raise InputError(f"{name}: expected operators on vectors, one per axis, got {operator}")
    return _Factor(operator)


def _solver(factor: _Factor, adjoint: bool) -> Any:
    return lambda b, axis: factor.solve(b, axis, adjoint)


def _along_axes(actions: list[Any], u: Array) -> Array:
    """Return u after one action along each of its first axes."""
    for axis, action in enumerate(actions):
        u = action(u, axis)
    return u


def _fits(u: Any, shape: tuple[int, ...]) -> Array:
    """Return fields, flat vectors in their shape."""
    u = as_floating(u, "array")
    if u.shape == (int(np.prod(shape)),):
        return u.reshape(shape)
    if u.shape[: len(shape)] != shape:
        raise InputError(f"array: expected a shape that begins with {shape}, got {u.shape}")
    return u


def _product(matrix: Array, u: Array, axis: int) -> Array:
    """Return the products of a matrix, rectangular too, with all lines of u along an axis."""
    return product_along(namespace(u).asarray(matrix), u, axis - u.ndim)


def _line_by_line(action: Any, u: Array, axis: int, length: int) -> Array:
    xp = namespace(u)
    lines = xp.ascontiguousarray(xp.moveaxis(u, axis, -1))
    found = [action(line) for line in lines.reshape(-1, length)]
    return xp.moveaxis(xp.stack(found).reshape(*lines.shape[:-1], -1), -1, axis)


def _kron(a: Any, b: Any) -> Any:
    return scipy.sparse.kron(a, b, format="csr")


def _is_hermitian(matrix: Array) -> bool:
    size = float(np.abs(matrix).max())
    return bool(np.abs(matrix - matrix.conj().T).max() <= 1e-13 * size)

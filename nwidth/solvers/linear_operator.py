"""Linear operators: what can be applied, has an adjoint, and composes.

The only thing that ROM, Krylov methods and certificates know of a discretization.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from numbers import Number
from typing import Any

import numpy as np

from nwidth.arrays import namespace, require_unmasked
from nwidth.errors import InputError

Shape = tuple[int, ...]

# What may be promised of an operator.
PROPERTIES = ("symmetric", "positive definite", "positive semidefinite")


class LinearOperator(ABC):
    """A linear map between fields, A : R^domain_shape -> R^range_shape, known by its action.

    Subclasses set `domain_shape`, `range_shape`, `dtype` and `properties` and define `_apply` and
    `_adjoint` on arrays of exactly those shapes. Every subclass owes the test suite an adjoint
    test, (A u, v) = (u, A* v), and a comparison with its dense matrix.

    A real operator meets complex arrays part by part, so that none loses its imaginary one.

    `properties` holds any of "symmetric", "positive definite", "positive semidefinite". `batched`
    says that the first axis counts samples that know nothing of each other: a block diagonal matrix
    whose systems Krylov methods solve side by side, each with its own numbers.
    """

    domain_shape: Shape
    range_shape: Shape
    dtype: np.dtype
    properties: frozenset[str] = frozenset()
    batched: bool = False

    # NumPy leaves `array * operator` to the operator instead of multiplying entry by entry.
    __array_ufunc__ = None

    @abstractmethod
    def _apply(self, u: Any) -> Any:
        """Return A u for an array of `domain_shape`."""

    @abstractmethod
    def _adjoint(self, v: Any) -> Any:
        """Return A* v for an array of `range_shape`."""

    def apply(self, u: Any) -> Any:
        """Return A u; the array has `domain_shape` or is flat, and the result is alike."""
        return self._on(self._apply, u, self.domain_shape)

    def adjoint(self, v: Any) -> Any:
        """Return A* v; the array has `range_shape` or is flat, and the result is alike."""
        return self._on(self._adjoint, v, self.range_shape)

    def _on(self, action: Any, u: Any, shape: Shape) -> Any:
        u = require_unmasked(u if hasattr(u, "shape") else np.asarray(u), "operator")
        if getattr(u.dtype, "kind", "f") not in "biufc":
            raise InputError(f"operator: expected an array of numbers, got dtype {u.dtype}")
        if getattr(u.dtype, "kind", "") == "c" and np.dtype(self.dtype).kind != "c":
            parts = (namespace(u).ascontiguousarray(part) for part in (u.real, u.imag))
            real, imaginary = (self._on(action, part, shape) for part in parts)
            return real + 1j * imaginary
        if tuple(u.shape) == shape:
            return action(u)
        if tuple(u.shape) == (prod(shape),):
            return action(u.reshape(shape)).reshape(-1)
        raise InputError(
            f"operator: expected an array of shape {shape} or ({prod(shape)},), "
            f"got {tuple(u.shape)}"
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of rows and columns of the matrix."""
        return prod(self.range_shape), prod(self.domain_shape)

    @property
    def symmetric(self) -> bool:
        """Whether A = A* is promised."""
        return "symmetric" in self.properties

    def __add__(self, other: "LinearOperator") -> "LinearOperator":
        if self.domain_shape != other.domain_shape or self.range_shape != other.range_shape:
            raise InputError(f"sum: expected operators of one shape, got {self} and {other}")
        return SumOperator(self, other)

    def __mul__(self, scalar: complex) -> "LinearOperator":
        if not isinstance(scalar, Number):
            raise InputError(
                f"product: expected a number, got {type(scalar).__name__}; "
                "apply an operator to an array with @, and chain two operators with @"
            )
        return ScaledOperator(self, scalar)  # type: ignore[arg-type]

    __rmul__ = __mul__

    def __truediv__(self, scalar: complex) -> "LinearOperator":
        return self * (1 / scalar)

    def __neg__(self) -> "LinearOperator":
        return ScaledOperator(self, -1.0)

    def __sub__(self, other: "LinearOperator") -> "LinearOperator":
        return self + (-other)

    def __matmul__(self, other: Any) -> Any:
        if not isinstance(other, LinearOperator):
            return self.apply(other)
        if self.domain_shape != other.range_shape:
            raise InputError(f"product: expected matching shapes, got {self} @ {other}")
        return ProductOperator(self, other)

    @property
    def H(self) -> "LinearOperator":
        """The adjoint operator."""
        return AdjointOperator(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.domain_shape} -> {self.range_shape})"

    def to_dense(self) -> Any:
        """Return the matrix, column by column: for tests and small problems."""
        columns = np.eye(self.shape[1], dtype=self.dtype)
        return np.stack([self.apply(column) for column in columns], axis=1)

    def to_scipy(self) -> Any:
        """Return a `scipy.sparse.linalg.LinearOperator` that calls this one.

        >>> import scipy.sparse as sp
        >>> A = MatrixOperator(sp.diags_array([2.0, 4.0]))
        >>> A.to_scipy().matvec(np.ones(2)).tolist()
        [2.0, 4.0]
        """
        from scipy.sparse.linalg import LinearOperator as ScipyOperator

        return ScipyOperator(
            self.shape,
            matvec=lambda u: self.apply(np.ravel(u)),
            rmatvec=lambda v: self.adjoint(np.ravel(v)),
            dtype=self.dtype,
        )


def known_properties(properties: Any) -> frozenset[str]:
    """Return what is promised of an operator, or raise `InputError` for other words.

    >>> known_properties(["symmetric"])
    frozenset({'symmetric'})
    """
    listed = isinstance(properties, Iterable) and not isinstance(properties, str)
    if not listed or not all(isinstance(word, str) and word in PROPERTIES for word in properties):
        raise InputError(
            f"properties: expected some of {', '.join(PROPERTIES)}, got {properties!r:.80}"
        )
    return frozenset(properties)


class MatrixOperator(LinearOperator):
    """A dense or sparse matrix, or a SciPy LinearOperator, as an operator.

    >>> MatrixOperator(np.array([[1.0, 2.0]])).adjoint(np.array([3.0])).tolist()
    [3.0, 6.0]
    """

    def __init__(self, matrix: Any, properties: frozenset[str] = frozenset()):
        shape, dtype = getattr(matrix, "shape", None), getattr(matrix, "dtype", None)
        number = getattr(dtype, "kind", "") in tuple("biufc")
        if not hasattr(matrix, "__matmul__") or shape is None or not number:
            raise InputError(
                f"operator: expected a LinearOperator, a matrix of numbers, dense or sparse, or a "
                f"LinearOperator of SciPy, got {type(matrix).__name__}"
            )
        if len(shape) != 2:
            raise InputError(f"matrix: expected two dimensions, got shape {tuple(shape)}")
        self.matrix = require_unmasked(matrix, "matrix")
        self.range_shape, self.domain_shape = (matrix.shape[0],), (matrix.shape[1],)
        self.dtype = np.dtype(matrix.dtype)
        self.properties = known_properties(properties)

    def _apply(self, u: Any) -> Any:
        return self.matrix @ u

    def _adjoint(self, v: Any) -> Any:
        transpose = getattr(self.matrix, "H", None)
        return (self.matrix.conj().T if transpose is None else transpose) @ v


def as_operator(A: Any) -> LinearOperator:
    """Return a LinearOperator as it is, and matrices and SciPy's operators wrapped.

    Dense arrays, sparse matrices and `scipy.sparse.linalg.LinearOperator` become a
    `MatrixOperator`; anything else raises `InputError`.

    >>> as_operator(np.eye(3))
    MatrixOperator((3,) -> (3,))
    """
    return A if isinstance(A, LinearOperator) else MatrixOperator(A)


@dataclass(frozen=True, repr=False)
class SumOperator(LinearOperator):
    """A + B."""

    first: LinearOperator
    second: LinearOperator

    def __post_init__(self):
        _inherit(self, self.first.domain_shape, self.first.range_shape, self.first, self.second)

    def _apply(self, u: Any) -> Any:
        return self.first.apply(u) + self.second.apply(u)

    def _adjoint(self, v: Any) -> Any:
        return self.first.adjoint(v) + self.second.adjoint(v)


@dataclass(frozen=True, repr=False)
class ScaledOperator(LinearOperator):
    """A scalar times A; keeps definiteness only for a positive scalar."""

    operator: LinearOperator
    scalar: complex

    def __post_init__(self):
        a = self.operator
        _inherit(self, a.domain_shape, a.range_shape, a)
        if np.imag(self.scalar) != 0:
            object.__setattr__(self, "properties", frozenset())
            object.__setattr__(self, "dtype", np.result_type(a.dtype, np.complex64))
        elif np.real(self.scalar) <= 0:
            object.__setattr__(self, "properties", self.properties & {"symmetric"})

    def _apply(self, u: Any) -> Any:
        return self.operator.apply(u) * self.scalar

    def _adjoint(self, v: Any) -> Any:
        return self.operator.adjoint(v) * np.conj(self.scalar)


@dataclass(frozen=True, repr=False)
class ProductOperator(LinearOperator):
    """A B: first B, then A."""

    left: LinearOperator
    right: LinearOperator

    def __post_init__(self):
        _inherit(self, self.right.domain_shape, self.left.range_shape, self.left, self.right)
        object.__setattr__(self, "properties", frozenset())

    def _apply(self, u: Any) -> Any:
        return self.left.apply(self.right.apply(u))

    def _adjoint(self, v: Any) -> Any:
        return self.right.adjoint(self.left.adjoint(v))


@dataclass(frozen=True, repr=False)
class AdjointOperator(LinearOperator):
    """A*."""

    operator: LinearOperator

    def __post_init__(self):
        _inherit(self, self.operator.range_shape, self.operator.domain_shape, self.operator)

    def _apply(self, u: Any) -> Any:
        return self.operator.adjoint(u)

    def _adjoint(self, v: Any) -> Any:
        return self.operator.apply(v)


def _inherit(result: LinearOperator, domain: Shape, range_: Shape, *parts: LinearOperator) -> None:
    """Fill the facts of a composed (frozen) operator from its parts."""
    shared = frozenset.intersection(*(part.properties for part in parts))
    for name, value in {
        "domain_shape": domain,
        "range_shape": range_,
        "dtype": np.result_type(*(part.dtype for part in parts)),
        "properties": shared,
        "batched": all(part.batched for part in parts),
    }.items():
        object.__setattr__(result, name, value)

"""Quadratic terms of an equation, b(u, u), by values at points or by their entries."""

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_integer
from nwidth.arrays import as_floating, generator, real_floating, require_finite
from nwidth.errors import InputError
from nwidth.solvers.sparse_operator import canonical

Array = NDArray[Any]

# A function that differs from its entries by more than this part of its size is not what they say.
SAME = 1e-9


class QuadraticForm:
    """A bilinear map b(u, v) of vectors to vectors, of which b(u, u) enters an equation.

        b(u, v)  =  C^T ((D u) * (E v)),    b(u, v)_i = sum_g C_gi (D u)_g (E v)_g

    Rows g are points: with quadrature, C holds weight times test function i, D and E the values or
    derivatives of the trial functions. The entries T_ijk of a third-order tensor are of this form
    too (`from_tensor`), and so is a function that couples neighbours only (`from_function`). Only
    the symmetric part b_s(u, v) = (b(u, v) + b(v, u)) / 2 matters to b(u, u), and methods use it.

    Args:
        C, D, E: real matrices of shape (points, n), sparse or dense.

    Raises `InputError` for shapes that differ and complex numbers, `NonFiniteError` for NaN.

    >>> b = QuadraticForm(np.diag([1.0, 2.0]), np.eye(2), np.eye(2))
    >>> b.apply([1.0, 3.0], [1.0, 3.0]).tolist(), b.derivative([1.0, 3.0]).diagonal().tolist()
    ([1.0, 18.0], [2.0, 12.0])
    """

    def __init__(self, C: Any, D: Any, E: Any):
        self.C, self.D, self.E = (_real(M, name) for M, name in ((C, "C"), (D, "D"), (E, "E")))
        if not self.C.shape == self.D.shape == self.E.shape:
            raise InputError(
                "C, D, E: expected one shape (points, n), got "
                f"{self.C.shape}, {self.D.shape} and {self.E.shape}"
            )

    @classmethod
    def from_tensor(cls, places: Any, values: Any, size: int) -> Self:
        """Return the form b(u, v)_i = sum T_ijk u_j v_k of the entries of a tensor.

        `places` (entries, 3) holds the indices (i, j, k), `values` (entries,) the numbers T_ijk;
        entries that are named twice are added.
        """
        import scipy.sparse as sp

        size = require_integer(size, "size", 1)
        places = np.asarray(places)
        values = require_finite(real_floating(np.asarray(values), "values"), "values")
        if places.ndim != 2 or places.shape[1] != 3 or places.dtype.kind not in "iu":
            raise InputError(
                f"places: expected integers of shape (entries, 3), got {places.dtype} of shape "
                f"{places.shape}"
            )
        if values.shape != (len(places),) or len(places) == 0:
            raise InputError(f"values: expected shape ({len(places)},), got {values.shape}")
        if places.min() < 0 or places.max() >= size:
            raise InputError(f"places: expected indices from 0 to {size - 1}, got {places.max()}")
        i, j, k = places.T.astype(np.int64)
        pairs, point = np.unique(j * size + k, return_inverse=True)
        shape = (len(pairs), size)
        one, rows = np.ones(len(pairs), values.dtype), np.arange(len(pairs))
        return cls(
            sp.csr_array((values, (point.ravel(), i)), shape=shape),
            sp.csr_array((one, (rows, pairs // size)), shape=shape),
            sp.csr_array((one, (rows, pairs % size)), shape=shape),
        )

    @classmethod
    def from_function(cls, b: Callable[[Array, Array], Any], pattern: Any) -> Self:
        """Return the form of a function (u, v) -> b(u, v) that is bilinear and local.

        `pattern` (n, n) has an entry (i, j) wherever b(u, v)_i depends on u_j or v_j, such as the
        stiffness matrix. Unknowns that no equation shares are probed together, so that the number
        of calls is the square of the number of groups, whatever n is. Reference: Curtis, Powell &
        Reid (1974), doi:10.1093/imamat/13.1.117. Raises `InputError` where random vectors show that
        the function depends on more, or is not bilinear.
        """
        if not callable(b):
            raise InputError(f"b: expected a function of two vectors, got {b!r:.80}")
        pattern = canonical(pattern)
        n = pattern.shape[0]
        if pattern.shape != (n, n):
            raise InputError(f"pattern: expected a square one, got shape {pattern.shape}")
        groups = _groups(pattern)
        rows = np.repeat(np.arange(n), np.diff(pattern.indptr))
        column = np.full((groups.max() + 1, n), -1)  # which member of a group equation i meets
        column[groups[pattern.indices], rows] = pattern.indices
        probes = (groups == np.arange(len(column))[:, None]).astype(np.float64)
        places, values = [], []
        for p, u in enumerate(probes):
            for q, v in enumerate(probes):
                found = _called(b, u, v, n)
                i = np.flatnonzero((found != 0) & (column[p] >= 0) & (column[q] >= 0))
                places.append(np.stack([i, column[p, i], column[q, i]], axis=1))
                values.append(found[i])
        where, what = np.concatenate(places), np.concatenate(values)
        if len(where) == 0:
            raise InputError("b: expected a function that is not zero, got zero for every probe")
        form = cls.from_tensor(where, what, n)
        u, v = generator(0).standard_normal((2, n))
        wanted, found = _called(b, u, v, n), form.apply(u, v)
        if np.linalg.norm(wanted - found) > SAME * np.linalg.norm(form.magnitude(u, v)):
            raise InputError(
                "b: expected a bilinear function whose couplings are in the pattern, but for "
                "random vectors it differs from its entries; add the missing couplings"
            )
        return form

    @property
    def size(self) -> int:
        """Number n of unknowns."""
        return self.C.shape[1]

    def apply(self, u: Any, v: Any) -> Array:
        """Return b(u, v)."""
        u, v = self._vector(u, "u"), self._vector(v, "v")
        return self.C.T @ ((self.D @ u) * (self.E @ v))

    def derivative(self, u: Any) -> Any:
        """Return the sparse matrix of v -> b(u, v) + b(v, u) = 2 b_s(u, v)."""
        u = self._vector(u, "u")
        left = self.E.multiply((self.D @ u)[:, None]) + self.D.multiply((self.E @ u)[:, None])
        return (self.C.T @ left.tocsr()).tocsr()

    def symmetric(self, U: Any, v: Any) -> Array:
        """Return b_s(u_j, v) for the columns of U (n, m), as columns."""
        U, v = np.asarray(U), self._vector(v, "v")
        values = (self.D @ U) * (self.E @ v)[:, None] + (self.E @ U) * (self.D @ v)[:, None]
        return self.C.T @ values / 2

    def project(self, V: Any) -> Array:
        """Return the tensor v_k . b_s(v_i, v_j), shape (N, N, N) as [k, i, j], of a basis."""
        V = np.asarray(V)
        C, D, E = self.C @ V, self.D @ V, self.E @ V
        tensor = np.stack([C.T @ (D[:, i, None] * E) for i in range(V.shape[1])], axis=1)
        return (tensor + tensor.transpose(0, 2, 1)) / 2

    def magnitude(self, u: Any, v: Any) -> Array:
        """Return |C|^T (|D| |u| * |E| |v|), to which rounding of b(u, v) is relative."""
        u, v = abs(self._vector(u, "u")), abs(self._vector(v, "v"))
        return abs(self.C).T @ ((abs(self.D) @ u) * (abs(self.E) @ v))

    @property
    def operations(self) -> int:
        """The longest chain of roundings on the way to an entry of b(u, v)."""
        longest = [int(np.diff(M.indptr).max()) for M in (self.C.tocsc(), self.D, self.E)]
        return sum(longest) + 3

    def _vector(self, v: Any, name: str) -> Array:
        v = as_floating(np.asarray(v), name)
        if v.shape != (self.size,):
            raise InputError(f"{name}: expected shape ({self.size},), got {v.shape}")
        return v


def _real(matrix: Any, name: str) -> Any:
    """Return a matrix as a CSR array of real numbers."""
    found = canonical(matrix)
    if found.dtype.kind != "f":
        raise InputError(f"{name}: expected real numbers, got dtype {found.dtype}")
    return found


def _called(b: Callable[[Array, Array], Any], u: Array, v: Array, n: int) -> Array:
    found = require_finite(real_floating(np.asarray(b(u, v)), "b(u, v)"), "b(u, v)")
    if found.shape != (n,):
        raise InputError(f"b(u, v): expected shape ({n},), got {found.shape}")
    return found


def _groups(pattern: Any) -> Array:
    """Return a number for each column such that columns of one number share no row."""
    by_column = pattern.tocsc()
    groups = np.full(pattern.shape[1], -1)
    for j in range(pattern.shape[1]):
        rows = by_column.indices[by_column.indptr[j] : by_column.indptr[j + 1]]
        met = np.concatenate(
            [pattern.indices[pattern.indptr[i] : pattern.indptr[i + 1]] for i in rows]
            or [np.zeros(0, np.int64)]
        )
        taken = set(groups[met].tolist())
        groups[j] = next(g for g in range(len(taken) + 1) if g not in taken)
    return groups

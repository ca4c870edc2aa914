"""Linear combinations of given matrices: dense, sparse, known by their action, or vectors."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import Seed, as_floating, generator, require_finite
from nwidth.errors import InputError, NonFiniteError
from nwidth.solvers.linear_operator import LinearOperator, as_operator
from nwidth.solvers.sparse_operator import canonical

Array = NDArray[Any]


class MatrixSpan:
    """Matrices A_m of one shape, of which combinations are taken again and again.

        A  =  sum_m w_m A_m

    Combinations are what the matrices are: dense arrays of any number of axes (vectors and numbers
    too), sparse CSR arrays, whose patterns may differ and are united once, or LinearOperators if
    one of the matrices is known by its action alone.

    Args:
        matrices: a sequence of matrices, or an array (count, *shape), which is combined in one
            pass over memory.

    Raises `InputError` for no matrices and for different shapes, `NonFiniteError` with row and
    column for NaN and infinity.

    >>> span = MatrixSpan([np.eye(2), np.ones((2, 2))])
    >>> span.combine([2.0, -1.0]).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """

    def __init__(self, matrices: Any):
        import scipy.sparse as sp

        stacked = isinstance(matrices, np.ndarray) and matrices.ndim > 0
        if not stacked and not isinstance(matrices, Sequence):
            raise InputError(
                f"matrices: expected a sequence of matrices, got {type(matrices).__name__}"
            )
        if len(matrices) == 0:
            raise InputError("matrices: expected at least one, got none")
        #: "dense", "sparse" or "operator".
        self.kind = "dense"
        if not stacked and any(_is_operator(A) for A in matrices):
            self.kind = "operator"
            self.matrices: Any = [as_operator(A) for A in matrices]
        elif not stacked and all(sp.issparse(A) for A in matrices):
            self.kind = "sparse"
            self.matrices = [_numbered(canonical, A, m) for m, A in enumerate(matrices)]
        elif stacked:
            self.matrices = require_finite(as_floating(matrices, "matrices"), "matrices")
        else:
            self.matrices = [_numbered(_dense, A, m) for m, A in enumerate(matrices)]
        shapes = [tuple(A.shape) for A in self.matrices]
        for m, shape in enumerate(shapes):
            if shape != shapes[0]:
                raise InputError(
                    f"matrices: expected one shape, got {shapes[0]} first and {shape} as number {m}"
                )
        self.shape: tuple[int, ...] = shapes[0]
        self.dtype = np.result_type(*(A.dtype for A in self.matrices))

    @classmethod
    def of(cls, matrices: Any, count: int, name: str = "matrices") -> "MatrixSpan":
        """Return the span of exactly so many matrices, which may be a span already."""
        span = matrices if isinstance(matrices, MatrixSpan) else cls(matrices)
        if len(span) != count:
            raise InputError(
                f"{name}: expected the {count} of the chosen parameters, got {len(span)}"
            )
        return span

    def __len__(self) -> int:
        return len(self.matrices)

    def combine(self, weights: Any) -> Any:
        """Return sum_m w_m A_m for weights (count,), real or complex."""
        w = np.asarray(weights)
        if w.shape != (len(self),) or w.dtype.kind not in "biufc":
            raise InputError(f"weights: expected {len(self)} numbers, got shape {w.shape}")
        require_finite(w, "weights")
        if self.kind == "operator":
            return _sum([A * complex(b) if np.iscomplexobj(w) else A * float(b)
                         for A, b in zip(self.matrices, w, strict=True)])  # fmt: skip
        w = w.astype(
            np.result_type(self.dtype, np.complex64 if w.dtype.kind == "c" else self.dtype)
        )
        if self.kind == "sparse":
            pattern, values = self._united
            out = pattern.copy()
            out.data = _product(w, values)
            return out
        if isinstance(self.matrices, np.ndarray):
            flat = _product(w, self.matrices.reshape(len(self), -1))
            return flat.reshape(self.shape) if self.shape else flat[0]
        total = w[0] * self.matrices[0]
        for b, A in zip(w[1:], self.matrices[1:], strict=True):
            total += b * A
        return total

    def table(self) -> tuple[Array, Array]:
        """Return all entries, one row per matrix, and where they are, shape (entries, axes)."""
        if self.kind == "operator":
            raise InputError(
                "matrices: expected entries, got operators that are known by their action; give "
                "a function that returns single entries"
            )
        if self.kind == "sparse":
            pattern, values = self._united
            rows = np.repeat(np.arange(self.shape[0]), np.diff(pattern.indptr))
            return values, np.stack([rows, pattern.indices], axis=1).astype(np.int64)
        values = np.stack([A.reshape(-1) for A in self.matrices])
        return values, np.argwhere(np.ones(self.shape, bool))

    def project(self, V: Array, W: Array | None = None) -> Array:
        """Return W^H A_m V, shape (count, *), with W = V by default; W^H f_m for vectors."""
        left = (V if W is None else W).conj().T
        if len(self.shape) == 1:
            return np.stack([left @ f for f in self.matrices])
        if self.kind != "operator":
            return np.stack([left @ (A @ V) for A in self.matrices])
        return np.stack([left @ np.stack([A.apply(v) for v in V.T], axis=1) for A in self.matrices])

    @cached_property
    def _united(self) -> tuple[Any, Array]:
        """The pattern of all sparse matrices together, and their values on it."""
        import scipy.sparse as sp

        first = self.matrices[0]
        if all(np.array_equal(A.indptr, first.indptr) for A in self.matrices) and all(
            np.array_equal(A.indices, first.indices) for A in self.matrices
        ):
            return first, np.stack([A.data for A in self.matrices])
        keys = [_keys(A) for A in self.matrices]
        union = np.unique(np.concatenate(keys))
        values = np.zeros((len(self), len(union)), self.dtype)
        for row, A, own in zip(values, self.matrices, keys, strict=True):
            row[np.searchsorted(union, own)] = A.data
        rows, columns = np.divmod(union, self.shape[1])
        pointers = np.searchsorted(rows, np.arange(self.shape[0] + 1))
        pattern = sp.csr_array((values[0].copy(), columns, pointers), shape=self.shape)
        return pattern, values


def relative_difference(A: Any, B: Any, *, probes: int = 8, seed: Seed = 0) -> float:
    """Return ||A - B||_F / ||B||_F; of operators estimated with random vectors.

    For vectors v of independent signs, E ||A v||^2 = ||A||_F^2; reference: Hutchinson (1990),
    doi:10.1080/03610919008812866. Where B is zero the difference is absolute.

    >>> relative_difference(np.array([3.0, 5.0]), np.array([3.0, 4.0]))
    0.2
    """
    import scipy.sparse as sp

    if _is_operator(A) or _is_operator(B):
        A, B = as_operator(A), as_operator(B)
        signs = generator(seed).choice([-1.0, 1.0], (probes, B.shape[1]))
        A, B = (np.stack([C.apply(v) for v in signs]) for C in (A, B))
    if tuple(A.shape) != tuple(B.shape):
        raise InputError(f"matrices: expected one shape, got {A.shape} and {B.shape}")
    if sp.issparse(A) and sp.issparse(B):
        norm, size = np.linalg.norm((A - B).tocsr().data), np.linalg.norm(B.tocsr().data)
    else:
        A, B = (C.toarray() if sp.issparse(C) else np.asarray(C) for C in (A, B))
        norm, size = np.linalg.norm(A - B), np.linalg.norm(B)
    return float(norm / size) if size else float(norm)


def _product(w: Array, values: Array) -> Array:
    """Return w @ values in one pass over memory, also for complex weights of real values."""
    if w.dtype.kind == "c" and values.dtype.kind != "c":
        real, imaginary = np.stack([w.real, w.imag]).astype(values.dtype) @ values
        return real + 1j * imaginary
    return w @ values


def _sum(operators: list[LinearOperator]) -> LinearOperator:
    """Return the sum of operators as a balanced tree, whose depth no recursion minds."""
    half = len(operators) // 2
    return operators[0] if half == 0 else _sum(operators[:half]) + _sum(operators[half:])


def _keys(A: Any) -> Array:
    """Return the places of a CSR array's entries as single numbers in order."""
    rows = np.repeat(np.arange(A.shape[0], dtype=np.int64), np.diff(A.indptr))
    return rows * A.shape[1] + A.indices


def _is_operator(A: Any) -> bool:
    return isinstance(A, LinearOperator) or hasattr(A, "matvec")


def _dense(A: Any) -> Array:
    return require_finite(
        as_floating(A.toarray() if hasattr(A, "toarray") else A, "matrix"), "matrix"
    )


def _numbered(check: Any, A: Any, m: int) -> Any:
    """Return a checked matrix; errors tell which one it was."""
    try:
        return check(A)
    except (InputError, TypeError) as error:
        kind = NonFiniteError if isinstance(error, NonFiniteError) else InputError
        raise kind(f"matrices[{m}]: {error}") from None

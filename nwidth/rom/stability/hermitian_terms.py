"""The Hermitian terms A_q of a coercive problem, checked, with bounds of their sizes against X."""

from functools import cached_property
from math import fsum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.errors import InputError
from nwidth.rom._rounding_numba import EPS
from nwidth.rom.inner_product import InnerProduct
from nwidth.rom.matrix_span import MatrixSpan
from nwidth.rom.stability.inertia import inertia, row_sums

Array = NDArray[Any]

# Entries of A_q and of its adjoint may differ by so many units of the last place of the largest.
_HERMITIAN = 64
# Steps by which the shift grows in the search for the least that makes a term definite.
_STEPS = 30


class HermitianTerms:
    """The Hermitian matrices A_q whose combinations are compared with the inner product X.

        A(theta) = sum_q theta_q A_q,    alpha(theta) = min_v  v^H A(theta) v / v^H X v

    A matrix that is only coercive, as that of convection and diffusion, stands for its Hermitian
    part (A_q + A_q^H) / 2, if that is said.

    Args:
        matrices: the A_q, dense or sparse, n x n, real or complex; a `MatrixSpan` of them.
        inner_product: X, an `InnerProduct` or its matrix; None for the Euclidean one.
        hermitian_part: whether matrices may differ from their adjoints.

    Everything is float64 or complex128. Raises `InputError` for matrices that are known by their
    action alone, that are not square, do not fit X, or are not Hermitian.

    >>> terms = HermitianTerms([np.diag([1.0, 2.0]), np.eye(2)], None)
    >>> terms.combine([1.0, 3.0]).tolist()
    [[4.0, 0.0], [0.0, 5.0]]
    """

    def __init__(self, matrices: Any, inner_product: Any, *, hermitian_part: bool = False):
        span = explicit_span(matrices)
        self.product = explicit_product(inner_product, span)
        #: Whether combinations are CSR arrays.
        self.sparse = span.kind == "sparse"
        self.span = MatrixSpan(
            [_hermitian(A, q, hermitian_part) for q, A in enumerate(span.matrices)]
        )
        #: X, dense or sparse as the terms are.
        self.X = matched(self.product.matrix, self.sparse)

    def __len__(self) -> int:
        return len(self.span)

    @property
    def size(self) -> int:
        """Number of unknowns."""
        return self.span.shape[0]

    def combine(self, theta: Any) -> Any:
        """Return A(theta) for coefficients (Q,)."""
        return self.span.combine(np.asarray(theta, dtype=np.float64))

    @cached_property
    def sizes(self) -> Array:
        """Upper bounds of max_v |v^H A_q v| / v^H X v, shape (Q,), crude but quick.

        With D the diagonal of X and c = `InnerProduct.lowest`, |A_q| <= max_i (|A_q| 1)_i / D_i D
        by Gershgorin's theorem, and D <= X / c.
        """
        rows = [row_sums(A) / self.product.diagonal for A in self.span.matrices]
        return np.array([row.max() for row in rows]) / self.product.lowest * (1 + self.size * EPS)

    def rounding(self, theta: Any) -> float:
        """Return what the rounding of `combine` may change, against X."""
        return (len(self) + 3) * EPS * float(np.abs(theta) @ self.sizes)

    @cached_property
    def defects(self) -> Array:
        """tau_q >= 0 with A_q >= -tau_q X, shape (Q,): near round-off if A_q is semidefinite.

        The smaller one of what Gershgorin's theorem says of the rows and of the least shift with
        which A_q + shift X was factorized without a negative pivot; at most `sizes`.
        """
        return np.array([self._defect(q) for q in range(len(self))])

    def _defect(self, q: int) -> float:
        A, size = self.span.matrices[q], float(self.sizes[q])
        D, lowest = self.product.diagonal, self.product.lowest
        if size == 0:
            return 0.0
        disc = float(np.maximum(_short_of_dominance(A) / D, 0.0).max()) / lowest
        if disc <= 4 * EPS * size:
            return disc
        shift, rough = self.size**0.5 * EPS * size, float((row_sums(self.X) / D).max()) / lowest
        for _ in range(_STEPS):
            if shift >= min(disc, size):
                break
            found = inertia(A + shift * self.X, D)
            if found.negative == 0:
                assembly = 4 * EPS * (size + shift * rough)
                return min(disc, size, shift + found.error / lowest + assembly)
            shift *= 4
        return min(disc, size)


def explicit_span(matrices: Any) -> MatrixSpan:
    """Return square matrices as a span in double precision, all dense or all sparse.

    >>> explicit_span([np.eye(2, dtype=np.float32)]).dtype
    dtype('float64')
    """
    span = matrices if isinstance(matrices, MatrixSpan) else MatrixSpan(matrices)
    if span.kind == "operator":
        raise InputError(
            "matrices: expected dense or sparse ones, as eigenvalues are proved by factors, got "
            "operators; give a bound that you know as MinTheta(references, constants)"
        )
    if len(span.shape) != 2 or span.shape[0] != span.shape[1]:
        raise InputError(f"matrices: expected square ones, got shape {span.shape}")
    wide = np.complex128 if span.dtype.kind == "c" else np.float64
    return MatrixSpan([A.astype(wide, copy=False) for A in span.matrices])


def explicit_product(inner_product: Any, span: MatrixSpan) -> InnerProduct:
    """Return the inner product, with a sparse X if the matrices are sparse.

    >>> import scipy.sparse as sp
    >>> explicit_product(np.eye(2), MatrixSpan([sp.eye_array(2)])).matrix.nnz
    2
    """
    import scipy.sparse as sp

    product = InnerProduct.of(inner_product, span.shape[0])
    if span.kind == "sparse" and not sp.issparse(product.matrix):
        return InnerProduct(sp.csr_array(product.matrix))
    return product


def matched(X: Any, sparse: bool) -> Any:
    """Return a matrix sparse or dense.

    >>> matched(np.eye(2), True).nnz
    2
    """
    import scipy.sparse as sp

    if sparse:
        return sp.csr_array(X)
    return X.toarray() if sp.issparse(X) else X


def _short_of_dominance(A: Any) -> Array:
    """Return sum_{j != i} |a_ij| - a_ii for each row, of real numbers with the right sign."""
    import scipy.sparse as sp

    A = sp.csr_array(A)
    entries, ends = np.abs(A.data), A.indptr
    diagonal = A.diagonal().real
    if A.dtype.kind == "c":
        return (row_sums(A) - np.abs(diagonal) - diagonal) + 8 * EPS * row_sums(A)
    # |a_ii| is among the entries; fsum rounds once, so that the sign is that of the exact sum.
    return np.array(
        [
            fsum([*entries[first:last], -abs(a), -a])
            for first, last, a in zip(ends[:-1], ends[1:], diagonal, strict=True)
        ]
    )


def _hermitian(A: Any, q: int, hermitian_part: bool) -> Any:
    """Return (A + A^H) / 2, or raise where A is not Hermitian and not said to be."""
    adjoint = A.conj().T
    if not hermitian_part:
        difference, largest = abs(A - adjoint).max(), abs(A).max()
        if difference > _HERMITIAN * EPS * largest:
            raise InputError(
                f"matrices[{q}]: expected a Hermitian matrix, it and its adjoint differ by "
                f"{difference / largest:.1e} of the largest entry; for a coercive problem that is "
                "not symmetric say hermitian_part=True, for others bound the inf-sup constant"
            )
    half = (A + adjoint) / 2
    return half.tocsr() if hasattr(half, "tocsr") else half

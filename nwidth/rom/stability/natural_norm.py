"""The natural norm of one anchor: an inf-sup constant and how fast it may fall around it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.errors import InputError
from nwidth.rom._rounding_numba import EPS
from nwidth.rom.stability.hermitian_terms import explicit_product, explicit_span, matched
from nwidth.rom.stability.inertia import row_sums
from nwidth.rom.stability.singular_values import (
    largest_singular_value,
    smallest_singular_value,
)

Array = NDArray[Any]

# Up to so many unknowns natural norms are computed unless told otherwise.
_NATURAL = 400


@dataclass(frozen=True)
class NaturalNorm:
    """The lower bounds of inf-sup constants that one or several anchors give; see `InfSupAnchors`.

    Args:
        points: theta_i, shape (k, Q).
        values: lower bounds of beta_i, shape (k,).
        norms: g_iq, shape (k, Q), upper bounds of ||A_q A(theta_i)^-1|| in the norm of X^-1.
        ranges: shape (k, Q, 4), the ends l, u, l', u' of the real and imaginary numerical ranges.

    >>> one = np.ones((1, 1))
    >>> anchor = NaturalNorm(one, np.array([0.5]), one, np.array([[[1.0, 1.0, 0.0, 0.0]]]))
    >>> anchor.lower(np.array([[3.0], [-1.0]])).round(12).tolist()
    [1.5, 0.5]
    """

    points: Array
    values: Array
    norms: Array
    ranges: Array

    def lower(self, theta: Array) -> Array:
        """Return lower bounds (m,) for coefficients (m, Q): the largest one of all anchors."""
        from nwidth.rom.stability._natural_norm_numba import anchored_bounds

        best = np.empty(len(theta))
        parts = [_real_parts(theta), _real_parts(self.points)]
        parts += [np.ascontiguousarray(part) for part in (self.values, self.norms, self.ranges)]
        anchored_bounds(*parts, best)
        return best - 4 * EPS * np.abs(best)


class NaturalNorms:
    """Makes the natural norms of anchors of one family of matrices.

        beta_i = min_w ||A_i w||_{X^-1} / ||w||_X,    g_q = ||A_q A_i^-1||_{X^-1 <- X^-1}

    With natural norms the g_q and ranges are computed from dense matrices, else from the continuity
    constants gamma_q, g_q = gamma_q / beta_i. Reference: Huynh, Knezevic, Chen, Hesthaven & Patera
    (2010), doi:10.1016/j.cma.2010.02.011, section 3.

    Args:
        matrices: the A_q, dense or sparse, n x n.
        inner_product: X, an `InnerProduct` or its matrix; None for the Euclidean one.
        natural: whether to; None for yes up to 400 unknowns.

    Raises `InputError` for matrices that do not fit.

    >>> norms = NaturalNorms([np.diag([1.0, 4.0]), -np.eye(2)], None, True)
    >>> anchor, _ = norms.at(np.array([1.0, 2.0]), "anchor")
    >>> anchor.values.round(9).tolist(), anchor.norms.round(9).tolist()
    ([1.0], [[2.0, 1.0]])
    """

    def __init__(self, matrices: Any, inner_product: Any, natural: bool | None = None):
        if natural is not None and not isinstance(natural, bool):
            raise InputError(f"natural: expected True, False or None, got {natural!r:.80}")
        self.span = explicit_span(matrices)
        size = self.span.shape[0]
        self.product = explicit_product(inner_product, self.span)
        self.natural = size <= _NATURAL if natural is None else natural
        D, lowest = self.product.diagonal, self.product.lowest
        #: Upper bounds of ||A_q|| between the norms of X and X^-1, crude but quick (Schur's test).
        self.sizes = np.array(
            [
                np.sqrt((row_sums(A) / D).max() * (row_sums(A.T) / D).max()) / lowest
                for A in self.span.matrices
            ]
        ) * (1 + size * EPS)
        self._continuity: Array | None = None
        self._white: Array | None = None

    def __len__(self) -> int:
        return len(self.span)

    @property
    def continuity(self) -> Array:
        """Upper bounds gamma_q of ||A_q||, proved, shape (Q,)."""
        if self._continuity is None:
            found = [largest_singular_value(A, self.product).upper for A in self.span.matrices]
            self._continuity = np.minimum(found, self.sizes)
        return self._continuity

    def at(self, point: Array, name: str) -> tuple[NaturalNorm, Array]:
        """Return the natural norm of an anchor, and its singular vector w_i with ||w_i||_X = 1.

        Raises `InputError` if the matrix is singular to round-off; `name` says which it was.
        """
        rounding = (len(self) + 3) * EPS * float(np.abs(point) @ self.sizes)
        found = smallest_singular_value(self.span.combine(point), self.product, rounding)
        if not found.lower > 0:
            raise InputError(
                f"{name}: expected an invertible matrix, its inf-sup constant is at most "
                f"{found.upper:.3g} for theta = {point.tolist()!r:.120}; drop this parameter, or "
                "add damping if it is a resonance"
            )
        if self.natural:
            norms, ranges = self._natural(point, found.lower)
        else:
            norms = self.continuity / found.lower * (1 + 4 * EPS)
            ranges = norms[:, None] * np.array([-1.0, 1.0, -1.0, 1.0])
        value = np.array([found.lower])
        return NaturalNorm(point[None], value, norms[None], ranges[None]), found.vector

    def factor(self, vector: Array) -> Array:
        """Return R (Q, Q) with ||A(theta) w||_{X^-1} = ||R theta|| for a vector w."""
        F = np.stack([A @ vector for A in self.span.matrices], axis=1)
        values, vectors = np.linalg.eigh(F.conj().T @ self.product.riesz(F))
        return np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.conj().T

    def _natural(self, point: Array, beta: float) -> tuple[Array, Array]:
        """Return norms and numerical ranges of D_q = A_q A_i^-1, widened by their rounding."""
        B = self._whitened
        anchor = np.tensordot(point, B, 1)
        norms, ranges = np.empty(len(self)), np.empty((len(self), 4))
        whole = float(np.abs(point) @ self.sizes)
        for q in range(len(self)):
            D = np.linalg.solve(anchor.T, B[q].T).T
            g = float(np.linalg.norm(D, 2))
            error = 4 * len(D) * EPS * ((self.sizes[q] + g * whole) / beta + g)
            norms[q] = g + error
            for column, C in ((0, D), (2, 1j * D)):
                values = np.linalg.eigvalsh((C + C.conj().T) / 2)
                ranges[q, column : column + 2] = values[0] - error, values[-1] + error
        return norms, ranges

    @property
    def _whitened(self) -> Array:
        """L^-1 A_q L^-H with X = L L^H, dense, shape (Q, n, n)."""
        from scipy.linalg import cholesky, solve_triangular

        if self._white is None:
            L = cholesky(matched(self.product.matrix, False), lower=True)
            half = [solve_triangular(L, matched(A, False), lower=True) for A in self.span.matrices]
            whole = [solve_triangular(L, A.conj().T, lower=True).conj().T for A in half]
            self._white = np.stack(whole)
        return self._white


def _real_parts(values: Array) -> Array:
    """Return real and imaginary parts in turn, shape (m, 2 Q)."""
    return np.ascontiguousarray(values, np.complex128).view(np.float64)

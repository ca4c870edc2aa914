"""How large a quadratic term can be: an upper bound of its continuity constant."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance
from nwidth.rom.inner_product import InnerProduct
from nwidth.rom.quadratic_form import QuadraticForm
from nwidth.rom.stability.smallest_eigenvalue import smallest_eigenvalue

Array = NDArray[Any]

# Points whose Riesz representatives are computed at once.
BLOCK = 256
# Part that is added for the rounding of representatives and sums.
ROUNDING = 1e-8


def quadratic_continuity(form: QuadraticForm, inner_product: Any) -> float:
    """Return gamma with |w . b_s(u, v)| <= gamma ||u|| ||v|| ||w|| for all vectors.

    By Hoelder's inequality at the points g of C, D, E, with rows c_g = rho_g c^_g and so on scaled
    to sums of magnitudes one, omega the product of the three scales, and for any order of them::

        sum_g |c_g w| |d_g u| |e_g v|  <=  max_g ||c^_g||' ||w||  s(D) ||u||  s(E) ||v||,
        ||c^_g||' = sqrt(c^_g X^-1 c^_g^T),   s(D)^2 = largest eigenvalue of D^T omega D against X

    and the least of the three choices counts. The eigenvalues are upper bounds that a factorization
    proves. It is one Riesz representative per point, and in two or three dimensions grows slowly
    with refinement; give a constant of an embedding theorem where a better one is known. Reference:
    Veroy & Patera (2005), doi:10.1002/fld.867, section 4, on the role of the constant.

    >>> one = np.eye(1)
    >>> round(quadratic_continuity(QuadraticForm([[3.0]], one, one), InnerProduct(4 * one)), 6)
    0.375
    """
    require_instance(form, "form", QuadraticForm)
    product = InnerProduct.of(inner_product, form.size)
    omega = np.ones(form.C.shape[0])
    parts = []
    for M in (form.C, form.D, form.E):
        scale = np.ravel(abs(M).sum(axis=1)).astype(np.float64)
        omega *= scale
        parts.append(M.multiply(1 / np.where(scale > 0, scale, 1.0)[:, None]).tocsr())
    squares = [_largest_square(M, omega, product) for M in parts]
    factors = [(squares[k - 1] * squares[k - 2]) ** 0.5 for k in range(3)]
    best = np.inf
    for k in np.argsort(factors):
        if any(abs(parts[k] - parts[j]).nnz == 0 and factors[j] <= factors[k] for j in range(k)):
            continue  # the same values, and no better factors
        best = min(best, _scaled_values(parts[k][omega > 0], product, factors[k], best))
    return float(best) * (1 + ROUNDING)


def _scaled_values(M: Any, product: InnerProduct, factor: float, limit: float) -> float:
    """Return the largest dual norm of a row times a factor, or a number that is not below limit."""
    largest = 0.0
    for first in range(0, M.shape[0], BLOCK):
        rows = M[first : first + BLOCK].toarray().T
        largest = max(largest, factor * float(product.dual_norm(rows).max()))
        if largest >= limit:
            break
    return largest


def _largest_square(M: Any, omega: Array, product: InnerProduct) -> float:
    """Return an upper bound of the largest eigenvalue of M^T omega M against X."""
    S = (M.T @ M.multiply(omega[:, None]).tocsr()).tocsr()
    S = (S + S.T) / 2
    if isinstance(product.matrix, np.ndarray):
        S = S.toarray()
    return max(-smallest_eigenvalue(-S, product).lower, 0.0)

"""The functions phi_k of large matrices times vectors, by Krylov spaces."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import namespace, to_numpy
from nwidth.errors import NotConvergedError
from nwidth.solvers.stepping.phi_matrices import phi_matrices

Array = NDArray[Any]
# (vector, where the product goes)
Product = Callable[[Array, Array], None]

# Dimensions at which the error is looked at; at the last one the interval is shortened.
LOOKS = (4, 8, 12, 16, 20, 25, 30, 36, 42)
# An interval is given up below this part of the step.
SHORTEST = 1e-6


def krylov_phi(
    product: Product, h: float, vectors: Sequence[Array | None], tolerance: float, size: float
) -> Array:
    """Return sum_k h^k phi_k(h J) b_k for k = 1, 2, ..., from products J w alone.

    The sum is u(h) of the linear problem u' = J u + b_1 + t b_2 + t^2/2 b_3 + ..., u(0) = 0. Over
    an interval r, from u at its beginning, with p vectors,

        w_0 = u,  w_k = J w_{k-1} + b_k(t),    u(t + r) = sum_{k<p} r^k/k! w_k + r^p phi_p(r J) w_p

    phi_p(r J) w_p = ||w_p|| V phi_p(r H) e_1, where V is an orthonormal basis of the Krylov space
    of w_p and H = V^T J V (Arnoldi). Its error is about h_{m+1,m} |e_m^T r phi_{p+1}(r H) e_1|
    ||w_p||. Where the space would become too large r is shortened, with the same basis. References:
    Saad (1992), doi:10.1137/0729014; Niesen & Wright (2012),
    doi:10.1145/2168773.2168781.

    Args:
        product: J w, real linear: complex arrays count as pairs of real numbers.
        h: the length of the interval.
        vectors: b_1, b_2, ..., arrays of one shape; zeros may come as None, but not all.
        tolerance: the error over h, relative to `size`.
        size: of what the sum is added to, a Euclidean norm.

    Raises `NotConvergedError` where intervals become too short: J is too stiff for Krylov spaces.

    >>> J = np.diag([-1.0, -2.0])
    >>> sum_ = krylov_phi(lambda w, out: np.matmul(J, w, out=out), 0.5, [np.ones(2)], 1e-12, 1.0)
    >>> np.allclose(sum_, [1 - np.exp(-0.5), (1 - np.exp(-1)) / 2], rtol=1e-12)
    True
    """
    xp, p = namespace(*[b for b in vectors if b is not None]), len(vectors)
    like = next(b for b in vectors if b is not None)
    u, allowed = xp.zeros_like(like), tolerance * size
    t, r = 0.0, h
    while t < h:
        terms = [u]
        for k in range(1, p + 1):
            term = xp.zeros_like(like)
            if t > 0 or k > 1:  # u, and with it J u, is zero at the beginning
                product(terms[-1], term)
            for j in range(k, p + 1):
                b = vectors[j - 1]
                if b is not None and (t > 0 or j == k):
                    term += (t ** (j - k) / math.factorial(j - k)) * b
            terms.append(term)
        r = min(r, h - t)
        last, r = _arnoldi(product, terms[p], r, p, allowed / h, SHORTEST * h)
        for k in range(p):
            last += (r**k / math.factorial(k)) * terms[k]
        u = last
        t = h if h - t - r <= 1e-12 * h else t + r
        r *= 2
    return u


def _arnoldi(
    product: Product, w: Array, r: float, p: int, allowed: float, shortest: float
) -> tuple[Array, float]:
    """Return r^p phi_p(r J) w and r, shortened until the error is below `allowed` r."""
    xp = namespace(w)
    flat = _real(w)
    beta = float(xp.linalg.norm(flat))
    if beta == 0:
        return xp.zeros_like(w), r
    if not math.isfinite(beta):
        return xp.full_like(w, np.nan), r  # blown up, which whoever steps tells
    most = min(LOOKS[-1], flat.size)
    V = xp.empty((most + 1, *w.shape), w.dtype)
    basis = _real(V).reshape(most + 1, -1)
    H = np.zeros((most + 1, most))
    basis[0] = flat / beta
    for m in range(1, most + 1):
        product(V[m - 1], V[m])
        new = basis[m]
        before = float(xp.linalg.norm(new))
        for _ in range(2):  # twice is enough for orthogonality to rounding
            parts = basis[:m] @ new
            new -= parts @ basis[:m]
            H[:m, m - 1] += to_numpy(parts)
        H[m, m - 1] = float(xp.linalg.norm(new))
        if not math.isfinite(H[m, m - 1]):
            return xp.full_like(w, np.nan), r
        exhausted = H[m, m - 1] <= 10 * np.finfo(w.dtype).eps * before or m == flat.size
        if exhausted or m in LOOKS:
            while True:
                phi = phi_matrices(r * H[:m, :m], p + 1)
                error = beta * r ** (p + 1) * H[m, m - 1] * abs(phi[p + 1][m - 1, 0])
                if exhausted or error <= allowed * r:
                    weights = xp.asarray((beta * r**p) * phi[p][:, 0], basis.dtype)
                    return (weights @ basis[:m]).view(w.dtype).reshape(w.shape), r
                if m < most:
                    break
                r /= 2
                if r < shortest:
                    raise NotConvergedError(
                        "phi functions: expected Krylov spaces to resolve the Jacobian, its norm "
                        "times the step is too large; take a smaller dt, or ETDRK4 or an implicit "
                        "method with the stiff part in `linear`"
                    )
        basis[m] /= H[m, m - 1]
    raise AssertionError("the last dimension is looked at")


def _real(array: Array) -> Array:
    """Return all numbers in a row, complex ones as pairs of real ones, without a copy."""
    return array.view(array.real.dtype).reshape(-1)

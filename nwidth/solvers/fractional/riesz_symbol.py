"""The function whose Fourier coefficients are the entries of a Riesz collocation matrix."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import zeta

from nwidth.arguments import require_number
from nwidth.arrays import lives_on_gpu, real_floating, require_finite, to_numpy
from nwidth.errors import InputError
from nwidth.solvers.fractional.riesz_entries import require_degree

Array = NDArray[Any]

# Terms of the series of the other periods that are tried; those below 1e-18 of it are left out.
TERMS = 200
# Angles that stay in the cache of a core.
BLOCK = 8192


class RieszSymbol:
    """The symbol f of the collocation matrices of d^alpha / d|x|^alpha with splines of degree p.

        f(theta) = -sum over l of |theta + 2 pi l|^alpha
                   (2 sin((theta + 2 pi l) / 2) / (theta + 2 pi l))^{p+1}

        the central entries: f_k = 1/(2 pi) integral f(theta) cos(k theta),  of unit knot intervals

    f has a zero of order alpha at zero, and |f(pi)| falls exponentially with p, faster for smaller
    alpha. Both make the matrices ill-conditioned: the first as the mesh is refined, the second as
    the degree is raised. Mazza, Donatelli, Manni & Speleers (2023), doi:10.1002/nla.2462.

    It is summed to machine precision, with s = p + 1 - alpha and 0 < theta <= pi, as

        f(theta) = -(2 sin(theta / 2))^{p+1} (theta^{-s} + 2 (2 pi)^{-s} sum over k of
                   binom(s+k-1, k) zeta(s+k) (theta / (2 pi))^k)

    over even k for odd p, and for even p over odd k with eta(s) = (1 - 2^{1-s}) zeta(s) for zeta;
    all terms are positive.

    Args:
        degree: p, from 2 to 20.
        alpha: order of the derivative, 1 < alpha <= 2; at 2 it is the second derivative.

    >>> RieszSymbol(2, 2.0)(np.array([0.0, np.pi / 2, np.pi])).round(12) + 0.0
    array([ 0., -2., -4.])
    """

    def __init__(self, degree: int, alpha: float):
        self.degree = require_degree(degree)
        self.alpha = require_alpha(alpha)
        s = self.degree + 1 - self.alpha
        k = np.arange(TERMS)
        binomials = np.cumprod(np.concatenate([[1.0], (s + k[:-1]) / k[1:]]))
        parity = (self.degree + 1) % 2
        binomials, k = binomials[parity::2], k[parity::2]
        zetas = zeta(s + k)
        if parity:
            zetas *= -np.expm1((1 - s - k) * np.log(2))
        at_pi = binomials * zetas * 0.5**k
        kept = np.flatnonzero(at_pi > 1e-18 * at_pi.sum())
        self._series = (2 * (2 * np.pi) ** (-s - k) * binomials * zetas)[: kept[-1] + 1]

    def __call__(self, theta: Any) -> Array:
        """Return f at angles, of any shape; it is even and has period 2 pi."""
        theta = require_finite(real_floating(theta, "theta"), "theta")
        if lives_on_gpu(theta):
            raise InputError("theta: expected a NumPy array; the symbol is summed on the host")
        flat = to_numpy(theta).astype(np.float64).reshape(-1)
        out = np.empty_like(flat)
        for start in range(0, flat.size, BLOCK):
            part = slice(start, start + BLOCK)
            out[part] = self._values(flat[part])
        return out.reshape(theta.shape).astype(theta.dtype)

    def _values(self, theta: Array) -> Array:
        p = self.degree
        if theta.size and not (theta.min() >= 0 and theta.max() <= np.pi):
            theta = np.abs(np.remainder(theta + np.pi, 2 * np.pi) - np.pi)
        square = theta * theta
        total = np.full_like(theta, self._series[-1])
        for coefficient in self._series[-2::-1]:
            total *= square
            total += coefficient
        if p % 2 == 0:
            total *= theta
        own = np.sinc(theta / (2 * np.pi)) ** (p + 1) * theta**self.alpha
        total *= (2 * np.sin(theta / 2)) ** (p + 1)
        return -(own + total)


def require_alpha(alpha: Any) -> float:
    """Return the order of a Riesz derivative, or raise `InputError`.

    >>> require_alpha(1.5)
    1.5
    """
    return require_number(alpha, "alpha", "(1, 2]")

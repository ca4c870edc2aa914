"""How well polynomials of a degree approach a function of matrices."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nwidth.arguments import require_integer
from nwidth.errors import InputError

# Coefficients beyond the degree that are summed; geometric decay leaves nothing after them.
_TERMS = 4096
# Coefficients that must vanish are this small relative to the largest one, or f is singular.
_NEAR_ZERO = 1e-12


def polynomial_tail(
    f: Callable[[Any], Any], degree: int, interval: tuple[float, float], *, hermitian: bool = True
) -> float:
    """Bound ||f(A) - p(A)||_2 for one polynomial p of a degree and all matrices A of a family.

        Hermitian A with spectrum in [a, b]:     sum_{k > degree} |c_k|,
        any A with ||A - (a+b)/2||_2 <= (b-a)/2:  sum_{k > degree} |t_k| ((b-a)/2)^k,

    c_k are the coefficients of f in Chebyshev polynomials on [a, b], t_k those of Taylor about the
    middle; p is the sum up to the degree. Traces differ by n times as much at most. Reference:
    Trefethen (2019), Approximation Theory and Approximation Practice, doi:10.1137/1.9781611975949,
    chapters 3, 4 and 8.

    Args:
        f: of a NumPy array, analytic on a neighbourhood of the interval, or of the disc, such as
            `numpy.log` or `lambda x: 1 / x`. For discs it is called with complex numbers.
        degree: of p.
        interval: a and b with a < b.
        hermitian: whether the matrices are.

    Coefficients are computed from 4096 values of f. The bound is never below round-off, 1e-16 times
    the largest value. Raises `InputError` if they do not decay or f is not finite, as 1 / x if 0 is
    in the interval.

    >>> tail = polynomial_tail(lambda x: 1 / x, 10, (1.0, 2.6))
    >>> bool(1.9e-7 < tail < 2e-7)
    True
    """
    degree = require_integer(degree, "degree", 0)
    ends = np.asarray(interval)
    if ends.shape != (2,) or ends.dtype.kind not in "iuf" or not np.isfinite(ends).all():
        raise InputError(f"interval: expected two finite ends a < b, got {interval!r:.80}")
    a, b = ends.tolist()
    if a >= b:
        raise InputError(f"interval: expected a < b, got {interval!r:.80}")
    if not callable(f):
        raise InputError(f"f: expected a function, got {f!r:.80}")
    count = max(_TERMS, 4 * degree)
    turn = np.exp(2j * np.pi * (np.arange(count) + 0.5) / count)
    places = turn.real if hermitian else turn
    with np.errstate(all="ignore"):
        values = np.asarray(f((a + b) / 2 + (b - a) / 2 * places))
    # On the circle f is a sum of powers; on the interval one of cosines, which are two powers each.
    sizes = np.abs(np.fft.fft(values)) / count if values.shape == (count,) else np.array(np.nan)
    if (
        not np.isfinite(sizes).all()
        or sizes[3 * count // 8 : 5 * count // 8 if hermitian else count].max()
        > _NEAR_ZERO * sizes.max()
    ):
        raise InputError(
            f"f: expected a function without singularities on [{a:g}, {b:g}]"
            f"{'' if hermitian else ' and the disc around it'}, not even close to its ends, that "
            "takes arrays; choose a smaller interval"
        )
    kept = sizes[degree + 1 : count // 2] * (2 if hermitian else 1)
    return float(kept.sum() + np.finfo(float).eps * np.abs(values).max())

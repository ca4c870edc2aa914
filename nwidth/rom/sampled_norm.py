"""What a few Gaussian products say for certain, but for a stated probability, of a norm."""

from math import exp, log

import numpy as np

# The probability that a bound from random vectors fails.
FAILURE = 1e-10


def norm_factor(samples: int, dtype: np.dtype, failure: float = FAILURE) -> float:
    """Return c such that ||A||_F <= c sqrt(mean_i ||A w_i||^2), but with a given probability.

        P(mean_i ||A w_i||^2 <= t ||A||_F^2)  <=  (t exp(1 - t))^(s/2) = failure,    c = t^-1/2

    for s Gaussian vectors w_i with E w_i w_i* = I, whatever A is; s counts real vectors, of which a
    complex one is two. It follows from E exp(-a ||A w||^2) <= (1 + 2 a ||A||_F^2)^-1/2. See on such
    bounds Gratton & Titley-Peloquin (2018), doi:10.1137/17M1137541, and for the largest singular
    value Halko, Martinsson & Tropp (2011), doi:10.1137/090771806, section 4.3.

    Args:
        samples: number of random vectors that A has not seen. Good values: 16 and more.
        dtype: of the vectors.
        failure: probability, > 0.

    >>> [round(norm_factor(s, np.dtype(float)), 2) for s in (8, 32, 128)]
    [29.3, 3.23, 1.64]
    """
    power = samples / 2 * (2 if np.dtype(dtype).kind == "c" else 1)
    wanted = log(failure) / power  # log t + 1 - t, which rises in t < 1
    low, high = exp(wanted - 1), 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if log(middle) + 1 - middle < wanted else (low, middle)
    return low**-0.5

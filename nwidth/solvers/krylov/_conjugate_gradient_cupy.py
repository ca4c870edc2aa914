"""Vector updates of the conjugate gradient method on CuPy arrays; see `_conjugate_gradient_numba`.

Sums go to the first of the parts; they are float64 whatever the vectors are.
"""

import numpy as np

BLOCK = 2**62


def step(x, r, p, q, alpha, parts, threaded):
    """Set x += alpha p and r -= alpha q; the parts get r . r."""
    x += alpha * p
    r -= alpha * q
    dot(r, r, parts, threaded)


def dot(r, z, parts, threaded):
    """Set the parts to r . z."""
    parts[...] = (r.astype(np.float64, copy=False) * z).sum()


def direction(p, z, beta, parts, threaded):
    """Set p = z + beta p."""
    p *= beta
    p += z

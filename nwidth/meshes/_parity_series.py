"""Trigonometric series along one axis by two matrix products, where transforms are slow.

A fast transform whose length has a large prime factor takes 3 to 10 times as long as one without.
Every eigenfunction of `_trigonometric_series` is even or odd about the middle of the axis, and the
points are symmetric about it: with E and D, the even and the odd functions at the first half of the
points,

    f_j = (E a_even + D a_odd)_j,    f_(n-1-j) = (E a_even - D a_odd)_j

costs n M / 2 multiplications per line of M coefficients. Arguments are reduced in integers, so that
the entries are exact to round-off whatever the frequency.
"""

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# Transforms are quicker for primes up to this one, and for lengths of more than so many times their
# largest prime; products are quicker up to sizes n x M. Transforms of the first kind have twice the
# length and pay twice.
LARGEST_PRIME = 31
MULTIPLES, MULTIPLES_FIRST_KIND = 4, 8
LARGEST_PRODUCT, LARGEST_PRODUCT_FIRST_KIND = 768**2, 2048**2


def pays(length: int, size: int, terms: int, first_kind: bool) -> bool:
    """Whether products are quicker than a transform of that length, for M terms at n points.

    >>> pays(421, 421, 421, False), pays(420, 421, 421, True), pays(1499, 1500, 12, True)
    (True, False, True)
    """
    limit = LARGEST_PRODUCT_FIRST_KIND if first_kind else LARGEST_PRODUCT
    if size * terms > limit:
        return False
    p = largest_prime_factor(length)
    multiples = MULTIPLES_FIRST_KIND if first_kind else MULTIPLES
    return p > LARGEST_PRIME and length <= multiples * p


def largest_prime_factor(n: int) -> int:
    """Return the largest prime factor of n, 1 for 1.

    >>> [largest_prime_factor(n) for n in (1, 8, 420, 421, 2 * 211)]
    [1, 2, 7, 421, 211]
    """
    largest, p = 1, 2
    while p * p <= n:
        if n % p == 0:
            largest, n = p, n // p
        else:
            p += 1
    return max(largest, n)


def evaluate(a: Array, k: int, boundary: str, points: int, spacing: int, first: int) -> Array:
    """Return sum_m a_m cos or sin(...) along axis k at symmetric points of the axis.

    In units of a half interval the points lie at first, first + 2, ..., and the axis has the length
    `spacing`: nodes have first = 0, cells first = 1.
    """
    even, odd, E, D = _matrices(boundary, a.shape[k], points, spacing, first)
    lead, inner = prod(a.shape[:k]), prod(a.shape[k + 1 :])
    lines = a.reshape(lead, a.shape[k], inner)
    half = points // 2
    out = np.empty((lead, points, inner), dtype=a.dtype)
    if inner == 1:
        lines = lines[:, :, 0]
        symmetric, other = lines[:, even] @ E.T, lines[:, odd] @ D.T
        values = out[:, :, 0]
        np.add(symmetric[:, :half], other[:, :half], out=values[:, :half])
        np.subtract(symmetric[:, :half], other[:, :half], out=values[:, ::-1][:, :half])
        if points % 2:
            values[:, half] = symmetric[:, half]
    else:
        symmetric, other = E @ lines[:, even], D @ lines[:, odd]
        np.add(symmetric[:, :half], other[:, :half], out=out[:, :half])
        np.subtract(symmetric[:, :half], other[:, :half], out=out[:, ::-1][:, :half])
        if points % 2:
            out[:, half] = symmetric[:, half]
    return out.reshape(*a.shape[:k], points, *a.shape[k + 1 :])


@lru_cache(maxsize=4)
def _matrices(
    boundary: str, terms: int, points: int, spacing: int, first: int
) -> tuple[Array, Array, Array, Array]:
    """Return the indices of even and odd functions, and both at the first half of the points."""
    index = np.arange(terms)
    periodic = boundary == "periodic"
    m = (index + 1) // 2 * 2 if periodic else index + (boundary == "dirichlet")
    sine = index % 2 == 0 if periodic else np.full(terms, boundary == "dirichlet")
    if periodic:
        sine[0] = False
    # cos(pi m x) has parity (-1)^m about the middle, sin(pi m x) the other one.
    odd = (m + sine) % 2 == 1
    x = first + 2 * np.arange((points + 1) // 2)
    angle = np.pi / spacing * (x[:, None] * m % (2 * spacing))
    functions = np.where(sine, np.sin(angle), np.cos(angle))
    even_index, odd_index = np.flatnonzero(~odd), np.flatnonzero(odd)
    E, D = (np.ascontiguousarray(functions[:, i]) for i in (even_index, odd_index))
    return even_index, odd_index, E, D

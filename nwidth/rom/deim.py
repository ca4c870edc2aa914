"""DEIM: the greedy points of the discrete empirical interpolation method."""

from typing import Any

import numpy as np

from nwidth.rom.basis_interpolation import BasisInterpolation
from nwidth.rom.field_basis import field_rows, first_largest, orthonormal
from nwidth.rom.nested_interpolation import NestedInterpolation


def deim(basis: Any) -> BasisInterpolation:
    """Choose as many points as basis functions, each where the next function is worst known.

        p_1 = argmax |u_1|,    p_k = argmax |u_k - U_{k-1} (P_{k-1}^T U_{k-1})^{-1} P_{k-1}^T u_k|

    The choice is that of Gaussian elimination with partial pivoting and depends on the order of the
    functions, whose most important should come first; of values that are equal to round-off the
    first counts. Time is that of r^2 n products. Reference: Chaturantabut & Sorensen (2010),
    doi:10.1137/090766498, algorithm 1; bounds: Sorensen & Embree (2016), doi:10.1137/140978430.

    Args:
        basis: fields as rows, shape (r, *shape), such as `pod(data).modes`, real or complex.

    Raises `InputError` for functions that are not finite or not independent.

    >>> y = np.linspace(-1, 1, 201)
    >>> deim(np.stack([np.ones(201), y, y**2])).points.tolist()
    [0, 200, 100]
    """
    fields = field_rows(basis, "basis")
    rows = orthonormal(fields.reshape(len(fields), -1))
    nested = NestedInterpolation(rows)
    for _ in rows:
        nested.add(first_largest(np.abs(nested.residual())))
    return BasisInterpolation(fields, nested.points)

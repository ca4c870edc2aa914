"""Jumps of the coefficient, as the couplings of a flux operator show them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.solvers.diffusion_operator import DiffusionOperator

Array = NDArray[Any]


def coupling_jumps(operator: DiffusionOperator, above: float) -> Array:
    """Return how much the couplings of points to both sides differ, where by more than `above`.

        max(T_-, T_+) / min(T_-, T_+)    of points inside, axis by axis, in no order

    Couplings to walls are left out, as their distances are others. A coupling of zero makes an
    infinite jump.

    >>> coupling_jumps(DiffusionOperator((np.array([1.0, 1.0, 1.0, 8.0, 8.0]),)), 2.0).tolist()
    [8.0]
    """
    found = []
    for k, T in enumerate(operator.faces):
        inside = np.moveaxis(T, k, 0)[1:-1]
        before, after = inside[:-1], inside[1:]
        with np.errstate(over="ignore", divide="ignore"):
            at = (before > above * after) | (after > above * before)
            before, after = before[at], after[at]
            found.append(np.maximum(before, after) / np.minimum(before, after))
    return np.concatenate(found)

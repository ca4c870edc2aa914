"""Spectral equivalence: how far two operators in flux form are apart, face by face."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance
from nwidth.solvers.diffusion_operator import DiffusionOperator

Array = NDArray[Any]


def spectral_equivalence(
    operator: DiffusionOperator, faces: Sequence[Array], reaction: Array | None = None
) -> tuple[float, float]:
    """Return (lower, upper) such that lower v.Kv <= v.Av <= upper v.Kv for every v.

    A is the operator and K the one with the transmissibilities `faces`, one array per axis that
    broadcasts to the operator's, and the reaction. Both energies are sums of squares

        v.Av = sum over faces of T (v_i - v_j)^2 + sum of d v_i^2,

    so the smallest and the largest ratio of their T and d do.

    Returns 0 or infinity on the side where K or A has a coupling that the other one lacks, and
    (1, 1) for two empty operators.

    >>> spectral_equivalence(DiffusionOperator((np.array([1.0, 3.0]),)), [np.ones(2)])
    (1.0, 3.0)
    """
    require_instance(operator, "operator", DiffusionOperator)
    lower, upper = np.inf, 0.0
    pairs = list(zip(operator.faces, faces, strict=True))
    if operator.reaction is not None or reaction is not None:
        zero = np.zeros((1,) * len(operator.domain_shape))
        pairs.append(
            (
                zero if operator.reaction is None else operator.reaction,
                zero if reaction is None else reaction,
            )
        )
    for theirs, own in pairs:
        theirs, own = np.broadcast_arrays(theirs, own)
        couples = own > 0
        if theirs[~couples].any():
            upper = np.inf
        if couples.any():
            ratios = theirs[couples] / own[couples]
            lower, upper = min(lower, float(ratios.min())), max(upper, float(ratios.max()))
    return (1.0, 1.0) if lower > upper else (lower, upper)

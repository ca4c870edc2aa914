"""Preconditioners for a reaction that varies: inverses for some constants, interpolated by rows."""

from math import ceil, log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import real_floating, require_finite
from nwidth.errors import InputError
from nwidth.solvers.fractional.riesz_matrix import RieszMatrix
from nwidth.solvers.fractional.riesz_preconditioner import RieszPreconditioner
from nwidth.solvers.linear_operator import LinearOperator

Array = NDArray[Any]

# Inverses at most, and those per factor of ten.
MOST, PER_DECADE = 14, 1.0
# A reaction jumps from point to point if its steps add up to this part of all that they could.
ROUGH = 0.25


class InterpolatedInverse(LinearOperator):
    """An inverse of -A + diag(c) B for a reaction c that varies by orders of magnitude.

        M = sum over j of diag(w_j(c_i)) (-A + c_j B)^{-1},    sum over j of w_j(c) = 1

    Near a point the equation is like that with the constant which c has there, so row i of the
    inverse is interpolated, linearly in log(c + c_0), between those of a few constants c_j; c_0 is
    the lowest eigenvalue of -A, below which constants make no difference. Each of them is a
    `RieszPreconditioner`. One constant, the mean, is taken where c varies little, or jumps from
    point to point. Iterations to 1e-8: 8 to 15 where c is smooth and varies by 1e3 to 1e12 or jumps
    once by 1e6; up to 80 where it jumps often or by 1e12 (measured).

    With circulants: Ng & Pan (2010), Approximate inverse circulant-plus-diagonal preconditioners,
    SIAM J. Sci. Comput. 32, 1442; for fractional diffusion: Pan, Ke, Ng & Sun (2014), SIAM J. Sci.
    Comput. 36, A2698, who combine inverses row by row, too.

    Args:
        matrix: A.
        reaction: c >= 0, shape () or (N,).

    Attributes: `constants`, the c_j.

    >>> M = InterpolatedInverse(RieszMatrix(50, 3, 1.5), 100.0 * np.arange(51))
    >>> len(M.constants), round(M.constants[-1])
    (5, 5000)
    """

    def __init__(self, matrix: RieszMatrix, reaction: Any):
        reaction = require_finite(real_floating(reaction, "reaction"), "reaction")
        if reaction.shape not in ((), matrix.domain_shape):
            raise InputError(
                f"reaction: expected shape () or {matrix.domain_shape}, got {reaction.shape}"
            )
        if not reaction.min() >= 0:
            raise InputError(f"reaction: expected numbers >= 0, got {reaction.min():g}")
        self.domain_shape = self.range_shape = matrix.domain_shape
        self.dtype = matrix.dtype
        least = (np.pi / (matrix.upper - matrix.lower)) ** matrix.alpha
        levels = np.log(reaction + least)
        low, high = float(levels.min()), float(levels.max())
        steps = np.abs(np.diff(levels)).sum() if levels.ndim else 0.0
        rough = steps > ROUGH * matrix.size * (high - low)
        if rough or high - low < log(2):
            self.constants = [float(np.mean(reaction))]
            self._weights = np.ones((1, 1))
        else:
            count = min(2 + ceil(PER_DECADE * (high - low) / log(10)), MOST)
            nodes = np.linspace(low, high, count)
            self.constants = [max(float(v), 0.0) for v in np.exp(nodes) - least]
            place = (levels - low) / (nodes[1] - nodes[0])
            self._weights = np.maximum(1 - np.abs(place - np.arange(count)[:, None]), 0)
        self.inverses = [
            RieszPreconditioner(matrix, stiffness=-1.0, mass=c) for c in self.constants
        ]

    def _apply(self, u: Any) -> Any:
        parts = zip(self._weights, self.inverses, strict=True)
        return sum(weight.astype(u.dtype) * inverse.along(u) for weight, inverse in parts)

    def _adjoint(self, v: Any) -> Any:
        parts = zip(self._weights, self.inverses, strict=True)
        return sum(
            inverse.along(weight.astype(v.dtype) * v, adjoint=True) for weight, inverse in parts
        )

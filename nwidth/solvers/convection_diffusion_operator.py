"""The matrix-free operator of convection and diffusion, exponentially fitted."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.errors import InputError, NonFiniteError
from nwidth.solvers.diffusion_operator import DiffusionOperator
from nwidth.solvers.star_operator import StarOperator

Array = NDArray[Any]


class ConvectionDiffusionOperator(StarOperator):
    """Diffusion and convection through the faces of control volumes, an M-matrix for every flow.

        (A u)_i = sum_f c_f (u_i - u_j) + d_i u_i
        c_f = T_f B(|P_f|) + q_f    upstream,    T_f B(|P_f|)    downstream,    P_f = q_f / T_f

    with q_f the flow through the face and Bernoulli's function B(p) = p / (exp(p) - 1): what solves
    the equation between two points exactly. Off-diagonals are negative and rows sum to d >= 0, so
    that there are no false extremes. Small |P| gives central differences, large |P| upwind ones.
    Reference: Scharfetter & Gummel (1969), doi:10.1109/T-ED.1969.16566, equation (44).

    Args:
        diffusion: the flux operator with T_f and d.
        flows: q_f, one array per axis of the shape of `diffusion.faces`, positive along the axis;
            no account is taken of it where T_f = 0.

    The precision is that of the diffusion. Raises `InputError` for another kind of diffusion and
    shapes that do not fit, `NonFiniteError` for NaN and infinity.

    >>> D = DiffusionOperator((np.ones(4),))
    >>> A = ConvectionDiffusionOperator(D, [np.full(4, 100.0)])
    >>> (A.to_dense().round(6) + 0.0).tolist()
    [[100.0, 0.0, 0.0], [-100.0, 100.0, 0.0], [0.0, -100.0, 100.0]]
    """

    def __init__(self, diffusion: DiffusionOperator, flows: Sequence[Array]):
        if not isinstance(diffusion, DiffusionOperator):
            raise InputError(f"diffusion: expected a DiffusionOperator, got {diffusion!r:.80}")
        if [np.shape(q) for q in flows] != [t.shape for t in diffusion.faces]:
            raise InputError(
                f"flows: expected shapes {[t.shape for t in diffusion.faces]}, those of the faces, "
                f"got {[np.shape(q) for q in flows]}"
            )
        self.diffusion = diffusion
        self.flows = tuple(np.asarray(q, dtype=diffusion.dtype) for q in flows)
        below, above = [], []
        diagonal = np.zeros(diffusion.domain_shape, diffusion.dtype)
        if diffusion.reaction is not None:
            diagonal += diffusion.reaction
        for k, (T, q) in enumerate(zip(diffusion.faces, self.flows, strict=True)):
            if not np.isfinite(q).all():
                raise NonFiniteError(f"flows[{k}]: expected finite numbers; check the velocity")
            q = np.where(T > 0, q, 0)
            fitted = T * bernoulli(np.abs(q), T)
            below.append(fitted + np.maximum(q, 0))
            above.append(fitted + np.maximum(-q, 0))
            n = diffusion.domain_shape[k]
            if n > 1 or not diffusion.periodic[k]:
                diagonal += below[k].take(range(n), axis=k)
                diagonal += above[k].take(range(1, n + 1), axis=k)
            else:
                below[k][...] = above[k][...] = 0  # the point is its own neighbour
        super().__init__(diagonal, below, above, diffusion.periodic)


def bernoulli(q: Array, T: Array) -> Array:
    """Return B(q / T) for q >= 0 and T >= 0; B(40) beyond 40 and where T is zero.

    >>> p = np.array([0.0, 1e-9, 2.0])
    >>> bernoulli(p, np.ones(3)).round(3).tolist()
    [1.0, 1.0, 0.313]
    """
    # B(40) is below the last digit of 40 = q / T, but keeps diagonals positive where all flows
    # leave a point.
    p = np.divide(q, T, out=np.full_like(T, 40), where=q < 40 * T)
    return np.divide(p, np.expm1(p), out=np.ones_like(p), where=p > 0)

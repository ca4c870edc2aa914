"""Relaxation by Chebyshev polynomials."""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_integer, require_number
from nwidth.solvers.diffusion_operator import DiffusionOperator
from nwidth.solvers.multigrid.relaxation import Relaxation
from nwidth.solvers.sparse_operator import SparseOperator

Array = NDArray[Any]


class Chebyshev(Relaxation):
    """Relaxation of A u = f by the polynomial in D^-1 A that is smallest on the upper spectrum.

        e <- p(D^-1 A) e,    p(t) = T_m((theta - t) / delta) / T_m(theta / delta)

    with theta +- delta the ends of [lambda_max / alpha, lambda_max]. It needs products with A only,
    no order of points, and is its own adjoint. lambda_max is Gershgorin's bound, which holds for
    every point and hardly exceeds the largest eigenvalue, so no safety factor is needed. Reference:
    Adams, Brezina, Hu & Tuminaro (2003), doi:10.1016/S0021-9991(03)00194-3, section 3; recurrence:
    Saad (2003), doi:10.1137/1.9780898718003, algorithm 12.1.

    Args:
        operator: A.
        degree: m, the products with A per sweep.
        alpha: the part of the spectrum that is relaxed, > 1; by default twice the dimension, which
            covers what the next level cannot represent where all axes are coupled alike.

    Raises `InputError` for other operators and numbers out of range.

    >>> A = DiffusionOperator((np.ones(4),))
    >>> u = np.zeros(3)
    >>> Chebyshev(A, degree=1, alpha=3.0).smooth(u, np.ones(3))
    >>> u.tolist()
    [0.375, 0.375, 0.375]
    """

    def __init__(
        self,
        operator: DiffusionOperator | SparseOperator,
        degree: int = 2,
        alpha: float | None = None,
    ):
        require_instance(operator, "Chebyshev", DiffusionOperator, SparseOperator)
        alpha = 2.0 * len(operator.domain_shape) if alpha is None else alpha
        super().__init__(operator)
        self.degree = require_integer(degree, "degree", 1)
        self.alpha = require_number(alpha, "alpha", "(1, inf)")

    @cached_property
    def largest(self) -> float:
        """Gershgorin's bound max_i sum_j |A_ij| / A_ii of the eigenvalues of D^-1 A."""
        A = self.operator
        if isinstance(A, SparseOperator):
            return A.gershgorin
        sums = A.apply(np.ones_like(A.diagonal))
        return float((2 - sums / A.diagonal).max())

    @cached_property
    def _work(self) -> tuple[Array, Array, Array]:
        """1 / D, the residual, and the step."""
        inverse = np.reciprocal(self.operator.diagonal)
        shape = self.operator.domain_shape
        return inverse, np.empty_like(inverse, shape=shape), np.empty_like(inverse, shape=shape)

    def smooth(
        self,
        u: Array,
        f: Array,
        sweeps: int = 1,
        *,
        adjoint: bool = False,
        from_zero: bool = False,
    ) -> None:
        """Apply the polynomial `sweeps` times; the adjoint is the same.

        u is changed in place; `from_zero` takes it as zero whatever it holds.
        """
        inverse, r, d = self._work
        real = self.operator.dtype.type
        theta = self.largest * (1 + 1 / self.alpha) / 2
        delta = self.largest * (1 - 1 / self.alpha) / 2
        sigma = theta / delta
        for sweep in range(sweeps):
            rho = 1 / sigma
            zero = from_zero and sweep == 0
            if zero:
                np.multiply(inverse, f, out=r)
            else:
                self._scaled_residual(r, f, u)
            np.multiply(r, real(1 / theta), out=d)
            if zero:
                np.copyto(u, d)
            else:
                u += d
            for _ in range(self.degree - 1):
                last, rho = rho, 1 / (2 * sigma - rho)
                self._scaled_residual(r, f, u)
                np.multiply(r, real(2 * rho / delta), out=r)
                np.multiply(d, real(rho * last), out=d)
                d += r
                u += d

    def _scaled_residual(self, r: Array, f: Array, u: Array) -> None:
        """Set r = D^-1 (f - A u)."""
        self.residual_into(r, f, u)
        np.multiply(r, self._work[0], out=r)

"""The reference operator of a problem beside an operator that is inverted exactly."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers.diffusion_operator import DiffusionOperator
from nwidth.solvers.fast_diagonalization import FastDiagonalization
from nwidth.solvers.fast_poisson import FastPoisson
from nwidth.solvers.linear_operator import LinearOperator

Array = NDArray[Any]

EPS = float(np.finfo(np.float64).eps)


class ReferenceSolver:
    """What residual norms need to know of a reference operator K in flux form.

    F is the operator of `FastPoisson` on the uniform grid of the same shape and box or, where sides
    are Robin, that of `FastDiagonalization` on the grid itself with the smallest coefficient of
    each side::

        lower v.Fv  <=  v.Kv  <=  upper v.Fv    for every v

    Both numbers are 1 on a uniform grid with coefficient one and constant reaction, and up to the
    accuracy of computed eigenvectors with constant Robin coefficients. Reference: those of F; the
    bounds are the smallest and largest ratio of the transmissibilities, see `spectral_equivalence`.

    Args:
        reference: K.
        grid: where the unknowns live.
        widths: control widths of the unknowns per axis if any side is Robin, else None.

    Attributes: `reference`, K itself; `lower`, `upper`; `domain_shape` of the unknowns; `singular`,
    whether constants are in the kernel; `weights`, the control volumes W of F, and
    `smallest_eigenvalue`, the smallest non-zero one of W^-1 F; `transform_error`, the relative
    rounding of its transforms.

    Raises `InputError` if K is not a `DiffusionOperator`, or if no lower bound is known: K lacks
    couplings that every grid of this shape has, or holds u by a Robin coefficient or a reaction
    that is zero at some points and by nothing else.

    >>> from nwidth.solvers import Poisson
    >>> solver = Poisson(Grid.uniform((4,), upper=3.0)).reference_solver()
    >>> solver.lower, solver.upper, float(solver.inverse_energy(np.ones(2)).round(12))
    (1.0, 1.0, 2.0)
    """

    def __init__(
        self, reference: LinearOperator, grid: Grid, widths: Sequence[Array] | None = None
    ):
        if not isinstance(reference, DiffusionOperator):
            raise InputError(
                "reference operator: expected a DiffusionOperator, whose dual norm can be bounded, "
                f"got {reference}"
            )
        self.reference = reference
        self._fast: FastPoisson | FastDiagonalization
        if widths is None:
            self._fast = FastPoisson.of(
                reference, Grid(tuple(axis.with_points(axis.size) for axis in grid.axes))
            )
        else:
            self._fast = FastDiagonalization.of(reference, widths)
            if not self._fast.accuracy < 0.5:
                raise InputError(
                    "grid: expected eigenvectors that float64 can resolve, to bound the error "
                    "beside Robin sides, got smallest and largest spacings too far apart; grade "
                    "the grid less"
                )
        self.lower, self.upper = self._fast.spectral_bounds(reference)
        if not self.lower > 0 or (self._fast.singular and not reference.singular):
            raise InputError(
                "reference operator: expected every face between neighbours to couple them and, "
                "without a Dirichlet side, a Robin coefficient or a reaction that is positive "
                "everywhere; got faces with transmissibility 0, or coefficients 0 at some points; "
                "the error cannot be bounded"
            )
        self.domain_shape = reference.domain_shape
        self.singular = self._fast.singular
        self.transform_error = self._fast.transform_error
        self.smallest_eigenvalue = self._fast.smallest_eigenvalue
        self.weights = np.broadcast_to(self._fast.weights, self.domain_shape)

    def inverse_energy(self, b: Array) -> Any:
        """Return b . F^-1 b for one b or each of a stack, by one transform."""
        return self._fast.energy(b)

    def solve(self, b: Array, initial: Array, rtol: float) -> Array:
        """Return w with K w near b, as far as conjugate gradients with multigrid bring it."""
        # At the top this would be a circle: Krylov methods, multigrid, problems, reference solvers.
        from nwidth.solvers.krylov.conjugate_gradient import conjugate_gradient

        return conjugate_gradient(
            self.reference, b, preconditioner=self._preconditioner, initial=initial, rtol=rtol
        ).x

    def rounding(self, operator: LinearOperator) -> tuple[float, Array]:
        """Return (g, a) that bound the rounding of residuals b - A u computed in float64.

            |error_i|  <=  g (|b_i| + sqrt(a_i e_i)),    e_i >= 0,    sum_i e_i <= 2 u . A u

        Every entry is a sum of at most 2d + 2 fluxes T (u_i - u_j), so that its error is at most g
        times the sum of their absolute values, g = (2d + 6) eps, and by the Cauchy-Schwarz
        inequality a is the diagonal of A. Reference: N. Higham (2002), Accuracy and Stability of
        Numerical Algorithms, doi:10.1137/1.9780898718027, section 3.1.
        """
        if not isinstance(operator, DiffusionOperator) or operator.dtype != np.float64:
            raise InputError(
                f"operator: expected a DiffusionOperator in float64, got {operator} in "
                f"{operator.dtype}; convert the inputs with astype(float)"
            )
        return (2 * len(self.domain_shape) + 6) * EPS, operator.diagonal

    @cached_property
    def _preconditioner(self) -> LinearOperator:
        from nwidth.solvers.multigrid import Multigrid

        return Multigrid(self.reference)

"""Scaled fast Poisson: fast transforms as preconditioner for smooth coefficients."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_dtype, require_instance
from nwidth.arrays import as_floating, require_finite
from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.meshes import _parity_series as parity
from nwidth.solvers.diffusion_operator import DiffusionOperator
from nwidth.solvers.fast_poisson import FastPoisson
from nwidth.solvers.linear_operator import LinearOperator

Array = NDArray[Any]

# Pairs (points, roughness) up to which these iterations take less time than those with multigrid,
# its set-up included, measured at 1e-8 and one thread. Both iterate 7 to 10 times; transforms leave
# the caches earlier, at three times the passes over memory.
SMOOTH_2D = ((100_000, 1.5), (400_000, 0.6))
SMOOTH_3D = ((2_000_000, 0.75),)


class ScaledFastPoisson(LinearOperator):
    """M = a^-1/2 (-Laplace)^-1 a^-1/2, close to the inverse of -div(a grad u) for smooth a.

    With v = a^1/2 u,

        a^-1/2 (-div(a grad u)) = -Laplace v + q v,    q = Laplace(a^1/2) / a^1/2,

    so that M A differs from the identity by (-Laplace)^-1 q: conjugate gradients take a number of
    iterations that depends on the gradient of log a and hardly on the grid, 7 to 15 for the fields
    that `suits_scaled_transform` accepts, whatever their contrast. Jumps of a make q singular:
    multigrid is for those. Reference: P. Concus, G. Golub, SIAM J. Numer. Anal. 10 (1973) 1103,
    doi:10.1137/0710092.

    Args:
        operator: A in flux form; where its outer faces couple to a wall, the side is Dirichlet.
        grid: uniform, where its unknowns live.
        a: the coefficient > 0 at the unknowns, shape `operator.domain_shape`; by default the ratio
            of the diagonals of A and of the operator with coefficient one, which does as well.
        dtype: precision of the transforms, the operator's if None; float32 takes half the time.

    Symmetric positive definite; where A is singular, definite on right-hand sides of total zero.
    A reaction of A enters with its smallest ratio to a and the volumes.
    Raises `InputError` for grids `FastPoisson` cannot transform and coefficients that do not fit.

    >>> from nwidth.solvers import Poisson
    >>> problem = Poisson(Grid.uniform((4,), upper=3.0))
    >>> M = ScaledFastPoisson(problem.reference_operator(), problem.grid, np.full(2, 4.0))
    >>> M.apply(np.array([4.0, 4.0])).round(12).tolist()
    [1.0, 1.0]
    """

    def __init__(
        self,
        operator: DiffusionOperator,
        grid: Grid,
        a: Array | None = None,
        *,
        dtype: Any | None = None,
    ):
        require_instance(operator, "operator", DiffusionOperator)
        fluxes = DiffusionOperator(operator.faces, None, operator.periodic)
        plain = FastPoisson.of(fluxes, grid)
        a = fluxes.diagonal / plain.diagonal() if a is None else as_floating(a, "a")
        if a.shape != operator.domain_shape or a.dtype.kind != "f":
            raise InputError(
                f"coefficient: expected real numbers at the unknowns, shape "
                f"{operator.domain_shape}, got {a.dtype} of shape {a.shape}; cut them out with "
                "problem.unknowns(a)"
            )
        if not require_finite(a, "coefficient").min() > 0:
            raise InputError(f"coefficient: expected numbers > 0, got {a.min()}")
        self.domain_shape = self.range_shape = operator.domain_shape
        self.dtype = operator.dtype
        #: Precision of the transforms.
        self.precision = require_dtype(
            operator.dtype if dtype is None else dtype, "float32", "float64"
        )
        least = 0.0
        if operator.reaction is not None:
            least = float((operator.reaction / (a * plain.weights)).min())
        self._fast = FastPoisson(grid, plain.kinds, reaction=least) if least > 0 else plain
        # The geometric mean of a stays outside, where float32 cannot overflow.
        self._mean = float(np.exp(np.log(a, dtype=np.float64).mean()))
        self._scale = np.sqrt(self._mean / a).astype(self.precision)
        kind = "positive semidefinite" if self._fast.singular else "positive definite"
        self.properties = frozenset({"symmetric", kind})

    def _apply(self, u: Any) -> Any:
        v = self._scale * u.astype(self.precision)
        w = self._fast.solve(v)
        w *= self._scale
        return np.divide(w, self._mean, dtype=self.dtype)

    def _adjoint(self, v: Any) -> Any:
        return self._apply(v)


def roughness(a: Array, grid: Grid) -> float:
    """Return the root mean square of |grad log a| over that of the lowest sine of the box.

        R = (mean of |grad log a|^2)^1/2 / (pi (sum_k L_k^-2)^1/2)

    It is independent of the grid for differentiable a, grows like n^1/2 where a jumps, and does not
    change when a is multiplied by a constant. One pass over a.

    >>> grid = Grid.uniform(101)
    >>> round(roughness(np.exp(3 * grid.points[0]), grid), 6)  # 3 / pi
    0.95493
    """
    log_a, total = np.log(a), 0.0
    for k, axis in enumerate(grid.axes):
        points, seam = axis.points, None
        if axis.periodic:
            points = np.append(points, points[0] + axis.length)
            seam = log_a[(slice(None),) * k + (slice(1),)]
        if len(points) > 1:
            shape = [-1 if j == k else 1 for j in range(grid.dimension)]
            jumps = np.diff(log_a, axis=k) if seam is None else np.diff(log_a, axis=k, append=seam)
            slopes = jumps / np.diff(points).reshape(shape)
            total += float(np.mean(np.square(slopes, out=slopes), dtype=np.float64))
    lowest = sum(axis.length**-2 for axis in grid.axes)
    return float(np.sqrt(total / lowest) / np.pi)


def suits_scaled_transform(a: Array, grid: Grid) -> tuple[bool, str]:
    """Return whether conjugate gradients with `ScaledFastPoisson` beat multigrid, and why.

    a is the coefficient on the grid, positive. The rule: the grid is uniform, lengths of transforms
    have no prime factor above 31, a is one scalar field, and its `roughness` R is at most 1.5 up to
    1e5 points in a plane, 0.6 up to 4e5, 0.75 up to 2e6 in space; on larger grids multigrid wins.
    Iterations to 1e-8 for exp(s g) with Gaussian g on 129^2 and 421^2 nodes: 7 for R = 0.3, 9 for
    0.7, 11 to 14 for 1.1 to 1.4, 17 to 24 for 2.5, more than 100 for jumps (R = 8 and more).

    >>> grid = Grid.uniform((65, 65))
    >>> suits_scaled_transform(np.where(grid.coordinates()[0] < 0.5, 1.0, 10.0), grid)[0]
    False
    """
    if any(not axis.is_uniform for axis in grid.axes):
        return False, "fast transforms need a uniform grid"
    if a.shape != grid.shape:
        return False, "fast transforms cannot follow a coefficient that differs between axes"
    for axis in grid.axes:
        length = axis.size - (axis.centering == "node" and not axis.periodic)
        if parity.largest_prime_factor(length) > parity.LARGEST_PRIME:
            return False, f"transforms of length {length} are slow: it has a large prime factor"
    limits = [
        limit
        for points, limit in (SMOOTH_3D if grid.dimension == 3 else SMOOTH_2D)
        if a.size <= points
    ]
    if not limits:
        return False, f"on {a.size} points multigrid is quicker than transforms"
    R, limit = roughness(a, grid), limits[0]
    if limit >= R:
        return True, f"smooth coefficient (roughness {R:.2f}): scaled fast transforms are quickest"
    return False, f"the coefficient is too rough ({R:.2f}) for scaled fast transforms"

"""Gaussian random fields with Whittle-Matern covariance, drawn by fast transforms."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property, reduce
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import require_finite, require_shape
from nwidth.errors import InputError
from nwidth.meshes import _trigonometric_series as series
from nwidth.meshes.grid import Grid
from nwidth.meshes.random_field import RandomField

Array = NDArray[np.float64]
Boundary = Literal["neumann", "dirichlet", "periodic"]


@dataclass(frozen=True)
class GaussianRandomField(RandomField):
    """A Gaussian field whose covariance is a power of the Laplacian on the box of a uniform grid.

        g ~ N(mean, sigma^2 (-Laplace + tau^2 I)^(-alpha))
        g(x) = mean + sum_m sigma (lambda_m + tau^2)^(-alpha/2) xi_m phi_m(x),  xi_m ~ N(0, 1)

    with the eigenpairs (lambda_m, phi_m) of -Laplace under the boundary condition, phi_m
    orthonormal in L2 of the box (Karhunen-Loeve), so the covariance does not depend on the grid.
    Lindgren, Rue & Lindstrom (2011), doi:10.1111/j.1467-9868.2011.00777.x, eq. (2); the settings
    of the Darcy and Burgers benchmarks are those of Li et al. (2021), arXiv:2010.08895, section 5.

    One sample costs one noise value per mode and one DCT, DST or real FFT per axis, O(N log N).
    Noise is indexed by mode: with `modes` given, one seed is one function on every grid of the box,
    coarse or fine, nodes or cells. Without, each grid carries all modes that it resolves.

    grid      uniform, 1-3 axes; nodes or cells
    alpha     smoothness: samples are C^s for s < alpha - d/2; needs alpha > d/2 unless `modes`
    tau       inverse correlation length, in units of 1/length
    sigma     amplitude; None means tau^((2 alpha - d)/2), which keeps the variance of small-scale
              fields near a constant whatever tau (as in the code published with Li et al.)
    boundary  "neumann", "dirichlet" or "periodic"; one, or one per axis
    mean      number added to every sample
    modes     number of frequencies per axis (m < modes; Dirichlet 1 <= m <= modes)
    zero_mean leave out the constant mode (as Li et al. do), so samples integrate to `mean`

    Good values: alpha 2, tau 3 (Darcy permeability); alpha 2, tau 5 (initial states of Burgers).
    Transform lengths are n - 1 for nodes (so 421 nodes are as quick as 420 intervals) and n for
    cells and periodic axes. Where the length has a prime factor above 31, matrix products take the
    place of the transform up to several hundred points, so that 421 x 421 cells cost little more
    than 420 x 420.

    Raises `InputError` for non-uniform grids and parameters out of range.

    >>> field = GaussianRandomField(Grid.uniform((33, 33)), alpha=2.0, tau=3.0)
    >>> field.samples(seed=0, indices=[4, 2]).shape
    (2, 33, 33)
    """

    grid: Grid
    alpha: float
    tau: float
    sigma: float | None = None
    boundary: Boundary | tuple[Boundary, ...] = "neumann"
    mean: float = 0.0
    modes: int | tuple[int, ...] | None = None
    zero_mean: bool = True

    def __post_init__(self):
        if not isinstance(self.grid, Grid) or any(not axis.is_uniform for axis in self.grid.axes):
            raise InputError(f"Gaussian field: expected a uniform grid, got {self.grid!r}")
        for name, low in {"alpha": 0.0, "tau": 0.0, "sigma": 0.0, "mean": -np.inf}.items():
            value = getattr(self, name)
            if value is not None or name != "sigma":
                object.__setattr__(self, name, _number(name, value, low))
        d = self.grid.dimension
        if self.modes is None and self.alpha <= d / 2:
            raise InputError(
                f"Gaussian field: expected alpha > {d / 2} in dimension {d} (the variance is "
                f"infinite below), got {self.alpha}; raise alpha or limit the modes"
            )
        self._check_boundary()
        self._check_modes()

    def _check_boundary(self) -> None:
        if isinstance(self.boundary, Sequence) and not isinstance(self.boundary, str):
            object.__setattr__(self, "boundary", tuple(map(str, self.boundary)))
        if (
            not isinstance(self.boundary, str | tuple)
            or len(self._boundaries) != self.grid.dimension
            or not {*self._boundaries} <= {*series.BOUNDARIES}
        ):
            raise InputError(
                "Gaussian field: expected boundary 'neumann', 'dirichlet' or 'periodic', "
                f"one or one per axis, got {self.boundary!r}"
            )
        for axis, boundary in zip(self.grid.axes, self._boundaries, strict=True):
            if axis.periodic and boundary != "periodic":
                raise InputError(
                    f"Gaussian field: expected boundary 'periodic' on the periodic axis "
                    f"{axis.name}, got {boundary!r}"
                )

    def _check_modes(self) -> None:
        if isinstance(self.modes, Sequence):
            object.__setattr__(self, "modes", tuple(self.modes))
        wanted = self._modes
        good = all(
            isinstance(m, int | np.integer) and not isinstance(m, bool) and m >= 1 for m in wanted
        )
        if len(wanted) != self.grid.dimension or not good:
            raise InputError(
                f"Gaussian field: expected modes >= 1, one or one per axis, got {self.modes!r} "
                f"on {self.grid}"
            )
        if self.modes is not None:
            plain = tuple(map(int, wanted))
            object.__setattr__(self, "modes", plain if isinstance(self.modes, tuple) else plain[0])
        if self._drops_constant and self.noise_shape == (1,) * self.grid.dimension:
            raise InputError(
                "Gaussian field: expected more than the constant mode, which zero_mean leaves out; "
                "raise modes"
            )

    @property
    def _boundaries(self) -> tuple[str, ...]:
        if isinstance(self.boundary, str):
            return (self.boundary,) * self.grid.dimension
        return self.boundary

    @property
    def _modes(self) -> tuple[int, ...]:
        """Number of frequencies of each axis."""
        if self.modes is None:
            return tuple(map(series.resolved_modes, self.grid.axes, self._boundaries))
        if isinstance(self.modes, tuple):
            return self.modes
        return (self.modes,) * self.grid.dimension

    @property
    def _drops_constant(self) -> bool:
        return self.zero_mean and "dirichlet" not in self._boundaries

    @property
    def noise_shape(self) -> tuple[int, ...]:
        """Shape of the noise, one value per mode; periodic axes hold 1, cos, sin, cos, sin, ..."""
        return tuple(map(series.terms, self._boundaries, self._modes))

    @property
    def amplitude(self) -> float:
        """The sigma in use."""
        if self.sigma is not None:
            return self.sigma
        return self.tau ** ((2 * self.alpha - self.grid.dimension) / 2)

    @cached_property
    def _coefficients(self) -> Array:
        """Sigma (lambda_m + tau^2)^(-alpha/2) times the norm of the eigenfunction, per mode."""
        parts = list(zip(self.grid.axes, self._boundaries, self._modes, strict=True))
        eigenvalues = reduce(np.add.outer, (series.eigenvalues(*part) for part in parts))
        norms = reduce(np.multiply.outer, (series.norms(*part) for part in parts))
        out = self.amplitude * (eigenvalues + self.tau**2) ** (-self.alpha / 2) * norms
        if self._drops_constant:
            out[(0,) * out.ndim] = 0.0
        return out

    def expand(self, noise: Array) -> Array:
        """Return the field of given noise xi, shape `noise_shape`: the Karhunen-Loeve sum.

        >>> field = GaussianRandomField(Grid.uniform(5), 1.0, 1.0, sigma=1.0, modes=2)
        >>> field.expand(np.array([0.0, 1.0])).round(3).tolist()  # 2^(1/2) (pi^2 + 1)^(-1/2) cos
        [0.429, 0.303, 0.0, -0.303, -0.429]
        """
        noise = require_finite(np.asarray(noise, dtype=np.float64), "noise")
        return self._sum(self._coefficients * require_shape(noise, self.noise_shape, "noise"))

    def _sum(self, g: Array) -> Array:
        """Return the sum over modes of coefficients, which may be overwritten."""
        for k, (axis, boundary) in enumerate(zip(self.grid.axes, self._boundaries, strict=True)):
            g = series.evaluate(g, k, axis, boundary)
        if self.mean:
            g += self.mean
        return np.ascontiguousarray(g)

    def sample(self, generator: np.random.Generator) -> Array:
        """Draw one field, shape `grid.shape`."""
        if not isinstance(generator, np.random.Generator):
            raise InputError(
                f"Gaussian field: expected a numpy Generator to draw from, got {generator!r:.80}; "
                "make one with np.random.default_rng(seed)"
            )
        g = generator.standard_normal(self.noise_shape)
        g *= self._coefficients
        return self._sum(g)

    def __reduce__(self):
        return type(self), tuple(getattr(self, f.name) for f in fields(self))


def _number(name: str, value: Any, above: float) -> float:
    """Return a finite float greater than a bound."""
    good = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not good or not np.isfinite(value) or not value > above:
        wanted = "a finite number" if above == -np.inf else f"a finite number > {above:g}"
        raise InputError(f"Gaussian field: expected {name} to be {wanted}, got {value!r}")
    return float(value)

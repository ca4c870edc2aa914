"""Tensor products of bases: fields on boxes that are periodic along some axes or none."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_integer, require_number
from nwidth.arrays import as_floating, namespace, real_floating, require_finite, to_numpy
from nwidth.errors import InputError
from nwidth.solvers.spectral.fourier_space import FourierSpace
from nwidth.solvers.spectral.galerkin_recombination import GalerkinRecombination, HelmholtzSolver
from nwidth.solvers.spectral.polynomial_basis import PolynomialBasis
from nwidth.solvers.spectral.sine_cosine_basis import SineBasis
from nwidth.solvers.spectral.spectral_basis import SpectralBasis

Array = NDArray[Any]


class TensorBasis:
    """Functions u(x, y, ...) = sum v_{kl...} p_k(x) q_l(y) ..., one factor after the other.

    At most one factor is a `FourierSpace`, which may itself have several axes; others are bases of
    one variable. Values have shape (..., *shape), coefficients (..., *modes), and are real where no
    factor is a Fourier space. Transforms go along one axis after the other, polynomials first while
    numbers are real. Reference: Canuto, Hussaini, Quarteroni & Zang (2006),
    doi:10.1007/978-3-540-30726-6.

    Args:
        factors: `FourierSpace`, `ChebyshevBasis`, `LegendreBasis`, `SineBasis`, `CosineBasis`.

    >>> from nwidth.meshes import Grid
    >>> from nwidth.solvers.spectral import ChebyshevBasis
    >>> basis = TensorBasis(FourierSpace(Grid.periodic(8, upper=2 * np.pi)), ChebyshevBasis(5))
    >>> x, z = basis.coordinates()
    >>> v = basis.forward(np.sin(x) * z**3)
    >>> found = basis.backward(basis.derivative(basis.derivative(v, 0), 1, 2))
    >>> bool(np.allclose(found, 6 * z * np.cos(x)))
    True
    """

    def __init__(self, *factors: FourierSpace | SpectralBasis):
        if not factors:
            raise InputError("factors: expected one or more bases, got none")
        self.factors = tuple(
            require_instance(f, "factors", FourierSpace, SpectralBasis) for f in factors
        )
        self.fourier: FourierSpace | None = None
        self._fourier_axes: tuple[int, ...] = ()
        self._owners: list[tuple[Any, int]] = []  # of each axis: its factor, its place in there
        self.shape: tuple[int, ...] = ()
        self.modes: tuple[int, ...] = ()
        for factor in self.factors:
            if isinstance(factor, FourierSpace):
                if self.fourier is not None:
                    raise InputError(
                        "factors: expected at most one Fourier space; give it several axes"
                    )
                self.fourier, start = factor, len(self.shape)
                self._fourier_axes = tuple(range(start, start + len(factor.shape)))
                self.shape, self.modes = self.shape + factor.shape, self.modes + factor.modes
                self._owners += [(factor, a) for a in range(len(factor.shape))]
            else:
                self.shape, self.modes = (*self.shape, factor.size), (*self.modes, factor.modes)
                self._owners.append((factor, 0))

    @property
    def points(self) -> list[Array]:
        """The points of each axis."""
        return [
            f.grid.axes[a].points if isinstance(f, FourierSpace) else f.points
            for f, a in self._owners
        ]

    @property
    def weights(self) -> Array:
        """The weights of quadrature, shape `shape`."""
        out = np.ones(())
        for f, a in self._owners:
            w = f.grid.axes[a].widths if isinstance(f, FourierSpace) else f.weights
            out = np.multiply.outer(out, w)
        return out

    def coordinates(self) -> tuple[Array, ...]:
        """Return the coordinate fields, each of shape `shape`."""
        return tuple(np.meshgrid(*self.points, indexing="ij"))

    def forward(self, u: Array) -> Array:
        """Return the coefficients of values (..., *shape)."""
        u, d = self._checked(u, "u", self.shape), len(self.shape)
        for a, (factor, _) in enumerate(self._owners):
            if isinstance(factor, SpectralBasis):
                u = factor.forward(u, axis=a - d)
        return self._fourier(u, forward=True)

    def backward(self, v: Array) -> Array:
        """Return the values of coefficients (..., *modes)."""
        v, d = self._checked(v, "v", self.modes), len(self.shape)
        v = self._fourier(v, forward=False)
        for a, (factor, _) in enumerate(self._owners):
            if isinstance(factor, SpectralBasis):
                v = factor.backward(v, axis=a - d)
        return v

    def derivative(self, v: Array, axis: int, order: int = 1) -> Array:
        """Return the coefficients of d^order u / dx_axis^order, in the basis `derived`."""
        v, d = self._checked(v, "v", self.modes), len(self.shape)
        axis = self._axis(axis)
        factor, place = self._owners[axis]
        if isinstance(factor, SpectralBasis):
            return factor.derivative(v, order, axis=axis - d)
        xp, axes = namespace(v), [a - d for a in self._fourier_axes]
        last = list(range(-len(axes), 0))
        w = factor.derivative(xp.moveaxis(v, axes, last), place, order)
        return xp.moveaxis(w, last, axes).astype(v.dtype, copy=False)

    def resampled(self, v: Array, other: "TensorBasis") -> Array:
        """Return the coefficients in larger or smaller bases of the same kinds on the same box."""
        v, d = self._checked(v, "v", self.modes), len(self.shape)
        kinds = [[type(f) for f in basis.factors] for basis in (self, other)
                 if isinstance(basis, TensorBasis)]  # fmt: skip
        if len(kinds) < 2 or kinds[0] != kinds[1]:
            raise InputError(f"other: expected a TensorBasis of the same kinds, got {other!r:.80}")
        for a, (factor, _) in enumerate(self._owners):
            if isinstance(factor, SpectralBasis):
                v = factor.resampled(v, other._owners[a][0], axis=a - d)
        if self.fourier is None or other.fourier is None:
            return v
        xp, axes = namespace(v), [a - d for a in self._fourier_axes]
        last = list(range(-len(axes), 0))
        v = self.fourier.resampled(xp.moveaxis(v, axes, last), other.fourier)
        return xp.moveaxis(v, last, axes)

    def product(self, v: Array, w: Array) -> Array:
        """Return the coefficients of u_v u_w that the basis has, without aliasing (3/2 rule).

        Products of sines are cosines, which are no functions of the basis: refused.

        >>> from nwidth.solvers.spectral import ChebyshevBasis, CosineBasis
        >>> basis = TensorBasis(CosineBasis(3), ChebyshevBasis(3))
        >>> v = np.outer([0, 1, 0], [0, 1, 0])  # cos(pi x) z, whose square has four modes
        >>> (basis.product(v, v).round(12) + 0.0).tolist()
        [[0.25, 0.0, 0.25], [0.0, 0.0, 0.0], [0.25, 0.0, 0.25]]
        """
        if any(isinstance(f, SineBasis) for f in self.factors):
            raise InputError(
                "factors: expected no sines, whose products are cosines; multiply values, or take "
                "SineBasis.product along their axis"
            )
        fine = TensorBasis(*(f.finer for f in self.factors))
        one, two = (fine.backward(self.resampled(f, fine)) for f in (v, w))
        return fine.resampled(fine.forward(one * two), self)

    def derived(self, axis: int, order: int = 1) -> "TensorBasis":
        """Return the basis of a derivative: another one along axes of sines and cosines."""
        owner = self._owners[self._axis(axis)][0]
        return TensorBasis(
            *(
                f.derived(order) if f is owner and isinstance(f, SpectralBasis) else f
                for f in self.factors
            )
        )

    def integral(self, v: Array) -> Array:
        """Return the integral over the box, for each of a batch."""
        v, d = self._checked(v, "v", self.modes), len(self.shape)
        xp = namespace(v)
        if self.fourier is not None:
            axes = [a - d for a in self._fourier_axes]
            v = xp.moveaxis(v, axes, list(range(-len(axes), 0)))
            v = self.fourier.integral(v)
        for factor in reversed(self.factors):
            if isinstance(factor, SpectralBasis):
                v = factor.integral(v)
        return v

    def evaluate(self, v: Array, points: Any) -> Array:
        """Return u at any points (m, d), in time proportional to points times modes."""
        v, d = self._checked(v, "v", self.modes), len(self.shape)
        x = require_finite(to_numpy(real_floating(points, "points")), "points").astype(np.float64)
        if x.ndim != 2 or x.shape[1] != d:
            raise InputError(f"points: expected shape (m, {d}), got {x.shape}")
        xp, batch = namespace(v), v.shape[: v.ndim - d]
        keys = [a for a in range(d) if a not in self._fourier_axes]
        order = [a - d for a in (*keys, *self._fourier_axes)]
        v = xp.moveaxis(v, order, list(range(-d, 0)))
        # Polynomials of each point first, then the plane waves of that point.
        total = v.reshape(*batch, -1, *v.shape[v.ndim - d + len(keys) :])
        table = np.ones((len(x), 1))
        for a in keys:
            factor = self._owners[a][0]
            rows = factor.evaluate(np.eye(factor.modes), x[:, a]).T
            table = (table[:, :, None] * rows[:, None, :]).reshape(len(x), -1)
        waves = len(self._fourier_axes)
        total = xp.moveaxis(total, -1 - waves, -1) @ xp.asarray(table.T)
        if self.fourier is None:
            return total.astype(v.dtype)
        found = [
            self.fourier.evaluate(total[..., i], x[i : i + 1, list(self._fourier_axes)])[..., 0]
            for i in range(len(x))
        ]
        kind = v.real.dtype if self.fourier.real else v.dtype
        return xp.stack(found, axis=-1).astype(kind)

    def helmholtz(
        self, alpha: float = 0.0, lower: Any = "dirichlet", upper: Any = "dirichlet"
    ) -> HelmholtzSolver:
        """Return the solver of alpha u - Laplace u = f between two walls, periodic along others.

        For coefficients of a Fourier space and one basis of polynomials behind it: one banded
        system (alpha + |k|^2) u_k - u_k'' = f_k per wavenumber, all of them at once, O(N) together.
        `lower` and `upper` are those of `GalerkinRecombination`; where nothing holds the level of u
        its mean is zero.

        >>> from nwidth.meshes import Grid
        >>> from nwidth.solvers.spectral import ChebyshevBasis
        >>> space = FourierSpace(Grid.periodic(8, upper=2 * np.pi))
        >>> basis = TensorBasis(space, ChebyshevBasis(24))
        >>> x, z = basis.coordinates()
        >>> f = basis.forward((1 + np.pi**2) * np.cos(x) * np.sin(np.pi * z))
        >>> u = basis.backward(basis.helmholtz().solve(f))
        >>> bool(abs(u - np.cos(x) * np.sin(np.pi * z)).max() < 1e-13)
        True
        """
        if len(self.factors) != 2 or self.fourier is not self.factors[0]:
            raise InputError("factors: expected a Fourier space and one basis behind it")
        basis: Any = require_instance(self.factors[1], "factors", PolynomialBasis)
        space = GalerkinRecombination(basis, lower, upper)
        alpha = require_number(alpha, "alpha", "(-inf, inf)")
        return space.helmholtz(alpha + self.fourier.squared)

    def _fourier(self, u: Array, forward: bool) -> Array:
        """Transform along the axes of the Fourier space."""
        if self.fourier is None:
            return u
        xp, transform = namespace(u), self.fourier.transform
        real = forward and self.fourier.real
        u = u.astype(transform.precision if real else transform.complex, copy=False)
        axes = [a - len(self.shape) for a in self._fourier_axes]
        last = list(range(-len(axes), 0))
        u = xp.moveaxis(u, axes, last)
        v = transform.forward(u) if forward else transform.backward(u)
        return xp.moveaxis(v, last, axes)

    def _axis(self, axis: int) -> int:
        """Return an axis that there is."""
        axis = require_integer(axis, "axis", 0)
        if axis >= len(self.shape):
            raise InputError(f"axis: expected less than {len(self.shape)}, got {axis}")
        return axis

    def _checked(self, array: Array, name: str, shape: tuple[int, ...]) -> Array:
        array = as_floating(array, name)
        if array.shape[-len(shape) :] != shape:
            raise InputError(f"{name}: expected a shape that ends with {shape}, got {array.shape}")
        real = name == "u" and self.fourier is not None and self.fourier.real
        if real and array.dtype.kind == "c":
            raise InputError("u: expected real numbers for a Fourier space of real functions")
        return array

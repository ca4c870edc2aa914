"""Flows and temperatures between two plates, periodic along them: coefficients, grids, matrices."""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nwidth.arguments import require_dtype, require_instance
from nwidth.arrays import namespace, to_numpy
from nwidth.errors import InputError
from nwidth.meshes import Axis, Grid
from nwidth.solvers.spectral.fast_fourier import FastFourier
from nwidth.solvers.spectral.integrated_legendre import IntegratedLegendre
from nwidth.solvers.spectral.symmetric_bands import SymmetricBands

Array = NDArray[Any]


class PlaneLayer:
    """Functions of x and z on a grid that is periodic along x and has Chebyshev's points along z.

        flow         U(z) = sum_j v_j0 theta_j;    psi_k(z) = sum_j v_jk phi_j,  k > 0
                     (u, w) = (U, 0) + sum_{k != 0} (psi_k', -i k psi_k) exp(i k x)
        temperature  b = sum_k sum_j v_jk theta_j exp(i k x)

    A flow has no divergence and no velocity at the plates, whatever its coefficients, so that
    neither pressure nor boundary conditions are solved for. Both have arrays (..., n - 2, K) of
    complex coefficients, psi without the last two rows; K wavenumbers from zero on, of a grid of
    2 K - 1 or 2 K points. Reference: Shen (1994), doi:10.1137/0915089, for the functions.

    Args:
        grid: a periodic uniform axis, then one of `Axis.chebyshev`; see `Grid.chebyshev`.
        dtype: precision, "float64" or "float32"; matrices are made and factored in float64.

    Raises `InputError` for other grids.

    >>> layer = PlaneLayer(Grid.chebyshev((8, 9), (0.0, -1.0), (2 * np.pi, 1.0), periodic=(1, 0)))
    >>> x, z = layer.grid.coordinates()
    >>> flow = np.stack([-4 * z * (1 - z**2) * np.sin(x), -((1 - z**2) ** 2) * np.cos(x)])
    >>> v = layer.flow(flow)
    >>> bool(abs(layer.velocity(v) - flow).max() < 1e-14)
    True
    """

    def __init__(self, grid: Grid, dtype: DTypeLike = np.float64):
        self.grid = require_instance(grid, "grid", Grid)
        self.dtype = require_dtype(dtype, "float32", "float64")
        _require_plates(grid)
        along, across = grid.axes
        self.basis = IntegratedLegendre(across.size, across.lower, across.upper)
        self.transform = FastFourier(along.size, dtype=self.dtype)
        self.modes = (along.size + 1) // 2
        self.wavenumbers = 2 * np.pi / along.length * np.arange(self.modes)
        self.shape = (across.size - 2, self.modes)

    @property
    def points_of_products(self) -> int:
        """How many points along the plates make products of two functions without aliases, fast."""
        import scipy.fft

        return int(scipy.fft.next_fast_len(3 * self.modes - 2, real=True))

    @cached_property
    def mass(self) -> Array:
        """Bands (2, 3, n - 2, K) of the inner products of flows, then of temperatures.

        All inner products here are integrals over z, divided by half the distance of the plates.
        """
        k, basis = self.wavenumbers, self.basis
        phi, slope, _ = (basis.gram(c, c) for c in basis.clamped)
        theta = basis.gram(basis.vanishing[0], basis.vanishing[0])
        flow = self._widened(k**2 * phi[..., None] + slope[..., None], theta)
        return np.stack([flow, theta[..., None] + 0 * k])

    @cached_property
    def stiffness(self) -> Array:
        """Bands (2, 3, n - 2, K) of the inner products of gradients, as `mass` has those."""
        k, basis = self.wavenumbers, self.basis
        phi, slope, bend = (basis.gram(c, c)[..., None] for c in basis.clamped)
        theta, rise = (basis.gram(c, c) for c in basis.vanishing)
        flow = self._widened(k**4 * phi + 2 * k**2 * slope + bend, rise)
        flow[0, -2:, 1:] = 0.0
        return np.stack([flow, k**2 * theta[..., None] + rise[..., None]])

    def _widened(self, clamped: Array, mean: Array) -> Array:
        """Return bands of psi with two rows more, of the unit matrix, and those of U for k = 0."""
        out = np.zeros((3, *self.shape))
        out[:, :-2] = clamped
        out[0, -2:] = 1.0
        out[:, :, 0] = mean
        return out

    @cached_property
    def products(self) -> tuple[SymmetricBands, SymmetricBands]:
        """Inner products of flows and of temperatures as matrices."""
        flow, heat = self.mass
        return SymmetricBands(flow[:, None]), SymmetricBands(heat[:, None])

    def flow(self, velocity: Array) -> Array:
        """Return the coefficients of the flow next to (u, w) (..., 2, *grid.shape) in the L2 norm.

        It is the velocity itself if that has no divergence and vanishes at the plates.
        """
        u, w = np.moveaxis(self._legendre(velocity), -3, 0)
        phi, slope, _ = self.basis.clamped
        xp, weights = namespace(u), self.squares
        ik = xp.asarray(1j * self.wavenumbers)
        right = xp.zeros((*u.shape[:-2], 1, *self.shape), u.dtype)
        right[..., 0, :-2, :] = times(slope.T * weights, u) + ik * times(phi.T * weights, w)
        theta = self.basis.vanishing[0]
        right[..., 0, :, 0] = times(theta.T * weights, u[..., :1])[..., 0]
        return self.products[0].solve(right)[..., 0, :, :].astype(self.transform.complex)

    def temperature(self, b: Array) -> Array:
        """Return the coefficients of the function that is zero at the plates next to b."""
        right = times(self.basis.vanishing[0].T * self.squares, self._legendre(b))
        found = self.products[1].solve(right[..., None, :, :])[..., 0, :, :]
        return found.astype(self.transform.complex)

    def velocity(self, v: Array) -> Array:
        """Return (u, w) (..., 2, *grid.shape) of the coefficients of flows."""
        return self.values_of(namespace(v).stack(self.velocity_coefficients(v), axis=-3))

    def velocity_coefficients(self, v: Array) -> tuple[Array, Array]:
        """Return the coefficients (..., n, K) of u and w in Legendre polynomials along z."""
        phi, slope, _ = self.basis.clamped
        xp, psi = namespace(v), v[..., :-2, :]
        u = times(slope, psi)
        u[..., 0] = times(self.basis.vanishing[0], v[..., :1])[..., 0]
        return u, xp.asarray(-1j * self.wavenumbers).astype(v.dtype) * times(phi, psi)

    def temperature_coefficients(self, v: Array) -> Array:
        """Return the coefficients (..., n, K) of temperatures in Legendre polynomials along z."""
        return times(self.basis.vanishing[0], v)

    def values(self, v: Array) -> Array:
        """Return temperatures on the grid."""
        return self.values_of(self.temperature_coefficients(v))

    def resampled(self, v: Array, other: "PlaneLayer") -> Array:
        """Return the coefficients (..., n - 2, K) of flows or of temperatures on another grid.

        Functions are the same if it is finer, and cut to its degrees and wavenumbers if not.
        """
        if not self.grid.same_box(other.grid):
            raise InputError("other: expected a layer of the same box")
        xp = namespace(v)
        out = xp.zeros((*v.shape[:-2], *other.shape), v.dtype)
        n, k = (min(a, b) for a, b in zip(self.shape, other.shape, strict=True))
        out[..., :n, :k] = v[..., :n, :k]
        return out

    def tail(self, *functions: Array) -> Array:
        """Return which part of the norm of functions is in the upper third of their modes.

        They are given by coefficients in Legendre polynomials; means do not count.
        """
        n, modes = self.basis.size, self.modes
        j, k = np.arange(n)[:, None], np.arange(modes)
        square = sum(abs(to_numpy(u)) ** 2 for u in functions)
        square = square * (np.where(k > 0, 2.0, 1.0) / (2 * j + 1))
        high = (3 * j >= 2 * n) | (3 * k >= 2 * modes)
        whole = square.sum(axis=(-2, -1)) - square[..., 0, 0]
        part = (square * high).sum(axis=(-2, -1))
        noise = (16 * np.finfo(self.dtype).eps) ** 2 * square[..., 0, 0]
        return np.sqrt(np.where(whole > noise, part / np.where(whole > 0, whole, 1.0), 0.0))

    def energy(self, v: Array) -> Array:
        """Return <u^2 + w^2> / 2 of the coefficients of flows, a mean over the layer."""
        return self._mean(v, self.products[0].multiply(v[..., None, :, :])[..., 0, :, :]) / 2

    def variance(self, v: Array) -> Array:
        """Return <b^2> / 2 of the coefficients of temperatures."""
        return self._mean(v, self.products[1].multiply(v[..., None, :, :])[..., 0, :, :]) / 2

    def squared_gradient(self, v: Array, *, heat: bool = False) -> Array:
        """Return <|grad u|^2> of the coefficients of flows, or that of temperatures."""
        matrix = SymmetricBands(self.stiffness[int(heat)][:, None])
        return self._mean(v, matrix.multiply(v[..., None, :, :])[..., 0, :, :])

    def flux(self, v: Array, heat: Array) -> Array:
        """Return <w b> of the coefficients of flows and temperatures."""
        w = self.velocity_coefficients(v)[1]
        b = self.temperature_coefficients(heat)
        return self._mean(w, namespace(v).asarray(self.squares)[:, None] * b)

    def mean_along(self, v: Array) -> Array:
        """Return <u> of the coefficients of flows."""
        return self.velocity_coefficients(v)[0][..., 0, 0].real

    def slopes(self, v: Array) -> Array:
        """Return the means along the plates (..., 2) of b_z there, of coefficients."""
        matrix = self.basis.ends(1) @ self.basis.vanishing[0]
        return times(matrix, v[..., :1])[..., 0].real

    def _mean(self, v: Array, w: Array) -> Array:
        """Return the mean over the layer of a product, from coefficients and inner products."""
        xp = namespace(v)
        twice = xp.asarray(np.where(np.arange(self.modes) > 0, 1.0, 0.5))
        return (twice * (v.conj() * w).real).sum(axis=(-2, -1))

    @cached_property
    def squares(self) -> Array:
        """The squared norms of the Legendre polynomials on [-1, 1]."""
        return 2 / (2 * np.arange(self.basis.size) + 1.0)

    @cached_property
    def _to_legendre(self) -> Array:
        return self.basis.from_values(self.grid.axes[1].points)

    @cached_property
    def _from_legendre(self) -> Array:
        return self.basis.values(self.grid.axes[1].points)

    def _legendre(self, field: Array) -> Array:
        """Return the coefficients (..., n, K) of fields on the grid."""
        xp = namespace(field)
        turned = xp.ascontiguousarray(xp.moveaxis(field, -1, -2), self.dtype)
        v = self.transform.forward(turned)[..., : self.modes]
        return times(self._to_legendre, xp.ascontiguousarray(v))

    def values_of(self, v: Array) -> Array:
        """Return functions on the grid of coefficients (..., n, K) in Legendre polynomials."""
        xp = namespace(v)
        full = xp.zeros((*v.shape[:-1], *self.transform.modes), self.transform.complex)
        full[..., : self.modes] = times(self._from_legendre, v)
        values = self.transform.backward(full, destroy=True)
        return xp.ascontiguousarray(xp.moveaxis(values, -1, -2))


def times(matrix: Array, v: Array) -> Array:
    """Return a real matrix times columns, in the precision of these.

    >>> times(np.eye(2), np.array([[1j], [2.0]], np.complex64)).tolist()
    [[1j], [(2+0j)]]
    """
    xp = namespace(v)
    parts = xp.ascontiguousarray(v).view(v.real.dtype)
    return (xp.asarray(matrix, parts.dtype) @ parts).view(v.dtype)


def _require_plates(grid: Grid) -> None:
    """Raise unless the grid has a periodic axis and Chebyshev's points behind it."""
    if grid.dimension != 2:
        raise InputError(f"grid: expected 2 dimensions, along and across, got {grid.dimension}")
    along, across = grid.axes
    if not along.periodic or not along.is_uniform or along.size < 4:
        raise InputError(
            f"grid: expected at least 4 uniform periodic points along the plates, got {along!r}; "
            "take Grid.chebyshev"
        )
    if across.periodic or across.size < 9:
        raise InputError(
            f"grid: expected at least 9 points between plates across, got {across!r}; "
            "take Grid.chebyshev"
        )
    points = Axis.chebyshev(across.size, across.lower, across.upper).points
    if across.centering != "node" or abs(points - across.points).max() > 1e-9 * across.length:
        raise InputError(
            f"grid: expected Chebyshev's points across, dense at the plates, got {across!r}; "
            "take Grid.chebyshev"
        )

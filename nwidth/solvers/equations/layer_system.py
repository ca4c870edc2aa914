"""The Navier-Stokes equations between two plates, with or without buoyancy, as a system."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_number
from nwidth.arrays import lives_on_gpu, namespace
from nwidth.errors import InputError
from nwidth.solvers.equations.plane_layer import PlaneLayer
from nwidth.solvers.spectral.fast_fourier import FastFourier
from nwidth.solvers.spectral.symmetric_bands import SymmetricBands
from nwidth.solvers.stepping import BandedPart, EvolutionSystem

Array = NDArray[Any]

# Bytes of values and fluxes that are worked on at a time.
CACHE = 2**19


class LayerSystem(EvolutionSystem):
    """Coefficients of a flow, and of a temperature if there is one; state (1 or 2, n - 2, K).

        (v, u_t) = (grad v, u u) - nu (grad v, grad u) + (v_z, b) + (v_x, force)
        (theta, b_t) = (grad theta, u b) - kappa (grad theta, grad b)

    for all flows v and temperatures theta of a `PlaneLayer`: Galerkin's method, where pressure does
    no work on v. In place of v = (phi', -i k phi) exp(i k x), the flux of momentum is

        (grad v, u u) = (phi', -i k (u^2 - w^2)) + (phi'' + k^2 phi, u w)

    Products are taken on 3/2 as many points as there are modes, in either direction: the integrals
    are exact, so advection changes neither energy nor variance, but for rounding. Seven transforms,
    three there and four back, two and two without temperature; along z they are products with
    matrices. Reference: Kim, Moin & Moser (1987), doi:10.1017/S0022112087000892, section 2, for
    equations without pressure.

    Args:
        layer: the functions.
        viscosity: nu > 0.
        diffusivity: kappa > 0; None leaves out temperature.
        walls: the buoyancy at the lower and the upper plate; states are what it is more than the
            straight line between.
        force: along x, minus the gradient of the mean pressure.
    """

    autonomous = True

    def __init__(
        self,
        layer: PlaneLayer,
        viscosity: float,
        diffusivity: float | None = None,
        walls: tuple[float, float] = (0.0, 0.0),
        force: float = 0.0,
    ):
        self.layer = require_instance(layer, "layer", PlaneLayer)
        self.force = require_number(force, "force", "(-inf, inf)")
        self.walls, self.warm = walls, diffusivity is not None
        basis = layer.basis
        # Of buoyancy that turns fluid of the one wall over to the other.
        self.turning = (abs(walls[1] - walls[0]) / (basis.upper - basis.lower)) ** 0.5
        numbers = [require_number(viscosity, "viscosity", "(0, inf)")]
        if diffusivity is not None:
            numbers.append(require_number(diffusivity, "diffusivity", "(0, inf)"))
        fields = len(numbers)
        mass, stiffness = (
            np.moveaxis(bands[:fields], 0, 1) for bands in (layer.mass, layer.stiffness)
        )
        factors = np.array(numbers)[:, None, None]
        self.mass = SymmetricBands(mass)
        self.linear = BandedPart(self.mass, SymmetricBands(factors * stiffness))
        self.fourier = FastFourier(layer.points_of_products, dtype=layer.dtype)
        self._prepare()

    def _prepare(self) -> None:
        """Make the matrices between coefficients and heights, and the arrays to work in."""
        layer, kind, basis = self.layer, self.layer.dtype, self.layer.basis
        count = 2 * -((2 - 3 * basis.size) // 4)  # exact to degree 3 n - 3, and even
        z, weights = (x[count // 2 :] for x in basis.quadrature(2 * count - 1))
        middle = (basis.lower + basis.upper) / 2
        # Heights above the middle, each with its mirror image behind it.
        self.heights = np.stack([z, 2 * middle - z], axis=1).ravel()
        legendre = basis.values(z)
        phi, slope, bend = (legendre @ c for c in basis.clamped)
        theta, rise = (legendre @ c for c in basis.vanishing)

        def there(matrix: Array, even: int) -> list[Array]:
            """Return what gives even and odd functions: columns of even index and odd, or not."""
            return [np.ascontiguousarray(matrix[:, i::2], kind) for i in (even, 1 - even)]

        def back(*matrices: Array) -> list[Array]:
            """Return the inner products with functions of even and of odd index."""
            rows = np.hstack([(m * weights[:, None]).T for m in matrices])
            return [np.ascontiguousarray(rows[i::2], kind) for i in (0, 1)]

        self.there = [there(slope, 1), there(phi, 0), there(theta, 0)]
        self.back, self.back_warm, self.back_mean = (
            back(slope, bend, phi),
            back(rise, theta),
            back(rise),
        )
        lower, upper = self.walls
        self.rest = np.stack(
            [0 * z + (lower + upper) / 2, (upper - lower) * (z - middle) / (2 * basis.half)]
        )
        self.rest = self.rest.astype(kind)
        # 2 theta_j0 is the integral over [-1, 1].
        self.push = (2 * self.force * basis.vanishing[0][0]).astype(kind)
        edges = (self.heights - basis.lower) * (basis.upper - self.heights)
        self.finest = (basis.size / np.sqrt(edges))[:, None]
        self.k = layer.wavenumbers.astype(kind)
        self._room(np)

    def _room(self, xp: Any) -> None:
        """Make the arrays to work in; values and fluxes those of a few heights at a time."""
        fields, (n, modes), q = 1 + self.warm, self.layer.shape, len(self.heights)
        columns, many = self.fourier.modes[0], self.fourier.shape[0]
        kind, pairs = self.layer.dtype, self.fourier.complex
        some = CACHE // ((1 + 3 * fields) * many * kind.itemsize)
        self.rows = q if xp is not np else 2 * max(1, min(q, some) // 2)
        self.parts = xp.empty((2, 1 + fields, q // 2, modes), pairs)
        self.hats = xp.zeros((q, 1 + fields, columns), pairs)
        self.points = xp.empty((self.rows, 1 + fields, many), kind)
        self.fluxes = xp.empty((self.rows, 2 * fields, many), kind)
        self.flux_hats = xp.empty((self.rows, 2 * fields, columns), pairs)
        self.push_flow = xp.empty((2, 3, q // 2, modes), pairs)
        self.push_heat = xp.empty((2, 2, q // 2, modes), pairs)
        self.right = xp.zeros((fields, n, modes), pairs)

    def nonlinear(self, t: float, v: Array, out: Array) -> None:
        """Write the rates of advection, buoyancy and force."""
        self._follow(v)
        if v.ndim > 3:
            for one, into in zip(v, out, strict=True):
                self.nonlinear(t, one, into)
            return
        self.moments(v, self.right)
        self.mass.solve(self.right, out)

    def moments(self, v: Array, out: Array) -> None:
        """Write the inner products of the right-hand side with all functions, M N(v)."""
        self._waves(v)
        self._moments(out)

    def _waves(self, v: Array) -> None:
        """Set `hats` to the coefficients along x of u, w and b at all heights."""
        slope, phi, theta = self.there
        for parity, parts in enumerate(self.parts):
            _product(slope[parity], v[0, 1 - parity : -2 : 2], parts[0])
            _product(phi[parity], v[0, parity:-2:2], parts[1])
            parts[0, :, 0] = theta[parity] @ v[0, parity::2, 0].real
            if self.warm:
                _product(theta[parity], v[1, parity::2], parts[2])
                parts[2, :, 0] += self.rest[parity]
        if lives_on_gpu(v):
            unfold(self.parts, self.k, self.hats)
            return
        from nwidth.solvers.equations import _layer_system_numba as kernels

        kernels.unfold(_pairs(self.parts), self.k, _pairs(self.hats))

    def _moments(self, out: Array) -> None:
        """Write the moments from the coefficients along x, `hats`."""
        for first in range(0, len(self.heights), self.rows):
            self._fluxes(first, min(first + self.rows, len(self.heights)))
        flow, heat, modes = self.push_flow, self.push_heat, self.layer.modes
        out[0, -2:] = 0
        for parity in (0, 1):
            _product(self.back[parity], flow[parity].reshape(-1, modes), out[0, parity:-2:2])
            mean = self.back_mean[parity] @ flow[1 - parity, 1, :, 0].real
            out[0, parity::2, 0] = mean + self.push[parity::2]
            if self.warm:
                heating = heat[parity].reshape(-1, modes)
                _product(self.back_warm[parity], heating, out[1, parity::2])

    def _fluxes(self, first: int, last: int) -> None:
        """Set what pushes flow and temperature at some heights from the waves there."""
        hats, points = self.hats[first:last], self.points[: last - first]
        flux, found = self.fluxes[: last - first], self.flux_hats[: last - first]
        self.fourier.backward(hats, out=points)
        if lives_on_gpu(hats):
            multiply(points, flux)
            self.fourier.forward(flux, out=found)
            fold(found, hats, self.k, first // 2, self.push_flow, self.push_heat)
            return
        from nwidth.solvers.equations import _layer_system_numba as kernels

        kernels.multiply(points, flux)
        self.fourier.forward(flux, out=found)
        pushes = _pairs(self.push_flow), _pairs(self.push_heat)
        kernels.fold(_pairs(found), _pairs(hats), self.k, first // 2, *pushes)

    def rate(self, t: float, v: Array) -> float:
        """Return max |u| k + |w| n / sqrt(distances from the plates) + how fast heat turns it."""
        self._follow(v)
        if v.ndim > 3:
            return max(self.rate(t, one) for one in v)
        self._waves(v)
        points = abs(self.fourier.backward(self.hats[:, :2]))
        carried = points[:, 0] * float(self.k[-1]) + points[:, 1] * self.finest
        return float(carried.max()) + self.turning

    def _follow(self, v: Array) -> None:
        """Move what is worked with to where the state lives; refuse states of other shapes."""
        fields = 1 + self.warm
        if tuple(v.shape[-3:]) != (fields, *self.layer.shape) or v.dtype != self.fourier.complex:
            raise InputError(
                f"v: expected {self.fourier.complex} of shape {(fields, *self.layer.shape)}, "
                f"got {v.dtype} of shape {tuple(v.shape)}"
            )
        xp = namespace(v)
        if namespace(self.hats) is not xp:
            self.there, self.back, self.back_warm, self.back_mean = (
                [_moved(m, xp) for m in matrices]
                for matrices in (self.there, self.back, self.back_warm, self.back_mean)
            )
            for name in ("rest", "push", "finest", "k"):
                setattr(self, name, xp.asarray(getattr(self, name)))
            self._room(xp)


def unfold(parts: Array, k: Array, hats: Array) -> None:
    """Write the waves at each height of even and odd functions, by array expressions."""
    up, down = hats[0::2, :, : len(k)], hats[1::2, :, : len(k)]
    even, odd = (part.swapaxes(0, 1) for part in parts)
    up[...], down[...] = even + odd, even - odd
    up[:, 1] *= -1j * k
    down[:, 1] *= -1j * k


def multiply(points: Array, flux: Array) -> None:
    """Write the products of velocities and temperature, by array expressions."""
    u, w = points[:, 0], points[:, 1]
    flux[:, 0], flux[:, 1] = (u - w) * (u + w), u * w
    if points.shape[1] > 2:
        flux[:, 2], flux[:, 3] = u * points[:, 2], w * points[:, 2]


def fold(found: Array, hats: Array, k: Array, first: int, flow: Array, heat: Array) -> None:
    """Write what pushes functions of even and of odd index, by array expressions."""
    some = slice(first, first + len(found) // 2)

    def parts(f: Array) -> tuple[Array, Array]:
        """Return even and odd part."""
        return f[0::2] + f[1::2], f[0::2] - f[1::2]

    found, ik = found[..., : len(k)], 1j * k
    third = k**2 * found[:, 1]
    if found.shape[1] > 2:
        third = third + ik * hats[:, 2, : len(k)]
        heat[1, 0, some], heat[0, 0, some] = parts(found[:, 3])
        heat[0, 1, some], heat[1, 1, some] = parts(-ik * found[:, 2])
    flow[1, 0, some], flow[0, 0, some] = parts(-ik * found[:, 0])
    flow[0, 1, some], flow[1, 1, some] = parts(found[:, 1])
    flow[0, 2, some], flow[1, 2, some] = parts(third)


def _product(matrix: Array, v: Array, out: Array) -> None:
    """Write a real matrix times complex columns, whose rows are contiguous."""
    real = v.real.dtype
    namespace(v).matmul(matrix, v.view(real), out=out.view(real))


def _pairs(v: Array) -> Array:
    """Return complex numbers as pairs of real ones, without a copy."""
    return v.view(v.real.dtype)


def _moved(matrices: Any, xp: Any) -> Any:
    """Return matrices, or lists of them, in another array library."""
    if isinstance(matrices, list):
        return [_moved(m, xp) for m in matrices]
    return xp.asarray(matrices)

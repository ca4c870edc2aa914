"""The Navier-Stokes equations between two plates, with or without buoyancy, as a system."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_number
from nwidth.arrays import namespace
from nwidth.errors import InputError
from nwidth.solvers.equations.plane_layer import PlaneLayer
from nwidth.solvers.spectral.fast_fourier import FastFourier
from nwidth.solvers.spectral.symmetric_bands import SymmetricBands
from nwidth.solvers.stepping import BandedPart, EvolutionSystem

Array = NDArray[Any]

# Bytes of values and fluxes that are worked on at a time.
CACHE = 2**18


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
        points = 3 * (layer.modes - 1) + 1
        self.fourier = FastFourier(_fast(points), dtype=layer.dtype)
        self._prepare()

    def _prepare(self) -> None:
        """Make the matrices between coefficients and points, and the arrays to work in."""
        layer, kind = self.layer, self.layer.dtype
        basis = layer.basis
        z, weights = basis.quadrature(3 * basis.size - 3)
        legendre, q = basis.values(z), len(z)
        clamped = [legendre @ c for c in basis.clamped]
        vanishing = [legendre @ c for c in basis.vanishing]
        phi, slope, bend = clamped
        theta, rise = vanishing
        self.there = [np.ascontiguousarray(m, kind) for m in (slope, phi, theta)]
        self.back = np.hstack([(w * weights[:, None]).T for w in (slope, bend, phi)]).astype(kind)
        self.back_warm = np.hstack([(w * weights[:, None]).T for w in (rise, theta)]).astype(kind)
        self.back_mean = np.ascontiguousarray((rise * weights[:, None]).T, kind)
        self.push = (self.force * (theta.T @ weights)).astype(kind)
        along = (z - basis.lower) / (2 * basis.half)
        self.rest = (self.walls[0] + (self.walls[1] - self.walls[0]) * along).astype(kind)
        # The local wavenumber of polynomials of degree n.
        self.finest = basis.size / np.sqrt((z - basis.lower) * (basis.upper - z))[:, None]
        k = layer.wavenumbers
        self.minus_ik = (-1j * k).astype(self.fourier.complex)
        self.k2 = (k**2).astype(kind)
        self._room(np, q)

    def _room(self, xp: Any, rows: int) -> None:
        """Make the arrays to work in; the waves of all z, values and fluxes of a few at a time."""
        fields, (n, modes), q = 1 + self.warm, self.layer.shape, len(self.rest)
        columns, many = self.fourier.modes[0], self.fourier.shape[0]
        kind, pairs = self.layer.dtype, self.fourier.complex
        self.rows = max(1, min(rows, CACHE // ((1 + 3 * fields) * many * kind.itemsize)))
        self.hats = xp.zeros((q, 1 + fields, columns), pairs)
        self.points = xp.empty((self.rows, 1 + fields, many), kind)
        self.fluxes = xp.empty((self.rows, 2 * fields, many), kind)
        self.flux_hats = xp.empty((self.rows, 2 * fields, columns), pairs)
        self.push_flow = xp.empty((3, q, modes), pairs)
        self.push_heat = xp.empty((2, q, modes), pairs)
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

    def _moments(self, out: Array) -> None:
        """Write the same from the coefficients along x, `hats`."""
        flow, heat, q = self.push_flow, self.push_heat, len(self.rest)
        for first in range(0, q, self.rows):
            self._fluxes(slice(first, min(first + self.rows, q)))
        out[0, -2:] = 0
        _product(self.back, flow.reshape(3 * q, -1), out[0, :-2])
        out[0, :, 0] = self.back_mean @ flow[1, :, 0].real + self.push
        if self.warm:
            _product(self.back_warm, heat.reshape(2 * q, -1), out[1])

    def _waves(self, v: Array) -> None:
        """Set `hats` to the coefficients along x of u, w and b at all z."""
        hats, psi = self.hats[..., : self.layer.modes], v[0, :-2]
        slope, phi, theta = self.there
        _product(slope, psi, hats[:, 0])
        hats[:, 0, 0] = theta @ v[0, :, 0].real
        _product(phi, psi, hats[:, 1])
        hats[:, 1] *= self.minus_ik
        if self.warm:
            _product(theta, v[1], hats[:, 2])
            hats[:, 2, 0] += self.rest

    def _fluxes(self, z: slice) -> None:
        """Set what pushes flow and temperature at some z from the waves there."""
        xp, many, modes = namespace(self.hats), z.stop - z.start, self.layer.modes
        hats, points, flux = self.hats[z], self.points[:many], self.fluxes[:many]
        self.fourier.backward(hats, out=points)
        u, w = points[:, 0], points[:, 1]
        if self.warm:
            xp.multiply(u, points[:, 2], out=flux[:, 2])
            xp.multiply(w, points[:, 2], out=flux[:, 3])
        xp.multiply(u, w, out=flux[:, 1])
        xp.subtract(u, w, out=flux[:, 0])
        u += w
        flux[:, 0] *= u
        found = self.fourier.forward(flux, out=self.flux_hats[:many])[..., :modes]
        flow, heat = self.push_flow[:, z], self.push_heat[:, z]
        xp.multiply(found[:, 0], self.minus_ik, out=flow[0])
        flow[1] = found[:, 1]
        xp.multiply(found[:, 1], self.k2, out=flow[2])
        if self.warm:
            xp.multiply(hats[:, 2, :modes], self.minus_ik, out=heat[0])
            flow[2] -= heat[0]
            heat[0] = found[:, 3]
            xp.multiply(found[:, 2], self.minus_ik, out=heat[1])

    def rate(self, t: float, v: Array) -> float:
        """Return max |u| k + |w| n / sqrt(distances from the plates): Courant's number."""
        self._follow(v)
        if v.ndim > 3:
            return max(self.rate(t, one) for one in v)
        self._waves(v)
        points = abs(self.fourier.backward(self.hats[:, :2]))
        fastest = float(self.layer.wavenumbers[-1])
        return float((points[:, 0] * fastest + points[:, 1] * self.finest).max())

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
            for name, value in vars(self).items():
                if isinstance(value, np.ndarray):
                    setattr(self, name, xp.asarray(value))
            self.there = [xp.asarray(m) for m in self.there]
            self._room(xp, len(self.rest))


def _product(matrix: Array, v: Array, out: Array) -> None:
    """Write a real matrix times complex columns, whose rows are contiguous."""
    real = v.real.dtype
    namespace(v).matmul(matrix, v.view(real), out=out.view(real))


def _fast(points: int) -> int:
    """Return the next number of points whose transforms are fast."""
    import scipy.fft

    return int(scipy.fft.next_fast_len(points, real=True))

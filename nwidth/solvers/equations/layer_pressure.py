"""The pressure of a flow between two plates, from its velocity and buoyancy."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_number
from nwidth.arrays import namespace
from nwidth.solvers.equations.plane_layer import PlaneLayer, times
from nwidth.solvers.spectral.fast_fourier import FastFourier
from nwidth.solvers.spectral.symmetric_bands import SymmetricBands

Array = NDArray[Any]


class LayerPressure:
    """The p with grad p = b e_z - u_t - u . grad u + nu Laplace u, of mean zero.

        (grad q, grad p) = (grad grad q, u u) + (q_z, b) + nu [q w_zz] from plate to plate

    for all polynomials q exp(i k x) of degree less than n along z: u_t has no divergence and does
    not go through the plates, nor has Laplace u one. What drives the mean flow is left out. In
    L_0, L_1 and `IntegratedLegendre.vanishing` these are banded systems, one per wavenumber.
    Reference: Gresho & Sani (1987), doi:10.1002/fld.1650071008, for the conditions at plates.

    Args:
        layer: the functions.
        viscosity: nu > 0.

    >>> from nwidth.meshes import Grid
    >>> layer = PlaneLayer(Grid.chebyshev((4, 9), periodic=(True, False)))
    >>> b = np.zeros((9, 2), complex)
    >>> b[:2, 0] = 0.5, -0.5  # 1 - z
    >>> p = LayerPressure(layer, 1.0)(np.zeros((7, 2), complex), b)
    >>> z = layer.grid.points[1]
    >>> bool(abs(layer.values_of(p)[0] - (z - z**2 / 2 - 1 / 3)).max() < 1e-15)
    True
    """

    def __init__(self, layer: PlaneLayer, viscosity: float):
        self.layer = require_instance(layer, "layer", PlaneLayer)
        self.viscosity = require_number(viscosity, "viscosity", "(0, inf)")
        basis, k = layer.basis, layer.wavenumbers
        value, slope = np.zeros((2, basis.size, basis.size))
        value[:2, :2] = np.eye(2)
        slope[0, 1] = 1 / basis.half
        value[:, 2:], slope[:, 2:] = basis.vanishing
        bands = k**2 * basis.gram(value, value)[..., None] + basis.gram(slope, slope)[..., None]
        bands[:, 0, 0] = 1.0, 0.0, 0.0  # the mean, which is free
        self.matrix = SymmetricBands(bands[:, None])
        self.functions = value
        # Values, slopes and second derivatives of the q at heights for products of degree 3 n.
        z, weights = basis.quadrature(3 * basis.size)
        self.there = basis.values(z)
        bend = basis.derivative(slope)
        self.back = [(self.there @ f).T * weights for f in (value, slope, bend)]
        ends = basis.ends() @ value
        self.walls = np.stack([-ends[0], ends[1]], axis=1) @ (basis.ends(2) / basis.half)
        self.heat = slope.T * layer.squares
        self.fourier = FastFourier(layer.points_of_products, dtype=layer.dtype)

    def __call__(self, flow: Array, b: Array | None = None) -> Array:
        """Return the coefficients (..., n, K) of p in Legendre polynomials along z.

        `flow` are coefficients of flows (..., n - 2, K), b those of the buoyancy (..., n, K) in
        Legendre polynomials.
        """
        xp, n, modes = namespace(flow), self.layer.basis.size, self.layer.modes
        out = xp.empty((*flow.shape[:-2], n, modes), flow.dtype)
        for one in np.ndindex(flow.shape[:-2]):
            out[one] = self._one(flow[one], None if b is None else b[one])
        return out

    def _one(self, flow: Array, b: Array | None) -> Array:
        """Return the coefficients of one pressure."""
        layer, xp = self.layer, namespace(flow)
        modes, k = layer.modes, xp.asarray(layer.wavenumbers, flow.real.dtype)
        u, w = layer.velocity_coefficients(flow)
        waves = xp.zeros((2, len(self.there), self.fourier.modes[0]), flow.dtype)
        waves[0, :, :modes], waves[1, :, :modes] = times(self.there, u), times(self.there, w)
        u_z, w_z = self.fourier.backward(waves)
        products = xp.stack([u_z * u_z, u_z * w_z, w_z * w_z])
        uu, uw, ww = self.fourier.forward(products)[..., :modes]
        right = times(self.back[0], -(k**2) * uu) + times(self.back[1], -2j * k * uw)
        right += times(self.back[2], ww) + self.viscosity * times(self.walls, w)
        if b is not None:
            right += times(self.heat, b)
        right[0, 0] = 0
        found = self.matrix.solve(right[None].astype(flow.dtype))[0]
        p = times(self.functions, found)
        p[0, 0] = 0
        return p

"""Small disturbances of a layer between two plates: how fast they grow."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_number
from nwidth.errors import InputError
from nwidth.solvers.spectral.integrated_legendre import IntegratedLegendre

Array = NDArray[Any]


def normal_modes(
    basis: IntegratedLegendre,
    wavenumber: float,
    *,
    viscosity: float,
    velocity: Any = None,
    diffusivity: float | None = None,
    gradient: float = -1.0,
) -> Array:
    """Return the growth rates sigma of disturbances exp(i k x + sigma t) of a parallel flow U(z).

        sigma (D^2 - k^2) psi = nu (D^2 - k^2)^2 psi - i k (U (D^2 - k^2) - U'') psi - i k b
        sigma b = kappa (D^2 - k^2) b - i k U b + i k B' psi

    of velocity (psi', -i k psi) and buoyancy b, which vanish at the plates: the equations of Orr
    and Sommerfeld and of Rayleigh, by the functions that `LayerSystem` steps. References: Orszag
    (1971), doi:10.1017/S0022112071002842; Chandrasekhar (1961), Hydrodynamic and Hydromagnetic
    Stability, section 15.

    Args:
        basis: functions between the plates.
        wavenumber: k > 0.
        viscosity: nu > 0.
        velocity: U as a function of z, at rest if None.
        diffusivity: kappa > 0; without it there is no buoyancy.
        gradient: B', of the buoyancy at rest.

    Complex, the fastest growing first. The first ones have all digits once the functions resolve
    them; the last ones have none.

    >>> basis = IntegratedLegendre(16, 0.0, 1.0)
    >>> rayleigh = 1707.762
    >>> fastest = normal_modes(basis, 3.1163, viscosity=rayleigh**-0.5, diffusivity=rayleigh**-0.5)
    >>> bool(abs(fastest[0]) < 1e-6)
    True
    """
    import scipy.linalg

    require_instance(basis, "basis", IntegratedLegendre)
    k = require_number(wavenumber, "wavenumber", "(0, inf)")
    nu = require_number(viscosity, "viscosity", "(0, inf)")
    points, weights = basis.quadrature(4 * basis.size)
    flow = _velocity(velocity, points)
    legendre = basis.values(points)
    phi, slope, bend = (legendre @ c for c in basis.clamped)
    theta, rise = (legendre @ c for c in basis.vanishing)

    def inner(one: Array, other: Array) -> Array:
        return one.T @ (weights[:, None] * other)

    mass = inner(slope, slope) + k**2 * inner(phi, phi)
    friction = inner(bend, bend) + 2 * k**2 * inner(slope, slope) + k**4 * inner(phi, phi)
    u, w = slope, -1j * k * phi
    advection = -1j * k * inner(slope, 2 * flow * u) + inner(bend + k**2 * phi, flow * w)
    rates = advection - nu * friction
    if diffusivity is not None:
        kappa = require_number(diffusivity, "diffusivity", "(0, inf)")
        gradient = require_number(gradient, "gradient", "(-inf, inf)")
        conduction = inner(rise, rise) + k**2 * inner(theta, theta)
        cooling = -kappa * conduction - 1j * k * inner(theta, flow * theta)
        rates = np.block(
            [[rates, 1j * k * inner(phi, theta)], [-gradient * inner(theta, w), cooling]]
        )
        mass = scipy.linalg.block_diag(mass, inner(theta, theta))
    found = scipy.linalg.eigvals(rates, mass)
    return found[np.argsort(-found.real)]


def _velocity(velocity: Any, points: Array) -> Array:
    """Return U at points, in a column."""
    if velocity is None:
        return np.zeros((len(points), 1))
    if not callable(velocity):
        raise InputError(f"velocity: expected a function of z or None, got {velocity!r:.80}")
    return np.broadcast_to(np.asarray(velocity(points), np.float64), points.shape)[:, None]

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar

from nwidth.errors import InputError
from nwidth.solvers import normal_modes
from nwidth.solvers.spectral import IntegratedLegendre


def test_growth_of_orszags_mode_of_poiseuille_flow():
    """Orszag (1971): c = 0.23752649 + 0.00373967 i at Reynolds number 10000, wavenumber 1."""
    for size in (60, 71):
        sigma = normal_modes(
            IntegratedLegendre(size), 1.0, viscosity=1e-4, velocity=lambda z: 1 - z**2
        )
        assert abs(1j * sigma[0] - (0.23752649 + 0.00373967j)) < 1e-8
        assert (sigma[1:].real < 0).all()


def test_poiseuille_flow_is_stable_below_orszags_critical_number():
    """Orszag (1971): Re = 5772.22 at wavenumber 1.02056."""
    fastest = [
        normal_modes(IntegratedLegendre(60), 1.02056, viscosity=1 / r, velocity=lambda z: 1 - z**2)[
            0
        ].real
        for r in (5772.1, 5772.4)
    ]
    assert fastest[0] < 0 < fastest[1]


def critical(k, size=16):
    """Return the Rayleigh number at which disturbances of a wavenumber begin to grow."""
    basis = IntegratedLegendre(size, 0.0, 1.0)

    def growth(r):
        return normal_modes(basis, k, viscosity=r**-0.5, diffusivity=r**-0.5)[0].real

    return brentq(growth, 1000, 3000, xtol=1e-8)


def test_onset_of_convection():
    """Chandrasekhar (1961), section 15: Ra = 1707.762 at k = 3.117."""
    found = minimize_scalar(critical, bracket=(3.0, 3.1, 3.3), tol=1e-9)
    assert abs(found.fun - 1707.762) < 5e-4
    assert abs(found.x - 3.117) < 1e-3
    # Free of the grid to rounding, and the same whatever the Prandtl number.
    assert abs(critical(3.117, 25) / critical(3.117) - 1) < 1e-9
    rates = normal_modes(
        IntegratedLegendre(16, 0.0, 1.0),
        3.117,
        viscosity=(7 / 1707.762) ** 0.5,
        diffusivity=(7 * 1707.762) ** -0.5,
    )
    assert abs(rates[0]) < 1e-6


def test_decay_of_a_layer_at_rest_that_is_warm_above():
    sigma = normal_modes(
        IntegratedLegendre(12, 0.0, 1.0), 2.0, viscosity=0.1, diffusivity=0.1, gradient=1.0
    )
    assert sigma.real.max() < 0


def test_decay_of_temperature_alone():
    """Without coupling, b decays as exp(-kappa (k^2 + pi^2 m^2) t)."""
    basis = IntegratedLegendre(24, 0.0, 1.0)
    sigma = normal_modes(basis, 2.0, viscosity=100.0, diffusivity=0.1, gradient=0.0)
    exact = -0.1 * (4 + np.pi**2 * np.arange(1, 5) ** 2)
    np.testing.assert_allclose(sigma[:4], exact, rtol=1e-10)


def test_what_does_not_fit():
    basis = IntegratedLegendre(9)
    with pytest.raises(InputError, match="wavenumber"):
        normal_modes(basis, 0.0, viscosity=1.0)
    with pytest.raises(InputError, match="function of z"):
        normal_modes(basis, 1.0, viscosity=1.0, velocity=np.ones(9))
    with pytest.raises(InputError, match="basis"):
        normal_modes(9, 1.0, viscosity=1.0)

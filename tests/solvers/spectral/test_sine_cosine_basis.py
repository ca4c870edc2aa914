import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Axis
from nwidth.solvers.spectral import ChebyshevBasis, CosineBasis, SineBasis

centerings = pytest.mark.parametrize("centering", ["cell", "node"])


@centerings
def test_derivatives_of_waves_are_exact(centering):
    for kind, wave, slope, sign in (
        (CosineBasis, np.cos, np.sin, -1),
        (SineBasis, np.sin, np.cos, 1),
    ):
        basis = kind(12, 1.0, 3.0, centering=centering)
        x = basis.points
        assert np.array_equal(x, Axis.uniform(12, 1.0, 3.0, centering=centering).points)
        for k in range(1, 10):
            kappa = np.pi * k / 2
            v = basis.forward(wave(kappa * (x - 1)))
            one = basis.derived().backward(basis.derivative(v))
            assert np.allclose(one, sign * kappa * slope(kappa * (x - 1)), atol=1e-12)
            two = basis.derived(2).backward(basis.derivative(v, 2))
            assert np.allclose(two, -(kappa**2) * wave(kappa * (x - 1)), atol=1e-11)


@centerings
def test_heat_equation_with_either_side_is_diagonal(centering):
    """u_t = u_xx to t = 0.01 from a parabola, against its series."""
    x = np.linspace(0, 1, 7)
    basis = SineBasis(257, centering=centering)
    u = basis.forward(basis.points * (1 - basis.points))
    u = basis.evaluate(u * np.exp(-0.01 * basis.wavenumbers**2), x)
    k = np.arange(1, 60, 2) * np.pi
    exact = (8 / k**3 * np.exp(-0.01 * k**2)) @ np.sin(np.outer(k, x))
    assert abs(u - exact).max() < 1e-6  # aliases of the parabola, whose modes fall as k^-3
    even = CosineBasis(257, centering=centering)
    u = even.forward(np.cos(np.pi * even.points) ** 3)
    u = even.evaluate(u * np.exp(-0.01 * even.wavenumbers**2), x)
    waves = 0.75 * np.exp(-0.01 * np.pi**2) * np.cos(np.pi * x)
    waves += 0.25 * np.exp(-0.09 * np.pi**2) * np.cos(3 * np.pi * x)
    assert abs(u - waves).max() < 1e-14


@centerings
def test_mixed_products_are_sines(centering):
    cosines, sines = (kind(9, centering=centering) for kind in (CosineBasis, SineBasis))
    x = sines.points
    v = cosines.forward(np.cos(2 * np.pi * x))
    w = sines.forward(np.sin(3 * np.pi * x))
    exact = sines.forward(0.5 * np.sin(5 * np.pi * x) + 0.5 * np.sin(np.pi * x))
    assert np.allclose(cosines.product(v, w, other=sines), exact, atol=1e-14)
    assert np.allclose(sines.product(w, v, other=cosines), exact, atol=1e-14)
    square = cosines.forward(0.5 - 0.5 * np.cos(6 * np.pi * x))
    assert np.allclose(sines.product(w, w), square, atol=1e-14)
    for wrong in (ChebyshevBasis(9, 0.0, 1.0), SineBasis(8, centering=centering)):
        with pytest.raises(InputError, match="other: expected sines or cosines"):
            sines.product(w, w, other=wrong)


def test_values_of_sines_at_end_nodes_do_not_count():
    basis = SineBasis(6, centering="node")
    u = np.sin(np.pi * basis.points)
    u[[0, -1]] = 7.0
    assert np.allclose(basis.backward(basis.forward(u)), np.sin(np.pi * basis.points), atol=1e-15)


def test_what_does_not_fit_is_refused():
    with pytest.raises(InputError, match="centering"):
        CosineBasis(4, centering="face")
    for kind in (SineBasis, CosineBasis):
        with pytest.raises(InputError, match="at least 3 nodes"):
            kind(2, centering="node")

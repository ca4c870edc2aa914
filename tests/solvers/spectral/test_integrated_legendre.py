from itertools import pairwise

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.solvers.spectral import IntegratedLegendre


@pytest.mark.parametrize("size", [9, 12])
def test_functions_and_derivatives_at_points(size):
    basis = IntegratedLegendre(size, 1.0, 4.0)
    z, h = np.linspace(1.1, 3.9, 7), 1e-5
    before, here, after = (basis.values(x) for x in (z - h, z, z + h))
    for functions in (basis.vanishing, basis.clamped):
        for value, slope in pairwise(functions):
            difference = (after - before) @ value / (2 * h)
            np.testing.assert_allclose(here @ slope, difference, atol=2e-7)
    for functions, count in ((basis.vanishing, 1), (basis.clamped, 2)):
        for order in range(count):
            assert abs(basis.ends() @ functions[order]).max() < 1e-14
    assert abs(basis.ends(1) @ basis.clamped[0]).max() < 1e-13
    assert abs(basis.ends(1) @ basis.vanishing[0]).max() > 0.1


def test_inner_products_by_quadrature():
    basis = IntegratedLegendre(11, 0.0, 3.0)
    points, weights = basis.quadrature(20)
    assert abs(weights.sum() - 2) < 1e-14
    values = basis.values(points)
    for functions in (basis.vanishing, basis.clamped):
        for f in functions:
            dense = (values @ f).T @ (weights[:, None] * (values @ f))
            bands, n = basis.gram(f, f), f.shape[1]
            for d in range(3):
                found = np.diagonal(dense, 2 * d)
                np.testing.assert_allclose(bands[d, : n - 2 * d], found, atol=1e-13)
                dense[np.arange(n - 2 * d), np.arange(2 * d, n)] = 0
            assert abs(np.triu(dense)).max() < 1e-13
    for last in (basis.vanishing[1], basis.clamped[2]):
        assert abs(basis.gram(last, last)[1:]).max() == 0
    np.testing.assert_allclose(basis.gram(basis.vanishing[0], basis.vanishing[0])[0], 1.0)


def test_values_at_points_give_polynomials_back():
    basis = IntegratedLegendre(10, -2.0, 1.0)
    points = -0.5 - 1.5 * np.cos(np.pi * np.arange(10) / 9)
    v = basis.from_values(points) @ points**3
    np.testing.assert_allclose(basis.values([0.3]) @ v, [0.027], atol=1e-13)


def test_what_does_not_fit():
    with pytest.raises(InputError, match="size"):
        IntegratedLegendre(8)
    with pytest.raises(InputError, match="upper: expected more than 1"):
        IntegratedLegendre(9, 1.0, 1.0)
    for points in ("a", np.zeros(9), np.arange(3.0), 1j * np.arange(9)):
        with pytest.raises(InputError, match="points: expected"):
            IntegratedLegendre(9).from_values(points)
    with pytest.raises(InputError, match="degree"):
        IntegratedLegendre(9).quadrature(-1)

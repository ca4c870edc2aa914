import numpy as np
import pytest
from numpy.polynomial.chebyshev import chebinterpolate, chebval

from nwidth.meshes import Axis
from nwidth.operators.spectral.chebyshev_modes import ChebyshevModes
from nwidth.solvers.spectral import ChebyshevBasis


@pytest.mark.parametrize("n", [8, 9])
def test_chebyshev_axes_have_the_transform_of_the_solvers(n):
    basis, v = ChebyshevBasis(n, 1.0, 4.0), np.random.default_rng(0).standard_normal(n)
    matrix = ChebyshevModes().analysis_matrix(Axis.chebyshev(n, 1.0, 4.0), n)
    np.testing.assert_allclose(matrix @ v, basis.forward(v), atol=1e-14)


@pytest.mark.parametrize("centering", ["node", "cell"])
def test_fits_on_uniform_axes_tend_to_the_projection(centering):
    """Coefficients of a kink of third order are found the better the more points there are."""

    def function(x):
        return np.abs(x - 0.3) ** 3

    exact, sizes = chebinterpolate(function, 4000)[:5], [33, 65, 129]
    errors = []
    for n in sizes:
        axis = Axis.uniform(n, -1.0, 1.0, centering=centering)
        c = ChebyshevModes().analysis_matrix(axis, 5) @ function(axis.points)
        smooth = ChebyshevModes().analysis_matrix(axis, 5) @ np.exp(axis.points)
        np.testing.assert_allclose(smooth, chebinterpolate(np.exp, 40)[:5], atol=1e-10)
        errors.append(abs(c - exact).max())
    assert -np.polyfit(np.log(sizes), np.log(errors), 1)[0] > 1.5


def test_values_are_those_of_the_polynomials():
    x = np.linspace(-1, 1, 7)
    matrix = ChebyshevModes().synthesis_matrix(Axis.uniform(9, -1.0, 1.0), 6, x)
    np.testing.assert_allclose(matrix, chebval(x, np.eye(6)).T, atol=1e-14)

import numpy as np
import pytest
from scipy.interpolate import BarycentricInterpolator

from nwidth.solvers.bsplines.local_interpolation import local_interpolation


@pytest.mark.parametrize(("width", "shift"), [(2, 0), (3, 0), (4, 0), (8, 0), (6, -2), (5, 2)])
def test_it_is_the_polynomial_through_the_nearest_sites(width, shift):
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(size=12))
    f = rng.normal(size=(12, 2))
    intervals = np.arange(11)
    points = x[:-1] + 0.3 * np.diff(x)
    found = local_interpolation(x, f, intervals, points, width, shift)
    for k, (point, value) in enumerate(zip(points, found, strict=True)):
        first = min(max(k + 1 - width // 2 + shift, 0), 12 - width)
        used = slice(first, first + width)
        np.testing.assert_allclose(value, BarycentricInterpolator(x[used], f[used])(point))


def test_few_sites_and_tiny_intervals():
    x = np.array([0.0, 1e-200, 1.0])
    found = local_interpolation(x, x[:, None], np.array([0]), np.array([5e-201]), 8)
    assert found == pytest.approx(5e-201)

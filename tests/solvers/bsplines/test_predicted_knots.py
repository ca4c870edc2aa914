import numpy as np
import pytest
from scipy.interpolate import make_interp_spline

from nwidth.solvers.bsplines import auto_knots
from nwidth.solvers.bsplines.mixed_tolerance import MixedTolerance
from nwidth.solvers.bsplines.predicted_knots import PredictedKnots


def finished(f, degree=7, rtol=1e-9):
    """Run a search to its end."""
    x = np.linspace(0, 1, 2 * degree + 1)
    tolerance = MixedTolerance(rtol)
    tolerance.see(f(x)[:, None])
    search = PredictedKnots(x, f(x)[:, None], degree, tolerance)
    while len(points := search.propose()):
        search.insert(points, f(points)[:, None], np.ones(len(points), bool))
    return search


def test_polynomials_need_one_round():
    search = finished(lambda x: x**7 - x**3)
    assert len(search.sites) == 29
    assert search.errors.max() < 1e-3


@pytest.mark.parametrize("power", [0.5, 1.5])
def test_neighbours_are_graded(power):
    h = np.diff(finished(lambda x: x**power).sites)
    ratio = h[1:] / h[:-1]
    assert ratio.max() < 3.01
    assert 1 / ratio.min() < 3.01
    assert h.min() < 1e-5 < 0.01 < h.max()


def test_what_is_free_of_features_has_few_sites():
    sites = finished(lambda x: np.exp(-(((x - 0.21) / 0.01) ** 2))).sites
    near = np.abs(sites - 0.21) < 0.06
    assert near.sum() > 0.6 * len(sites)


def test_splines_on_graded_knots_are_watched():
    """Splines of degree 7 on sites 1, 1/2, 1/4, ... are unstable: more sites have to come."""
    s = auto_knots(lambda x: np.sqrt(x), 0, 1)
    x = 2.0 ** -np.arange(40, -1, -1)
    unstable = make_interp_spline(x, np.sqrt(x), 7)
    middle = np.sqrt(x[:-1] * x[1:])
    assert np.abs(unstable(middle) - np.sqrt(middle)).max() > 1e-3
    y = np.logspace(-20, 0, 5000)
    assert np.abs(s(y) - np.sqrt(y)).max() <= 2e-9

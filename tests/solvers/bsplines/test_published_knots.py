import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from nwidth.solvers.bsplines import auto_knots
from nwidth.solvers.bsplines.published_knots import halved


def reference(f, a, b, rtol, scale, passes):
    """Run cubic AutoKnots one interval after the other, as it is published, without its guard."""
    sites = [(x, f(x)) for x in np.linspace(a, b, 6)]
    passed = [0] * 5
    while min(passed) < passes:
        s = CubicSpline(*zip(*sites, strict=True))
        primitive, new, counts = s.antiderivative(), [sites[0]], []
        for (x0, y0), (x1, y1), count in zip(sites, sites[1:], passed, strict=False):
            if count < passes:
                x = (x0 + x1) / 2
                y, h = f(x), x1 - x0
                simpson = h * (y0 + 4 * y + y1) / 6
                good = abs(s(x) - y) <= rtol * (abs(y) + scale) and abs(
                    primitive(x1) - primitive(x0) - simpson
                ) <= rtol * (abs(simpson) + scale * h)
                new.append((x, y))
                counts += [count + good] * 2
            else:
                counts.append(count)
            new.append((x1, y1))
        sites, passed = new, counts
    return np.array([x for x, _ in sites])


@pytest.mark.parametrize(("placement", "passes"), [("published", 1), ("published-twice", 2)])
def test_sites_are_those_of_the_paper(placement, passes):
    def f(x):
        return 2 + np.sin(5 * x) * np.exp(-x)

    wanted = reference(f, 0.0, 5.0, 1e-6, 3.0, passes)
    s = auto_knots(f, 0, 5, degree=3, placement=placement, rtol=1e-6, atol=3e-6).checked()
    # The guard of plateaus comes on top: long intervals are tested once more.
    assert set(wanted.tolist()) <= set(s.sites.tolist())
    assert len(wanted) > 100
    new = np.setdiff1d(s.sites, wanted)
    at = np.searchsorted(wanted, new)
    lengths = (wanted[at] - wanted[at - 1]).min()
    assert len(new) == 0 or lengths > np.diff(wanted).mean()


def test_plateaus_are_missed_once_and_seen_twice():
    """One pass takes a plateau for all there is: the reason for `published-twice`."""

    def f(x):
        return np.tanh(50 * (x - 0.5)) + 1.5

    x = np.linspace(0, 1, 2001)
    options = {"degree": 3, "rtol": 1e-9}
    assert abs(auto_knots(f, 0, 1, placement="published", **options)(x) - f(x)).max() > 1e-4
    assert abs(auto_knots(f, 0, 1, placement="published-twice", **options)(x) - f(x)).max() < 5e-9
    assert abs(auto_knots(f, 0, 1, **options)(x) - f(x)).max() < 5e-9


def test_without_a_scale_tails_explode_and_ours_do_not():
    def f(x):
        return np.exp(-x * x / 2)

    s = auto_knots(f, 0, 6, degree=3, placement="published", atol=0, max_evaluations=20_000)
    assert s.status.name == "BUDGET"
    assert auto_knots(f, 0, 6, atol=0).checked().evaluations < 150


def test_halved():
    assert halved(np.array([1, 2, 3]), np.array([0, 2]), np.array([7, 8])).tolist() == [
        7,
        7,
        2,
        8,
        8,
    ]

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from nwidth.solvers.bsplines import auto_knots
from nwidth.solvers.bsplines.published_knots import halved


def reference(f, a, b, rtol, scale, passes, refine=1):
    """Run cubic AutoKnots one interval after the other, as it is published."""
    sites = [(x, f(x)) for x in np.linspace(a, b, 6)]
    passed = [0] * 5
    while True:
        if min(passed) >= passes:
            lengths = np.diff([x for x, _ in sites])
            long = lengths > lengths.mean() + lengths.std()
            if not refine or not long.any():
                return np.array([x for x, _ in sites])
            refine -= 1
            passed = [0 if again else count for count, again in zip(passed, long, strict=True)]
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


def waves(x):
    return 2 + np.sin(5 * x) * np.exp(-x)


def plateau(x):
    return np.tanh(50 * (x - 0.5)) + 1.5


@pytest.mark.parametrize(("placement", "passes"), [("published", 1), ("published-twice", 2)])
@pytest.mark.parametrize(("f", "upper"), [(waves, 5.0), (plateau, 1.0)])
def test_sites_are_those_of_the_paper(f, upper, placement, passes):
    wanted = reference(f, 0.0, upper, 1e-6, 3.0, passes)
    s = auto_knots(f, 0, upper, degree=3, placement=placement, rtol=1e-6, atol=3e-6).checked()
    np.testing.assert_allclose(s.sites, wanted, rtol=1e-14)
    assert len(wanted) > 60


def test_the_guard_goes_on_until_plateaus_are_accurate():
    """A long interval that the guard opens stays open until it passes, as others do."""
    x = np.linspace(0, 1, 2001)
    for placement in ("published", "published-twice", "predicted"):
        degree = 7 if placement == "predicted" else 3
        s = auto_knots(plateau, 0, 1, degree=degree, placement=placement).checked()
        assert abs(s(x) - plateau(x)).max() < 5e-9
    without = reference(plateau, 0.0, 1.0, 1e-9, 2.5, 1, refine=0)
    assert abs(CubicSpline(without, plateau(without))(x) - plateau(x)).max() > 1e-4


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

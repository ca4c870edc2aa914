import math

import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError, NotConvergedError
from nwidth.solvers.bsplines import AdaptiveStatus, auto_knots

# Function, ends, and evaluations of cubic AutoKnots with two passes (sin: with 64 first sites).
FAMILY = {
    "gaussian": (lambda x: np.exp(-x * x / 2), 0, 6, 933),
    "runge": (lambda x: 1 / (1 + 25 * x * x), -1, 1, 1689),
    "damped": (lambda x: 2 + np.sin(10 * x) * np.exp(-x), 0, 5, 3777),
    "root": (lambda x: np.sqrt(x) + 0.1, 0, 1, 2085),
    "plateau": (lambda x: np.tanh(50 * (x - 0.5)) + 1.5, 0, 1, 975),
    "logarithm": (lambda x: 1 + x * np.log(np.where(x > 0, x, 1)), 0, 1, 1205),
    "peak": (lambda x: 0.01 + np.exp(-(((x - 0.537) / 0.01) ** 2) / 2), 0, 1, 2165),
    "waves": (lambda x: np.sin(50 * x), 0, 2 * np.pi, 64_200),
    "growth": (np.exp, 0, 10, 913),
    "expansion": (lambda z: 1 / np.sqrt(0.3 * (1 + z) ** 3 + 0.7), 0, 1100, 1600),
    "halo": (lambda r: 1 / ((r + 0.01) * (1 + r) ** 2), 0, 20, 1777),
}


def error(s, f, rtol, scale):
    """Return the largest error at very many points, over the one allowed."""
    a, b = s.sites[0], s.sites[-1]
    x = [np.linspace(a, b, 20_001), a + (b - a) * np.logspace(-22, 0, 4000)]
    x.append((s.sites[:-1, None] + np.diff(s.sites)[:, None] * np.linspace(0, 1, 16)).ravel())
    x = np.clip(np.concatenate(x), a, b)
    return (np.abs(s(x) - f(x)) / (rtol * (np.abs(f(x)) + scale))).max()


@pytest.mark.parametrize("name", FAMILY)
def test_the_tolerance_is_met_with_a_fifth_of_the_evaluations(name):
    f, a, b, cubic = FAMILY[name]
    s = auto_knots(f, a, b, rtol=1e-9).checked()
    assert error(s, f, 1e-9, np.abs(s.values).max()) <= 1
    assert 5 * s.evaluations <= cubic


@pytest.mark.parametrize("name", [name for name in FAMILY if name != "waves"])
def test_relative_accuracy_everywhere(name):
    f, a, b, _ = FAMILY[name]
    s = auto_knots(f, a, b, rtol=1e-9, atol=0).checked()
    assert error(s, f, 1e-9, 0) <= 1
    assert s.evaluations < 450


@pytest.mark.parametrize("degree", [3, 4, 5, 6])
def test_lower_degrees_meet_it_too(degree):
    for name in ("runge", "plateau", "root", "halo"):
        f, a, b, _ = FAMILY[name]
        s = auto_knots(f, a, b, rtol=1e-7, degree=degree).checked()
        assert s.degree == degree
        assert error(s, f, 1e-7, np.abs(s.values).max()) <= 1


def test_random_kinks_are_met():
    for c in np.random.default_rng(0).uniform(0.1, 0.9, 20):
        s = auto_knots(lambda x, c=c: abs(x - c), 0, 1).checked()
        assert error(s, lambda x, c=c: abs(x - c), 1e-9, s.values.max()) <= 1


def test_random_smooth_functions_are_met():
    rng = np.random.default_rng(1)
    for _ in range(5):
        c, w, k = rng.uniform(0.1, 0.9), 10 ** rng.uniform(-2, -0.5), 10 ** rng.uniform(0, 2.3)
        for f in (
            lambda x, c=c, w=w: 1 / (1 + ((x - c) / w) ** 2),
            lambda x, c=c, w=w: np.tanh((x - c) / w),
            lambda x, k=k: np.sin(k * x * x),
            lambda x, c=c, w=w, k=k: np.cos(k * x) + np.exp(-(((x - c) / w) ** 2)),
        ):
            s = auto_knots(f, 0, 1).checked()
            assert error(s, f, 1e-9, np.abs(s.values).max()) <= 1


@pytest.mark.parametrize(
    ("degree", "rtol"), [(3, 1e-5), (4, 1e-5), (4, 1e-9), (5, 1e-6), (6, 1e-5)]
)
def test_lower_degrees_meet_it_for_random_waves(degree, rtol):
    """Polynomials through the same sites as the spline would not see all errors, least at ends."""
    rng = np.random.default_rng(0)
    for _ in range(30):
        rng.uniform()
        a, phase = rng.normal(size=20), rng.uniform(0, 6, 20)

        def f(x, a=a, phase=phase):
            return sum(a[j] * np.cos(6 * j * x + phase[j]) for j in range(20))

        s = auto_knots(f, 0, 1, degree=degree, rtol=rtol).checked()
        assert error(s, f, rtol, np.abs(s.values).max()) <= 1


def test_the_last_interval_is_watched():
    def f(x):
        return np.tanh((x - 0.9) / 0.05) + np.cos(60 * (x - 1) ** 2)

    for end in np.linspace(1, 1.2, 40):
        s = auto_knots(f, 0, end, rtol=1e-4).checked()
        assert error(s, f, 1e-4, np.abs(s.values).max()) <= 1


def test_converged_means_that_the_estimate_is_below_the_tolerance():
    found = set()
    for rtol in (1e-10, 1e-11, 1e-12):
        for w in (3, 10, 20, 30):
            s = auto_knots(lambda x, w=w: np.sin(w * (x - 1e4)), 1e4, 1e4 + 1, rtol=rtol)
            assert (s.status is AdaptiveStatus.CONVERGED) == (s.error <= 1)
            found.add(s.status)
    assert found == {AdaptiveStatus.CONVERGED, AdaptiveStatus.ROUNDING}


def test_every_evaluation_is_a_site():
    seen = []

    def f(x):
        value = math.exp(-x)
        seen.append(x)
        return value

    s = auto_knots(f, 0, 3, points=[1.2345])
    assert sorted(seen) == s.sites.tolist()
    assert 1.2345 in seen
    assert s.values.tolist() == [math.exp(-x) for x in s.sites]
    np.testing.assert_allclose(s(s.sites), s.values, rtol=1e-13)


def test_components_share_knots_and_each_has_its_tolerance():
    def f(x):
        return np.stack([np.sin(x), 1e-6 * np.cos(7 * x), np.exp(2j * x)], axis=1)

    s = auto_knots(f, 0, 3, rtol=1e-8).checked()
    x = np.linspace(0, 3, 5001)
    gap = np.abs(s(x) - f(x)).max(axis=0)
    assert s(1.0).shape == (3,)
    assert s(x).dtype == np.complex128
    assert (gap <= 2e-8 * np.array([1, 1e-6, 1])).all()
    loose = auto_knots(f, 0, 3, rtol=1e-8, atol=[1e-8, 1e-3, 1e-8])
    assert loose.evaluations < s.evaluations


def test_matrices_of_values():
    s = auto_knots(lambda x: [[math.sin(x), 1.0], [0.0, math.cos(x)]], 0, 1)
    assert s(np.zeros(5)).shape == (5, 2, 2)
    np.testing.assert_allclose(s.integral(), [[1 - np.cos(1), 1], [0, np.sin(1)]], atol=1e-9)
    np.testing.assert_allclose(s(0.5, 1), [[np.cos(0.5), 0], [0, -np.sin(0.5)]], atol=1e-7)


def test_integral_derivative_and_antiderivative():
    s = auto_knots(np.exp, 0, 1, rtol=1e-12)
    assert s.integral() == pytest.approx(np.e - 1, rel=1e-12)
    assert s.integral(0.25, 0.5) == pytest.approx(np.exp(0.5) - np.exp(0.25), rel=1e-11)
    assert s.derivative()(0.3) == pytest.approx(np.exp(0.3), rel=1e-9)
    assert s.antiderivative()(0.3) == pytest.approx(np.exp(0.3) - 1, rel=1e-11)


def test_breaks_are_kinks_of_the_spline():
    def f(x):
        return np.abs(x - 0.3) + np.abs(np.sin(3 * (x - 0.8)))

    s = auto_knots(f, 0, 1, breaks=[0.3, 0.8]).checked()
    smooth = auto_knots(f, 0, 1).checked()
    assert s.evaluations < 0.3 * smooth.evaluations
    assert error(s, f, 1e-9, 1) <= 1
    assert s.knots.multiplicities.tolist().count(7) == 2
    after = 1 - 3 * np.cos(3 * 0.5)
    assert s(0.3, 1) == pytest.approx(after, rel=1e-6)


def test_narrow_peaks_are_found_by_name():
    def f(x):
        return np.exp(-(((x - 0.4567) / 1e-4) ** 2))

    assert auto_knots(f, 0, 1).evaluations < 40
    s = auto_knots(f, 0, 1, points=[0.4567]).checked()
    assert error(s, f, 1e-9, 1) <= 1


def test_waves_between_regular_sites_do_not_hide():
    for waves in (14, 28, 56, 112):
        s = auto_knots(lambda x, k=waves: np.sin(2 * np.pi * k * x), 0, 1)
        assert error(s, lambda x, k=waves: np.sin(2 * np.pi * k * x), 1e-9, 1) <= 1


def test_jumps_end_gracefully_and_are_told():
    s = auto_knots(lambda x: np.where(x > 0.3, 1.0, 0.0) + x, 0, 1)
    assert s.status is AdaptiveStatus.NOT_SMOOTH
    assert s.evaluations < 1000
    assert s.places == pytest.approx((0.3,), abs=1e-8)
    assert s(0.1) == pytest.approx(0.1, abs=1e-6)
    with pytest.raises(NotConvergedError, match=r"split it in two \(near x = 0.3"):
        s.checked()


def test_roots_inside_end_gracefully():
    s = auto_knots(lambda x: np.sqrt(np.abs(x - 0.3)), 0, 1)
    assert s.status is AdaptiveStatus.NOT_SMOOTH
    x = np.linspace(0, 1, 5001)
    assert np.abs(s(x) - np.sqrt(np.abs(x - 0.3))).max() < 1e-7
    assert auto_knots(lambda x: np.sqrt(np.abs(x - 0.3)), 0, 1, rtol=1e-6).checked()


@pytest.mark.parametrize("budget", [15, 100, 137])
@pytest.mark.parametrize("placement", ["predicted", "published"])
def test_the_budget_is_kept_and_told(budget, placement):
    s = auto_knots(lambda x: np.sin(1 / x), 1e-3, 1, max_evaluations=budget, placement=placement)
    assert s.evaluations == budget
    assert s.status is AdaptiveStatus.BUDGET
    with pytest.raises(NotConvergedError, match="raise max_evaluations"):
        s.checked()


def test_zeros_do_not_cost_more_without_atol_zero():
    s = auto_knots(lambda x: np.sin(x), 0, 3.0, atol=0, max_evaluations=2000)
    assert s.evaluations < 2000
    zero = auto_knots(lambda x: 0 * x, 0, 1).checked()
    assert zero(0.3) == 0
    assert zero.evaluations < 40


def test_noise_and_rounding_are_told():
    rng = np.random.default_rng(0)
    noise = auto_knots(lambda x: np.sin(x) + 1e-6 * rng.normal(size=x.shape), 0, 1, rtol=1e-9,
                       max_evaluations=3000)  # fmt: skip
    assert noise.status in (AdaptiveStatus.BUDGET, AdaptiveStatus.NOT_SMOOTH)
    s = auto_knots(lambda x: np.sin(300 * x), 0, 1, rtol=1e-16, atol=1e-17)
    assert s.status is AdaptiveStatus.ROUNDING
    x = np.linspace(0, 1, 2001)
    assert np.abs(s(x) - np.sin(300 * x)).max() < 1e-13


def test_values_in_single_precision():
    s = auto_knots(lambda x: np.sin(x).astype(np.float32), 0, 3, rtol=1e-9)
    assert s.status is AdaptiveStatus.ROUNDING
    assert s.evaluations < 200
    x = np.linspace(0, 3, 1000)
    assert np.abs(s(x) - np.sin(x)).max() < 1e-6
    assert auto_knots(lambda x: np.float32(np.sin(x)), 0, 3, rtol=1e-5).checked()


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_values_of_any_size(scale):
    s = auto_knots(lambda x: scale * np.cos(x), 0, 3).checked()
    assert s(1.0) / scale == pytest.approx(np.cos(1), rel=1e-8)


def test_far_intervals_and_small_ones():
    s = auto_knots(lambda x: np.exp(-1e12 * x), 0, 1e-11).checked()
    assert s(3e-12) == pytest.approx(np.exp(-3), rel=1e-8)
    s = auto_knots(lambda x: np.sin(x - 1e6), 1e6, 1e6 + 3).checked()
    assert s(1e6 + 1) == pytest.approx(np.sin(1), abs=2e-9)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"lower": 1.0, "upper": 0.0}, "lower < upper, got 1 and 0; exchange"),
        ({"upper": 0.0}, "a length"),
        ({"lower": np.nan}, "lower: expected a number"),
        ({"lower": 1.0, "upper": 1 + 1e-15}, "divide well"),
        ({"upper": 1e-280}, "divide well"),
        ({"upper": 1e307}, "divide well"),
        ({"f": lambda x: 1e308 * np.sin(x)}, r"values: expected at most 1e\+300 in size"),
        ({"points": [0.5, 0.5 + 1e-15]}, "points: expected places that are apart"),
        ({"degree": 2}, "from 3 to 7, got 2"),
        ({"degree": 8}, "from 3 to 7, got 8"),
        ({"rtol": 0.0}, "rtol"),
        ({"rtol": -1.0}, "rtol"),
        ({"atol": -1.0}, "atol: expected numbers >= 0"),
        ({"atol": [1.0, 2.0]}, "one for each component"),
        ({"placement": "best"}, "placement"),
        ({"max_evaluations": 5}, "at least the 15 first sites, got 5"),
        ({"initial": 3}, "initial: expected an integer >= 8"),
        ({"points": [2.0]}, r"points: expected places of \[0, 1\], got 2"),
        ({"breaks": [0.0]}, r"breaks: expected places inside \[0, 1\], got 0"),
        ({"breaks": "middle"}, "breaks"),
        ({"vectorized": 1}, "vectorized"),
    ],
)
def test_bad_arguments(options, match):
    with pytest.raises(InputError, match=match):
        auto_knots(**{"f": np.exp, "lower": 0.0, "upper": 1.0, **options})


def test_nan_is_told_with_its_place():
    with pytest.raises(NonFiniteError, match=r"got nan at x = 0\.5"):
        auto_knots(lambda x: np.where(x == 0.5, np.nan, x), 0, 1, points=[0.5])
    with np.errstate(divide="ignore"), pytest.raises(NonFiniteError, match="got inf at x = 0"):
        auto_knots(lambda x: 1 / x, 0, 1)


def test_breaks_that_are_one_place_nearly():
    with pytest.raises(InputError, match="breaks: expected an interval"):
        auto_knots(np.exp, 0, 1, breaks=[0.5, 0.5 + 1e-13])
    with pytest.raises(InputError, match="at least the 31 first sites, got 30"):
        auto_knots(np.exp, 0, 1, breaks=[0.5], points=[0.1, 0.2], max_evaluations=30)

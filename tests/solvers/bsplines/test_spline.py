"""Splines: values, derivatives and integrals are SciPy's; what is refused."""

import numpy as np
import pytest
import scipy.interpolate

from nwidth.errors import InputError, NonFiniteError
from nwidth.meshes import KnotVector
from nwidth.solvers.bsplines import BSplineBasis, Spline

RNG = np.random.default_rng(0)


def all_kinds(p):
    """Return knots of every kind."""
    inner = np.sort(RNG.uniform(0.1, 1.9, 4))
    return [
        KnotVector.uniform(6, p, -1.0, 2.0),
        KnotVector.cardinal(5, p),
        KnotVector.open(np.concatenate([[0.0], np.repeat(inner[:1], p + 1), inner[1:], [2.0]]), p),
        KnotVector.uniform_periodic(9, p),
        KnotVector.closed(np.sort(RNG.uniform(0, 1, 10 + p)), p),
    ]


def some_spline(knots, dtype=np.float64, components=()):
    c = RNG.standard_normal((knots.size, *components))
    if np.dtype(dtype).kind == "c":
        c = c + 1j * RNG.standard_normal(c.shape)
    return Spline(knots, c.astype(dtype))


def of_scipy(s):
    """Return SciPy's spline, also where it is periodic not wrapped."""
    unwrapped = s.unwrapped()
    return scipy.interpolate.BSpline(unwrapped.knots.values, unwrapped.coefficients, s.degree)


@pytest.mark.parametrize("p", [0, 1, 2, 3, 5, 7, 8])
def test_values_derivatives_and_integrals_are_those_of_scipy(p):
    for knots in all_kinds(p):
        s = some_spline(knots, components=(2,))
        peer = of_scipy(s)
        x = np.concatenate([RNG.uniform(knots.lower, knots.upper, 33), knots.breakpoints[:-1]])
        for k in range(p + 2):
            wanted = peer(x, k)
            scale = np.abs(wanted).max() + 1
            np.testing.assert_allclose(s(x, k) / scale, wanted / scale, rtol=0, atol=2e-14)
            np.testing.assert_allclose(
                s.derivative(k)(x) / scale, wanted / scale, rtol=0, atol=5e-14
            )
        integral, peers = s.antiderivative(), peer.antiderivative()
        wanted = peers(x) - peers(knots.lower)
        np.testing.assert_allclose(integral(x), wanted, rtol=0, atol=3e-14 * len(knots.values))
        a, b = x[:2]
        np.testing.assert_allclose(s.integral(a, b), peers(b) - peers(a), atol=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
def test_precisions_and_components(dtype):
    real = np.empty(0, dtype).real.dtype
    for knots in all_kinds(3):
        s = some_spline(knots, dtype, (2, 3))
        x = RNG.uniform(knots.lower, knots.upper, (5, 7)).astype(real)
        values, slopes = s.with_derivative(x)
        assert values.shape == slopes.shape == (5, 7, 2, 3)
        assert values.dtype == slopes.dtype == dtype
        exact = Spline(knots, s.coefficients.astype(np.complex128))
        eps = np.finfo(real).eps
        for found, k in ((values, 0), (slopes, 1)):
            wanted = exact(x.astype(np.float64), k)
            scale = np.abs(wanted).max()
            assert np.abs(found - wanted).max() <= 20 * eps * scale
            assert np.abs(s(x, k) - found).max() <= 4 * eps * scale


@pytest.mark.parametrize("dtype", [np.float32, np.complex128])
def test_many_components_and_high_degrees_are_summed_from_functions(dtype):
    x = np.array([0.1, 0.3, 0.7], np.float32)
    for p, components in ((2, (33, 2)), (9, ())):
        s = some_spline(KnotVector.uniform(10, p, 0.1, 0.7), dtype, components)
        for found, k in zip(s.with_derivative(x), (0, 1), strict=True):
            inside = np.clip(x.astype(np.float64), 0.1, 0.7)
            wanted = np.tensordot(s.basis.matrix(inside, k).toarray(), s.coefficients, 1)
            assert found.dtype == dtype
            assert found.shape == (3, *components)
            scale = np.finfo(dtype).eps * np.abs(wanted).max()
            assert np.abs(found - wanted).max() <= 8 * scale
        with pytest.raises(InputError, match="domain"):
            s([0.8])
        with pytest.raises(NonFiniteError, match="x: expected finite"):
            s([np.nan])


def test_a_spline_reproduces_a_polynomial_of_its_degree():
    knots = KnotVector.open([0.0, 0.3, 0.4, 1.0], 3)
    x = np.linspace(0, 1, 20)
    s = Spline(knots, np.linalg.solve(BSplineBasis(knots).matrix(knots.greville).toarray(),
                                      knots.greville**3))  # fmt: skip
    np.testing.assert_allclose(s(x), x**3, rtol=0, atol=1e-14)
    np.testing.assert_allclose(s(x, 3), 6.0, rtol=1e-11)
    assert s.integral() == pytest.approx(0.25, rel=1e-13)
    assert s.derivative(4)(x).tolist() == [0.0] * 20


@pytest.mark.parametrize("p", [1, 3, 5, 7])
def test_short_intervals_far_from_zero_lose_no_digits(p):
    knots = KnotVector.open([1.0, *(1 + np.geomspace(1e-6, 1, 20))], p)
    s = some_spline(knots)
    x = np.concatenate([RNG.uniform(1, 2, 50), 1 + np.geomspace(1e-7, 1e-2, 50)])
    np.testing.assert_allclose(s(x), s.to_scipy()(x), rtol=0, atol=5e-15)


@pytest.mark.parametrize("length", [1e-300, 1e300])
def test_lengths_may_be_small_and_large(length):
    c, x = RNG.standard_normal(11), np.linspace(0, 1, 9)
    wanted = Spline(KnotVector.uniform(8, 3), c)(x)
    found = Spline(KnotVector.uniform(8, 3, 0.0, length), c)(x * length)
    np.testing.assert_allclose(found, wanted, rtol=1e-13)


def test_periodic_splines_go_around():
    s = some_spline(KnotVector.closed([0.0, 0.1, 0.4, 0.5, 0.9, 1.0], 3))
    x = RNG.uniform(0, 1, 9)
    for k in range(3):
        np.testing.assert_allclose(s(x - 4, k, wrap=True), s(x, k), rtol=1e-9)
        np.testing.assert_allclose(s(0.0, k), s(1.0, k), rtol=1e-12)
    assert s.derivative().knots.periodic
    assert abs(s.derivative().integral()) < 1e-14
    np.testing.assert_allclose(s.to_scipy()(x + 2), s(x), rtol=1e-12)


@pytest.mark.parametrize("ends", [([0.1] * 3, [0.7]), ([0.1], [0.7] * 3), ([0.1] * 2, [0.7] * 2)])
def test_periodic_splines_with_repeated_knots_at_the_seam(ends):
    inner = np.sort(RNG.uniform(0.1, 0.7, 5))
    s = some_spline(KnotVector.closed(np.concatenate([ends[0], inner, ends[1]]), 3))
    x = RNG.uniform(0.1, 0.7, 20)
    np.testing.assert_allclose(s.to_scipy()(x), s(x), atol=1e-13)
    np.testing.assert_allclose(s.antiderivative()(x, 1), s(x), atol=1e-12)
    assert s.integral() == pytest.approx(s.basis.integrals @ s.coefficients, abs=1e-14)


def test_scipys_splines_come_in_and_go_out():
    x = np.linspace(0, 1, 12)
    peer = scipy.interpolate.make_interp_spline(x, np.stack([np.sin(x), np.cos(x)], 1), k=5)
    s = Spline.of_scipy(peer)
    np.testing.assert_allclose(s(x), peer(x), rtol=0, atol=1e-14)
    back = s.to_scipy()
    assert np.array_equal(back.t, peer.t)
    assert np.array_equal(back.c, peer.c)
    assert np.isnan(back(2.0)).all()
    with pytest.raises(InputError, match="axis 1"):
        Spline.of_scipy(scipy.interpolate.make_interp_spline(x, np.ones((3, 12)), axis=1))


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda s: Spline(s.basis, np.ones(5)), "expected 6 of them"),
        (lambda s: Spline(s.basis, 1.0), "shape ()"),
        (lambda s: Spline([0, 1], [1.0]), "BSplineBasis or KnotVector"),
        (lambda s: Spline(s.basis, ["a"] * 6), "coefficients"),
        (lambda s: s([0.5], -1), "order"),
        (lambda s: s([1.5]), "domain"),
        (lambda s: s.with_derivative([1.5]), "domain"),
        (lambda s: s([0.5], wrap=True), "periodic"),
        (lambda s: s.integral(0.0, 1.5), "domain"),
        (lambda s: s.integral("a"), "lower"),
        (lambda s: s.inserted([2.0]), "insert"),
        (lambda s: Spline.of_scipy(s), "BSpline"),
    ],
)
def test_bad_input_is_refused(call, match):
    with pytest.raises(InputError, match=match):
        call(Spline(KnotVector.uniform(4, 2), np.arange(6.0)))


def test_numbers_that_are_not_finite_are_refused():
    knots = KnotVector.uniform(2, 1)
    with pytest.raises(NonFiniteError, match="coefficients"):
        Spline(knots, [0.0, np.nan, 1.0])
    for x in ([np.nan], [0.5, np.inf]):
        with pytest.raises(NonFiniteError, match="x: expected finite"):
            Spline(knots, [0.0, 1.0, 1.0])(x)

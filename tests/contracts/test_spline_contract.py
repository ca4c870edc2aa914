"""What all B-splines and splines satisfy, whatever the knots: open, closed, cardinal, repeated."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nwidth.meshes import KnotVector
from nwidth.solvers.bsplines import BSplineBasis, Spline

SETTINGS = settings(max_examples=40, deadline=None, derandomize=True)
GAUSS = np.polynomial.legendre.leggauss(8)


@st.composite
def knots(draw, least: int = 0) -> KnotVector:
    """Knots of a degree up to 7, some repeated, some intervals 50 times as long as others."""
    p = draw(st.integers(least, 7))
    kind = draw(st.sampled_from(["open", "closed", "uniform", "around", "cardinal"]))
    count = draw(st.integers(1, 6))
    if kind == "cardinal":
        return KnotVector.cardinal(count, p)
    if kind == "uniform":
        return KnotVector.uniform(count, p, -1.5, 2.0)
    if kind == "around":
        return KnotVector.uniform_periodic(count + p, p, 0.25, 3.0)
    many = count + (p if kind == "closed" else 0)
    steps = draw(st.lists(st.floats(0.02, 1.0), min_size=many, max_size=many))
    points = draw(st.floats(-3.0, 3.0)) + np.concatenate([[0.0], np.cumsum(steps)])
    if kind == "closed":
        return KnotVector.closed(points, p)
    made = KnotVector.open(points, p)
    inner = points[1:-1]
    times = draw(st.lists(st.integers(0, max(p - 1, 0)), min_size=len(inner), max_size=len(inner)))
    return made.inserted(np.repeat(inner, times)) if sum(times) else made


@st.composite
def splines(draw, least: int = 0) -> Spline:
    """Splines with two components, of coefficients between -1 and 1."""
    made = draw(knots(least))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return Spline(made, rng.uniform(-1, 1, (made.size, 2)))


def places(made: KnotVector, count: int = 5) -> np.ndarray:
    """Return points inside of all intervals, and all knots."""
    ends = made.breakpoints
    parts = (np.arange(count) + 0.5) / count
    return np.union1d(ends, (ends[:-1, None] + np.diff(ends)[:, None] * parts).ravel())


@SETTINGS
@given(knots())
def test_functions_are_positive_and_sum_to_one(made):
    basis = BSplineBasis(made)
    matrix = basis.matrix(places(made)).toarray()
    assert matrix.shape == (len(places(made)), made.size)
    assert matrix.min() >= -1e-14
    np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-13)
    slopes = basis.matrix(places(made), 1)
    size = max(abs(slopes).max(), 1.0)
    np.testing.assert_allclose(slopes.sum(axis=1), 0, atol=1e-12 * size)


@SETTINGS
@given(knots())
def test_functions_vanish_outside_of_their_support(made):
    if made.periodic:
        return
    x, t, p = places(made), made.values, made.degree
    matrix = BSplineBasis(made).matrix(x).toarray()
    for i in range(made.size):
        outside = (x < t[i]) | (x > t[i + p + 1])
        assert not matrix[outside, i].any()


@SETTINGS
@given(knots(1))
def test_greville_points_are_the_coefficients_of_x(made):
    if made.periodic:
        return
    x = places(made)
    np.testing.assert_allclose(Spline(made, made.greville)(x), x, atol=1e-12)


@SETTINGS
@given(splines(2))
def test_derivatives_are_limits_of_differences(s):
    ends = s.knots.breakpoints
    x = (ends[:-1] + ends[1:]) / 2
    h = 1e-4 * np.diff(ends)[:, None]
    quotient = (s(x + h[:, 0]) - s(x - h[:, 0])) / (2 * h)
    # The third derivative is at most p^3 2^3 over the cube of the shortest interval.
    shortest = np.diff(ends).min()
    bound = (2 * s.degree / shortest) ** 3 * h**2 / 6 + 1e-11 / h
    assert (np.abs(s(x, 1) - quotient) <= bound).all()


@SETTINGS
@given(splines(1), st.integers(0, 7))
def test_derivatives_are_splines(s, order):
    ends = s.knots.breakpoints
    x = ends[:-1] + 0.3 * np.diff(ends)
    wanted = s(x, order)
    size = max(np.abs(wanted).max(), 1.0)
    np.testing.assert_allclose(s.derivative(order)(x), wanted, atol=1e-8 * size)


@SETTINGS
@given(splines(1))
def test_integrals_of_derivatives_are_differences(s):
    if s.knots.multiplicities[1:-1].max(initial=1) > s.degree:
        return
    a, b = s.knots.lower, s.knots.upper
    x = a + (b - a) * np.array([0.1, 0.77])
    slopes = s.derivative()
    size = max(np.abs(slopes.coefficients).max(), 1.0)
    np.testing.assert_allclose(slopes.integral(*x), s(x[1]) - s(x[0]), atol=1e-12 * size)


@SETTINGS
@given(splines())
def test_integrals_are_those_by_quadrature(s):
    ends = s.knots.breakpoints
    half = np.diff(ends)[:, None] / 2
    nodes = ends[:-1, None] + half * (1 + GAUSS[0])
    wanted = np.einsum("ij,ijc->c", half * GAUSS[1], s(nodes))
    np.testing.assert_allclose(s.integral(), wanted, atol=1e-12 * (ends[-1] - ends[0] + 1))
    x = places(s.knots)
    primitive = s.antiderivative()
    inside = np.setdiff1d(x, ends)
    np.testing.assert_allclose(primitive(inside, 1), s(inside), atol=1e-10)
    assert np.abs(primitive(s.knots.lower)).max() < 1e-13


@SETTINGS
@given(splines(), st.lists(st.floats(0.01, 0.99), min_size=1, max_size=6, unique=True))
def test_more_knots_keep_the_function(s, parts):
    if s.knots.periodic:
        finer = s.refined()
    else:
        a, b = s.knots.lower, s.knots.upper
        points = np.unique(np.round(a + (b - a) * np.array(parts), 6))
        finer = s.inserted(points[~np.isin(points, s.knots.values)])
    x = places(finer.knots)
    inside = np.setdiff1d(x, finer.knots.breakpoints)
    np.testing.assert_allclose(finer(inside), s(inside), atol=1e-12)
    assert np.abs(finer.coefficients).max() <= np.abs(s.coefficients).max() + 1e-12


@SETTINGS
@given(splines(1))
def test_values_lie_within_the_coefficients(s):
    values = s(places(s.knots))
    assert (values >= s.coefficients.min(axis=0) - 1e-13).all()
    assert (values <= s.coefficients.max(axis=0) + 1e-13).all()


@SETTINGS
@given(splines(1), st.floats(0.01, 100.0), st.floats(-10.0, 10.0))
def test_scaled_knots_scale_the_variable(s, scale, shift):
    made = s.knots
    other = KnotVector(scale * made.values + shift, made.degree, made.periodic)
    ends = made.breakpoints
    x = ends[:-1] + 0.4 * np.diff(ends)
    t = Spline(other, s.coefficients)
    np.testing.assert_allclose(t(scale * x + shift), s(x), atol=1e-8)


@pytest.mark.parametrize("degree", range(8))
def test_they_are_those_of_scipy(degree):
    rng = np.random.default_rng(degree)
    made = KnotVector.open(np.cumsum(rng.uniform(0.05, 1, 9)), degree)
    s = Spline(made, rng.normal(size=(made.size, 2)))
    x = places(made)
    x = x[x < made.upper]
    for order in range(degree + 1):
        wanted = s.to_scipy()(x, order)
        np.testing.assert_allclose(s(x, order), wanted, atol=1e-9 * max(np.abs(wanted).max(), 1))

import numpy as np
import pytest
import scipy.interpolate

from nwidth.errors import InputError, NonFiniteError
from nwidth.meshes.knot_vector import KnotVector
from nwidth.solvers.bsplines.bspline_basis import BSplineBasis
from nwidth.solvers.bsplines.interpolation import (
    interpolate,
    interpolating_spline,
    least_squares,
    penalty_matrix,
)

RNG = np.random.default_rng(8)
FINE = np.linspace(0, 1, 301)


def wave(x):
    return np.exp(np.sin(2 * np.pi * x))


@pytest.mark.parametrize("p", [1, 2, 3, 4, 5, 6, 7])
@pytest.mark.parametrize("kind", ["open", "periodic", "not-a-knot"])
def test_interpolation_is_of_order_p_plus_one(p, kind):
    errors = []
    for n in (33, 66):
        if kind == "not-a-knot":
            x = np.linspace(0, 1, n)
            s = interpolating_spline(x, wave(x), p)
        else:
            build = KnotVector.uniform if kind == "open" else KnotVector.uniform_periodic
            basis = BSplineBasis(build(n, p))
            s = interpolate(basis, wave(basis.greville))
        errors.append(abs(s(FINE) - wave(FINE)).max())
    assert np.log2(errors[0] / errors[1]) > p + 0.7


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_points_in_any_order_and_several_components(dtype):
    basis = BSplineBasis(KnotVector.open([0.0, 0.1, 0.4, 0.4, 0.8, 1.0], 3))
    x = np.clip(basis.greville + 0.01 * RNG.standard_normal(basis.size), 0, 1)
    values = RNG.standard_normal((basis.size, 2, 3)).astype(dtype)
    order = RNG.permutation(basis.size)
    s = interpolate(basis, values[order], x[order])
    assert s.coefficients.dtype == dtype
    np.testing.assert_allclose(s(x), values, atol=100 * np.finfo(dtype).eps)


@pytest.mark.parametrize("boundary", ["not-a-knot", "natural", "clamped", "periodic"])
def test_cubic_splines_are_those_of_scipy(boundary):
    x = np.sort(RNG.uniform(0, 1, 12))
    y = RNG.standard_normal((12, 2))
    if boundary == "periodic":
        y[-1] = y[0]
    peer = scipy.interpolate.CubicSpline(x, y, bc_type=boundary)
    s = interpolating_spline(x, y, boundary=boundary)
    points = np.linspace(x[0], x[-1], 50)
    for order in (0, 1, 2):
        size = abs(peer(points, order)).max()
        np.testing.assert_allclose(s(points, order), peer(points, order), atol=1e-11 * size)


@pytest.mark.parametrize("p", [5, 7])
def test_ends_of_higher_degree(p):
    x = np.linspace(0.0, 1.0, 15) ** 1.2
    m = (p + 1) // 2
    slopes = [[3.0**k * np.exp(3 * end) for k in range(1, m)] for end in (0.0, 1.0)]
    s = interpolating_spline(x, np.exp(3 * x), p, "clamped", lower=slopes[0], upper=slopes[1])
    np.testing.assert_allclose(s(x), np.exp(3 * x), rtol=1e-12)
    for k in range(1, m):
        np.testing.assert_allclose(
            s([0.0, 1.0], k), [slopes[0][k - 1], slopes[1][k - 1]], rtol=1e-9
        )
    assert abs(s(FINE) - np.exp(3 * FINE)).max() < 1e-6
    free = interpolating_spline(x, np.exp(3 * x), p, "natural")
    for k in range(m, p):
        assert abs(free([0.0, 1.0], k)).max() < 1e-8 * abs(free(FINE, k)).max()


def test_natural_and_clamped_with_two_points():
    assert interpolating_spline([0, 2], [1, 5], boundary="natural")([1.0]) == pytest.approx(3.0)
    s = interpolating_spline([0, 1], [0.0, 1.0], boundary="clamped")
    np.testing.assert_allclose(s(FINE), FINE**2 * (3 - 2 * FINE), atol=1e-15)


@pytest.mark.parametrize("p", [2, 4, 6])
def test_even_degrees_without_conditions(p):
    x = np.sort(RNG.uniform(0, 1, 20))
    s = interpolating_spline(x, wave(x), p)
    np.testing.assert_allclose(s(x), wave(x), atol=1e-9)
    polynomial = interpolating_spline(x, x**p, p)
    np.testing.assert_allclose(polynomial(x, 1), p * x ** (p - 1), atol=1e-7)


def dense_fit(basis, x, y, w, P):
    B = basis.matrix(x).toarray()
    root = np.linalg.cholesky(P + 1e-300 * np.eye(len(P))) if P.any() else np.zeros_like(P)
    rows = np.concatenate([B * np.sqrt(w)[:, None], root.T])
    right = np.concatenate([y * np.sqrt(w)[:, None], np.zeros((len(P), y.shape[1]))])
    return np.linalg.lstsq(rows, right, rcond=None)[0]


@pytest.mark.parametrize("periodic", [False, True])
def test_least_squares_is_that_of_dense_matrices(periodic):
    knots = KnotVector.uniform_periodic(9, 3) if periodic else KnotVector.uniform(9, 3)
    basis = BSplineBasis(knots)
    x, w = np.sort(RNG.uniform(0, 1, 200)), RNG.uniform(0, 3, 200)
    y = np.stack([wave(x), x], axis=1) + 0.1 * RNG.standard_normal((200, 2))
    s = least_squares(basis, x, y, w)
    exact = dense_fit(basis, x, y, w, np.zeros((basis.size, basis.size)))
    np.testing.assert_allclose(s.coefficients, exact, atol=1e-13)
    if not periodic:
        peer = scipy.interpolate.make_lsq_spline(x, y, knots.values, 3, np.sqrt(w), method="qr")
        np.testing.assert_allclose(s(FINE), peer(FINE), atol=1e-12)


@pytest.mark.parametrize("penalty", ["derivative", "differences"])
@pytest.mark.parametrize("periodic", [False, True])
def test_smoothing_leads_from_data_to_polynomials(penalty, periodic):
    knots = KnotVector(np.arange(-3, 24) / 20, 3)  # equidistant beyond the ends
    knots = KnotVector.uniform_periodic(20, 3) if periodic else knots
    x = np.linspace(0, 1, 100)
    y = wave(x) + 0.2 * RNG.standard_normal(100)
    options = {"penalty": penalty, "order": 2}
    found = [least_squares(knots, x, y, smoothing=s, **options) for s in (0, 1e-4, 1e6)]
    P = penalty_matrix(found[0].basis, penalty, 2)
    rough = [s.coefficients @ (P @ s.coefficients) for s in found]
    far = [np.sum((s(x) - y) ** 2) for s in found]
    assert rough[0] > rough[1] > rough[2] and far[0] < far[1] < far[2]
    degree = 0 if periodic else 1
    line = np.polynomial.Polynomial.fit(x, y, degree)
    np.testing.assert_allclose(found[2](x), line(x), atol=3e-3)
    # Stationary: the gradient of what is least vanishes.
    B = found[1].basis.matrix(x)
    gradient = B.T @ (B @ found[1].coefficients - y) + 1e-4 * (P @ found[1].coefficients)
    assert abs(gradient).max() < 1e-12


def test_smoothing_spline_with_knots_at_all_points_is_that_of_scipy():
    x = np.sort(RNG.uniform(0, 1, 40))
    y, w = wave(x) + 0.1 * RNG.standard_normal(40), RNG.uniform(0.5, 2, 40)
    peer = scipy.interpolate.make_smoothing_spline(x, y, w, lam=1e-5)
    s = least_squares(KnotVector.open(x, 3), x, y, w, smoothing=1e-5)
    np.testing.assert_allclose(s(x), peer(x), atol=1e-9)


def test_steps_and_polygons_are_fitted():
    x = np.linspace(0, 1, 41)
    steps = least_squares(KnotVector.uniform(2, 0), x, x)
    np.testing.assert_allclose(steps.coefficients, [x[:20].mean(), x[20:].mean()])
    one = least_squares(KnotVector.uniform(1, 0), x, x)
    np.testing.assert_allclose(one.coefficients, 0.5)
    polygon = least_squares(KnotVector.uniform(4, 1), x, abs(x - 0.5))
    np.testing.assert_allclose(polygon.coefficients, [0.5, 0.25, 0.0, 0.25, 0.5], atol=1e-14)
    line = least_squares(
        KnotVector.uniform(4, 1), x, abs(x - 0.5) + x, smoothing=1e9, penalty="differences"
    )
    assert abs(np.diff(line.coefficients, n=2)).max() < 1e-8


def test_weights_may_go_over_many_decades():
    x = np.linspace(0, 1, 200)
    s = least_squares(KnotVector.uniform(9, 3), x, np.exp(x), np.where(x < 0.5, 1.0, 1e-25))
    assert abs(s(x) - np.exp(x)).max() < 1e-4


def test_noise_is_averaged_away():
    x = RNG.uniform(0, 1, 4000)
    y = wave(x) + 0.1 * RNG.standard_normal(4000)
    s = least_squares(KnotVector.uniform_periodic(14, 5), x, y)
    assert np.sqrt(np.mean((s(FINE) - wave(FINE)) ** 2)) < 2 * 0.1 * np.sqrt(14 / 4000)


@pytest.mark.parametrize("boundary", ["not-a-knot", "natural", "clamped", "periodic"])
def test_huge_and_tiny_units_change_nothing(boundary):
    x = np.sort(RNG.uniform(0, 1, 9))
    y = wave(x)
    y[-1] = y[0]
    s = interpolating_spline(x, y, 5, boundary)
    for scale in (2.0**-700, 2.0**700):
        t = interpolating_spline(scale * x, y / scale, 5, boundary)
        np.testing.assert_allclose(t(scale * x + 0) * scale, y, rtol=1e-12)
        np.testing.assert_allclose(t.coefficients * scale, s.coefficients, rtol=1e-9)


def test_what_cannot_be_interpolated_is_told():
    knots = KnotVector.uniform(4, 3)
    x = knots.greville.copy()
    with pytest.raises(InputError, match="Schoenberg-Whitney"):
        interpolate(knots, np.ones(7), np.linspace(0.6, 1, 7))
    with pytest.raises(InputError, match=r"different ones, got 0\.0 as points 0 and 3"):
        x[3] = 0.0
        interpolate(knots, np.ones(7), x)
    with pytest.raises(InputError, match="least_squares"):
        interpolate(knots, np.ones(7), np.linspace(0, 1, 8))
    with pytest.raises(InputError, match="7 along the first axis"):
        interpolate(knots, np.ones(8))
    with pytest.raises(NonFiniteError):
        interpolate(knots, np.full(7, np.nan))
    with pytest.raises(InputError, match="singular"):
        interpolate(KnotVector.uniform_periodic(8, 2), np.ones(8), np.arange(8) / 8)
    with pytest.raises(InputError, match="increasing"):
        interpolating_spline([0.0, 2.0, 1.0, 3.0], np.ones(4))
    with pytest.raises(InputError, match="at least 4"):
        interpolating_spline([0.0, 1.0, 2.0], np.ones(3))
    with pytest.raises(InputError, match="odd one"):
        interpolating_spline(np.arange(9.0), np.ones(9), 4, "natural")
    with pytest.raises(InputError, match="repeat the first"):
        interpolating_spline(np.arange(9.0), np.arange(9.0), 3, "periodic")
    with pytest.raises(InputError, match="lower"):
        interpolating_spline(np.arange(9.0), np.ones(9), 5, "clamped", lower=[1.0, 2.0, 3.0])


def test_data_that_do_not_determine_a_spline_are_told():
    knots, x = KnotVector.uniform(10, 3), np.linspace(0, 0.6, 100)
    with pytest.raises(InputError, match="smoothing"):
        least_squares(knots, x, x)
    line = least_squares(knots, x, x, smoothing=1e-6)
    assert line([1.0]) == pytest.approx(1.0, abs=1e-6)
    with pytest.raises(InputError, match="weights"):
        least_squares(knots, x, x, -np.ones(100))
    with pytest.raises(InputError, match="order"):
        least_squares(knots, x, x, smoothing=1.0, order=4)
    with pytest.raises(InputError, match="order"):
        least_squares(knots, x, x, smoothing=1.0, penalty="differences", order=13)
    with pytest.raises(InputError, match="penalty"):
        least_squares(knots, x, x, penalty="bending")
    with pytest.raises(InputError, match="smoothing"):
        least_squares(knots, x, x, smoothing=-1.0)
    with pytest.raises(InputError, match="less smoothing"):
        least_squares(knots, x, x, smoothing=1e150)

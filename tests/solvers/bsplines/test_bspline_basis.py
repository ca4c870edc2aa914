"""B-splines: a partition of unity, SciPy's values and derivatives, what is refused."""

import numpy as np
import pytest
import scipy.interpolate

from nwidth.errors import InputError, NonFiniteError
from nwidth.meshes import KnotVector
from nwidth.solvers.bsplines import BSplineBasis

RNG = np.random.default_rng(0)


def all_kinds(p):
    """Return knots of every kind, with repeats as often as they may be."""
    inner = np.sort(RNG.uniform(0.1, 1.9, 5))
    return [
        KnotVector.uniform(7, p, -1.0, 2.0),
        KnotVector.cardinal(5, p),
        KnotVector.open(np.concatenate([[0.0], np.repeat(inner[:2], p + 1), inner[2:], [2.0]]), p),
        KnotVector.uniform_periodic(9, p),
        KnotVector.closed(np.sort(RNG.uniform(0, 1, 10 + p)), p),
        KnotVector(np.sort(RNG.uniform(0, 1, 2 * p + 9)), p),
    ]


def points_of(knots):
    """Return points inside, the knots and both ends."""
    inside = RNG.uniform(knots.lower, knots.upper, 37)
    return np.concatenate([inside, knots.breakpoints, [knots.upper, knots.lower]])


def of_scipy(knots, x, order):
    """Return the matrix of SciPy, of which values at the upper end are those from the left."""
    t, p = knots.values, knots.degree
    n = len(t) - p - 1
    matrix = scipy.interpolate.BSpline(t, np.eye(n), p)(x, order)
    if knots.periodic:
        wrapped = np.zeros((len(x), knots.size))
        for j in range(n):
            wrapped[:, j % knots.size] += matrix[:, j]
        return wrapped
    return matrix


@pytest.mark.parametrize("p", range(8))
def test_values_and_derivatives_are_those_of_scipy(p):
    for knots in all_kinds(p):
        basis, x = BSplineBasis(knots), points_of(knots)
        for order in range(p + 2):
            wanted = of_scipy(knots, x, order)
            found = basis.matrix(x, order).toarray()
            scale = np.abs(wanted).max() + 1.0
            np.testing.assert_allclose(found / scale, wanted / scale, rtol=0, atol=2e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("p", [0, 1, 2, 3, 5, 8])
def test_functions_are_positive_and_sum_to_one(p, dtype):
    for knots in all_kinds(p):
        x = points_of(knots).astype(dtype)
        first, values = BSplineBasis(knots).evaluate(x, 2)
        assert values.dtype == dtype
        assert first.dtype.kind == "i"
        assert (values[0] >= 0).all()
        eps = np.finfo(dtype).eps
        np.testing.assert_allclose(values[0].sum(axis=1), 1, rtol=0, atol=4 * (p + 1) * eps)
        for k in (1, 2):
            sums, sizes = values[k].sum(axis=1), np.abs(values[k]).sum(axis=1)
            assert (np.abs(sums) <= 8 * (p + 1) * eps * sizes).all()


def test_greville_points_reproduce_x_and_integrals_the_supports():
    for p in range(1, 6):
        basis = BSplineBasis(KnotVector.open([0.0, 0.2, 0.2, 0.7, 1.0], p))
        x = np.linspace(0, 1, 23)
        np.testing.assert_allclose(basis.matrix(x) @ basis.greville, x, rtol=0, atol=1e-15)
        assert basis.integrals.sum() == pytest.approx(1.0, rel=1e-14)


def test_points_may_have_any_shape_and_be_none():
    basis = BSplineBasis(KnotVector.uniform(5, 3))
    x = RNG.uniform(0, 1, (3, 4))
    first, values = basis.evaluate(x, 1)
    flat = basis.evaluate(x.ravel(), 1)
    assert first.shape == (3, 4)
    assert np.array_equal(values.reshape(2, 12, 4), flat.values)
    assert basis.evaluate(0.5).values.shape == (1, 4)
    assert basis.evaluate(np.empty(0), 2).values.shape == (3, 0, 4)
    assert basis.matrix([]).shape == (0, 8)


def test_points_of_a_periodic_line_are_wrapped_if_asked_for():
    basis = BSplineBasis(KnotVector.uniform_periodic(7, 3))
    x = RNG.uniform(0, 1, 11)
    wanted = basis.matrix(x).toarray()
    for shift in (-3, 2):
        found = basis.matrix(x + shift, wrap=True).toarray()
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-14)
    with pytest.raises(InputError, match="wrap=True"):
        basis.evaluate(x + 1)
    with pytest.raises(InputError, match="periodic knots"):
        BSplineBasis(KnotVector.uniform(4, 3)).evaluate(x, wrap=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_points_outside_are_refused_and_the_ends_are_not(dtype):
    basis = BSplineBasis(KnotVector.uniform(10, 3, 0.1, 0.7))
    ends = np.array([0.1, 0.7], dtype)
    values = basis.matrix(ends).toarray()
    assert (values[0, 0], values[1, -1]) == (pytest.approx(1), pytest.approx(1))
    for wrong in (np.nextafter(ends[0], dtype(-1)), np.nextafter(ends[1], dtype(1))):
        with pytest.raises(InputError, match=r"domain \[0.1, 0.7\]"):
            basis.evaluate(np.array([0.5, wrong, 0.6], dtype))
    for bad in (np.nan, np.inf):
        with pytest.raises(NonFiniteError, match="index \\(1,\\)"):
            basis.evaluate(np.array([0.5, bad], dtype))


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda b: b.evaluate([0.5j]), "real numbers"),
        (lambda b: b.evaluate(["a"]), "x: expected"),
        (lambda b: b.evaluate([0.5], -1), "derivatives"),
        (lambda b: b.matrix([0.5], 1.5), "order"),
        (lambda b: BSplineBasis([0, 1, 2]), "KnotVector"),
    ],
)
def test_bad_input_is_refused(call, match):
    with pytest.raises(InputError, match=match):
        call(BSplineBasis(KnotVector.uniform(4, 2)))

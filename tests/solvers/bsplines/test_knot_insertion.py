"""Knot insertion keeps the function; what is refused."""

import numpy as np
import pytest
import scipy.interpolate

from nwidth.errors import InputError
from nwidth.meshes import KnotVector
from nwidth.solvers.bsplines import Spline, knot_insertion

RNG = np.random.default_rng(0)


def all_kinds(p):
    return [
        KnotVector.uniform(5, p),
        KnotVector.cardinal(5, p),
        KnotVector.open(np.concatenate([[0.0], np.full(p + 1, 0.3), [0.5, 1.0]]), p),
        KnotVector.uniform_periodic(p + 1, p),
        KnotVector.closed(np.sort(RNG.uniform(0, 1, 9 + p)), p),
    ]


@pytest.mark.parametrize("p", range(7))
def test_the_function_stays_the_same(p):
    for knots in all_kinds(p):
        s = Spline(knots, RNG.standard_normal((knots.size, 2)))
        points = RNG.uniform(knots.lower, knots.upper, 6)
        fine = s.inserted(np.repeat(points, p + 1)).refined()
        x = RNG.uniform(knots.lower, knots.upper, 50)
        np.testing.assert_allclose(fine(x), s(x), rtol=0, atol=2e-14)
        matrix = knot_insertion(knots, fine.knots)
        assert (matrix.data >= 0).all()
        np.testing.assert_allclose(matrix.sum(axis=1), 1, rtol=1e-14)


def test_one_knot_is_inserted_as_scipy_does_it():
    s = Spline(KnotVector.uniform(5, 3), RNG.standard_normal(8))
    wanted = scipy.interpolate.insert(0.55, s.to_scipy())
    found = s.inserted([0.55])
    assert np.array_equal(found.knots.values, wanted.t)
    np.testing.assert_allclose(found.coefficients, wanted.c[: len(found.coefficients)], rtol=1e-13)


def test_coefficients_approach_the_function():
    s = Spline(KnotVector.uniform(4, 3), RNG.standard_normal(7))
    gaps = []
    for _ in range(4):
        s = s.refined()
        gaps.append(np.abs(s.coefficients - s(s.knots.greville)).max())
    orders = np.log2(np.array(gaps[:-1]) / gaps[1:])
    assert np.all(orders[1:] > 1.8)


@pytest.mark.parametrize("dtype", [np.float32, np.complex64, np.complex128])
def test_dtypes_stay(dtype):
    s = Spline(KnotVector.uniform(4, 2), RNG.standard_normal((6, 3)).astype(dtype))
    assert s.refined().coefficients.dtype == dtype
    assert s.inserted([]).coefficients.shape == (6, 3)


@pytest.mark.parametrize(
    ("fine", "match"),
    [
        (KnotVector.uniform(8, 3), "degree 2"),
        (KnotVector.uniform(8, 2, 0.0, 2.0), "upper 1.0"),
        (KnotVector.uniform_periodic(8, 2), "periodic"),
        (KnotVector.uniform(6, 2), "none at 0.25"),
        (KnotVector.open([0.0, 0.25, 0.5, 0.75, 1.0], 2), "fewer repeats at 0.5"),
        ("knots", "fine: expected a KnotVector"),
    ],
)
def test_knots_that_do_not_contain_the_old_ones_are_refused(fine, match):
    with pytest.raises(InputError, match=match):
        knot_insertion(KnotVector.open([0.0, 0.25, 0.5, 0.5, 0.75, 1.0], 2), fine)

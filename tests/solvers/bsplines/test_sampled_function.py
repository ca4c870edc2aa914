import math

import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.solvers.bsplines.sampled_function import SampledFunction

X = np.linspace(0, 1, 5)


@pytest.mark.parametrize(
    ("f", "vectorized", "shape"),
    [
        (np.sin, True, ()),
        (math.sin, False, ()),
        (lambda x: 1.0, False, ()),
        (lambda x: 1.0 if x > 0.5 else 0.0, False, ()),
        (lambda x: [math.sin(x), 2.0], False, (2,)),
        (lambda x: np.array([np.sin(x), np.cos(x)]), True, (2,)),
        (lambda x: np.stack([np.sin(x), np.cos(x)], axis=-1), True, (2,)),
        (lambda x: np.ones((3, 2)) * float(x), False, (3, 2)),
    ],
)
def test_what_f_takes_is_found_out(f, vectorized, shape):
    sampled = SampledFunction(f)
    values = sampled(X)
    assert (sampled.vectorized, sampled.shape, sampled.evaluations) == (vectorized, shape, 5)
    for x, value in zip(X, values, strict=True):
        assert np.array_equal(value.reshape(shape), f(x) if shape else float(f(x)))
    assert np.array_equal(sampled(X[:1]), values[:1])


@pytest.mark.parametrize("axis", [0, 1])
def test_the_axis_of_components_is_remembered(axis):
    """Two components at two points, and five at the first five."""
    for count in (2, 5):
        sampled = SampledFunction(
            lambda x, n=count: np.stack([(k + 1) * x for k in range(n)], axis)
        )
        for points in (X, X[:2], X[:1]):
            wanted = points[:, None] * np.arange(1, count + 1)
            assert np.array_equal(sampled(points), wanted)


def test_f_may_write_into_its_argument():
    x = X.copy()
    SampledFunction(lambda y: y.fill(0) or np.zeros(5))(x)
    assert np.array_equal(x, X)


@pytest.mark.parametrize(
    ("f", "error", "match"),
    [
        (3, InputError, "a function of one number"),
        (lambda x: "text", InputError, "real or complex numbers"),
        (lambda x: None, InputError, "real or complex numbers"),
        (lambda x: [], InputError, "real or complex numbers"),
        (lambda x: math.nan, NonFiniteError, "got nan at x = 0;"),
        (lambda x: [1.0] * (1 + int(x)), InputError, "of one shape"),
    ],
)
def test_what_is_no_function(f, error, match):
    with pytest.raises(error, match=match):
        SampledFunction(f)(X)


def test_arrays_insisted_on():
    with pytest.raises(InputError, match=r"shape \(5, ...\) for 5 points, got \(\)"):
        SampledFunction(lambda x: 1.0, vectorized=True)(X)
    assert SampledFunction(np.sin, vectorized=False)(X).shape == (5, 1)


def test_errors_of_f_are_passed_on():
    def f(x):
        raise ZeroDivisionError("in f")

    with pytest.raises(ZeroDivisionError, match="in f"):
        SampledFunction(f)(X)


def test_components_do_not_change():
    sampled = SampledFunction(lambda x: np.ones((len(x), 1 + (len(x) > 2))))
    sampled(X)
    with pytest.raises(InputError, match=r"shape \(2,\) as before, got \(1,\)"):
        sampled(X[:2])


@pytest.mark.parametrize("first", [True, False])
def test_as_many_components_as_points_cost_one_point_more(first):
    seen = []

    def f(x):
        seen.extend(x)
        values = np.multiply.outer(np.arange(1.0, 6.0), np.exp(x))
        return values if first else values.T

    g = SampledFunction(f)
    x = np.linspace(0, 1, 5)
    np.testing.assert_array_equal(g(x), np.multiply.outer(np.exp(x), np.arange(1.0, 6.0)))
    assert g.evaluations == len(seen) == 6

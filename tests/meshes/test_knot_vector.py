"""Knots: their kinds, sizes, repeats, Greville points; what is refused."""

import pickle

import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.meshes import KnotVector
from nwidth.meshes.knot_vector import wrapped


@pytest.mark.parametrize("p", range(5))
def test_sizes_and_domains_of_all_kinds(p):
    open_, cardinal = KnotVector.uniform(7, p, -1.0, 2.0), KnotVector.cardinal(7, p)
    periodic = KnotVector.uniform_periodic(7, p, -1.0, 2.0)
    assert (open_.size, cardinal.size, periodic.size) == (7 + p, 7 + p, 7)
    assert (open_.lower, open_.upper) == (periodic.lower, periodic.upper) == (-1.0, 2.0)
    assert (cardinal.lower, cardinal.upper) == (0.0, 7.0)
    for knots in (open_, cardinal, periodic):
        assert len(knots.breakpoints) == 8
        assert knots.spacing == pytest.approx((knots.upper - knots.lower) / 7, rel=1e-15)
    assert open_.multiplicities.tolist() == [p + 1] + [1] * 6 + [p + 1]
    assert periodic.multiplicities.tolist() == cardinal.multiplicities.tolist() == [1] * 8


def test_repeated_knots_are_counted_also_where_the_period_closes():
    knots = KnotVector.closed([0, 0, 1, 2, 2, 3, 4, 4], 2)
    assert knots.breakpoints.tolist() == [0, 1, 2, 3, 4]
    assert knots.multiplicities.tolist() == [3, 1, 2, 1, 3]
    assert knots.spacing is None


def test_repeats_at_the_seam_are_copied_to_the_last_digit():
    rng = np.random.default_rng(3)
    for _ in range(200):
        lower, length = rng.normal(), rng.uniform()
        ends = [lower] * 2, [lower + length] * 2
        inner = np.sort(lower + length * rng.uniform(size=6))
        knots = KnotVector.closed(np.concatenate([ends[0], inner, ends[1]]), 4)
        assert knots.multiplicities[0] == knots.multiplicities[-1] == 3
        assert np.sum(knots.values == knots.upper) == 3


def test_greville_points_of_open_knots_reach_the_ends_to_the_last_digit():
    for p in range(1, 8):
        points = KnotVector.uniform(11, p, -0.1, 0.7).greville
        assert points[0] == -0.1
        assert points[-1] == 0.7
        assert (np.diff(points) > 0).all()
    assert KnotVector.uniform(4, 0).greville.tolist() == [0.125, 0.375, 0.625, 0.875]


@pytest.mark.parametrize("p", range(5))
def test_greville_points_of_periodic_knots_lie_in_the_period(p):
    knots = KnotVector.closed(np.sort(np.random.default_rng(p).uniform(0, 1, 8)), p)
    assert knots.size == len(np.unique(knots.greville)) == 7
    assert knots.greville.min() >= knots.lower
    assert knots.greville.max() < knots.upper


def test_refined_and_inserted_knots_contain_the_old_ones():
    assert KnotVector.uniform_periodic(5, 3).refined() == KnotVector.uniform_periodic(10, 3)
    knots = KnotVector.uniform_periodic(5, 3).inserted([1.0, 0.5])
    assert knots.multiplicities.tolist() == [2, 1, 1, 1, 1, 1, 2]
    with pytest.raises(InputError, match=r"in \[0.0, 1.0\], got 1.5"):
        KnotVector.uniform(2, 1).inserted([1.5])
    with pytest.raises(InputError, match="more than degree"):
        KnotVector.uniform(2, 1).inserted([0.5, 0.5])


def test_knots_are_values_that_can_be_kept():
    knots = KnotVector.closed([0.0, 0.3, 1.0], 1)
    again = pickle.loads(pickle.dumps(knots))
    assert again == knots == KnotVector.from_description(knots.describe())
    assert hash(again) == hash(knots)
    assert knots != KnotVector.closed([0.0, 0.4, 1.0], 1)
    assert not knots.values.flags.writeable
    assert not again.values.flags.writeable
    with pytest.raises(InputError, match="expected the keys"):
        KnotVector.from_description({"values": [0, 1]})


def test_points_just_below_the_period_do_not_reach_its_end():
    x = wrapped(np.array([-1e-300, -1e-17, 3.0, 7.25], np.float64), 0.0, 3.0)
    assert x.tolist() == [0.0, 0.0, 0.0, 1.25]
    near = np.array([0.1 - 1e-8, 0.7, 1.3], np.float32)
    found = wrapped(np.concatenate([near, np.nextafter(near, np.float32(0))]), 0.1, 0.7)
    assert found.dtype == np.float32
    assert (found >= np.float32(0.1)).all()
    assert (found < np.float32(0.7)).all()


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: KnotVector([0, 0, 1, 1], 2), "at least 6 of them for degree 2, got 4"),
        (lambda: KnotVector([0, 1, 0.5, 2], 1), "sorted, got 1.0 before 0.5 at index 1"),
        (lambda: KnotVector([0, 0, 1, 1, 1, 2, 2], 1), "more than degree"),
        (lambda: KnotVector([0, 1, 1, 2, 3, 4], 1), "vanish on the whole domain"),
        (lambda: KnotVector([0, 1, 2, 3.5, 4, 5], 1, True), "closed"),
        (lambda: KnotVector([0, 1, 2], 0, "yes"), "True or False"),
        (lambda: KnotVector([0, 1j, 2], 0), "real numbers"),
        (lambda: KnotVector([[0, 1]], 0), "shape"),
        (lambda: KnotVector([0, 1], -1), "degree"),
        (lambda: KnotVector.closed([0, 1, 2], 2), "at least 3 intervals"),
        (lambda: KnotVector.open([1, 1], 2), "lower < upper"),
        (lambda: KnotVector.open([1, 0], 2), "sorted"),
        (lambda: KnotVector.uniform(0, 2), "intervals"),
        (lambda: KnotVector.uniform(9, 2, -1e308, 1e308), "length that is a number"),
        (lambda: KnotVector.open([0.0, 1e-310], 2), "different knots to be 2.2"),
        (lambda: KnotVector.uniform(3, 2, 1.0, 0.0), "sorted"),
        (lambda: KnotVector.cardinal(2.5, 1), "intervals"),
        (lambda: KnotVector(np.ma.masked_less([0.0, 1.0, 2.0], 0.5), 0), "masked"),
        (lambda: KnotVector.uniform(3, 2).inserted([[1, 2], [3]]), "list of real numbers"),
    ],
)
def test_bad_knots_are_refused(make, match):
    with pytest.raises(InputError, match=match):
        make()


def test_knots_that_are_not_finite_are_refused():
    with pytest.raises(NonFiniteError, match="nan at index"):
        KnotVector.open([0.0, np.nan, 1.0], 1)

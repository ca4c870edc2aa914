import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import KnotVector
from nwidth.solvers.bsplines import CollocationSpace
from nwidth.solvers.bsplines.nurbs_shapes import (
    annulus,
    circular_arc,
    plate_with_hole,
    quarter_annulus,
)

KNOTS = [KnotVector.uniform(5, 3, 0.0, 2.0), KnotVector.uniform_periodic(8, 4)]


def test_values_integrals_and_interpolants():
    space = CollocationSpace(KNOTS)
    rng = np.random.default_rng(0)
    c = rng.standard_normal(space.shape)
    points = rng.random((20, 2)) * [2.0, 1.0]
    scattered = space.evaluate_at(c, points, (1, 2))
    for x, value in zip(points, scattered, strict=True):
        assert np.isclose(space.evaluate(c, x[:, None], (1, 2)).item(), value, rtol=1e-12)
    x, w = space.quadrature()
    assert np.isclose((space.integrals * c).sum(), (w * space.evaluate(c, x, (0, 0))).sum())
    assert np.isclose(space.integrals.sum(), 2.0)
    values = rng.standard_normal(space.shape[1])
    line = space.interpolant(values, [1])
    found = space.bases[1].matrix(space.greville(KNOTS[1])) @ line
    assert np.allclose(found, values, atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([],), "one to three KnotVectors"),
        ((KNOTS * 2,), "one to three KnotVectors"),
        ((5,), "one to three KnotVectors"),
        ((KNOTS, "gauss"), "points"),
        ((KNOTS, "greville", object()), "geometry"),
        ((KNOTS, "greville", None, ["x", "x"]), "names"),
    ],
)
def test_wrong_spaces_are_refused(arguments, words):
    with pytest.raises(InputError, match=words):
        CollocationSpace(*arguments)


def test_wrong_points_are_refused():
    with pytest.raises(InputError, match="2 axes"):
        CollocationSpace(KNOTS).parameters([[0.5]])


@pytest.mark.parametrize(
    ("knots", "geometry", "words"),
    [
        (KNOTS, quarter_annulus(), "interval of the geometry"),
        ([KnotVector.uniform(8, 4)] * 2, annulus(), "stand 3 times"),
        ([KnotVector.uniform(8, 4)] * 2, circular_arc(), "2 parameters to 2"),
        (
            [KnotVector.uniform(8, 4), KnotVector.uniform_periodic(7, 4)],
            quarter_annulus(),
            "without kinks",
        ),
        ([KnotVector.uniform(8, 4), KnotVector.uniform_periodic(8, 4)], annulus(), "stand 3 times"),
        ([KnotVector.uniform(8, 4)] * 2, plate_with_hole(sharp=True), "without kinks"),
        ([KnotVector.uniform(8, 4)] * 2, plate_with_hole(), "stand 3 times"),
        ([KnotVector.uniform(8, 4)] * 2, lambda s: [s, s], "callable of 2"),
        ([KnotVector.uniform(8, 4)] * 2, lambda s, t: s, "geometry"),
    ],
)
def test_maps_that_do_not_fit_are_refused(knots, geometry, words):
    with pytest.raises(InputError, match=words):
        CollocationSpace(knots, geometry=geometry)


def test_callables_are_mapped_as_nurbs_are():
    """A quarter of a ring, given twice: the parameters differ, the area does not."""
    knots = [KnotVector.uniform(6, 3)] * 2
    turn = np.pi / 2
    ring = CollocationSpace(
        knots, geometry=lambda s, t: [(1 + s) * np.cos(t * turn), (1 + s) * np.sin(t * turn)]
    )
    exact = CollocationSpace(knots, geometry=quarter_annulus())
    assert np.isclose(exact.integrals.sum(), np.pi * 3 / 4, rtol=1e-9)
    assert np.isclose(ring.integrals.sum(), np.pi * 3 / 4, rtol=1e-7)


def test_a_ring_whose_map_has_kinks_takes_repeated_knots():
    around = np.sort(np.concatenate([np.linspace(0, 1, 9), *[[0.25, 0.5, 0.75]] * 2]))
    space = CollocationSpace(
        [KnotVector.uniform(4, 4), KnotVector.open(around, 4)], geometry=annulus()
    )
    assert np.isclose(space.integrals.sum(), 3 * np.pi, rtol=1e-9)

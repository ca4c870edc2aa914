import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.meshes.knot_vector import KnotVector
from nwidth.solvers.bsplines.nurbs import Nurbs
from nwidth.solvers.bsplines.nurbs_shapes import (
    annulus,
    circular_arc,
    cylinder_shell,
    disc,
    disc_sector,
    plate_with_hole,
)
from nwidth.solvers.bsplines.point_inversion import point_inversion

RNG = np.random.default_rng(11)
SHAPES = {
    "arc": circular_arc(2.0, 5.0),
    "ring": annulus(1.0, 1.2).refined(1),
    "sector": disc_sector(2.0, 5.0),
    "disc": disc(),
    "plate": plate_with_hole(),
    "sharp plate": plate_with_hole(sharp=True).refined(2),
    "surface": cylinder_shell(1.0, 2.0),
    "body": cylinder_shell(1.0, 2.0, 0.3),
}


@pytest.mark.parametrize("name", SHAPES)
def test_points_of_the_map_are_found(name):
    shape = SHAPES[name]
    xi = RNG.uniform(0, 1, (shape.dimension, 20, 10))
    xi[:, 0, :2] = [0.0, 1.0]  # corners, singular ones among them
    X = shape(*xi)
    found = point_inversion(shape, X)
    assert found.parameters.shape == xi.shape and found.distance.shape == (20, 10)
    assert found.distance[1:].max() < 1e-13 * abs(X).max()
    assert found.distance[0].max() < 1e-7  # where the Jacobian vanishes steps are slow
    np.testing.assert_allclose(shape(*found.parameters[:, 1:]), X[:, 1:], atol=1e-13 * abs(X).max())
    if name not in ("sector",):
        np.testing.assert_allclose(found.parameters[:, 1:], xi[:, 1:], atol=1e-6)


def test_points_beyond_the_domain_have_their_distance():
    ring = annulus(1.0, 2.0)
    angles = RNG.uniform(0.1, 6.2, 30)
    circle = np.stack([np.cos(angles), np.sin(angles)])
    for radius, distance in ((3.0, 1.0), (0.25, 0.75), (1.5, 0.0)):
        found = point_inversion(ring, radius * circle)
        np.testing.assert_allclose(found.distance, distance, atol=1e-13)
        nearest = np.clip(radius, 1.0, 2.0) * circle
        np.testing.assert_allclose(ring(*found.parameters), nearest, atol=1e-7)


def test_points_far_beyond_corners_and_arcs():
    X = 3 * RNG.standard_normal((2, 300))
    radius, angle = np.hypot(*X), np.arctan2(X[1], X[0])
    beside = [np.hypot(a - np.clip(a, 1, 2), b) for a, b in (X, X[::-1])]  # of the straight sides
    within = (angle >= 0) & (angle <= np.pi / 2)
    distance = np.where(within, np.abs(radius - np.clip(radius, 1, 2)), np.minimum(*beside))
    found = point_inversion(annulus(1.0, 2.0, np.pi / 2), X)
    np.testing.assert_allclose(found.distance, distance, atol=1e-12)


@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_units_of_length_change_nothing(unit):
    xi = RNG.uniform(0, 1, (2, 50))
    plate = plate_with_hole().moved(unit * np.eye(2))
    found = point_inversion(plate, plate(*xi))
    assert found.distance.max() < 1e-12 * unit
    np.testing.assert_allclose(found.parameters, xi, atol=1e-11)
    assert plate.regular


def test_curves_around_a_circle_of_knots():
    knots = KnotVector.uniform_periodic(8, 3)
    angle = 2 * np.pi * np.arange(8) / 8
    loop = Nurbs(knots, np.stack([np.cos(angle), np.sin(angle)], axis=1))
    t = np.array([0.001, 0.3, 0.999])
    found = point_inversion(loop, loop(t))
    np.testing.assert_allclose(found.parameters[0], t, atol=1e-12)


def test_wrong_arguments_are_told():
    ring = annulus(1.0, 2.0)
    with pytest.raises(InputError, match=r"expected shape \(2, \.\.\.\)"):
        point_inversion(ring, np.ones((3, 4)))
    with pytest.raises(InputError, match="geometry"):
        point_inversion(None, np.ones((2, 4)))
    with pytest.raises(InputError, match="tolerance"):
        point_inversion(ring, np.ones((2, 4)), 0.0)
    with pytest.raises(NonFiniteError):
        point_inversion(ring, [np.nan, 1.0])
    with pytest.raises(InputError, match="sizes of the domain"):
        point_inversion(ring, [1e200, 1.0])

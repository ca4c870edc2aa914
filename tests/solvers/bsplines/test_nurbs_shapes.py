import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.solvers.bsplines.nurbs_shapes import (
    annulus,
    circular_arc,
    cylinder_shell,
    disc,
    disc_sector,
    plate_with_hole,
    quarter_annulus,
)

T = np.linspace(0, 1, 401)
SHAPES = {
    "arc": (circular_arc(3.0, 1.0), 3.0),
    "circle": (circular_arc(0.5), np.pi),
    "annulus": (annulus(1.0, 3.0), 8 * np.pi),
    "half of a ring": (annulus(1.0, 2.0, np.pi), 1.5 * np.pi),
    "quarter annulus": (quarter_annulus(1.0, 4.0), 15 * np.pi / 4),
    "sector": (disc_sector(2.0, 4.0), 8.0),
    "disc": (disc(3.0), 9 * np.pi),
    "plate": (plate_with_hole(1.0, 4.0), 16 - np.pi / 4),
    "small hole": (plate_with_hole(0.3, 1.0), 1 - 0.09 * np.pi / 4),
    "large hole": (plate_with_hole(0.95, 1.0), 1 - 0.95**2 * np.pi / 4),
    "sharp plate": (plate_with_hole(1.0, 4.0, sharp=True), 16 - np.pi / 4),
    "tube": (cylinder_shell(2.0, 3.0), 12 * np.pi),
    "thick tube": (cylinder_shell(2.0, 3.0, 1.0), 15 * np.pi),
    "thick gutter": (cylinder_shell(2.0, 3.0, 1.0, np.pi), 7.5 * np.pi),
}


@pytest.mark.parametrize("name", SHAPES)
def test_lengths_areas_and_volumes(name):
    shape, exact = SHAPES[name]
    assert shape.measure() == pytest.approx(exact, rel=2e-14)
    assert shape.refined().elevated().measure() == pytest.approx(exact, rel=1e-13)
    assert shape.regular


@pytest.mark.parametrize(
    ("curve", "radius"),
    [
        (circular_arc(1.0), 1.0),
        (circular_arc(1.0, 0.1, 2.0), 1.0),
        (circular_arc(1.0, 5.0).refined(3), 1.0),
        (circular_arc(1.0).elevated(2), 1.0),
        (annulus(1.0, 2.0).side(0, "upper"), 2.0),
        (disc().side(0, "lower"), 1.0),
        (disc().side(1, "upper"), 1.0),
        (plate_with_hole().side(1, "lower"), 1.0),
        (plate_with_hole(sharp=True).side(1, "lower"), 1.0),
        (plate_with_hole().refined(3).side(1, "lower"), 1.0),
    ],
)
def test_circles_are_exact(curve, radius):
    assert abs(np.hypot(*curve(T)) / radius - 1).max() < 1e-15


def test_arcs_start_and_end_where_they_should():
    arc = circular_arc(2.0, 3.0, start=0.5)
    ends = np.array([[np.cos(0.5), np.cos(3.5)], [np.sin(0.5), np.sin(3.5)]])
    np.testing.assert_allclose(arc([0.0, 1.0]), 2 * ends, atol=1e-15)
    x, y = arc(T)
    assert np.all(np.diff(np.unwrap(np.arctan2(y, x))) > 0)
    assert len(circular_arc(1.0, np.pi / 2).points) == 3 and len(circular_arc().points) == 9


def test_the_published_plate():
    plate = plate_with_hole()
    assert [k.values.tolist() for k in plate.knots] == [[0, 0, 0, 0.5, 1, 1, 1], [0, 0, 0, 1, 1, 1]]
    np.testing.assert_allclose(plate.points[1], [[-1, 2**0.5 - 1], [-2.5, 0.75], [-4, 4]])
    np.testing.assert_allclose(plate.weights[:, 0], [1, (1 + 0.5**0.5) / 2, (1 + 0.5**0.5) / 2, 1])
    corner = plate.jacobian(0.5, 1.0)
    assert abs(np.linalg.det(corner)) < 1e-12  # two control points in one place
    sharp = plate_with_hole(sharp=True)
    np.testing.assert_allclose(sharp(0.5, 1.0), [-4, 4])
    for around, side in ((0.25, 0), (0.75, 1)):
        assert abs(sharp(around, 1.0)[side]) == pytest.approx(4.0)
    below, above = (sharp.jacobian(0.5 + s * 1e-9, 1.0) for s in (-1, 1))
    assert abs(np.linalg.det(below)) > 1 and abs(below - above).max() > 1
    for shape in (plate, sharp):
        assert shape(0.0, T)[1] == pytest.approx(0.0) and shape(1.0, T)[0] == pytest.approx(0.0)
        inside = shape.jacobian(*np.meshgrid(T[1:-1:9], T[1:-1:9]))
        assert np.linalg.det(np.moveaxis(inside, (0, 1), (-2, -1))).min() > 0


def test_impossible_shapes_are_told():
    with pytest.raises(InputError, match="angle"):
        circular_arc(1.0, 7.0)
    with pytest.raises(InputError, match="above inner"):
        annulus(2.0, 1.0)
    with pytest.raises(InputError, match="hole"):
        plate_with_hole(2.0, 1.0)
    with pytest.raises(InputError, match="thickness"):
        cylinder_shell(1.0, 1.0, -1.0)
    with pytest.raises(InputError, match="radius"):
        disc(0.0)

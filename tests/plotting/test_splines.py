import numpy as np
import pytest

from nwidth import plotting
from nwidth.errors import InputError, NonFiniteError
from nwidth.meshes import KnotVector
from nwidth.solvers.bsplines.bspline_basis import BSplineBasis
from nwidth.solvers.bsplines.nurbs_shapes import (
    annulus,
    circular_arc,
    cylinder_shell,
    plate_with_hole,
)


def test_a_field_on_a_plate_lies_where_the_plate_is(texts):
    plate = plate_with_hole().refined(2)
    figure = plotting.nurbs_field(plate, lambda u, v: u + v, "a plate", "stress (Pa)", control=True)
    axes = figure.axes[0]
    image = axes.collections[0]
    corners = image.get_coordinates()
    np.testing.assert_allclose(corners[0, 0], [-1.0, 0.0])
    np.testing.assert_allclose(corners[-1, -1], [0.0, 4.0])
    assert image.get_array().min() == 0 and image.get_array().max() == 2
    lines = sum(len(c.get_segments()) for c in axes.collections[1:3])
    assert lines == len(plate.knots[0].breakpoints) + len(plate.knots[1].breakpoints)
    hole = axes.collections[2].get_segments()[0]
    np.testing.assert_allclose(np.hypot(*hole.T), 1.0, rtol=1e-14)
    assert "stress (Pa)" in texts(figure) and "a plate" in texts(figure)


def test_domains_alone_and_fields_given_on_grids():
    ring = annulus(1.0, 2.0)
    alone = plotting.nurbs_field(ring, mesh=False)
    assert sum(len(c.get_segments()) for c in alone.axes[0].collections) == 4
    u, v = np.linspace(0, 1, 5), np.linspace(0, 1, 41)
    figure = plotting.nurbs_field(ring, np.add.outer(u, np.sin(2 * np.pi * v)), parameters=[u, v])
    assert figure.axes[0].collections[0].get_array().shape == (5, 41)


def test_functions_of_a_basis():
    basis = BSplineBasis(KnotVector.uniform_periodic(6, 3))
    figure = plotting.spline_functions(basis, "cubic", order=1)
    lines = figure.axes[0].lines
    assert len(lines) == 8
    peak = 0.75 * 6 * 2 / 3 * 4 / 3  # |B'| = 2 / 3 / h at one point from the middle
    assert max(np.nanmax(abs(line.get_ydata())) for line in lines[:6]) == pytest.approx(
        peak, rel=0.1
    )


def test_what_cannot_be_drawn_is_told():
    with pytest.raises(InputError, match="two parameters and two coordinates"):
        plotting.nurbs_field(circular_arc())
    with pytest.raises(InputError, match="side of a body"):
        plotting.nurbs_field(cylinder_shell())
    ring = annulus()
    with pytest.raises(InputError, match="points of the field"):
        plotting.nurbs_field(ring, np.ones((3, 3)))
    with pytest.raises(InputError, match=r"expected shape \(3, 4\)"):
        plotting.nurbs_field(ring, np.ones((3, 3)), parameters=[[0, 0.5, 1], [0, 0.2, 0.5, 1]])
    with pytest.raises(InputError, match="complex"):
        plotting.nurbs_field(ring, lambda u, v: u + 1j * v)
    with pytest.raises(NonFiniteError):
        plotting.nurbs_field(ring, lambda u, v: u * np.nan)

import json

import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.meshes.knot_vector import KnotVector
from nwidth.solvers.bsplines.nurbs import Nurbs, stretch
from nwidth.solvers.bsplines.nurbs_shapes import annulus, cylinder_shell, plate_with_hole

RNG = np.random.default_rng(10)


def bent(d=2, space=2):
    """A map with weights and curvature of all sorts, periodic in its second parameter."""
    knots = [
        KnotVector.open([0.0, 0.3, 0.3, 1.0], 3),
        KnotVector.uniform_periodic(5, 2),
        KnotVector.uniform(2, 2, -1.0, 1.0),
    ][:d]
    sizes = tuple(k.size for k in knots)
    return Nurbs(knots, RNG.standard_normal((*sizes, space)), RNG.uniform(0.5, 2, sizes))


def parameters(shape, count):
    return [RNG.uniform(k.lower + 0.01, k.upper - 0.01, count) for k in shape.knots]


@pytest.mark.parametrize(("d", "space"), [(1, 1), (1, 3), (2, 2), (2, 3), (3, 3)])
def test_derivatives_are_those_of_differences(d, space):
    shape, h = bent(d, space), 1e-5
    x = parameters(shape, 30)
    x[0] = np.where(abs(x[0] - 0.3) < 0.01, 0.5, x[0])  # away from the kink
    J, H = shape.jacobian(*x), shape.hessian(*x)
    assert J.shape == (space, d, 30) and H.shape == (space, d, d, 30)
    for k in range(d):
        there, back = ([c + s * h * (j == k) for j, c in enumerate(x)] for s in (1, -1))
        first = (shape(*there) - shape(*back)) / (2 * h)
        np.testing.assert_allclose(J[:, k], first, atol=1e-6 * abs(J).max())
        second = (shape.jacobian(*there) - shape.jacobian(*back)) / (2 * h)
        np.testing.assert_allclose(H[:, :, k], second, atol=1e-5 * abs(H).max())
    np.testing.assert_array_equal(H, H.swapaxes(1, 2))


def test_grids_are_scattered_points():
    shape = bent(3, 3)
    grid = [np.linspace(k.lower, k.upper, 4 + a) for a, k in enumerate(shape.knots)]
    on_grid = shape.on_grid(grid, 2)
    scattered = shape.evaluate(*np.meshgrid(*grid, indexing="ij"), derivatives=2)
    for one, two in zip(on_grid, scattered, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-12 * abs(two).max())
    assert shape(0.5, 0.5, 0.5).shape == (3,)
    assert shape(0.5, np.ones((4, 1)) / 2, np.zeros(3)).shape == (3, 4, 3)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_insertion_refinement_and_elevation_keep_the_map(d):
    shape = bent(d, 3)
    x = parameters(shape, 200)
    exact, size = shape.evaluate(*x, derivatives=1), abs(shape.points).max()
    others = {
        "inserted": shape.inserted([[0.1, 0.7], None, [0.25, 0.25]][:d]),
        "refined": shape.refined(2),
        "elevated": shape.elevated(),
        "one of them": shape.elevated((2, 0, 1)[:d]),
    }
    for name, other in others.items():
        found = other.evaluate(*x, derivatives=1)
        np.testing.assert_allclose(found.points, exact.points, atol=1e-14 * size, err_msg=name)
        np.testing.assert_allclose(found.jacobian, exact.jacobian, atol=1e-11 * size, err_msg=name)
    assert others["elevated"].degrees == tuple(p + 1 for p in shape.degrees)
    assert others["one of them"].degrees[0] == 5
    # As smooth as before: functions are added for the degree alone.
    assert others["elevated"].knots[0].multiplicities.tolist() == [5, 3, 5]


def test_a_projective_map_of_straight_lines_is_exact():
    # One interval of degree 1: x = t w / (1 - t + t w), a Moebius map with known derivatives.
    w = 3.0
    shape = Nurbs(KnotVector.uniform(1, 1), [[0.0], [1.0]], [1.0, w])
    t = np.linspace(0, 1, 9)
    below = 1 - t + w * t
    np.testing.assert_allclose(shape(t)[0], w * t / below, rtol=1e-15)
    np.testing.assert_allclose(shape.jacobian(t)[0, 0], w / below**2, rtol=1e-14)
    np.testing.assert_allclose(shape.hessian(t)[0, 0, 0], -2 * w * (w - 1) / below**3, rtol=1e-14)


def test_sides_of_a_body():
    shell = cylinder_shell(1.0, 2.0, 0.5, np.pi)
    inside, top = shell.side(0, "lower"), shell.side(2, "upper")
    a, z = RNG.uniform(0, 1, (2, 20))
    np.testing.assert_allclose(inside(a, z), shell(0 * a, a, z), atol=1e-15)
    np.testing.assert_allclose(top(z, a), shell(z, a, 1 + 0 * a), atol=1e-15)
    assert inside.measure() == pytest.approx(2 * np.pi, rel=1e-13)
    assert top.side(0, "upper").measure() == pytest.approx(1.5 * np.pi, rel=1e-13)


def test_moments_by_quadrature():
    ring = annulus(1.0, 2.0, np.pi / 2)
    assert ring.integral(lambda x, y: x * y) == pytest.approx((16 - 1) / 8, rel=1e-13)
    shell = cylinder_shell(1.0, 2.0)
    assert shell.integral(lambda x, y, z: x**2 * z) == pytest.approx(2 * np.pi, rel=1e-13)
    coarse = [abs(ring.integral(lambda x, y: x * y, points=n) - 15 / 8) for n in (3, 6)]
    assert 1e-2 > coarse[0] / 2 > 50 * coarse[1] > 0


def test_moved_maps_and_descriptions():
    plate = plate_with_hole()
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    other = plate.moved(2 * turn, [1.0, 3.0])
    x = parameters(plate, 20)
    np.testing.assert_allclose(other(*x), 2 * turn @ plate(*x) + [[1.0], [3.0]], atol=1e-14)
    assert other.measure() == pytest.approx(4 * plate.measure(), rel=1e-13)
    sheet = plate.moved([[1, 0], [0, 1], [0, 1]])
    assert sheet.space == 3 and sheet.measure() == pytest.approx(2**0.5 * plate.measure())
    again = Nurbs.from_description(json.loads(json.dumps(plate.describe())))
    np.testing.assert_array_equal(again(*x), plate(*x))


def test_regular_maps_are_told_from_folded_ones():
    square = [[[0, 0], [0, 1]], [[1, 0], [1, 1]]]
    folded = [[[0, 0], [0, 1]], [[1, 0], [-1, 1]]]
    knots = [KnotVector.uniform(1, 1)] * 2
    assert Nurbs(knots, square).regular and not Nurbs(knots, folded).regular
    assert bent(1, 3).regular
    np.testing.assert_allclose(stretch(np.array([[[2.0]], [[0.0]], [[0.0]]])), [2.0])


def test_wrong_arguments_are_told():
    knots = KnotVector.uniform(1, 2)
    points = [[1, 0], [1, 1], [0, 1]]
    with pytest.raises(InputError, match=r"expected shape \(3, space\)"):
        Nurbs(knots, points[:2])
    with pytest.raises(InputError, match="space at least 2"):
        Nurbs([knots, knots], np.ones((3, 3, 1)))
    with pytest.raises(InputError, match="numbers > 0"):
        Nurbs(knots, points, [1.0, -1.0, 1.0])
    with pytest.raises(NonFiniteError):
        Nurbs(knots, np.full((3, 2), np.nan))
    with pytest.raises(InputError, match="knots"):
        Nurbs([1, 2], points)
    arc = Nurbs(knots, points)
    with pytest.raises(InputError, match="expected 1 arrays"):
        arc(0.5, 0.5)
    with pytest.raises(InputError, match="points of the domain"):
        arc(1.5)
    with pytest.raises(InputError, match="0, 1 or 2"):
        arc.evaluate(0.5, derivatives=3)
    with pytest.raises(InputError, match="expected 1 entries"):
        arc.inserted([None, [0.5]])
    with pytest.raises(InputError, match="at least two"):
        arc.side(0, "lower")
    with pytest.raises(InputError, match="lower, upper"):
        bent().side(1, "left")
    with pytest.raises(InputError, match="fit together"):
        bent()(np.ones(3) / 2, np.ones(4) / 2)
    with pytest.raises(InputError, match="matrix"):
        arc.moved(np.eye(3))
    with pytest.raises(InputError, match="description"):
        Nurbs.from_description({"points": []})
    with pytest.raises(InputError, match="knots"):
        Nurbs.from_description({"knots": None, "points": [], "weights": []})

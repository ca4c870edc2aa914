"""Second order in L2 and in the maximum norm, for every boundary type and kind of grid."""

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Axis, Grid
from nwidth.solvers import solve
from nwidth.solvers.equations import manufactured

SIDES = {
    "dirichlet": (),
    "neumann": ("x_lower", "x_upper", "y_lower", "y_upper", "z_lower", "z_upper"),
    "mixed": ("x_upper", "y_lower"),
}


def boxes(dimension, sizes, centering, periodic=False):
    extra = 1 if centering == "node" and not periodic else 0
    stretch = (1.0, 1.5, 0.8)[:dimension]
    counts = (1.0, 1.25, 0.75)[:dimension]
    for n in sizes:
        shape = tuple(round(n * c) + extra for c in counts)
        if periodic:
            axes = Grid.uniform(shape, upper=stretch, centering=centering).axes
            first = Axis.uniform(
                shape[0], 0.0, stretch[0], centering=centering, periodic=True, name="x"
            )
            yield n, Grid((first, *axes[1:]))
        else:
            yield n, Grid.uniform(shape, upper=stretch, centering=centering)


def measured_orders(grids, sides, robin=(), **options):
    errors, steps = [], []
    for n, grid in grids:
        neumann, elastic = ([s for s in part if s[0] in grid.names] for part in (sides, robin))
        case = manufactured(grid, neumann, robin=elastic, **options)
        error = solve(case.problem, case.inputs, 1e-11).checked().u - case.solution
        errors.append((grid.norm(error), np.abs(error).max()))
        steps.append(1 / n)
    return np.polyfit(np.log(steps), np.log(np.array(errors)), 1)[0]


@pytest.mark.parametrize("centering", ["node", "cell"])
@pytest.mark.parametrize("sides", SIDES)
@pytest.mark.parametrize("tensor", [False, True])
def test_second_order_in_two_dimensions(centering, sides, tensor):
    grids = boxes(2, (32, 64, 128), centering)
    slopes = measured_orders(grids, SIDES[sides], tensor=tensor)
    np.testing.assert_allclose(slopes, 2.0, atol=0.15)


@pytest.mark.parametrize("centering", ["node", "cell"])
@pytest.mark.parametrize("sides", SIDES)
def test_second_order_in_three_dimensions(centering, sides):
    # Cell middles near an edge move towards it, which delays the asymptotic range.
    grids = boxes(3, (16, 24, 40) if centering == "node" else (32, 48, 64), centering)
    slopes = measured_orders(grids, SIDES[sides], tensor=sides == "mixed")
    np.testing.assert_allclose(slopes, 2.0, atol=0.15)


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_second_order_with_a_periodic_axis(dimension):
    sizes = (16, 24, 40) if dimension == 3 else (32, 64, 128)
    sides = ("y_lower",)
    slopes = measured_orders(boxes(dimension, sizes, "node", periodic=True), sides)
    np.testing.assert_allclose(slopes, 2.0, atol=0.15)


@pytest.mark.parametrize("centering", ["node", "cell"])
@pytest.mark.parametrize("sides", SIDES)
def test_second_order_for_poisson(centering, sides):
    slopes = measured_orders(boxes(2, (32, 64, 128), centering), SIDES[sides], equation="poisson")
    np.testing.assert_allclose(slopes, 2.0, atol=0.1)


def test_second_order_on_a_stretched_grid():
    def grids():
        for n in (32, 64, 128):
            t = np.linspace(0, 1, n + 1)
            yield n, Grid.tensor([t + 0.1 * np.sin(2 * np.pi * t), t * (1 + t)])

    slopes = measured_orders(grids(), SIDES["mixed"])
    np.testing.assert_allclose(slopes, 2.0, atol=0.15)


@pytest.mark.parametrize("centering", ["node", "cell"])
def test_second_order_in_one_dimension(centering):
    slopes = measured_orders(boxes(1, (32, 64, 128), centering), ("x_upper",))
    np.testing.assert_allclose(slopes, 2.0, atol=0.1)


ROBIN = {
    "alone": ((), SIDES["neumann"]),
    "with all others": (("y_lower",), ("x_upper", "y_upper", "z_lower")),
    "beside neumann": (("x_lower", "y_lower"), ("x_upper", "y_upper")),
}


@pytest.mark.parametrize("centering", ["node", "cell"])
@pytest.mark.parametrize("sides", ROBIN)
@pytest.mark.parametrize("tensor", [False, True])
def test_second_order_with_robin_sides(centering, sides, tensor):
    neumann, robin = ROBIN[sides]
    grids = boxes(2, (32, 64, 128), centering)
    slopes = measured_orders(grids, neumann, robin, tensor=tensor)
    np.testing.assert_allclose(slopes, 2.0, atol=0.15)


@pytest.mark.parametrize("centering", ["node", "cell"])
@pytest.mark.parametrize("reaction", [False, True])
@pytest.mark.parametrize("dimension", [1, 3])
def test_second_order_with_robin_sides_in_one_and_three_dimensions(dimension, centering, reaction):
    sizes = (32, 64, 128) if dimension == 1 else (16, 24, 40)
    if dimension == 3 and centering == "cell":
        sizes = (32, 48, 64)
    neumann, robin = ROBIN["alone" if reaction else "with all others"]
    grids = boxes(dimension, sizes, centering)
    slopes = measured_orders(grids, neumann, robin, reaction=reaction)
    np.testing.assert_allclose(slopes, 2.0, atol=0.15)


@pytest.mark.parametrize("centering", ["node", "cell"])
@pytest.mark.parametrize("sides", SIDES)
@pytest.mark.parametrize("equation", ["darcy", "poisson"])
def test_second_order_with_a_reaction(centering, sides, equation):
    grids = boxes(2, (32, 64, 128), centering)
    slopes = measured_orders(grids, SIDES[sides], reaction=True, equation=equation)
    np.testing.assert_allclose(slopes, 2.0, atol=0.15)


def test_second_order_with_a_periodic_axis_beside_robin():
    grids = boxes(2, (32, 64, 128), "node", periodic=True)
    slopes = measured_orders(grids, (), ("y_lower", "y_upper"), reaction=True)
    np.testing.assert_allclose(slopes, 2.0, atol=0.15)


@pytest.mark.parametrize("centering", ["node", "cell"])
def test_second_order_with_robin_sides_on_a_stretched_grid(centering):
    def grids():
        for n in (32, 64, 128):
            t = np.linspace(0, 1, n + 1)
            yield (
                n,
                Grid.tensor([t + 0.1 * np.sin(2 * np.pi * t), t * (1 + t)], centering=centering),
            )

    slopes = measured_orders(grids(), *ROBIN["with all others"], reaction=True)
    np.testing.assert_allclose(slopes, 2.0, atol=0.15)


def test_bad_requests():
    grid = Grid.uniform((8, 8))
    with pytest.raises(InputError, match="darcy"):
        manufactured(grid, equation="stokes")
    with pytest.raises(InputError, match="z_lower"):
        manufactured(grid, ["z_lower"])
    with pytest.raises(InputError, match="different sides"):
        manufactured(grid, ["x_lower"], robin=["x_lower"])

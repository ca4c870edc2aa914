from itertools import permutations, product

import numpy as np
import pytest

from nwidth.meshes import Axis, Grid
from nwidth.solvers import (
    AllenCahn,
    AnisotropicDarcy,
    Boundary,
    ConvectionDiffusion,
    CubicPoisson,
    Darcy,
    Dirichlet,
    Fisher,
    GrayScott,
    Helmholtz,
    NavierStokes,
    Neumann,
    NonlinearSchroedinger,
    Poisson,
    Robin,
    WaveEquation,
    simulate,
    solve,
)
from nwidth.solvers.square_symmetry import uneven_field, uneven_side

PLANE = Grid.uniform((9, 9))
X, Y = PLANE.coordinates()
BOWL = 1 + (X - 0.5) ** 2 + (Y - 0.5) ** 2


def turned(u, flips, order):
    """Return a field under one symmetry of the cube."""
    return np.transpose(np.flip(u, [k for k, yes in enumerate(flips) if yes]), order)


def symmetries(d):
    return list(product(product((False, True), repeat=d), permutations(range(d))))


@pytest.mark.parametrize(
    "field",
    [BOWL, X + 0 * Y, X * Y, (X - 0.5) * (Y - 0.5), (X - 0.5) ** 2 + 0 * Y, X - Y, np.float64(3.0)],
)
def test_a_field_is_uneven_if_any_symmetry_changes_it(field):
    moved = [turned(field, f, o) for f, o in symmetries(np.ndim(field))]
    changed = not all(np.allclose(field, other) for other in moved)
    assert (uneven_field({"even": BOWL, "u": field}) == "u") == changed


def test_a_field_is_even_up_to_round_off_of_its_size():
    assert uneven_field({"u": 1e9 * BOWL + 1e-9 * X}) is None
    assert uneven_field({"u": BOWL + 1e-6 * X}) == "u"


SIDES = {
    "values": Boundary(default=Dirichlet(2.0)),
    "fluxes": Boundary(default=Neumann(-1.0)),
    "arrays": Boundary(default=Dirichlet(np.sin(np.pi * Axis.uniform(9).points))),
    "transfer": Boundary(default=Robin(2.0, 40.0)),
    "callable": Boundary(default=Dirichlet(lambda x, y: x**2 - x + y**2 - y)),
}
UNLIKE = {
    "kind": Boundary({"x_lower": Neumann()}),
    "value": Boundary({"y_upper": Dirichlet(1.0)}),
    "coefficient": Boundary({"y_lower": Robin(1.0)}, default=Robin(2.0)),
    "slope": Boundary(default=Dirichlet(np.linspace(0, 1, 9))),
    "axis": Boundary({"x_lower": Neumann(), "x_upper": Neumann()}),
}


@pytest.mark.parametrize("name", SIDES)
def test_sides_that_are_alike(name):
    assert uneven_side(SIDES[name], PLANE) is None


@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("kind", "x_upper, unlike that at x_lower"),
        ("value", "y_upper, unlike that at x_lower"),
        ("coefficient", "y_lower, unlike that at x_lower"),
        ("slope", "x_lower"),
        ("axis", "y_lower, unlike that at x_lower"),
    ],
)
def test_sides_that_are_not_alike_are_named(name, side):
    assert uneven_side(UNLIKE[name], PLANE) == side


def test_walls_on_some_axes_only_have_a_direction():
    mixed = Grid((Axis.uniform(8, periodic=True), Axis.uniform(9, name="y")))
    assert uneven_side(Boundary(), mixed) == "y_lower"
    assert uneven_side(Boundary(), Grid.periodic((8, 8))) is None


def positive(grid, seed=0):
    return 1 + np.random.default_rng(seed).random(grid.shape)


@pytest.mark.parametrize(
    "problem",
    [
        Darcy(PLANE, SIDES["transfer"], BOWL, reaction=BOWL),
        Darcy(Grid.uniform((6, 6, 6)), SIDES["values"]),
        Darcy(Grid.uniform((8, 8), centering="cell")),
        Poisson(PLANE, SIDES["callable"], reaction=2.0),
        Helmholtz(PLANE, 1j * BOWL),
        Helmholtz(PLANE, walls=["x_lower", "x_upper", "y_lower", "y_upper"]),
    ],
)
def test_what_declares_no_direction_turns_with_its_input(problem):
    assert problem.asymmetry() is None
    name, a = problem.inputs[0].name, positive(problem.grid)
    u = solve(problem, {name: a}, method="direct").u
    for flips, order in symmetries(problem.grid.dimension):
        v = solve(problem, {name: turned(a, flips, order)}, method="direct").u
        assert np.allclose(v, turned(u, flips, order), rtol=1e-10, atol=1e-12)


def test_the_nonlinear_equation_turns_with_its_source():
    problem, f = CubicPoisson(PLANE, 50.0), 1e3 * (positive(PLANE) - 1.5)
    assert problem.asymmetry() is None
    u = problem.solve({"source": f}).u
    for flips, order in symmetries(2):
        v = problem.solve({"source": turned(f, flips, order)}).u
        assert np.allclose(v, turned(u, flips, order), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("problem", "what"),
    [
        (Darcy(PLANE, source=X + 0 * Y), "the source"),
        (Darcy(PLANE, reaction=Y + 0 * X), "the reaction"),
        (Darcy(PLANE, UNLIKE["value"]), "the condition at y_upper, unlike that at x_lower"),
        (Poisson(PLANE, UNLIKE["slope"]), "the condition at x_lower"),
        (Helmholtz(PLANE, X + 0 * Y), "the source"),
        (
            Helmholtz(PLANE, walls=["x_lower"]),
            "the condition at x_upper, unlike that at x_lower",
        ),
        (Helmholtz(PLANE, incoming={"y_lower": 1.0}), "the condition at y_lower"),
    ],
)
def test_what_has_a_direction_says_which_and_does_not_turn(problem, what):
    assert problem.asymmetry() == what
    name, a = problem.inputs[0].name, positive(problem.grid)
    u = solve(problem, {name: a}, method="direct").u
    apart = []
    for flips, order in symmetries(2):
        v = solve(problem, {name: turned(a, flips, order)}, method="direct").u
        apart.append(abs(v - turned(u, flips, order)).max() / abs(u).max())
    assert max(apart) > 1e-3


def test_tensors_and_what_declares_nothing_have_a_direction():
    assert "tensor" in AnisotropicDarcy(PLANE).asymmetry()
    assert "does not declare" in ConvectionDiffusion(PLANE, [1.0, 0.0]).asymmetry()
    assert "NavierStokes" in NavierStokes(Grid.periodic((8, 8))).asymmetry()
    assert "layer" in WaveEquation(Grid.periodic((32, 32)), layer=0.25).asymmetry()


TORUS = Grid.periodic((16, 16))


@pytest.mark.parametrize(
    "problem",
    [
        AllenCahn(TORUS, 0.1),
        GrayScott(TORUS),
        WaveEquation(TORUS, speed=None),
        Fisher(Grid.periodic(16)),
        NonlinearSchroedinger(Grid.periodic(16)),
    ],
)
def test_what_declares_no_direction_turns_with_its_initial_fields(problem):
    assert problem.asymmetry() is None
    d, smooth = problem.grid.dimension, problem.grid.coordinates()
    waves = sum(np.sin(2 * np.pi * (k + 1) * x + k) for k, x in enumerate(smooth))
    start = {item.name: 1 + 0.1 * (k + 1) * waves for k, item in enumerate(problem.inputs)}
    found = simulate(problem, start, [0.05], dt=0.0025).fields
    for flips, order in symmetries(d):
        moved = {name: turned(u, flips, order) for name, u in start.items()}
        for name, u in simulate(problem, moved, [0.05], dt=0.0025).fields.items():
            assert np.allclose(u[0], turned(found[name][0], flips, order), rtol=1e-9, atol=1e-12)

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers import Boundary, Dirichlet, FiniteVolume, Neumann, Robin


def test_harmonic_averages_in_series():
    grid = Grid.uniform(3, upper=2.0)
    faces = FiniteVolume(grid, Boundary()).operator(np.array([1.0, 3.0, 1.0])).faces[0]
    np.testing.assert_allclose(faces, [1.5, 1.5])


def test_averages_are_weighted_by_distance():
    grid = Grid.tensor([[0.0, 1.0, 4.0]], centering="cell")
    a = np.array([2.0, 6.0])
    faces = FiniteVolume(grid, Boundary()).operator(a).faces[0]
    np.testing.assert_allclose(faces, [1 / 0.25, 1 / (0.5 / 2 + 1.5 / 6), 1 / 0.25])


def test_half_volumes_at_neumann_nodes_and_areas_of_faces():
    grid = Grid.uniform((3, 3), upper=(2.0, 4.0))
    volumes = FiniteVolume(grid, Boundary({"x_lower": Dirichlet()}, default=Neumann()))
    assert volumes.shape == (2, 3)
    np.testing.assert_allclose(volumes.volumes, [[1, 2, 1], [0.5, 1, 0.5]])
    along_x, along_y = volumes.operator(np.ones((3, 3))).faces
    np.testing.assert_allclose(along_x, [[1, 2, 1], [1, 2, 1], [0, 0, 0]])
    np.testing.assert_allclose(along_y, [[0, 0.5, 0.5, 0], [0, 0.25, 0.25, 0]])


def test_half_a_cell_to_a_dirichlet_wall():
    grid = Grid.uniform((2, 2), centering="cell")
    faces = FiniteVolume(grid, Boundary()).operator(np.full((2, 2), 3.0)).faces[0]
    np.testing.assert_allclose(faces, [[6, 6], [3, 3], [6, 6]])


def test_tensor_components_act_along_their_axes():
    grid = Grid.uniform((4, 4), centering="cell")
    volumes = FiniteVolume(grid, Boundary())
    a = np.stack([np.full((4, 4), 2.0), np.full((4, 4), 5.0)])
    both, one = volumes.operator(a).faces, volumes.operator(np.ones((4, 4))).faces
    np.testing.assert_allclose(both[0], 2 * one[0])
    np.testing.assert_allclose(both[1], 5 * one[1])


@pytest.mark.parametrize("centering", ["node", "cell"])
def test_faces_lie_between_the_extremes_of_the_coefficient(centering):
    rng = np.random.default_rng(0)
    grid = Grid.tensor([np.sort(rng.random(9)), np.sort(rng.random(8))], centering=centering)
    volumes = FiniteVolume(grid, Boundary({"x_lower": Neumann()}))
    a = np.exp(3 * rng.standard_normal((2, *grid.shape)))
    reference = volumes.operator(np.ones(grid.shape)).faces
    for t, one in zip(volumes.operator(a).faces, reference, strict=True):
        assert np.all(t <= a.max() * one * (1 + 1e-14))
        assert np.all(t >= a.min() * one * (1 - 1e-14))


@pytest.mark.parametrize("centering", ["node", "cell"])
@pytest.mark.parametrize("periodic", [False, True])
def test_linear_fields_are_reproduced_exactly(centering, periodic):
    grid = Grid.uniform((6, 5), upper=(2.0, 3.0), centering=centering, periodic=[False, periodic])

    def u(x, y):
        return 1 + 2 * x - (0 if periodic else 3 * y)

    sides = {"x_lower": Dirichlet(u), "x_upper": Neumann(2 * 4.0)}
    if not periodic:
        sides |= {"y_lower": Neumann(3 * 4.0), "y_upper": Dirichlet(u)}
    volumes = FiniteVolume(grid, Boundary(sides))
    a = np.full(grid.shape, 4.0)
    b = volumes.right_hand_side(np.zeros(grid.shape), a)
    exact = u(*grid.coordinates())
    residual = b - volumes.operator(a).apply(volumes.unknowns(exact))
    np.testing.assert_allclose(residual, 0, atol=1e-12)
    np.testing.assert_allclose(volumes.field(volumes.unknowns(exact)), exact)


@pytest.mark.parametrize("centering", ["node", "cell"])
def test_energy_counts_the_walls(centering):
    grid = Grid.uniform((6, 5), upper=(2.0, 3.0), centering=centering)
    sides = {"x_lower": Dirichlet(1.0), "x_upper": Dirichlet(5.0)}
    volumes = FiniteVolume(grid, Boundary(sides, default=Neumann()))
    field = 1 + 2 * grid.coordinates()[0]
    operator = volumes.operator(np.full(grid.shape, 4.0))
    # The integral of a |grad u|^2, exact for linear fields.
    np.testing.assert_allclose(volumes.energy(operator, field), 4 * 2**2 * 6.0)


def test_where_sides_meet_the_earlier_dirichlet_axis_wins():
    sides = {"x_lower": Dirichlet(1.0), "y_lower": Dirichlet(2.0), "y_upper": Neumann()}
    field = FiniteVolume(Grid.uniform((3, 3)), Boundary(sides)).field(np.full((1, 2), 9.0))
    np.testing.assert_array_equal(field, [[1, 1, 1], [2, 9, 9], [0, 0, 0]])


def test_compatibility_without_dirichlet():
    grid = Grid.uniform((17, 17))
    volumes = FiniteVolume(grid, Boundary(default=Neumann()))
    x, _ = grid.coordinates()
    a = np.ones(grid.shape)
    assert abs(volumes.right_hand_side(np.cos(np.pi * x) + 1e-3, a).sum()) < 1e-15
    with pytest.raises(InputError, match="no side is Dirichlet"):
        volumes.right_hand_side(np.ones(grid.shape), a)
    fluxes = FiniteVolume(grid, Boundary(default=Neumann(-0.25)))
    np.testing.assert_allclose(fluxes.right_hand_side(np.ones(grid.shape), a).sum(), 0, atol=1e-14)


def test_no_unknowns():
    with pytest.raises(InputError, match="at least 3"):
        FiniteVolume(Grid.uniform((2, 5)), Boundary())


@pytest.mark.parametrize("centering", ["node", "cell"])
def test_prescribed_values_enter_energy_and_source_as_stated(centering):
    rng = np.random.default_rng(0)
    grid = Grid.uniform((6, 5), upper=(2.0, 3.0), centering=centering)
    sides = {"x_lower": Dirichlet(lambda x, y: 1 + y), "y_upper": Dirichlet(-3.0)}
    volumes = FiniteVolume(grid, Boundary(sides, default=Neumann()))
    a = rng.uniform(1, 9, grid.shape)
    operator, x = volumes.operator(a), rng.standard_normal(volumes.shape)
    pull, lift = volumes.prescribed(operator)
    np.testing.assert_allclose(volumes.right_hand_side(np.zeros(grid.shape), a), pull)
    x_faces, y_faces = operator.faces
    y = grid.axes[1].points[volumes.interior[1]]
    walls = np.sum(x_faces[0] * (x[0] - (1 + y)) ** 2) + np.sum(
        y_faces[:, -1] * (x[:, -1] + 3) ** 2
    )
    inner = np.sum(x_faces[1:-1] * np.diff(x, axis=0) ** 2)
    inner += np.sum(y_faces[:, 1:-1] * np.diff(x, axis=1) ** 2)
    np.testing.assert_allclose(operator.energy(x) - 2 * np.sum(pull * x) + lift, walls + inner)
    np.testing.assert_allclose(volumes.energy(operator, volumes.field(x)), walls + inner)
    zero = FiniteVolume(grid, Boundary()).prescribed(operator)
    assert not zero[0].any() and zero[1] == 0.0


def test_robin_walls_of_nodes_and_cells():
    sides = {"x_lower": Robin(np.array([1.0, 0.0, 4.0]), 6.0), "y_upper": Robin(2.0)}
    boundary, a = Boundary(sides, default=Neumann()), np.full((3, 3), 3.0)
    nodes = FiniteVolume(Grid.uniform((3, 3), upper=2.0), boundary)
    along_x, along_y = nodes.operator(a).faces
    np.testing.assert_allclose(along_x[[0, -1]], [[0.5, 0, 2], [0, 0, 0]])
    np.testing.assert_allclose(along_y[:, -1], [1, 2, 1])
    b = nodes.right_hand_side(np.zeros((3, 3)), a)
    np.testing.assert_allclose(b, [[3, 6, 3], [0, 0, 0], [0, 0, 0]])
    cells = FiniteVolume(Grid.uniform((3, 3), upper=3.0, centering="cell"), boundary)
    along_x, along_y = cells.operator(a).faces
    np.testing.assert_allclose(along_x[0], [1 / (1 + 1 / 6), 0, 1 / (1 / 4 + 1 / 6)])
    np.testing.assert_allclose(along_y[:, -1], 1 / (1 / 2 + 1 / 6))
    b = cells.right_hand_side(np.zeros((3, 3)), a)
    np.testing.assert_allclose(b[0], [6 / (1 + 1 / 6), 6, 6 / (1 + 4 / 6)])
    assert not b[1:].any()


@pytest.mark.parametrize("centering", ["node", "cell"])
@pytest.mark.parametrize("stretched", [False, True])
def test_linear_fields_are_reproduced_exactly_beside_robin_sides(centering, stretched):
    x, y = (np.linspace(0, 2, 7), np.linspace(0, 3, 6))
    if stretched and centering == "node":  # on bent cells the flux of a linear field is exact too
        x, y = x**2, y**1.5
    grid = Grid.tensor([x, y], centering=centering)

    def u(x, y):
        return 1 + 2 * x - 3 * y

    def alpha(x, y):
        return 1 + x * y

    sides = {
        "x_lower": Robin(alpha, lambda x, y: -4.0 * 2 + alpha(x, y) * u(x, y)),
        "x_upper": Dirichlet(u),
        "y_lower": Robin(5.0, lambda x, y: 4.0 * 3 + 5.0 * u(x, y)),
        "y_upper": Robin(0.0, -4.0 * 3),
    }
    volumes = FiniteVolume(grid, Boundary(sides))
    a, exact = np.full(grid.shape, 4.0), u(*grid.coordinates())
    b = volumes.right_hand_side(np.zeros(grid.shape), a)
    residual = b - volumes.operator(a).apply(volumes.unknowns(exact))
    np.testing.assert_allclose(residual, 0, atol=1e-11)


@pytest.mark.parametrize("centering", ["node", "cell"])
def test_what_stands_behind_robin_sides_enters_energy_and_source(centering):
    rng = np.random.default_rng(1)
    grid = Grid.uniform((6, 5), upper=(2.0, 3.0), centering=centering)
    alpha = np.array([0.0, 1.0, 2.0, 0.0, 3.0, 4.0])
    sides = {"x_lower": Dirichlet(2.0), "x_upper": Robin(3.0, 6.0), "y_lower": Robin(alpha, alpha)}
    volumes = FiniteVolume(grid, Boundary(sides, default=Neumann()))
    a, x = rng.uniform(1, 9, grid.shape), rng.standard_normal(volumes.shape)
    operator = volumes.operator(a)
    pull, lift = volumes.prescribed(operator)
    np.testing.assert_allclose(volumes.right_hand_side(np.zeros(grid.shape), a), pull)
    x_faces, y_faces = operator.faces
    walls = np.sum(x_faces[0] * (x[0] - 2) ** 2) + np.sum(x_faces[-1] * (x[-1] - 2) ** 2)
    walls += np.sum(y_faces[:, 0] * (x[:, 0] - 1) ** 2)
    inner = np.sum(x_faces[1:-1] * np.diff(x, axis=0) ** 2)
    inner += np.sum(y_faces[:, 1:-1] * np.diff(x, axis=1) ** 2)
    np.testing.assert_allclose(operator.energy(x) - 2 * np.sum(pull * x) + lift, walls + inner)


def test_where_robin_meets_dirichlet_the_node_is_prescribed():
    sides = {"x_lower": Robin(1.0, 5.0), "y_lower": Dirichlet(2.0)}
    volumes = FiniteVolume(Grid.uniform((3, 3)), Boundary(sides, default=Neumann()))
    assert volumes.shape == (3, 2)
    np.testing.assert_array_equal(volumes.field(np.zeros(volumes.shape))[:, 0], 2.0)


def test_what_holds_u_up_to_a_constant():
    grid, a = Grid.uniform((5, 5)), np.ones((5, 5))
    closed = Boundary(default=Neumann())
    assert FiniteVolume(grid, closed).singular and FiniteVolume(grid, closed, 0 * a).singular
    zero = Boundary({"x_lower": Robin(0.0, 1.0)}, default=Neumann())
    assert FiniteVolume(grid, zero).singular and FiniteVolume(grid, zero).operator(a).singular
    with pytest.raises(InputError, match="because no side is Dirichlet"):
        FiniteVolume(grid, zero).right_hand_side(a, a)
    for volumes in (
        FiniteVolume(grid, Boundary({"x_lower": Robin(np.arange(5.0))}, default=Neumann())),
        FiniteVolume(grid, closed, a),
    ):
        assert not volumes.singular and not volumes.operator(a).singular and not volumes.scales
        np.testing.assert_allclose(volumes.right_hand_side(a, a).sum(), 1.0)


def test_uniform_is_what_fast_transforms_invert():
    grid, bent = Grid.uniform((5, 6)), Grid.tensor([np.arange(5.0) ** 2, np.arange(6.0)])
    c = np.ones(grid.shape)
    assert (
        FiniteVolume(grid, Boundary()).uniform and FiniteVolume(grid, Boundary(), 3.3 * c).uniform
    )
    assert FiniteVolume(grid, Boundary(default=Neumann()), 3.3 * c).uniform
    assert not FiniteVolume(bent, Boundary()).uniform
    assert not FiniteVolume(grid, Boundary({"x_lower": Robin(1.0)})).uniform
    assert not FiniteVolume(grid, Boundary(), c + np.eye(5, 6)).uniform


@pytest.mark.parametrize("centering", ["node", "cell"])
def test_reaction_is_integrated_over_the_volumes(centering):
    grid = Grid.tensor([np.linspace(0, 1, 7) ** 2, np.linspace(0, 2, 5)], centering=centering)
    c = np.random.default_rng(0).random(grid.shape)
    volumes = FiniteVolume(grid, Boundary({"y_lower": Robin(1.0)}), c)
    a = np.ones(grid.shape, np.float32)
    operator = volumes.operator(a)
    assert operator.dtype == np.float32 and operator.reaction.dtype == np.float32
    wanted = volumes.unknowns(c * grid.weights)
    np.testing.assert_allclose(operator.reaction, wanted, rtol=1e-6)
    np.testing.assert_allclose(np.multiply.outer(*volumes.widths), volumes.volumes)

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers import Boundary, Dirichlet, FiniteVolume, Neumann


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

import numpy as np
import pytest
import scipy.sparse.linalg as spla

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers import Boundary, Darcy, Dirichlet, Neumann, Robin, ThermalBlock


def solution(problem, k):
    """The whole field for conductivities k."""
    theta = [*k, 1.0][: len(problem.matrices)]
    phi = [1.0, *(k[q] for q in problem.lifted)]
    A = sum(t * M for t, M in zip(theta, problem.matrices, strict=True))
    return problem.field(spla.spsolve(A.tocsc(), np.asarray(phi) @ problem.sources))


SIDES = Boundary(
    {
        "x_lower": Dirichlet(lambda *xs: 1.0 + sum(xs)),
        "x_upper": Robin(2.0, 3.0),
        "y_lower": Neumann(0.5),
        "z_upper": Neumann(-0.25),
    }
)


SIDES_2D = Boundary({name: SIDES.sides[name] for name in ("x_lower", "x_upper", "y_lower")})


@pytest.mark.parametrize("shape", [(9,), (9, 7), (7, 5, 9)])
def test_equal_conductivities_are_those_of_finite_volumes(shape):
    points = [np.sort(np.r_[0, np.random.default_rng(n).uniform(0, 1, n - 2), 1]) for n in shape]
    grid = Grid.tensor(points)
    names = {f"{axis.name}_{end}" for axis in grid.axes for end in ("lower", "upper")}
    sides = Boundary({name: c for name, c in SIDES.sides.items() if name in names})
    problem = ThermalBlock(grid, (2,) * len(shape), sides, source=lambda *xs: np.cos(xs[0]))
    darcy = Darcy(grid, sides, source=lambda *xs: np.cos(xs[0]))
    a = {"permeability": np.ones(shape)}
    A = darcy.operator(a).to_sparse()
    assert abs(problem.energy_matrix - A).max() < 1e-12 * abs(A).max()
    np.testing.assert_allclose(problem.sources.sum(axis=0), darcy.source(a).ravel(), rtol=1e-12)


def test_every_term_is_positive_semidefinite():
    problem = ThermalBlock(Grid.uniform((7, 9)), (2, 4), SIDES_2D)
    for A in problem.matrices:
        eigenvalues = np.linalg.eigvalsh(A.toarray())
        assert abs(A - A.T).max() == 0
        assert eigenvalues[0] > -1e-13 and eigenvalues[-1] > 0.1
    assert np.linalg.eigvalsh(problem.energy_matrix.toarray())[0] > 0.1


def test_blocks_in_series_are_exact():
    # Temperatures are linear in each block, with the same flux through all.
    k = np.array([1.0, 0.01, 5.0])
    problem = ThermalBlock(
        Grid.uniform(13), (3,), Boundary({"x_lower": Dirichlet(1.0)}, Dirichlet(4.0)), source=0.0
    )
    drops = (1 / k) / (1 / k).sum() * 3
    knots = 1 + np.r_[0, np.cumsum(drops)]
    exact = np.interp(np.linspace(0, 1, 13), [0, 1 / 3, 2 / 3, 1], knots)
    np.testing.assert_allclose(solution(problem, k), exact, rtol=1e-12)


def manufactured(n):
    """Relative L2 error for u = s(x) sin(pi y), k = k_1 on the left, k_2 on the right."""
    k = np.array([2.0, 0.5])
    grid = Grid.uniform((2 * n + 1, 2 * n + 1))
    x, y = np.meshgrid(*(axis.points for axis in grid.axes), indexing="ij")
    # u = w / k with w = (x - 1/2) (1 + x): continuous at x = 1/2, and so is the flux w'.
    side = np.where(x <= 0.5, k[0], k[1])
    w = (x - 0.5) * (1 + x)
    u = w / side * np.sin(np.pi * y)
    f = -(2 - np.pi**2 * w) * np.sin(np.pi * y)
    walls = {
        "x_lower": Dirichlet(lambda x, y: -0.5 / k[0] * np.sin(np.pi * y)),
        "x_upper": Dirichlet(lambda x, y: 1.0 / k[1] * np.sin(np.pi * y)),
    }
    found = solution(ThermalBlock(grid, (2, 1), Boundary(walls), source=f), k)
    return grid.norm(found - u) / grid.norm(u)


def test_second_order_across_a_jump():
    errors = np.array([manufactured(n) for n in (8, 16, 32)])
    np.testing.assert_allclose(np.log2(errors[:-1] / errors[1:]), 2, atol=0.1)


def test_lifts_belong_to_the_blocks_at_the_wall():
    problem = ThermalBlock(Grid.uniform((5, 5)), (2, 2), Boundary({"x_upper": Dirichlet(1.0)}))
    assert problem.lifted == (2, 3)
    field = problem.field(np.zeros(9))
    assert field[-1].tolist() == [1.0] * 5 and not field[:-1].any()


@pytest.mark.parametrize(
    ("grid", "blocks", "words"),
    [
        (Grid.uniform((5, 5)), (3, 1), "divisor of the 4 cells of axis x, got 3; use a grid of 4"),
        (Grid.uniform((5, 5)), (2,), "one number per axis, 2"),
        (Grid.uniform((5, 5)), (2, 0), "blocks"),
        (Grid.uniform((5, 5), centering="cell"), (2, 2), "axes of nodes"),
    ],
)
def test_bad_input(grid, blocks, words):
    with pytest.raises(InputError, match=words):
        ThermalBlock(grid, blocks)

import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.meshes import Grid
from nwidth.solvers import (
    AnisotropicDarcy,
    BlackBoxMultigrid,
    Boundary,
    Dirichlet,
    Neumann,
    Status,
    conjugate_gradient,
    problem_from_description,
    solve,
)

GRID = Grid.uniform((9, 8), upper=(1.0, 2.0))
NORMALS = {"x_lower": (-1, 0), "x_upper": (1, 0), "y_lower": (0, -1), "y_upper": (0, 1)}


def tensor(ratio, x, y, degrees=30.0):
    """A smooth tensor: eigenvalues s ratio and s, s = 1 + xy/2, turned by `degrees` + 20 x."""
    t = np.deg2rad(degrees + 20 * x)
    scale = 1 + x * y / 2
    c, s = np.cos(t), np.sin(t)
    k00, k11, k01 = c * c * ratio + s * s, s * s * ratio + c * c, c * s * (ratio - 1)
    return scale * np.array([[k00, k01], [k01, k11]])


def pressure(x, y):
    return np.sin(1.3 * x + 0.4) * np.cos(2 * y - 0.3) + x * y


def gradient(x, y):
    return np.array(
        [
            1.3 * np.cos(1.3 * x + 0.4) * np.cos(2 * y - 0.3) + y,
            -2 * np.sin(1.3 * x + 0.4) * np.sin(2 * y - 0.3) + x,
        ]
    )


def flux(ratio, x, y):
    return np.einsum("ab...,b...->a...", tensor(ratio, x, y), gradient(x, y))


def source(ratio, x, y):
    """Return -div(K grad u), by differences of sixth order of the exact flux."""
    total = 0.0
    for k, weight in [(1, 3 / 4), (2, -3 / 20), (3, 1 / 60)]:
        total = total - weight * (flux(ratio, x + k * 1e-3, y) - flux(ratio, x - k * 1e-3, y))[0]
        total = total - weight * (flux(ratio, x, y + k * 1e-3) - flux(ratio, x, y - k * 1e-3))[1]
    return total / 1e-3


def manufactured(grid, ratio, neumann=()):
    """The problem whose solution is `pressure`, and its inputs."""
    sides = {
        side: Neumann(lambda x, y, n=NORMALS[side]: np.tensordot(n, flux(ratio, x, y), 1))
        for side in neumann
    }
    problem = AnisotropicDarcy(
        grid, Boundary(sides, Dirichlet(pressure)), lambda x, y: source(ratio, x, y)
    )
    return problem, {"permeability": tensor(ratio, *grid.coordinates())}


def solved(problem, inputs, rtol=1e-11):
    A, b = problem.operator(inputs), problem.source(inputs)
    result = conjugate_gradient(A, b, preconditioner=BlackBoxMultigrid(A), rtol=rtol)
    assert result.status is Status.CONVERGED
    return problem.field(result.x, inputs)


def warped(n):
    """Points of a smooth map, so that refining halves every spacing."""
    t = np.linspace(0, 1, n)
    return Grid.tensor([t + 0.1 * np.sin(2 * np.pi * t), t**2 / 3 + 2 * t / 3])


def errors(grid, ratio, neumann):
    problem, inputs = manufactured(grid, ratio, neumann)
    error = solved(problem, inputs) - pressure(*grid.coordinates())
    return np.array([np.abs(error).max(), grid.norm(error)])


@pytest.mark.parametrize("ratio", [1.0, 10.0, 100.0])
@pytest.mark.parametrize("neumann", [(), ("x_lower", "y_upper"), ("x_upper", "y_lower", "y_upper")])
@pytest.mark.parametrize("spacing", ["uniform", "warped"])
def test_second_order_in_the_largest_and_the_mean_error(ratio, neumann, spacing):
    grids = [Grid.uniform((n, n)) if spacing == "uniform" else warped(n) for n in (33, 65, 129)]
    found = np.array([errors(grid, ratio, neumann) for grid in grids])
    orders = np.log2(found[:-1] / found[1:])
    largest, mean = orders[-1]
    assert mean > 1.93 and found[-1, 1] < 1e-3
    # Where Neumann sides meet others the largest error falls like h^2 log(1/h).
    assert largest > (1.6 if neumann else 1.95)


def test_pure_neumann_sides():
    found = []
    for n in (33, 65):
        grid = warped(n)
        problem, inputs = manufactured(grid, 10.0, tuple(NORMALS))
        u = solved(problem, inputs)
        difference = u - pressure(*grid.coordinates())
        difference -= grid.integrate(difference) / grid.weights.sum()
        found.append(grid.norm(difference))
    assert np.log2(found[0] / found[1]) > 1.9


def random_inputs(grid, seed=0):
    K = np.random.default_rng(seed).standard_normal((*grid.shape, 2, 2))
    return {"permeability": np.moveaxis(K @ K.swapaxes(2, 3) + 0.1 * np.eye(2), (2, 3), (0, 1))}


@pytest.mark.parametrize("reaction", [0.0, 3.0])
def test_coercivity_and_continuity(reaction):
    problem = AnisotropicDarcy(GRID, Boundary({"x_lower": Neumann()}), reaction=reaction)
    inputs = random_inputs(GRID)
    matrix = problem.operator(inputs).to_sparse().toarray()
    reference = problem.reference_operator().to_sparse().toarray()
    ratios = np.linalg.eigvals(np.linalg.solve(reference, matrix)).real
    assert problem.coercivity(inputs) <= ratios.min() * (1 + 1e-9)
    assert problem.continuity(inputs) >= ratios.max() * (1 - 1e-9)


def test_prescribed_values():
    problem = AnisotropicDarcy(GRID)
    w, c = problem.prescribed(problem.operator(random_inputs(GRID)))
    assert not w.any() and c == 0.0
    problem = AnisotropicDarcy(GRID, Boundary({"x_lower": Dirichlet(2.0)}))
    assert problem.prescribed(problem.reference_operator())[1] > 0
    with pytest.raises(InputError, match="zero pressure on all Dirichlet sides"):
        problem.prescribed(problem.operator(random_inputs(GRID)))


def test_single_precision_stays():
    problem = AnisotropicDarcy(GRID, Boundary({"x_lower": Dirichlet(2.0)}))
    inputs = {"permeability": random_inputs(GRID)["permeability"].astype(np.float32)}
    assert problem.operator(inputs).dtype == problem.source(inputs).dtype == np.float32


def test_description():
    sides = Boundary({"x_lower": Neumann(2.0)})
    problem = AnisotropicDarcy(GRID, sides, np.ones(GRID.shape), reaction=2.0, unit="mD")
    again = problem_from_description(problem.describe())
    assert isinstance(again, AnisotropicDarcy)
    assert again.describe() == problem.describe()
    inputs = random_inputs(GRID)
    np.testing.assert_array_equal(again.source(inputs), problem.source(inputs))
    with pytest.raises(InputError, match="callable"):
        AnisotropicDarcy(GRID, source=lambda x, y: x).describe()


def test_on_another_grid():
    x, y = GRID.coordinates()
    problem = AnisotropicDarcy(GRID, source=x + y, reaction=1.0, unit="mD")
    fine = Grid.uniform((17, 15), upper=(1.0, 2.0))
    moved = problem.on(fine)
    assert moved.grid == fine and moved.inputs[0].unit == "mD" and moved.reaction == 1.0
    np.testing.assert_allclose(moved.source_term, sum(fine.coordinates()))


@pytest.mark.parametrize(
    ("inputs", "error", "message"),
    [
        ({}, InputError, "mapping with permeability"),
        ({"permeability": np.ones(GRID.shape)}, InputError, r"of shape \(2, 2, 9, 8\)"),
        ({"permeability": np.ones((2, *GRID.shape))}, InputError, r"of shape \(2, 2, 9, 8\)"),
        ({"permeability": np.full((2, 2, 9, 8), np.nan)}, NonFiniteError, "permeability"),
        ({"permeability": np.full((2, 2, 9, 8), "a")}, InputError, "numbers"),
        ({"permeability": np.ones((2, 2, 9, 8))}, InputError, r"positive definite .* \(0, 0\)"),
    ],
)
def test_bad_inputs(inputs, error, message):
    with pytest.raises(error, match=message):
        AnisotropicDarcy(GRID).operator(inputs)


def test_bad_construction():
    with pytest.raises(InputError, match="axes of nodes"):
        AnisotropicDarcy(Grid.uniform((5, 5), centering="cell"))
    with pytest.raises(InputError, match="reaction"):
        AnisotropicDarcy(GRID, reaction=-1.0)
    with pytest.raises(InputError, match="source"):
        AnisotropicDarcy(GRID, source=np.ones(3)).source(random_inputs(GRID))


@pytest.mark.parametrize("method", ["auto", "multigrid-cg", "multigrid", "direct"])
def test_one_unknown(method):
    grid = Grid.uniform((3, 3))
    K = np.array([[2.0, 1.0], [1.0, 2.0]])[:, :, None, None] * np.ones(grid.shape)
    u = solve(AnisotropicDarcy(grid), {"permeability": K}, method=method).checked().u
    assert u[1, 1] == pytest.approx(0.25 / 8)  # the diagonal is 2 (K_00 + K_11)

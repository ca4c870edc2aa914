import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.meshes import GaussianRandomField, Grid, LogNormalField
from nwidth.solvers import Boundary, Darcy, Dirichlet, Neumann, solve

GRID = Grid.uniform((9, 8), upper=(1.0, 2.0))


def energies(problem, inputs, seed=0):
    v = np.random.default_rng(seed).standard_normal(problem.operator(inputs).domain_shape)
    return problem.operator(inputs).energy(v), problem.reference_operator().energy(v)


@pytest.mark.parametrize("centering", ["node", "cell"])
@pytest.mark.parametrize("tensor", [False, True])
def test_coercivity_and_continuity(centering, tensor):
    grid = Grid.uniform((9, 8), upper=(1.0, 0.1), centering=centering)
    problem = Darcy(grid, Boundary({"x_lower": Neumann()}))
    shape = (2, *grid.shape) if tensor else grid.shape
    a = {"permeability": np.exp(2 * np.random.default_rng(1).standard_normal(shape))}
    matrix = problem.operator(a).to_sparse().toarray()
    reference = problem.reference_operator().to_sparse().toarray()
    ratios = np.linalg.eigvals(np.linalg.solve(reference, matrix)).real
    assert problem.coercivity(a) <= ratios.min() * (1 + 1e-9)
    assert problem.continuity(a) >= ratios.max() * (1 - 1e-9)


def test_flow_through_layers_in_series():
    grid = Grid.uniform((10, 4), centering="cell")
    sides = Boundary({"x_lower": Dirichlet(1.0), "x_upper": Dirichlet(0.0)}, default=Neumann())
    a = np.where(grid.coordinates()[0] < 0.5, 1.0, 4.0)
    u = solve(Darcy(grid, sides, source=0.0), {"permeability": a}).checked().u
    # Flux 1 / (0.5 / 1 + 0.5 / 4) = 1.6: continuous across the jump.
    np.testing.assert_allclose(u[:5, 0], 1 - 1.6 * grid.points[0][:5], atol=1e-8)
    np.testing.assert_allclose(u[5:, 0], 0.4 * (1 - grid.points[0][5:]), atol=1e-8)


def test_single_precision_stays():
    problem = Darcy(GRID)
    a = {"permeability": np.ones(GRID.shape, np.float32)}
    assert problem.operator(a).dtype == problem.source(a).dtype == np.float32
    assert solve(problem, a, 1e-4).checked().u.dtype == np.float32


def test_source_kinds_agree():
    x, y = GRID.coordinates()
    a = {"permeability": np.ones(GRID.shape)}
    by_callable = Darcy(GRID, source=lambda x, y: x * y).source(a)
    np.testing.assert_array_equal(by_callable, Darcy(GRID, source=x * y).source(a))
    np.testing.assert_array_equal(Darcy(GRID, source=2).source(a), 2 * Darcy(GRID).source(a))


def test_on_another_grid():
    sampler = LogNormalField(GaussianRandomField(GRID, alpha=2, tau=3))
    x, y = GRID.coordinates()
    sides = Boundary({"x_lower": Dirichlet(GRID.points[1])})
    problem = Darcy(GRID, sides, source=x + y, permeability=sampler, unit="mD")
    fine = Grid.uniform((17, 15), upper=(1.0, 2.0))
    moved = problem.on(fine)
    assert moved.grid == fine and moved.inputs[0].sampler.grid == fine
    assert moved.inputs[0].unit == "mD"
    np.testing.assert_allclose(moved.source_term, sum(fine.coordinates()))


@pytest.mark.parametrize(
    ("a", "error", "message"),
    [
        (np.zeros(GRID.shape), InputError, r"expected numbers > 0, got 0.0 at index \(0, 0\)"),
        (-np.ones(GRID.shape), InputError, "> 0"),
        (np.full(GRID.shape, np.nan), NonFiniteError, "permeability"),
        (np.full(GRID.shape, np.inf), NonFiniteError, "permeability"),
        (np.ones((8, 9)), InputError, "shape"),
        (np.ones((3, *GRID.shape)), InputError, "shape"),
        (np.ones(GRID.shape, complex), InputError, "real"),
        (np.full(GRID.shape, "a"), InputError, "numbers"),
        (np.full(GRID.shape, 1e-310), InputError, "from 1e-290 to 1e\\+290"),
        (np.full(GRID.shape, 1e300), InputError, "change the unit"),
        (np.full(GRID.shape, 1e-37, np.float32), InputError, "float32 from 1e-35"),
        (np.geomspace(1e-31, 1, 72).reshape(GRID.shape), InputError, "below 1e-30 of the largest"),
    ],
)
def test_bad_permeability(a, error, message):
    with pytest.raises(error, match=message):
        solve(Darcy(GRID), {"permeability": a})


@pytest.mark.parametrize("inputs", [{}, {"permeabilty": 1}, None, {"permeability": 1, "b": 2}])
def test_bad_inputs(inputs):
    with pytest.raises(InputError, match="inputs: expected a mapping with permeability"):
        Darcy(GRID).operator(inputs)


def test_bad_construction():
    with pytest.raises(InputError, match="Grid"):
        Darcy((9, 8))
    with pytest.raises(InputError, match="Boundary"):
        Darcy(GRID, Dirichlet())
    with pytest.raises(InputError, match="RandomField"):
        Darcy(GRID, permeability=np.ones(GRID.shape))
    other = GaussianRandomField(Grid.uniform((5, 5)), alpha=2, tau=3)
    with pytest.raises(InputError, match=r"sampler\.on"):
        Darcy(GRID, permeability=other)
    a = {"permeability": np.ones(GRID.shape)}
    with pytest.raises(InputError, match="source"):
        Darcy(GRID, source=np.ones(3)).source(a)
    with pytest.raises(NonFiniteError, match="source"):
        Darcy(GRID, source=np.nan).source(a)
    with pytest.raises(InputError, match="no side is Dirichlet"):
        solve(Darcy(GRID, Boundary(default=Neumann())), a)
    with pytest.raises(InputError, match="sampler"):
        Darcy(GRID).sample(np.random.default_rng(0))

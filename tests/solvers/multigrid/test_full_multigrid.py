from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nwidth.errors import InputError
from nwidth.meshes import Axis, GaussianRandomField, Grid, TwoPhaseField
from nwidth.solvers import (
    Boundary,
    Darcy,
    Dirichlet,
    Multigrid,
    Neumann,
    Poisson,
    Robin,
    Status,
    solve,
)
from nwidth.solvers.equations.manufactured import manufactured
from nwidth.solvers.multigrid import LineRelaxation, full_multigrid

SIDES = ("x_lower", "x_upper", "y_lower", "y_upper", "z_lower", "z_upper")


def stretched(n, name):
    t = np.linspace(0, 1, n)
    return Axis(t + 0.05 * np.sin(2 * np.pi * t), 0.0, 1.0, name)


def grid_of(kind, n, dimension):
    """A grid of about n points per axis."""
    if kind == "stretched":
        return Grid(tuple(stretched(n, name) for name in "xyz"[:dimension]))
    if kind == "odd":
        return Grid.uniform([n + 3 - k for k in range(dimension)])
    if kind == "mixed periodic":
        return Grid.uniform((n,) * dimension, periodic=[True] + [False] * (dimension - 1))
    options = {"periodic": True} if kind == "periodic" else {"centering": kind}
    return Grid.uniform((n - (kind != "node"),) * dimension, **options)


def errors(case, **options):
    """The result, and the parts of its error: of the discretization and of the iteration."""
    grid = case.problem.grid
    result = full_multigrid(case.problem, case.inputs, **options)
    assert result.status is Status.CONVERGED
    exact = solve(case.problem, case.inputs, 1e-11, method="multigrid-cg").u
    size = grid.norm(result.u)
    discretization = grid.norm(exact - case.solution) / size
    return result, discretization, grid.norm(result.u - exact) / size


@pytest.mark.parametrize("equation", ["darcy", "poisson"])
@pytest.mark.parametrize(
    ("kind", "neumann"),
    [
        ("node", ()),
        ("node", ("x_upper", "y_lower")),
        ("node", SIDES),
        ("cell", ()),
        ("cell", ("x_lower",)),
        ("odd", ()),
        ("periodic", ()),
        ("mixed periodic", ("y_lower",)),
        ("stretched", ("x_upper",)),
    ],
)
@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_discretization_error_is_reached_and_known(equation, kind, neumann, dimension):
    if kind == "mixed periodic" and dimension == 1:
        pytest.skip("one axis is not mixed")
    grid = grid_of(kind, {1: 1025, 2: 65, 3: 33}[dimension], dimension)
    sides = [f"{axis.name}_{end}" for axis in grid.axes for end in ("lower", "upper")]
    case = manufactured(grid, [s for s in neumann if s in sides], equation=equation)
    result, discretization, algebraic = errors(case)
    assert algebraic <= 0.25 * discretization
    assert 0.5 * discretization <= result.discretization_error <= 2 * discretization
    assert result.cycles[-1] <= 2
    assert 1.5 <= result.order <= 2.5


@pytest.mark.parametrize("centering", ["node", "cell"])
@pytest.mark.parametrize("equation", ["darcy", "poisson"])
def test_robin_sides_and_a_reaction(centering, equation):
    grid = Grid.uniform((65, 64), centering=centering)
    case = manufactured(
        grid, ["x_lower"], robin=["x_upper", "y_lower"], equation=equation, reaction=True
    )
    result, discretization, algebraic = errors(case)
    assert algebraic <= 0.2 * discretization
    assert 0.5 * discretization <= result.discretization_error <= 2 * discretization


def any_case(seed):
    """A manufactured problem of any dimension, size, shape and sides."""
    rng = np.random.default_rng(seed)
    d = int(rng.integers(1, 4))
    shape = tuple(int(n) for n in rng.integers(4, (400, 60, 20)[d - 1], d))
    periodic = [bool(p) for p in rng.random(d) < 0.2]
    grid = Grid.uniform(
        shape,
        upper=np.exp(rng.uniform(-2, 2, d)),
        periodic=periodic,
        centering="node" if rng.random() < 0.5 else "cell",
    )
    sides = [
        f"{axis.name}_{end}"
        for axis in grid.axes
        if not axis.periodic
        for end in ("lower", "upper")
    ]
    return manufactured(grid, [s for s in sides if rng.random() < 0.3], reaction=True)


@given(st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_any_size_shape_and_sides(seed):
    case = any_case(seed)
    grid, result = case.problem.grid, full_multigrid(case.problem, case.inputs)
    exact = solve(case.problem, case.inputs, 1e-10).u
    size = grid.norm(exact)
    if len(result.cycles) > 1:
        assert result.algebraic_error <= 0.2 * result.discretization_error
    allowed = max(0.5 * result.discretization_error if len(result.cycles) > 1 else 0.0, 1e-6)
    assert grid.norm(result.u - exact) <= allowed * size
    # With fewer intervals the coarser grids may see nothing of the solution, which is then told.
    if result.status is not Status.CONVERGED:
        assert result.status is Status.UNRESOLVED and min(grid.shape) < 17
        assert grid.norm(exact - case.solution) <= result.discretization_error * size


@pytest.mark.parametrize("seed", [14492, 33295])
def test_coarser_grids_that_see_nothing_leave_the_solution_unresolved(seed):
    case = any_case(seed)
    grid, result = case.problem.grid, full_multigrid(case.problem, case.inputs)
    assert result.status is Status.UNRESOLVED
    assert grid.norm(result.u - case.solution) < 0.03 * grid.norm(case.solution)


@pytest.mark.parametrize("kind", ["node", "cell", "odd", "stretched", "mixed periodic"])
@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_the_order_is_two(kind, dimension):
    if kind == "mixed periodic" and dimension == 1:
        pytest.skip("one axis is not mixed")
    totals = []
    for n in {1: (129, 257, 513), 2: (33, 65, 129), 3: (17, 33, 65)}[dimension]:
        grid = grid_of(kind, n, dimension)
        case = manufactured(grid, [f"{grid.names[-1]}_upper"])
        u = full_multigrid(case.problem, case.inputs).u
        totals.append(grid.norm(u - case.solution))
    rates = np.log2(np.divide(totals[:-1], totals[1:]))
    assert np.all(rates > 1.7) and np.all(rates < 2.4)


def test_one_cycle_does_whatever_the_grid():
    for n in (65, 129, 257):
        case = manufactured(Grid.uniform((n, n)))
        result, discretization, algebraic = errors(case)
        assert result.cycles[-1] == 1
        assert algebraic <= 0.05 * discretization


def test_a_smaller_ratio_takes_more_cycles():
    case = manufactured(Grid.uniform((65, 65)))
    result, discretization, algebraic = errors(case, ratio=1e-4)
    assert result.cycles[-1] > 1
    assert algebraic <= 3e-4 * discretization
    assert result.algebraic_error <= 1e-4 * result.discretization_error


def test_strongly_stretched_grids_are_told_and_helped_by_lines():
    t = np.linspace(0, 1, 97)
    grid = Grid(tuple(Axis(t + 0.15 * np.sin(2 * np.pi * t), 0.0, 1.0, name) for name in "xy"))
    case = manufactured(grid)
    points, discretization, algebraic = errors(case)
    assert algebraic <= 0.4 * discretization and points.cycles[-1] > 2
    lines = partial(Multigrid, smoother=LineRelaxation, semi_coarsening=False)
    result, discretization, algebraic = errors(case, cycle=lines)
    assert algebraic <= 0.2 * discretization
    assert result.cycles[-1] < points.cycles[-1]


@pytest.mark.parametrize("centering", ["node", "cell"])
@pytest.mark.parametrize("contrast", [4.0, 1e2, 1e4, 1e6])
def test_jumps(contrast, centering):
    """Where fluxes must not be averaged algebraic multigrid takes over."""
    grid = Grid.uniform((129, 129), centering=centering)
    field = TwoPhaseField(GaussianRandomField(grid, alpha=2, tau=3), 1.0, contrast)
    problem = Darcy(grid)
    inputs = {"permeability": field.sample(np.random.default_rng(0))}
    result = full_multigrid(problem, inputs)
    assert result.status is Status.CONVERGED
    exact = solve(problem, inputs, 1e-11).u
    algebraic = grid.norm(result.u - exact) / grid.norm(exact)
    assert algebraic <= 0.4 * result.discretization_error
    assert result.discretization_error < 0.2


def test_a_jump_that_the_grids_resolve_is_interpolated_exactly():
    """In one dimension the solution between two media has a kink, which the start must have too."""
    for centering, n in (("node", 65), ("cell", 64)):
        grid = Grid.uniform(n, centering=centering)
        a = np.where(grid.points[0] < 0.5, 1.0, 1e3)
        problem, inputs = Darcy(grid), {"permeability": a}
        result = full_multigrid(problem, inputs)
        assert result.status is Status.CONVERGED
        exact = solve(problem, inputs).u
        algebraic = grid.norm(result.u - exact) / grid.norm(exact)
        assert algebraic <= 0.3 * result.discretization_error


def test_single_precision():
    grid = Grid.uniform((65, 65))
    x, y = grid.coordinates()
    f = (2 * np.pi**2 * np.sin(np.pi * x) * np.sin(np.pi * y)).astype(np.float32)
    result = full_multigrid(Poisson(grid), {"source": f})
    assert result.u.dtype == np.float32 and result.status is Status.CONVERGED
    expected = full_multigrid(Poisson(grid), {"source": f.astype(np.float64)})
    np.testing.assert_allclose(result.u, expected.u, atol=2e-6)


def test_one_grid_only():
    grid = Grid.uniform((7, 6))
    result = full_multigrid(Poisson(grid), {"source": np.ones((7, 6))})
    assert result.status is Status.CONVERGED and result.cycles == (0,)
    assert np.isnan(result.discretization_error) and np.isnan(result.order)
    np.testing.assert_allclose(result.u, solve(Poisson(grid), {"source": np.ones((7, 6))}).u)
    assert result.residual < 1e-8


def test_the_coarsest_grid_is_solved_whatever_the_contrast():
    grid = Grid.uniform((8, 8, 8))
    a = np.where(np.random.default_rng(2).random(grid.shape) < 0.5, 1.0, 1e9)
    problem, inputs = Darcy(grid, Boundary({"x_lower": Neumann()})), {"permeability": a}
    result = full_multigrid(problem, inputs)
    assert result.status is Status.CONVERGED and result.residual < 1e-8
    chosen = full_multigrid(problem, inputs, cycle=Multigrid)
    assert chosen.status is not Status.CONVERGED  # nothing takes over


def test_two_grids_only():
    grid = Grid.uniform((12, 13))
    result = full_multigrid(Poisson(grid), {"source": np.ones((12, 13))})
    assert result.status is Status.CONVERGED and len(result.cycles) == 2
    assert np.isnan(result.order) and result.discretization_error > 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_solutions_without_discretization_error(dtype):
    grid = Grid.uniform((43, 33))  # u is a parabola in x
    sides = Boundary({"x_lower": Robin(0.3, 1.0), "x_upper": Dirichlet(0.7)}, default=Neumann())
    a = {"permeability": np.full(grid.shape, 0.7, dtype)}
    result = full_multigrid(Darcy(grid, sides, source=0.1), a)
    assert result.status is Status.CONVERGED
    exact = solve(Darcy(grid, sides, source=0.1), a, method="direct")
    eps = np.finfo(dtype).eps
    assert grid.norm(result.u - exact.u) < 2000 * eps * grid.norm(exact.u)
    assert result.discretization_error < 100 * eps and result.algebraic_error < 100 * eps


def test_two_grids_know_no_order():
    grid = Grid.uniform((13, 13))
    x, y = grid.coordinates()
    hidden = np.exp(-((x - 0.41) ** 2 + (y - 0.58) ** 2) / 0.012**2)  # between the points
    result = full_multigrid(Poisson(grid), {"source": hidden})
    assert np.isnan(result.order) and result.discretization_error > 0.9


@pytest.mark.filterwarnings("error")
def test_zero_and_failures():
    grid = Grid.uniform((33, 33))
    zero = full_multigrid(Poisson(grid), {"source": np.zeros((33, 33))})
    assert zero.status is Status.CONVERGED and not zero.u.any() and zero.residual == 0.0
    f = {"source": np.ones((33, 33))}
    few = full_multigrid(Poisson(grid), f, ratio=1e-9, max_cycles=2, cycle=Multigrid)
    assert few.status is Status.MAX_ITERATIONS and few.cycles[-1] == 2
    ends = full_multigrid(Poisson(grid), f, ratio=1e-30, max_cycles=200, cycle=Multigrid)
    assert ends.status is Status.STAGNATED
    exact = full_multigrid(Poisson(grid), f)
    for size in (1e-300, 1e-160, 1e160, 1e300):
        scaled = full_multigrid(Poisson(grid), {"source": np.full((33, 33), size)})
        assert scaled.status is Status.CONVERGED
        np.testing.assert_allclose(scaled.u / size, exact.u, atol=1e-12)
        assert scaled.discretization_error == pytest.approx(exact.discretization_error)


def test_without_walls_the_mean_is_zero():
    grid = Grid.uniform((40, 33), centering="cell")
    case = manufactured(grid, [s for s in SIDES if s[0] in "xy"])
    result = full_multigrid(case.problem, case.inputs)
    assert abs(grid.integrate(result.u)) < 1e-12


def test_a_source_that_balances_on_the_fine_grid_only():
    """Coarser grids that refuse the source are left out."""
    grid = Grid.uniform((33, 33))
    f = np.ones((33, 33))
    f[1::2] = -1.0  # every second line of nodes: coarser grids see one sign
    f -= grid.integrate(f)
    result = full_multigrid(Poisson(grid, Boundary(default=Neumann())), {"source": f})
    assert result.status is Status.CONVERGED and result.cycles == (0,)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"ratio": 0.0}, "ratio"), ({"ratio": np.nan}, "ratio"), ({"max_cycles": 0}, "max_cycles")],
)
def test_bad_input(options, message):
    grid = Grid.uniform(9)
    with pytest.raises(InputError, match=message):
        full_multigrid(Poisson(grid), {"source": np.ones(9)}, **options)
    with pytest.raises(InputError, match="problem"):
        full_multigrid(grid, {"source": np.ones(9)})
    with pytest.raises(InputError, match="source"):
        full_multigrid(Poisson(grid), {"source": np.full(9, np.nan)})

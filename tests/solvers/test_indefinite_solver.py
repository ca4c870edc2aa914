import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers import ConvectionDiffusion, Helmholtz, Poisson, Status, solve
from nwidth.solvers.indefinite_solver import IndefiniteSolver, choose_indefinite

GRID = Grid.uniform((33, 30))


def waves(grid=GRID, k=12.0):
    return Helmholtz(grid), {"wavenumber": np.full(grid.shape, k)}


def convection(grid=GRID):
    problem = ConvectionDiffusion(grid, velocity=(40.0,) * grid.dimension)
    return problem, {"diffusivity": np.ones(grid.shape)}


CASES = {"waves": waves, "convection": convection}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("method", ["auto", "fgmres", "bicgstab", "direct"])
def test_all_methods_agree_with_the_dense_solution(name, method):
    problem, inputs = CASES[name]()
    solution = solve(problem, inputs, 1e-10, method=method).checked()
    A, b = problem.operator(inputs), problem.source(inputs)
    x = np.linalg.solve(A.to_sparse().toarray(), b.ravel())
    found = problem.unknowns(solution.u).ravel()
    np.testing.assert_allclose(found, x, atol=1e-8 * abs(x).max())
    assert solution.residual <= 1e-10 and solution.reason


@pytest.mark.parametrize(
    ("name", "shape", "method"),
    [
        ("waves", (300,), "direct"),
        ("waves", (65, 65), "direct"),
        ("waves", (20, 20, 20), "fgmres"),
        ("convection", (65, 65), "bicgstab"),
        ("convection", (15, 15), "direct"),
    ],
)
def test_the_choice(name, shape, method):
    problem, inputs = CASES[name](Grid.uniform(shape))
    assert choose_indefinite(problem, inputs, problem.operator(inputs))[0] == method


def test_guess_stop_and_zero_right_hand_side():
    problem, inputs = waves()
    exact = solve(problem, inputs, 1e-12).checked().u
    again = solve(problem, inputs, 1e-8, method="fgmres", initial=exact).checked()
    assert again.iterations == 0
    stopped = solve(problem, inputs, 1e-12, stop=lambda x, residual: residual < 1e-3)
    assert stopped.status is Status.CONVERGED and 1e-12 < stopped.residual < 1e-3
    limited = solve(problem, inputs, 1e-10, method="fgmres", max_iterations=2)
    assert limited.status is Status.MAX_ITERATIONS
    silent = Helmholtz(GRID, source=0.0)
    assert not solve(silent, inputs, method="fgmres").checked().u.any()


def test_what_does_not_fit_is_told():
    problem, inputs = waves()
    for method in ("multigrid-cg", "full-multigrid", "fast-poisson"):
        with pytest.raises(InputError, match="expected auto, fgmres"):
            solve(problem, inputs, method=method)
    poisson = Poisson(GRID)
    with pytest.raises(InputError, match="method: expected one of"):
        solve(poisson, {"source": np.ones(GRID.shape)}, method="fgmres")
    with pytest.raises(InputError, match="expected a Problem, Helmholtz"):
        IndefiniteSolver(poisson, poisson.reference_operator(), "fgmres")


def test_a_resonance_is_no_crash():
    """k^2 an eigenvalue of the closed box: the matrix is singular."""
    grid = Grid.uniform((17, 17))
    h = 1 / 16
    k = np.sqrt(2 * 4 / h**2 * np.sin(np.pi * h / 2) ** 2)
    problem = Helmholtz(grid, walls=("x_lower", "x_upper", "y_lower", "y_upper"))
    solution = solve(problem, {"wavenumber": np.full(grid.shape, k)})
    assert isinstance(solution.status, Status)

import numpy as np
import pytest

from nwidth.meshes import Grid
from nwidth.solvers import AnisotropicDarcy, Boundary, Darcy, Neumann, Poisson, Robin, solve
from nwidth.solvers.automatic_choice import choose

STRETCHED = Grid.tensor([np.linspace(0, 1, 65) ** 2, np.linspace(0, 1, 65)])


@pytest.fixture
def cholesky(monkeypatch):
    """A function that says whether CHOLMOD is there."""
    from nwidth.solvers import automatic_choice

    def there(yes):
        monkeypatch.setattr(automatic_choice, "has_cvxopt", lambda: yes)

    there(False)
    return there


pytestmark = pytest.mark.usefixtures("cholesky")


def test_small_planes_go_to_cholesky_where_it_is_installed(cholesky):
    for yes, size, method in (
        (True, 65, "direct"),
        (True, 97, "multigrid-cg"),
        (False, 65, "multigrid-cg"),
    ):
        cholesky(yes)
        grid = Grid.uniform((size, size))
        a = np.ones(grid.shape)
        a[size // 2 :] = 9.0
        problem, inputs = Darcy(grid), {"permeability": a}
        A = problem.operator(inputs)
        assert choose(problem, inputs, A)[0] == method
        assert choose(problem, inputs, A, 1e-3)[0] == "multigrid-cg"


@pytest.mark.parametrize(
    ("grid", "constant", "method"),
    [
        (Grid.uniform((65, 65)), True, "fast-poisson"),
        (STRETCHED, True, "multigrid-cg"),
        (Grid.uniform((65, 65)), False, "multigrid-cg"),
        (Grid.uniform((12, 12)), False, "direct"),
        (Grid.uniform(2000), False, "direct"),
    ],
)
def test_the_choice_and_its_reason(grid, constant, method):
    a = np.ones(grid.shape)
    if not constant:
        a[grid.shape[0] // 2 :] = 9.0
    problem, inputs = Darcy(grid), {"permeability": a}
    chosen, reason = choose(problem, inputs, problem.operator(inputs))
    assert chosen == method and reason


@pytest.mark.parametrize("what", ["reaction", "reaction in a part", "weak reaction", "robin"])
def test_scaled_transforms_are_for_diffusion_alone(what):
    grid = Grid.uniform((65, 65))
    x, y = grid.coordinates()
    inputs = {"permeability": np.exp(np.sin(4 * x) * np.cos(3 * y))}
    plain = Darcy(grid)
    assert choose(plain, inputs, plain.operator(inputs))[0] == "scaled-fast-poisson"
    boundary = Boundary(default=Robin(1.0)) if what == "robin" else Boundary(default=Neumann())
    reactions = {
        "reaction": 100.0,
        "reaction in a part": lambda x, y: 1e4 * (x > 0.5),
        "weak reaction": 1e-4,
        "robin": 0.0,
    }
    problem = Darcy(grid, boundary, np.sin(9 * x + y), reaction=reactions[what])
    solution = solve(problem, inputs).checked()
    assert solution.method == "multigrid-cg" and solution.iterations <= 15


def test_nine_points_with_the_identity_as_tensor():
    grid = Grid.uniform((30, 30))
    problem = AnisotropicDarcy(grid)
    inputs = {"permeability": np.eye(2)[:, :, None, None] * np.ones(grid.shape)}
    solution = solve(problem, inputs).checked()
    assert solution.method == "multigrid-cg" and "nine-point" in solution.reason
    five = solve(Darcy(grid), {"permeability": np.ones(grid.shape)}).checked()
    np.testing.assert_allclose(solution.u, five.u, atol=1e-8)


@pytest.mark.parametrize(
    ("shape", "rtol", "kind", "method"),
    [
        ((385, 385), 1e-8, "", "multigrid"),
        ((257, 257), 1e-8, "", "fast-poisson"),  # small
        ((385, 385), 1e-12, "", "fast-poisson"),  # more than rounding leaves of a residual
        ((385, 385), 1e-8, "float32", "fast-poisson"),
        ((385, 385), 1e-8, "neumann", "fast-poisson"),
        ((384, 384), 1e-8, "", "fast-poisson"),  # cannot be halved
        ((497, 497), 1e-8, "", "fast-poisson"),  # only to 31 intervals
        ((65, 65, 65), 1e-12, "", "multigrid"),
        ((49, 65, 33), 1e-8, "", "fast-poisson"),
    ],
)
def test_constant_coefficients_take_cycles_where_they_are_quicker(shape, rtol, kind, method):
    problem = Poisson(
        Grid.uniform(shape), Boundary(default=Neumann()) if kind == "neumann" else None
    )
    inputs = {"source": np.ones(shape, np.float32 if kind == "float32" else np.float64)}
    assert choose(problem, inputs, problem.operator(inputs), rtol)[0] == method


@pytest.mark.parametrize("smooth", [True, False])
def test_cycles_reach_what_they_are_chosen_for(smooth):
    grid = Grid.uniform((385, 385))
    x, y = grid.coordinates()
    rough = np.random.default_rng(0).standard_normal(grid.shape)
    problem = Poisson(grid)
    inputs = {"source": np.sin(3 * x) * np.exp(y) if smooth else rough}
    found = solve(problem, inputs, 4e-11).checked()
    assert found.method == "multigrid" and "constant" in found.reason
    exact = solve(problem, inputs, method="fast-poisson").u
    np.testing.assert_allclose(found.u, exact, rtol=0, atol=1e-9 * np.abs(exact).max())
    stopped = solve(problem, inputs, stop=lambda x, residual: residual < 0.1)
    assert stopped.method == "fast-poisson" and "stopping rule" in stopped.reason

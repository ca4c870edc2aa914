import numpy as np
import pytest

from nwidth.meshes import Grid
from nwidth.solvers import AnisotropicDarcy, Boundary, Darcy, Neumann, Robin, solve
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

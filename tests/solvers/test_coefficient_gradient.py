import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers import Boundary, Darcy, Dirichlet, Neumann, Robin, solve
from nwidth.solvers.coefficient_gradient import coefficient_gradient

RNG = np.random.default_rng(1)
FLOW = Boundary({"x_lower": Dirichlet(2.0), "y_upper": Neumann(-1.0)}, default=Dirichlet(0.5))
ROBIN = Boundary(
    {"x_lower": Robin(2.0, 1.0), "y_upper": Robin(lambda x, y: np.maximum(x - 0.5, 0), -1.0)},
    default=Dirichlet(0.5),
)


@pytest.mark.parametrize("centering", ["node", "cell"])
@pytest.mark.parametrize("tensor", [False, True])
@pytest.mark.parametrize("boundary", [FLOW, ROBIN])
def test_the_gradient_is_the_limit_of_differences(centering, tensor, boundary):
    grid = Grid.uniform((5, 6), upper=(1.0, 3.0), centering=centering)
    problem = Darcy(grid, boundary, reaction=lambda x, y: x + y)
    a = np.exp(RNG.standard_normal((2, *grid.shape) if tensor else grid.shape))
    towards = RNG.standard_normal(grid.shape)

    def functional(a):
        return float((towards * solve(problem, {"permeability": a}, method="direct").u).sum())

    A = problem.operator({"permeability": a})
    adjoint = np.linalg.solve(A.to_dense(), problem.unknowns(towards).ravel())
    u = solve(problem, {"permeability": a}, method="direct").u
    found = coefficient_gradient(problem, a, u, adjoint.reshape(A.domain_shape))
    wanted = np.empty_like(a)
    for index in np.ndindex(a.shape):
        step = np.zeros_like(a)
        step[index] = 1e-5 * a[index]
        wanted[index] = (functional(a + step) - functional(a - step)) / (2 * step[index])
    np.testing.assert_allclose(found, wanted, atol=1e-7 * abs(wanted).max())


def test_shapes_are_checked():
    problem = Darcy(Grid.uniform((5, 6)))
    u, adjoint = np.zeros((5, 6)), np.zeros((3, 4))
    with pytest.raises(InputError, match="coefficient of shape"):
        coefficient_gradient(problem, np.ones((6, 5)), u, adjoint)
    with pytest.raises(InputError, match="unknowns of the adjoint"):
        coefficient_gradient(problem, np.ones((5, 6)), u, u)

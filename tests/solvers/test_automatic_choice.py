import numpy as np
import pytest

from nwidth.meshes import Grid
from nwidth.solvers import Darcy
from nwidth.solvers.automatic_choice import choose

STRETCHED = Grid.tensor([np.linspace(0, 1, 65) ** 2, np.linspace(0, 1, 65)])


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

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers import Boundary, Darcy, Dirichlet, MatrixOperator, Neumann, Robin
from nwidth.solvers.reference_solver import ReferenceSolver

BENT = Grid.tensor([np.linspace(0, 1, 9) ** 1.5, np.linspace(0, 2, 7)])
PROBLEMS = {
    "uniform": Darcy(Grid.uniform((9, 7))),
    "bent": Darcy(BENT),
    "bent, closed": Darcy(BENT, Boundary(default=Neumann()), source=0.0),
    "robin": Darcy(BENT, Boundary({"x_lower": Robin(3.0)}, default=Neumann())),
    "bent robin": Darcy(BENT, Boundary({"x_lower": Robin(lambda x, y: 1 + y)})),
    "reaction": Darcy(Grid.uniform((9, 7)), Boundary(default=Neumann()), reaction=2.0),
    "cells": Darcy(Grid.uniform((5, 6), centering="cell"), Boundary({"x_lower": Dirichlet(1.0)})),
}


def fast_matrix(solver):
    """F, from the energies of its inverse by polarization."""
    n = int(np.prod(solver.domain_shape))
    e = np.eye(n).reshape(n, *solver.domain_shape)
    own = solver.inverse_energy(e)
    sums = solver.inverse_energy((e[:, None] + e[None]).reshape(n * n, *solver.domain_shape))
    inverse = (sums.reshape(n, n) - own[:, None] - own[None]) / 2
    return np.linalg.pinv(inverse, hermitian=True, rtol=1e-10)


@pytest.mark.parametrize(
    "name", ["uniform", "bent", "robin", "bent robin", "reaction", "cells"]
)  # a singular F has no inverse
def test_brackets_the_reference_operator(name):
    solver = PROBLEMS[name].reference_solver()
    f, k = fast_matrix(solver), solver.reference.to_dense()
    slack = 1e-10 * np.abs(k).max()
    assert np.linalg.eigvalsh(k - solver.lower * f).min() > -slack
    assert np.linalg.eigvalsh(solver.upper * f - k).min() > -slack
    if "bent" not in name:
        assert solver.lower == pytest.approx(1.0) and solver.upper == pytest.approx(1.0)
    root = np.sqrt(solver.weights.ravel())
    values = np.linalg.eigvalsh(f / np.outer(root, root))
    assert values[0] == pytest.approx(solver.smallest_eigenvalue, rel=1e-8)


@pytest.mark.parametrize("name", PROBLEMS)
def test_solves_for_the_reference_operator(name):
    solver = PROBLEMS[name].reference_solver()
    b = np.random.default_rng(0).standard_normal(solver.domain_shape)
    b -= b.mean() if solver.singular else 0.0
    w = solver.solve(b, np.zeros_like(b), 1e-10)
    assert np.linalg.norm(b - solver.reference.apply(w)) <= 1e-9 * np.linalg.norm(b)


def test_refuses_what_it_cannot_bound():
    grid = Grid.uniform((5, 5))
    with pytest.raises(InputError, match="expected a DiffusionOperator"):
        ReferenceSolver(MatrixOperator(np.eye(9)), grid)
    solver = Darcy(grid).reference_solver()
    single = Darcy(grid).operator({"permeability": np.ones((5, 5), np.float32)})
    for operator in (MatrixOperator(np.eye(9)), single):
        with pytest.raises(InputError, match="DiffusionOperator in float64"):
            solver.rounding(operator)

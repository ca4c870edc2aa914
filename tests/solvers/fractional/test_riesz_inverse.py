"""The inverse, from one of its columns."""

import numpy as np
import pytest

from nwidth.solvers.fractional import RieszDiffusion, RieszInverse, RieszMatrix
from nwidth.solvers.solution import Status


@pytest.mark.parametrize("p, n", [(2, 3), (2, 50), (3, 4), (4, 61), (6, 40), (9, 10)])
@pytest.mark.parametrize("stiffness, mass", [(1.0, 0.0), (-2.0, 30.0)])
def test_it_is_the_inverse(p, n, stiffness, mass):
    A = RieszMatrix(n, p, 1.6)
    dense = stiffness * A.dense() + mass * A.basis.matrix(A.points).toarray()[:, 1:-1]
    M = RieszInverse(A, stiffness=stiffness, mass=mass)
    assert np.allclose(M.along(dense, 0), np.eye(A.size), atol=1e-10)
    assert np.allclose(M.along(dense.T, 0, adjoint=True), np.eye(A.size), atol=1e-10)
    u = np.ones(A.size, np.float32)
    assert M.apply(u).dtype == np.float32


@pytest.mark.parametrize("alpha", [1.2, 1.5, 1.8, 2.0])
def test_one_or_two_iterations(alpha):
    for p in (2, 5):
        problem = RieszDiffusion(3000, p, alpha, reaction=7.0)
        solution = problem.solve(lambda x: 1 + np.sin(3 * x), method="inverse").checked()
        assert solution.iterations <= 2


@pytest.mark.parametrize("alpha", [1.0000001, 1.0001])
def test_orders_near_one_lose_no_digits(alpha):
    problem = RieszDiffusion(100, 20, alpha)
    assert problem.solve(1.0, 1e-11, method="inverse").status is Status.CONVERGED

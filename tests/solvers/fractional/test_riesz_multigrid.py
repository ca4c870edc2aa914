"""The V-cycle: symmetric, its coarse matrices Galerkin's, iterations flat in size and degree."""

import numpy as np
import pytest
import scipy.linalg

from nwidth.solvers.fractional import RieszMatrix, RieszMultigrid
from nwidth.solvers.fractional.riesz_multigrid import _coarse
from nwidth.solvers.krylov import fgmres


@pytest.mark.parametrize("size", [9, 15, 16])
def test_coarse_matrices_are_those_of_galerkin(size):
    column = np.random.default_rng(size).standard_normal(size)
    coarse = size // 2
    P = np.zeros((2 * coarse + 1, coarse))
    for j in range(coarse):
        P[2 * j : 2 * j + 3, j] = 1, 2, 1
    column = np.append(column, np.zeros(len(P) - size))
    expected = P.T @ scipy.linalg.toeplitz(column) @ P
    assert np.allclose(scipy.linalg.toeplitz(_coarse(column[:size])), expected)


@pytest.mark.parametrize("p, n, stiffness, mass", [(2, 90, 1.0, 0.0), (5, 131, -3.0, 50.0)])
def test_it_is_a_linear_operator_with_its_adjoint(p, n, stiffness, mass):
    M = RieszMultigrid(RieszMatrix(n, p, 1.4), stiffness=stiffness, mass=mass)
    u, v = np.random.default_rng(0).standard_normal((2, M.shape[0]))
    assert np.isclose(M.apply(u) @ v, u @ M.adjoint(v))
    assert np.allclose(M.along(np.stack([u, v], 1), 0)[:, 1], M.apply(v))
    inside = np.random.default_rng(1).standard_normal((2, M.length))
    assert np.isclose(M.inner(inside[0]) @ inside[1], inside[0] @ M.inner(inside[1]))


@pytest.mark.parametrize("p", [2, 5, 10])
@pytest.mark.parametrize("alpha", [1.2, 1.8])
def test_iterations_depend_neither_on_size_nor_on_degree(p, alpha):
    counts = []
    for n in (200, 1200):
        A = RieszMatrix(n, p, alpha)
        M = RieszMultigrid(A)
        assert M.levels >= (3 if n == 200 else 5)
        found = fgmres(A, 1 + np.sin(3 * A.points), preconditioner=M, rtol=1e-8)
        assert found.residuals[-1] <= 1e-8
        counts.append(found.iterations)
    assert max(counts) <= 11
    assert counts[1] <= counts[0] + 1


def test_sizes_that_do_not_halve_take_no_more_iterations():
    """Of 50,000 unknowns half of the meshes have an even number of them."""
    counts = []
    for n in (16381, 50000):
        A = RieszMatrix(n, 3, 1.99)
        found = fgmres(A, 1 + np.sin(3 * A.points), preconditioner=RieszMultigrid(A), rtol=1e-5)
        counts.append(found.iterations)
    assert max(counts) <= 10

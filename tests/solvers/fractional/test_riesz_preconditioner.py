"""The inverse of the matrix with tau in the place of T, and what it does for GMRES."""

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.solvers.fractional import RieszMatrix, RieszPreconditioner
from nwidth.solvers.fractional.riesz_preconditioner import mass_symbol
from nwidth.solvers.krylov import fgmres

CASES = [(2, 3), (2, 30), (3, 41), (4, 5), (5, 33), (6, 47)]


@pytest.mark.parametrize("p, n", CASES)
@pytest.mark.parametrize("stiffness, mass", [(1.0, 0.0), (-2.0, 30.0)])
def test_it_inverts_the_matrix_with_sines_in_the_middle(p, n, stiffness, mass):
    A = RieszMatrix(n, p, 1.5)
    M = RieszPreconditioner(A, stiffness=stiffness, mass=mass)
    K, N, L = A.border, A.size, M.length
    theta = np.pi * np.arange(1, L + 1) / (L + 1)
    sines = np.sqrt(2 / (L + 1)) * np.sin(np.outer(np.arange(1, L + 1), theta))
    f = stiffness * A.symbol(theta) + mass * mass_symbol(p, theta)
    before = (L - (N - 2 * K)) // 2
    inside = slice(before, before + N - 2 * K)
    matrix = stiffness * A.dense() + mass * A.basis.matrix(A.points).toarray()[:, 1:-1]
    matrix[K : N - K, K : N - K] = (sines @ (f[:, None] * sines))[inside, inside]
    assert np.allclose(M.along(matrix, 0), np.eye(N), atol=1e-12)
    u = np.random.default_rng(0).standard_normal((2, N))
    assert np.allclose(M.adjoint(matrix.T @ u[0]), u[0], atol=1e-10)
    assert np.allclose(M.apply(u[0]) @ u[1], u[0] @ M.adjoint(u[1]))
    single = u[0].astype(np.float32)
    assert M.apply(single).dtype == np.float32
    assert np.allclose(M.apply(single), M.apply(u[0]), rtol=0, atol=1e-5 * abs(M.apply(u[0])).max())


@pytest.mark.parametrize("p", [2, 3, 5])
@pytest.mark.parametrize("alpha", [1.2, 1.5, 1.8])
def test_iterations_do_not_grow(p, alpha):
    counts = []
    for n in (300, 4000):
        A = RieszMatrix(n, p, alpha)
        b = 1 + np.sin(3 * A.points)
        found = fgmres(A, b, preconditioner=RieszPreconditioner(A), rtol=1e-8)
        assert found.residuals[-1] < 1e-8
        counts.append(found.iterations)
    assert max(counts) <= 9
    assert counts[1] <= counts[0] + 2


def test_the_symbol_of_the_functions():
    A = RieszMatrix(12, 4, 1.5)
    row = A.basis.matrix(A.points[6:7]).toarray()[0, 1:-1]
    theta = np.array([0.0, 0.3, 2.0])
    expected = [float(row @ np.cos((np.arange(A.size) - 6) * t)) for t in theta]
    assert np.allclose(mass_symbol(4, theta), expected)


@pytest.mark.parametrize("stiffness, mass", [(0.0, 1.0), (1.0, 1.0), (-1.0, -2.0)])
def test_what_has_no_inverse_is_refused(stiffness, mass):
    with pytest.raises(InputError, match="mass: expected a number of the other sign"):
        RieszPreconditioner(RieszMatrix(9, 3, 1.5), stiffness=stiffness, mass=mass)
    with pytest.raises(InputError, match="matrix: expected"):
        RieszPreconditioner(np.eye(3))

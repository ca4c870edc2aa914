"""Families of matrices whose stability constants are known from dense eigenvalues."""

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.linalg import cholesky, solve_triangular


def thermal_block(n):
    """Return the terms of -div(theta grad u) on n x n cells, theta constant in 2 x 2 blocks."""
    cells, half = np.arange(n * n).reshape(n, n), n // 2
    blocks = 2 * (np.arange(n)[:, None] >= half) + (np.arange(n) >= half)
    terms = []
    for q in range(4):
        rows, columns, values = [], [], []

        def couple(a, b, rows=rows, columns=columns, values=values):
            rows += [a, b, a, b]
            columns += [a, b, b, a]
            values += [1.0, 1.0, -1.0, -1.0]

        for (i, j), a in np.ndenumerate(cells):
            if blocks[i, j] != q:
                continue
            if i + 1 < n and j + 1 < n:
                couple(a, cells[i + 1, j])
                couple(a, cells[i, j + 1])
            sides = (i == 0) + (j == 0) + (i + 1 == n) + (j + 1 == n)
            if sides:
                rows.append(a)
                columns.append(a)
                values.append(float(sides))
        terms.append(sp.csr_array(sp.coo_array((values, (rows, columns)), shape=(n * n, n * n))))
    return terms


def convection_diffusion(n):
    """Return stiffness, convection, a potential of both signs, minus mass, and the stiffness."""
    h = 1 / (n + 1)
    x = h * np.arange(1, n + 1)
    band = [-1, 0, 1]
    off, ones = np.ones(n - 1), np.ones(n)
    K = sp.diags_array([-off / h, 2 * ones / h, -off / h], offsets=band, format="csr")
    M = sp.diags_array([off * h / 6, ones * 4 * h / 6, off * h / 6], offsets=band, format="csr")
    C = sp.diags_array([-0.5 * (1 + x[1:]), 0.5 * (1 + x[:-1])], offsets=[-1, 1], format="csr")
    V = sp.diags_array(h * np.sin(6 * x), format="csr")
    return [K, C, V, sp.csr_array(-M)], K


def helmholtz(n):
    """Return stiffness, mass, and an absorbing end: A = K - k^2 M - i k R; X = K + M."""
    h = 1 / n
    K = sp.lil_array((n, n))
    M = sp.lil_array((n, n))
    K.setdiag(2 / h), K.setdiag(-1 / h, 1), K.setdiag(-1 / h, -1)
    M.setdiag(4 * h / 6), M.setdiag(h / 6, 1), M.setdiag(h / 6, -1)
    K[n - 1, n - 1], M[n - 1, n - 1] = 1 / h, 2 * h / 6
    R = sp.csr_array(([1.0], ([n - 1], [n - 1])), shape=(n, n))
    K, M = sp.csr_array(K), sp.csr_array(M)
    return [K, M, R], sp.csr_array(K + M)


def whitened(matrices, X):
    """Return L^-1 A_q L^-H with X = L L^H, dense."""
    X = X.toarray() if sp.issparse(X) else X
    L = cholesky(X, lower=True)
    dense = [A.toarray() if sp.issparse(A) else np.asarray(A) for A in matrices]
    left = [solve_triangular(L, A, lower=True) for A in dense]
    return np.stack([solve_triangular(L, A.conj().T, lower=True).conj().T for A in left])


def coercivity(matrices, X, theta):
    """Return the exact coercivity constants (m,) of coefficients (m, Q)."""
    B = whitened(matrices, X)
    B = (B + B.conj().transpose(0, 2, 1)) / 2
    return np.linalg.eigvalsh(np.tensordot(theta, B, 1))[:, 0]


def inf_sup_constants(matrices, X, theta):
    """Return the exact inf-sup constants (m,) of coefficients (m, Q)."""
    B = whitened(matrices, X)
    return np.linalg.svd(np.tensordot(theta, B, 1), compute_uv=False)[:, -1]


class Families:
    """The families and their exact constants, for tests."""

    thermal_block = staticmethod(thermal_block)
    convection_diffusion = staticmethod(convection_diffusion)
    helmholtz = staticmethod(helmholtz)
    whitened = staticmethod(whitened)
    coercivity = staticmethod(coercivity)
    inf_sup_constants = staticmethod(inf_sup_constants)


@pytest.fixture(scope="session")
def families():
    """The class `Families`."""
    return Families


@pytest.fixture(scope="session")
def block():
    """Terms of the thermal block on 8 x 8 cells, X, and coefficients with exact constants."""
    A = thermal_block(8)
    X = sp.csr_array(sum(A))
    rng = np.random.default_rng(3)
    training, unseen = (np.exp(rng.uniform(-2.3, 2.3, (m, 4))) for m in (300, 2000))
    return A, X, training, unseen, coercivity(A, X, unseen)


@pytest.fixture(scope="session")
def convection():
    """Terms of convection and diffusion, X, and coercive coefficients with exact constants."""
    A, X = convection_diffusion(40)
    rng = np.random.default_rng(4)
    low, high = np.array([[1, 0, -3, -3.0], [1, 8, 3, 3.0]])
    training, unseen = (rng.uniform(low, high, (m, 4)) for m in (300, 2000))
    return A, X, training, unseen, coercivity(A, X, unseen)

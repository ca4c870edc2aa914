import gc
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.errors import InputError, NonFiniteError
from nwidth.solvers import SparseCholesky, sparse_cholesky
from nwidth.solvers.multigrid.algebraic_hierarchy import checked


def poisson(n, seed=None):
    """A weighted Laplacian on n x n points with Dirichlet walls."""
    rng = np.random.default_rng(seed)
    one = sp.diags_array([[-1.0] * n, [1.0] * n], offsets=[0, 1], shape=(n, n + 1)).T
    D = sp.vstack([sp.kron(one, sp.eye_array(n)), sp.kron(sp.eye_array(n), one)])
    weights = np.ones(D.shape[0]) if seed is None else np.exp(rng.standard_normal(D.shape[0]))
    return (D.T @ sp.diags_array(weights) @ D).tocsr()


@pytest.fixture(autouse=True)
def nothing_remembered():
    gc.collect()
    sparse_cholesky._patterns.clear()


@pytest.fixture(params=["cvxopt", "scipy"])
def backend(request):
    if request.param == "cvxopt":
        pytest.importorskip("cvxopt", reason="cvxopt is not installed")
    return request.param


def test_solves(backend):
    A = poisson(17, 0)
    rng = np.random.default_rng(1)
    inverse = SparseCholesky(A, backend)
    assert inverse.backend == backend
    for shape in ((289,), (289, 1), (289, 5)):
        b = rng.standard_normal(shape)
        x = inverse.solve(b)
        assert x.shape == shape
        assert np.linalg.norm(b - A @ x) <= 1e-13 * np.linalg.norm(b)
    np.testing.assert_array_equal(inverse.apply(b[:, 0]), inverse.solve(b[:, 0]))


def test_the_pattern_is_reused(backend):
    first = SparseCholesky(poisson(13, 0), backend)
    assert not first.reused
    other = SparseCholesky(poisson(13, 1), backend)  # the first is still in use
    assert not other.reused
    b = np.ones(169)
    del first
    gc.collect()
    again = SparseCholesky(poisson(13, 2), backend)
    assert again.reused
    for inverse, seed in ((other, 1), (again, 2)):
        A = poisson(13, seed)
        assert np.linalg.norm(b - A @ inverse.solve(b)) <= 1e-13 * np.linalg.norm(b)
    assert not SparseCholesky(poisson(12), backend).reused


def test_few_patterns_are_remembered(backend):
    for n in range(2, 12):
        SparseCholesky(poisson(n), backend)
    gc.collect()
    assert len(sparse_cholesky._patterns) == sparse_cholesky.REMEMBERED


def test_threads(backend):
    def run(seed):
        A, b = poisson(15, seed), np.ones(225)
        return np.linalg.norm(b - A @ SparseCholesky(A, backend).solve(b))

    with ThreadPoolExecutor(4) as pool:
        assert max(pool.map(run, range(24))) < 1e-12


def test_single_precision_stays(backend):
    inverse = SparseCholesky(poisson(6).astype(np.float32), backend)
    assert inverse.apply(np.ones(36, np.float32)).dtype == np.float32


def test_matrices_that_are_not_definite(backend):
    A = poisson(9)
    singular = A - sp.diags_array(A.sum(axis=1))
    indefinite = sp.csr_array(np.array([[1.0, 2.0], [2.0, 1.0]]))
    for matrix in (singular, indefinite, sp.csr_array(np.ones((2, 2)))):
        with pytest.raises(InputError, match="expected a positive definite one"):
            SparseCholesky(matrix, backend)
    A = SparseCholesky(poisson(9), backend)  # the pattern is none the worse for it
    assert np.isfinite(A.solve(np.ones(81))).all()


def test_suits():
    pytest.importorskip("cvxopt", reason="cvxopt is not installed")
    A = checked(poisson(8))
    assert not sparse_cholesky.suits(A)
    SparseCholesky(A)
    gc.collect()
    assert sparse_cholesky.suits(checked(poisson(8, 3)))


def test_without_cvxopt(monkeypatch):
    monkeypatch.setitem(sys.modules, "cvxopt", None)
    monkeypatch.setitem(sys.modules, "cvxopt.cholmod", None)
    A = SparseCholesky(poisson(8))
    assert A.backend == "scipy"
    assert not sparse_cholesky.suits(A.matrix)


def test_bad_arguments(backend):
    with pytest.raises(InputError, match="symmetric"):
        SparseCholesky([[1.0, 2.0], [0.0, 1.0]], backend)
    with pytest.raises(InputError, match="backend"):
        SparseCholesky(np.eye(2), "magic")
    inverse = SparseCholesky(np.eye(3), backend)
    with pytest.raises(InputError, match="right-hand side: expected real"):
        inverse.solve(np.ones(4))
    with pytest.raises(NonFiniteError):
        inverse.solve([1.0, np.nan, 1.0])

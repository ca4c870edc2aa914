import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.errors import InputError, NonFiniteError
from nwidth.solvers.elimination import elimination
from nwidth.solvers.sparse_cholesky import SparseCholesky

RNG = np.random.default_rng(0)


def matrices():
    n = 31
    T = sp.diags_array([-np.ones(n - 1), 2 * np.ones(n), -np.ones(n - 1)], offsets=[-1, 0, 1])
    wind = sp.diags_array([np.ones(n - 1), np.zeros(n), -np.ones(n - 1)], offsets=[-1, 0, 1])
    walls = T.toarray()
    walls[[0, 7, 30]] = 3 * np.eye(n)[[0, 7, 30]]
    dense = RNG.standard_normal((n, n))
    return {
        "definite": T,
        "indefinite": T - sp.eye_array(n),
        "negative": -T,
        "convection": T + wind,
        "complex": T.tocsr() + (0.5 + 1j) * sp.eye_array(n),
        "Dirichlet rows": sp.csr_array(walls),
        "Dirichlet rows, complex": sp.csr_array(walls * (1 + 1j)),
        "diagonal": sp.diags_array(np.arange(1.0, n + 1)),
        "dense": dense,
        "dense complex": dense + 1j * RNG.standard_normal((n, n)),
        "single": sp.csr_array(T, dtype=np.float32),
    }


@pytest.mark.parametrize("name", list(matrices()))
def test_solutions_are_exact_to_rounding(name):
    A = matrices()[name]
    solve = elimination(A)
    full = A.toarray() if sp.issparse(A) else A
    size = np.abs(full).sum(axis=1).max()
    for shape in ((31,), (31, 4)):
        for b in (RNG.standard_normal(shape), RNG.standard_normal(shape) + 1j):
            x = solve(b)
            assert x.shape == shape
            assert abs(full @ x - b).max() < 1e-14 * (size * abs(x).max() + abs(b).max())
            real = full.dtype.kind == "f" and b.dtype.kind == "f"
            assert x.dtype == (np.float64 if real else np.complex128)


def test_singular_matrices_and_sides_that_do_not_fit():
    for A in (sp.csr_array((3, 3)) * 1.0, np.zeros((3, 3)), sp.diags_array([1.0, 0.0, 2.0])):
        with pytest.raises(InputError, match="regular"):
            elimination(A)
    with pytest.raises(InputError, match="square"):
        elimination(np.ones((2, 3)))
    with pytest.raises(NonFiniteError):
        elimination(np.full((2, 2), np.nan))
    solve = elimination(sp.eye_array(3))
    with pytest.raises(InputError, match="right-hand side"):
        solve(np.ones(4))
    with pytest.raises(NonFiniteError, match="right-hand side"):
        solve(np.array([1.0, np.nan, 0.0]))


def test_dirichlet_rows_leave_a_symmetric_matrix():
    A = matrices()["Dirichlet rows"]
    assert abs(A - A.T).max() > 0
    free = np.setdiff1d(np.arange(31), [0, 7, 30])
    inner = SparseCholesky(A[free][:, free])
    b = np.random.default_rng(1).standard_normal(31)
    b[[0, 7, 30]] = 0
    assert np.array_equal(elimination(A)(b)[free], inner.solve(b[free]))

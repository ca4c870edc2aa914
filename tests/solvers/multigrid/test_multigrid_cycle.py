import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.errors import InputError
from nwidth.solvers import AlgebraicMultigrid, DiffusionOperator, Multigrid, Status
from nwidth.solvers.multigrid import GaussSeidel, SparseTransfer
from nwidth.solvers.multigrid.multigrid_cycle import MultigridCycle

A = DiffusionOperator((np.exp(np.random.default_rng(0).standard_normal(31)),))


class TwoGrid(MultigridCycle):
    """Two levels made by hand."""

    def __init__(self, dtype=None, sweeps=(1,)):
        super().__init__(A, dtype, sweeps)
        matrix = self._scaled().to_sparse().astype(np.float64)
        i = np.arange(30)
        self.P = sp.csr_array((np.ones(30), (i, i // 2)))
        self._append(
            GaussSeidel(matrix, self.precision), [SparseTransfer(self.P, (30,), self.precision)]
        )
        self._close(self.P.T @ matrix @ self.P, (15,), False)


@pytest.mark.parametrize("sweeps", [1, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_error_is_what_theory_says(sweeps, dtype):
    """I - M A = S* (I - P (P^T A P)^-1 P^T A) S with the relaxation S = (I - L^-1 A)^sweeps."""
    M = TwoGrid(dtype, (sweeps,))
    dense, P, eye = A.to_sparse().toarray(), M.P.toarray(), np.eye(30)
    before = np.linalg.matrix_power(eye - np.linalg.solve(np.tril(dense), dense), sweeps)
    after = np.linalg.matrix_power(eye - np.linalg.solve(np.triu(dense), dense), sweeps)
    correction = eye - P @ np.linalg.solve(P.T @ dense @ P, P.T @ dense)
    expected = after @ correction @ before
    tolerance = 1e-4 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(eye - M.to_dense() @ dense, expected, atol=tolerance)


def test_the_range_of_single_precision_does_not_matter():
    b = np.random.default_rng(1).standard_normal(30)
    expected = TwoGrid(np.float32).apply(b)
    for size in (1e-60, 1e60):
        np.testing.assert_allclose(TwoGrid(np.float32).apply(size * b), size * expected, rtol=1e-5)


def test_iteration_and_its_failures():
    M = TwoGrid()
    b = np.ones(30)
    result = M.iterate(b, rtol=1e-10)
    assert result.status is Status.CONVERGED
    np.testing.assert_allclose(A.apply(result.x), b, atol=1e-8)
    assert M.iterate(b, rtol=0.0, max_iterations=3000).status is Status.STAGNATED
    assert M.iterate(b, max_iterations=1).status is Status.MAX_ITERATIONS
    assert M.iterate(b * np.nan).status is Status.NON_FINITE


@pytest.mark.parametrize("kind", [Multigrid, AlgebraicMultigrid])
def test_bad_input(kind):
    with pytest.raises(InputError, match="DiffusionOperator"):
        kind(A.to_sparse())
    for sweeps in ((), (0,), (1.5,)):
        with pytest.raises(InputError, match="sweeps"):
            kind(A, sweeps=sweeps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1e-250, 1e-161, 1e-30, 1e30, 1e200])
def test_iterations_do_not_depend_on_the_size_of_the_data(dtype, size):
    operator, b = A.astype(dtype), np.ones(30, dtype)
    if not float(np.finfo(dtype).tiny) < size < float(np.finfo(dtype).max):
        pytest.skip("no such number in this precision")
    expected = Multigrid(operator).iterate(b, rtol=1e-4)
    result = Multigrid(operator).iterate(dtype(size) * b, rtol=1e-4)
    assert result.status is Status.CONVERGED and result.x.any()
    np.testing.assert_allclose(result.x / dtype(size), expected.x, rtol=1e-3)
    stiff = Multigrid(operator.astype(dtype, size)).iterate(dtype(size) * b, rtol=1e-4)
    np.testing.assert_allclose(stiff.x, expected.x, rtol=1e-3)


def test_limits_are_checked():
    for options in ({"rtol": np.inf}, {"rtol": "x"}, {"max_iterations": "a"}):
        with pytest.raises(InputError, match=next(iter(options))):
            TwoGrid().iterate(np.ones(30), **options)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_pocket_that_is_cut_off_is_inverted_all_the_same(dtype):
    weights = np.array([1e-25, 1.0, 1.0, 0.0])
    M = Multigrid(DiffusionOperator((weights,)), dtype=dtype)
    assert np.isfinite(M.to_dense()).all()

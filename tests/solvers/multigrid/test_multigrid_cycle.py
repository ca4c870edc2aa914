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


class FourGrid(MultigridCycle):
    """Four levels made by hand."""

    def __init__(self, cycle, dtype=None):
        super().__init__(A, dtype, (1, 2, 1), cycle)
        self.matrices = [self._scaled().to_sparse().astype(np.float64).tocsr()]
        self.P = []
        for n in (30, 15, 8):
            i = np.arange(n)
            self.P.append(sp.csr_array((np.ones(n), (i, i // 2))))
            matrix = self.matrices[-1]
            transfer = SparseTransfer(self.P[-1], (n,), self.precision)
            self._append(GaussSeidel(matrix, self.precision), [transfer])
            self.matrices.append((self.P[-1].T @ matrix @ self.P[-1]).tocsr())
        self._close(self.matrices[-1], (4,), False)

    def inverse(self, depth, cycle, after):
        """The matrix of a cycle, by its definition."""
        dense = self.matrices[depth].toarray()
        if depth == 3:
            return np.linalg.inv(dense)
        P, sweeps, eye = self.P[depth].toarray(), self._sweeps[depth], np.eye(len(dense))
        parts = {"V": "V", "W": "WW", "F": "FV"}[cycle] if depth < 2 else "V"
        coarse, rest = self.matrices[depth + 1].toarray(), np.eye(P.shape[1])
        for part in parts:
            rest = (np.eye(len(rest)) - self.inverse(depth + 1, part, after) @ coarse) @ rest
        M = (np.eye(len(rest)) - rest) @ np.linalg.inv(coarse)
        error = eye - P @ M @ P.T @ dense
        for order, side in ((np.tril, "before"), (after, "after")):
            S = np.linalg.matrix_power(eye - np.linalg.solve(order(dense), dense), sweeps)
            error = error @ S if side == "before" else S @ error
        return (eye - error) @ np.linalg.inv(dense)


@pytest.mark.parametrize("cycle", ["V", "W", "F"])
def test_cycles_are_what_their_definition_says(cycle):
    M = FourGrid(cycle)
    scale = 1e-11 * np.abs(M.to_dense()).max()
    symmetric = M.inverse(0, cycle, np.triu)
    np.testing.assert_allclose(M.to_dense(), symmetric, atol=scale)
    columns = [M.adjoint(column) for column in np.eye(30)]
    np.testing.assert_allclose(np.stack(columns, 1), symmetric.T, atol=scale)
    if cycle == "F":
        assert np.abs(symmetric - symmetric.T).max() > 1e3 * scale
    one_way = M.inverse(0, cycle, np.tril)
    rng = np.random.default_rng(0)
    x, b = rng.standard_normal((2, 30))
    expected = x + one_way @ (b - A.apply(x))
    M.improve(x, b)
    np.testing.assert_allclose(x, expected, atol=10 * scale)


def test_improving_in_another_precision():
    rng = np.random.default_rng(0)
    x, b = rng.standard_normal((2, 30))
    y = x.copy()
    FourGrid("V").improve(x, b)
    FourGrid("V", np.float32).improve(y, b)
    np.testing.assert_allclose(y, x, atol=1e-4)


def test_the_range_of_single_precision_does_not_matter():
    b = np.random.default_rng(1).standard_normal(30)
    expected = TwoGrid(np.float32).apply(b)
    for size in (1e-60, 1e60):
        np.testing.assert_allclose(TwoGrid(np.float32).apply(size * b), size * expected, rtol=1e-5)


@pytest.mark.filterwarnings("error")
def test_iteration_and_its_failures():
    M = TwoGrid()
    b = np.ones(30)
    result = M.iterate(b, rtol=1e-10)
    assert result.status is Status.CONVERGED
    np.testing.assert_allclose(A.apply(result.x), b, atol=1e-8)
    assert M.iterate(b, rtol=0.0, max_iterations=3000).status is Status.STAGNATED
    assert M.iterate(b, max_iterations=1).status is Status.MAX_ITERATIONS
    assert M.iterate(b * np.nan).status is Status.NON_FINITE
    start = M.iterate(b, initial=b * np.inf)
    assert start.status is Status.NON_FINITE
    zero = M.iterate(0 * b, initial=b)
    assert zero.status is Status.CONVERGED and not zero.x.any()


@pytest.mark.parametrize("kind", [Multigrid, AlgebraicMultigrid])
def test_bad_input(kind):
    with pytest.raises(InputError, match="DiffusionOperator"):
        kind(A.to_sparse())
    for sweeps in ((), (0,), (1.5,)):
        with pytest.raises(InputError, match="sweeps"):
            kind(A, sweeps=sweeps)
    with pytest.raises(InputError, match="shape"):
        kind(A).iterate(np.ones(29))
    with pytest.raises(InputError, match="guess"):
        kind(A).iterate(np.ones(30), initial=np.ones(31))


def test_unknown_cycles_and_smoothers():
    with pytest.raises(InputError, match="V, W, F"):
        Multigrid(A, cycle="X")
    with pytest.raises(InputError, match="smoother"):
        Multigrid(A, smoother="jacobi")


@pytest.mark.parametrize("kind", [Multigrid, AlgebraicMultigrid])
def test_a_singular_operator_wants_a_balanced_right_hand_side(kind):
    T = np.ones(121)
    T[[0, -1]] = 0
    M = kind(DiffusionOperator((T,)))
    b = np.random.default_rng(0).standard_normal(120)
    with pytest.raises(InputError, match="total of zero"):
        M.iterate(b)
    result = M.iterate(b - b.mean(), rtol=1e-10)
    assert result.status is Status.CONVERGED


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


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1,), (1, 1), (1, 1, 1)])
def test_one_free_point(shape, dtype):
    faces = [np.zeros([1 + (j == k) for j in range(len(shape))], dtype) for k in range(len(shape))]
    M = Multigrid(DiffusionOperator(faces))
    np.testing.assert_array_equal(M.apply(np.ones(shape, dtype)), 1)


@pytest.mark.parametrize("dtype", [int, np.float16, bool])
def test_precisions_without_kernels(dtype):
    with pytest.raises(InputError, match="dtype: expected float32 or float64"):
        Multigrid(A, dtype=dtype)

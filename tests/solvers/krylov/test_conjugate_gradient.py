import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as spla
from hypothesis import given, settings
from hypothesis import strategies as st

from nwidth.errors import InputError
from nwidth.solvers import (
    DiffusionOperator,
    MatrixOperator,
    Multigrid,
    Status,
    conjugate_gradient,
)
from nwidth.solvers.linear_operator import LinearOperator


def spd(n, seed=0, condition=100.0):
    """A matrix with given condition number."""
    rng = np.random.default_rng(seed)
    q, _ = np.linalg.qr(rng.standard_normal((n, n)))
    return (q * np.geomspace(1, condition, n)) @ q.T


@given(st.integers(1, 40), st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_solves_in_n_steps(n, seed):
    matrix = spd(n, seed)
    b = np.random.default_rng(seed).standard_normal(n)
    result = conjugate_gradient(MatrixOperator(matrix), b, rtol=1e-9, max_iterations=3 * n + 5)
    assert result.status is Status.CONVERGED
    np.testing.assert_allclose(matrix @ result.x, b, atol=1e-8 * np.linalg.norm(b))


def test_same_iterates_as_the_textbook():
    matrix, b = spd(30), np.random.default_rng(1).standard_normal(30)
    x, r = np.zeros(30), b.copy()
    p = r.copy()
    for _ in range(7):
        q = matrix @ p
        alpha = (r @ r) / (p @ q)
        x, new = x + alpha * p, r - alpha * q
        p = new + (new @ new) / (r @ r) * p
        r = new
    result = conjugate_gradient(MatrixOperator(matrix), b, rtol=1e-14, max_iterations=7)
    assert result.status is Status.MAX_ITERATIONS and len(result.residuals) == 8
    np.testing.assert_allclose(result.x, x, rtol=1e-10)


def test_the_exact_preconditioner_takes_one_step():
    matrix = spd(50, condition=1e4)
    inverse = MatrixOperator(np.linalg.inv(matrix))
    result = conjugate_gradient(MatrixOperator(matrix), np.ones(50), preconditioner=inverse)
    assert result.status is Status.CONVERGED and len(result.residuals) == 2


def test_the_last_residual_is_a_true_one():
    matrix, b = spd(200, condition=1e3), np.ones(200)
    result = conjugate_gradient(MatrixOperator(matrix), b, rtol=1e-10, max_iterations=500)
    true = np.linalg.norm(b - matrix @ result.x) / np.linalg.norm(b)
    np.testing.assert_allclose(result.residuals[-1], true, rtol=1e-3)
    assert result.status is Status.CONVERGED and true <= 1e-10


def test_an_unreachable_tolerance_stagnates():
    matrix, b = spd(60, condition=1e8), np.ones(60)
    result = conjugate_gradient(MatrixOperator(matrix), b, rtol=1e-15, max_iterations=10**4)
    assert result.status is Status.STAGNATED
    true = np.linalg.norm(b - matrix @ result.x) / np.linalg.norm(b)
    np.testing.assert_allclose(result.residuals[-1], true, rtol=0.5)


def test_single_precision_stagnates_at_its_round_off():
    matrix = spd(40).astype(np.float32)
    b = np.ones(40, np.float32)
    tight = conjugate_gradient(MatrixOperator(matrix), b, rtol=1e-12)
    assert tight.status is Status.STAGNATED and tight.residuals[-1] < 1e-4
    loose = conjugate_gradient(MatrixOperator(matrix), b, rtol=1e-4)
    assert loose.status is Status.CONVERGED and loose.x.dtype == np.float32


def test_initial_guess():
    matrix, b = spd(20), np.ones(20)
    exact = np.linalg.solve(matrix, b)
    result = conjugate_gradient(MatrixOperator(matrix), b, initial=exact, rtol=1e-8)
    assert result.status is Status.CONVERGED and len(result.residuals) == 1
    assert result.x is not exact


def test_zero_right_hand_side():
    result = conjugate_gradient(MatrixOperator(spd(5)), np.zeros(5), initial=np.ones(5))
    assert result.status is Status.CONVERGED and not result.x.any()
    assert result.residuals == (0.0,)


def test_extra_stopping_rule():
    matrix, b = spd(40), np.ones(40)
    asked = []

    def stop(x, residual):
        asked.append(residual)
        return len(asked) >= 4

    result = conjugate_gradient(MatrixOperator(matrix), b, rtol=0.0, stop=stop)
    assert result.status is Status.CONVERGED and len(result.residuals) == 4


def test_indefinite_operators_break_down():
    matrix = np.diag([1.0, 2.0, -3.0])
    result = conjugate_gradient(MatrixOperator(matrix), np.ones(3))
    assert result.status is Status.BREAKDOWN
    bad = MatrixOperator(-np.eye(3))
    result = conjugate_gradient(MatrixOperator(np.eye(3)), np.ones(3), preconditioner=bad)
    assert result.status is Status.BREAKDOWN


@pytest.mark.parametrize("mean", [1e-6, 1e-2, 1.0])
def test_the_best_unknowns_of_an_iteration_that_diverges(mean):
    """A chain without held ends: all of b but its mean can be had, until round-off takes over."""
    n = 40
    A = 2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)
    A[0, 0] = A[-1, -1] = 1
    b = np.random.default_rng(0).standard_normal(n)
    b += mean - b.mean()
    result = conjugate_gradient(A, b, max_iterations=3000)
    least = mean * np.sqrt(n) / np.linalg.norm(b)
    assert result.status in (Status.BREAKDOWN, Status.STAGNATED)
    true = np.linalg.norm(b - A @ result.x) / np.linalg.norm(b)
    assert result.residuals[-1] == pytest.approx(true, rel=1e-6)
    # Iterates of this method do not minimize the residual.
    assert true <= min(1.0, 4 * least) and np.abs(result.x).max() < 100


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.complex128])
def test_a_right_hand_side_out_of_the_range_breaks_down(kind):
    singular = np.diag([1.0, 2.0, 3.0, 4.0, 0.0]).astype(kind)
    b = np.array([1.0, 1.0, 1.0, 1.0, 1e-3], kind)
    result = conjugate_gradient(singular, b)
    assert result.status is Status.BREAKDOWN and np.isfinite(result.x).all()
    b[-1] = 0
    assert conjugate_gradient(singular, b, rtol=1e-5).status is Status.CONVERGED


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_non_finite_numbers_are_told(bad):
    matrix = np.eye(3)
    matrix[1, 1] = bad
    with np.errstate(all="ignore"):
        assert conjugate_gradient(MatrixOperator(matrix), np.ones(3)).status is Status.NON_FINITE
        right = np.array([1.0, bad, 0.0])
        assert conjugate_gradient(MatrixOperator(np.eye(3)), right).status is Status.NON_FINITE
        start = conjugate_gradient(MatrixOperator(np.eye(3)), np.ones(3), initial=right)
        assert start.status is Status.NON_FINITE


def stiff(contrast, n=300):
    """A chain of links of which every other one, about, is very stiff."""
    links = np.where(np.random.default_rng(0).random(n + 1) < 0.5, contrast, 1.0)
    matrix = np.diag(links[:-1] + links[1:])
    return MatrixOperator(matrix - np.diag(links[1:-1], 1) - np.diag(links[1:-1], -1))


def test_a_residual_that_rests_is_no_stagnation():
    """For hundreds of steps there is no residual below the first one."""
    result = conjugate_gradient(stiff(1e5), np.ones(300), rtol=1e-4, max_iterations=20000)
    assert np.array(result.residuals[1:500]).min() >= 1.0
    assert result.status is Status.CONVERGED


@pytest.mark.parametrize("contrast", [1e10, 1e12])
def test_a_residual_at_round_off_stagnates(contrast):
    """The last digits of x are worth residuals of 5e-3 and 0.5."""
    result = conjugate_gradient(stiff(contrast), np.ones(300), rtol=1e-6, max_iterations=20000)
    assert result.status is Status.STAGNATED and len(result.residuals) < 6000


def test_threaded_vectors_agree_with_serial_ones():
    n = 2**19 + 17
    rng = np.random.default_rng(0)
    diagonal = 1 + rng.random(n)

    class Diagonal(LinearOperator):
        domain_shape = range_shape = (n,)
        dtype = np.dtype(np.float64)

        def _apply(self, u):
            return diagonal * u

        _adjoint = _apply

    b = rng.standard_normal(n)
    result = conjugate_gradient(Diagonal(), b, rtol=1e-10)
    np.testing.assert_allclose(result.x, b / diagonal, atol=1e-8)


@pytest.mark.parametrize(
    "options",
    [
        {"rtol": -1.0},
        {"rtol": 2.0},
        {"rtol": "small"},
        {"rtol": np.nan},
        {"max_iterations": -1},
        {"max_iterations": 1.5},
        {"initial": np.ones(4)},
    ],
)
def test_bad_options(options):
    with pytest.raises(InputError):
        conjugate_gradient(MatrixOperator(np.eye(3)), np.ones(3), **options)


def test_bad_shapes():
    with pytest.raises(InputError, match="shape"):
        conjugate_gradient(MatrixOperator(np.eye(3)), np.ones(4))
    with pytest.raises(InputError, match="shape"):
        conjugate_gradient(MatrixOperator(np.ones((3, 2))), np.ones(3))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1e-300, 1e-161, 1e-25, 1e25, 1e200])
def test_no_square_underflows_or_overflows(dtype, size):
    if not float(np.finfo(dtype).tiny) < size < float(np.finfo(dtype).max):
        pytest.skip("no such number in this precision")
    size = dtype(size)
    matrix, b = spd(40).astype(dtype), np.random.default_rng(0).standard_normal(40).astype(dtype)
    x = conjugate_gradient(MatrixOperator(matrix), b, rtol=1e-4).x
    result = conjugate_gradient(MatrixOperator(matrix), size * b, rtol=1e-4)
    assert result.status is Status.CONVERGED and len(result.residuals) > 3
    np.testing.assert_allclose(result.x / size, x, atol=1e-3 * np.abs(x).max())


def test_operators_that_know_their_energy_and_cycles_can_change_places():
    """Both have fused passes, of which neither must be taken for the other's."""
    rng = np.random.default_rng(0)
    A = DiffusionOperator((rng.uniform(1, 2, (13, 11)), rng.uniform(1, 2, (12, 12))))
    M, b = Multigrid(A), rng.standard_normal((12, 11))
    for operator, preconditioner, matrix in ((A, M, A.to_dense()), (M, A, M.to_dense())):
        result = conjugate_gradient(operator, b, preconditioner=preconditioner, rtol=1e-10)
        assert result.status is Status.CONVERGED and len(result.residuals) < 25
        expected = np.linalg.solve(matrix, b.ravel())
        np.testing.assert_allclose(result.x.ravel(), expected, rtol=1e-6, atol=1e-8)


def hermitian(n, kind, seed=0):
    rng = np.random.default_rng(seed)
    B = rng.standard_normal((n, n)) + 1j * rng.standard_normal((n, n))
    return (B @ B.conj().T / n + np.eye(n)).astype(kind), (B[0] - B[1]).astype(kind)


@pytest.mark.parametrize("kind", [np.complex64, np.complex128])
@pytest.mark.parametrize("preconditioned", [False, True])
def test_hermitian_operators(kind, preconditioned):
    A, b = hermitian(40, kind)
    M = np.diag(1 / np.diagonal(A)) if preconditioned else None
    rtol = 1e-4 if kind is np.complex64 else 1e-10
    result = conjugate_gradient(A, b, preconditioner=M, rtol=rtol)
    assert result.status is Status.CONVERGED and result.x.dtype == kind
    assert np.linalg.norm(b - A @ result.x) <= 1.1 * rtol * np.linalg.norm(b)


def test_complex_right_hand_side_of_a_real_operator():
    A, (_, b) = spd(40), hermitian(40, np.complex128)
    both = conjugate_gradient(A, b, rtol=1e-12).x
    np.testing.assert_allclose(both.real, conjugate_gradient(A, b.real, rtol=1e-12).x, atol=1e-9)
    np.testing.assert_allclose(A @ both, b, atol=1e-9)


def test_complex_numbers_at_the_end_of_the_range():
    A, b = hermitian(20, np.complex128)
    small = conjugate_gradient(A, b * 1e-300)
    assert small.status is Status.CONVERGED
    np.testing.assert_allclose(small.x / 1e-300, np.linalg.solve(A, b), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("wrap", [np.asarray, sp.csr_array, spla.aslinearoperator])
def test_matrices_need_no_wrapping_but_symmetry(wrap):
    A, b = spd(20), np.ones(20)
    result = conjugate_gradient(wrap(A), b, preconditioner=sp.eye_array(20))
    np.testing.assert_allclose(A @ result.x, b, atol=1e-7)
    A[0, 1] += 1
    with pytest.raises(InputError, match="symmetric"):
        conjugate_gradient(wrap(A), b)
    with pytest.raises(InputError, match="preconditioner"):
        conjugate_gradient(spd(20), b, preconditioner=np.eye(3))

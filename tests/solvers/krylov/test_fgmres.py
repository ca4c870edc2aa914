import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as spla
from hypothesis import given, settings
from hypothesis import strategies as st

from nwidth.errors import InputError
from nwidth.solvers import MatrixOperator, Status
from nwidth.solvers.krylov import fgmres

KINDS = [np.float32, np.float64, np.complex64, np.complex128]


def system(n, kind=np.float64, seed=0, shift=2.0):
    """A matrix with its numbers in a disk around the shift, and a right-hand side."""
    rng = np.random.default_rng(seed)

    def random(*shape):
        u = rng.standard_normal(shape)
        return u + 1j * rng.standard_normal(shape) if np.dtype(kind).kind == "c" else u

    return (random(n, n) / np.sqrt(n) + shift * np.eye(n)).astype(kind), random(n).astype(kind)


@given(st.integers(1, 40), st.integers(1, 50), st.sampled_from(KINDS), st.booleans())
@settings(max_examples=40, deadline=None)
def test_agrees_with_the_dense_solution(n, restart, kind, preconditioned):
    A, b = system(n, kind, seed=n, shift=4.0)
    M = np.diag(1 / np.diagonal(A)) if preconditioned else None
    rtol = 1e-4 if np.dtype(kind).itemsize // (1 + (np.dtype(kind).kind == "c")) == 4 else 1e-10
    result = fgmres(A, b, restart=restart, preconditioner=M, rtol=rtol, max_iterations=2000)
    assert result.status is Status.CONVERGED and result.x.dtype == kind
    true = np.linalg.norm(b - A @ result.x) / np.linalg.norm(b)
    assert true <= 1.1 * rtol
    assert result.residuals[-1] == pytest.approx(true, rel=0.1, abs=1e-6 * rtol + 1e-15)


@pytest.mark.parametrize("kind", [np.float64, np.complex128])
@pytest.mark.parametrize("preconditioned", [False, True])
def test_minimal_residual_over_the_krylov_space(kind, preconditioned):
    n = 12
    A, b = system(n, kind, shift=0.5)
    M = system(n, kind, seed=1)[0] if preconditioned else np.eye(n)
    result = fgmres(A, b, preconditioner=M if preconditioned else None, rtol=1e-12)
    assert result.iterations <= n
    space = [M @ b]
    for k in range(1, n):
        basis = np.linalg.qr(np.array(space).T)[0]
        y = np.linalg.lstsq(A @ basis, b, rcond=None)[0]
        best = np.linalg.norm(b - A @ basis @ y) / np.linalg.norm(b)
        assert result.residuals[k] == pytest.approx(best, rel=1e-6)
        space.append(M @ A @ basis[:, -1])


def test_a_preconditioner_may_change():
    """Every step gets another approximate inverse; the minimum over the z_j is still found."""
    n = 30
    A, b = system(n, shift=1.0)
    inverse, rng, given = np.linalg.inv(A), np.random.default_rng(3), []

    def changing(u):
        given.append(inverse @ u + 0.05 * rng.standard_normal(n) * np.linalg.norm(u))
        return given[-1]

    M = spla.LinearOperator((n, n), matvec=changing, dtype=np.float64)
    result = fgmres(A, b, preconditioner=M, rtol=1e-10)
    assert result.status is Status.CONVERGED and result.iterations < n
    Z = np.array(given).T
    y = np.linalg.lstsq(A @ Z[:, :5], b, rcond=None)[0]
    best = np.linalg.norm(b - A @ Z[:, :5] @ y) / np.linalg.norm(b)
    assert result.residuals[5] == pytest.approx(best, rel=1e-8)


def test_the_cyclic_shift_makes_no_progress_before_the_last_step():
    n = 12
    shift, e = np.roll(np.eye(n), 1, axis=0), np.eye(n)[0]
    full = fgmres(shift, e, restart=n)
    assert full.status is Status.CONVERGED and full.iterations == n
    np.testing.assert_allclose(full.residuals[:-1], 1.0)
    short = fgmres(shift, e, restart=n - 1)
    assert short.status is Status.STAGNATED and short.iterations == n - 1


def test_restarts_go_on_where_they_were():
    A, b = system(80, shift=1.3)
    result = fgmres(A, b, restart=7, max_iterations=500)
    assert result.status is Status.CONVERGED and result.iterations > 14
    assert np.all(np.diff(result.residuals) <= 1e-12)


def test_singular_systems():
    A = np.diag([1.0, 2.0, 0.0])
    consistent = fgmres(A, np.array([1.0, 1.0, 0.0]))
    assert consistent.status is Status.CONVERGED
    np.testing.assert_allclose(consistent.x, [1, 0.5, 0], atol=1e-14)
    hopeless = fgmres(A, np.ones(3))
    assert hopeless.status is Status.BREAKDOWN
    assert hopeless.residuals[-1] == pytest.approx(1 / np.sqrt(3))
    np.testing.assert_allclose(hopeless.x[:2], [1, 0.5])
    assert fgmres(np.zeros((2, 2)), np.ones(2)).status is Status.BREAKDOWN


def test_an_unreachable_tolerance_stagnates():
    A, b = system(50)
    result = fgmres(A, b, rtol=0.0, max_iterations=2000)
    assert result.status is Status.STAGNATED and result.residuals[-1] < 1e-14


def test_limit_and_guess():
    A, b = system(50)
    few = fgmres(A, b, max_iterations=5)
    assert few.status is Status.MAX_ITERATIONS and few.iterations == 5
    true = np.linalg.norm(b - A @ few.x) / np.linalg.norm(b)
    assert few.residuals[-1] == pytest.approx(true)
    more = fgmres(A, b, initial=few.x)
    assert more.residuals[0] == pytest.approx(true) and more.status is Status.CONVERGED
    exact = np.linalg.solve(A, b)
    assert fgmres(A, b, initial=exact).iterations == 0


def test_zero_right_hand_side():
    result = fgmres(np.eye(3), np.zeros(3), initial=np.ones(3))
    assert result.status is Status.CONVERGED and not result.x.any()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_non_finite_numbers_are_told(bad):
    A = np.eye(3)
    A[1, 1] = bad
    result = fgmres(A, np.ones(3))
    assert result.status is Status.NON_FINITE and np.isfinite(result.x).all()
    assert fgmres(np.eye(3), np.array([1.0, bad, 0.0])).status is Status.NON_FINITE
    assert fgmres(np.eye(3), np.ones(3), preconditioner=A).status is Status.NON_FINITE
    assert fgmres(np.eye(3), np.ones(3), initial=A[1]).status is Status.NON_FINITE


@pytest.mark.parametrize("size", [1e-300, 1e-30, 1e30, 1e200])
@pytest.mark.parametrize("kind", [np.float32, np.float64, np.complex128])
def test_the_ends_of_the_range(kind, size):
    limits = np.finfo(kind)
    if not float(limits.tiny) < size < float(limits.max):
        pytest.skip("no such number in this precision")
    A, b = system(20, kind)
    size = b.real.dtype.type(size)
    result, small = fgmres(A, size * b, rtol=1e-4), fgmres(A, b, rtol=1e-4)
    assert result.status is Status.CONVERGED and result.iterations == small.iterations
    np.testing.assert_allclose(result.x / size, small.x, rtol=1e-3, atol=1e-3)


def test_the_stopping_rule_sees_the_iterate():
    A, b = system(30)
    asked = []

    def stop(x, residual):
        asked.append(np.linalg.norm(b - A @ x) / np.linalg.norm(b) - residual)
        return residual < 1e-3

    result = fgmres(A, b, rtol=0.0, stop=stop, preconditioner=np.diag(1 / np.diagonal(A)))
    assert result.status is Status.CONVERGED and 1e-5 < result.residuals[-1] < 1e-3
    np.testing.assert_allclose(asked, 0, atol=1e-12)


def test_sparse_matrices_and_operators_alike():
    A, b = system(25)
    expected = fgmres(A, b).x
    for other in (sp.csr_array(A), MatrixOperator(A)):
        np.testing.assert_allclose(fgmres(other, b).x, expected, rtol=1e-6)


@pytest.mark.parametrize("restart", [0, 1.5, True, None])
def test_bad_restarts(restart):
    with pytest.raises(InputError, match="restart"):
        fgmres(np.eye(3), np.ones(3), restart=restart)

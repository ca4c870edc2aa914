import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nwidth.errors import InputError
from nwidth.solvers import Status
from nwidth.solvers.krylov import minres
from nwidth.solvers.stacked_operator import StackedOperator

KINDS = [np.float32, np.float64, np.complex64, np.complex128]


def random(kind, *shape, seed=0):
    rng = np.random.default_rng(seed)
    u = rng.standard_normal(shape)
    return (u + 1j * rng.standard_normal(shape) if np.dtype(kind).kind == "c" else u).astype(kind)


def indefinite(n, kind=np.float64, seed=0):
    """A third of the eigenvalues are negative, none is small."""
    Q = np.linalg.qr(random(kind, n, n, seed=seed))[0]
    values = np.linspace(1, 5, n) * np.where(np.arange(n) % 3 == 1, -1, 1)
    A = (Q * values.astype(kind)) @ Q.conj().T
    return (A + A.conj().T) / 2


def definite(n, kind=np.float64, seed=5):
    B = random(kind, n, n, seed=seed)
    return (B @ B.conj().T / n + np.eye(n)).astype(kind)


@given(st.integers(1, 40), st.sampled_from(KINDS), st.booleans())
@settings(max_examples=40, deadline=None)
def test_agrees_with_the_dense_solution(n, kind, preconditioned):
    A, b = indefinite(n, kind, n), random(kind, n, seed=n + 1)
    M = definite(n, kind) if preconditioned else None
    rtol = 1e-4 if np.finfo(kind).eps > 1e-10 else 1e-10
    result = minres(A, b, preconditioner=M, rtol=rtol, max_iterations=500)
    assert result.status is Status.CONVERGED and result.x.dtype == kind
    true = np.linalg.norm(b - A @ result.x) / np.linalg.norm(b)
    assert true <= 1.1 * rtol
    assert result.residuals[-1] == pytest.approx(true, rel=0.1, abs=1e-6 * rtol + 1e-15)


@pytest.mark.parametrize("kind", [np.float64, np.complex128])
@pytest.mark.parametrize("preconditioned", [False, True])
def test_minimal_residual_at_every_step(kind, preconditioned):
    n = 14
    A, b = indefinite(n, kind), random(kind, n, seed=1)
    M = definite(n, kind) if preconditioned else np.eye(n)
    root = np.linalg.cholesky(M).conj().T  # ||r||_M = ||root r||
    space = [M @ b]
    for k in range(1, n - 1):
        basis = np.linalg.qr(np.array(space).T)[0]
        y = np.linalg.lstsq(root @ A @ basis, root @ b, rcond=None)[0]
        options = {"rtol": 0.0, "preconditioner": M if preconditioned else None}
        result = minres(A, b, max_iterations=k, **options)
        assert result.status is Status.MAX_ITERATIONS
        np.testing.assert_allclose(result.x, basis @ y, atol=1e-7 * np.linalg.norm(b))
        space.append(M @ A @ basis[:, -1])


def test_estimates_are_true_residuals():
    A, b, seen = indefinite(60), random(np.float64, 60), []

    def stop(x, residual):
        seen.append(np.linalg.norm(b - A @ x) / np.linalg.norm(b) - residual)
        return False

    result = minres(A, b, preconditioner=definite(60), stop=stop, max_iterations=300)
    assert result.status is Status.CONVERGED and len(seen) > 10
    np.testing.assert_allclose(seen, 0, atol=1e-10)


def test_singular_systems():
    A = indefinite(20)
    values, Q = np.linalg.eigh(A)
    values[[3, 12]] = 0.0
    A = (Q * values) @ Q.T
    x = random(np.float64, 20)
    consistent = minres(A, A @ x, rtol=1e-10)
    assert consistent.status is Status.CONVERGED
    b = A @ x + Q[:, 3]
    hopeless = minres(A, b, max_iterations=500)
    assert hopeless.status is Status.BREAKDOWN
    assert hopeless.residuals[-1] == pytest.approx(1 / np.linalg.norm(b), rel=1e-6)
    np.testing.assert_allclose(A @ (b - A @ hopeless.x), 0, atol=1e-6)
    assert minres(np.zeros((2, 2)), np.ones(2)).status is Status.BREAKDOWN


def test_preconditioners_must_be_positive():
    A, b = indefinite(20), np.ones(20)
    assert minres(A, b, preconditioner=-np.eye(20)).status is Status.BREAKDOWN
    assert minres(A, b, preconditioner=np.zeros((20, 20))).status is Status.BREAKDOWN
    with pytest.raises(InputError, match="symmetric"):
        minres(np.triu(A), b)


def test_failures_are_statuses():
    A, b = indefinite(30), np.ones(30)
    assert minres(A, b, max_iterations=3).status is Status.MAX_ITERATIONS
    stuck = minres(A, b, rtol=0.0, max_iterations=2000)
    assert stuck.status is Status.STAGNATED and stuck.residuals[-1] < 1e-14
    assert not minres(A, 0 * b, initial=b).x.any()
    assert minres(A, b, initial=np.linalg.solve(A, b)).iterations == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_non_finite_numbers_are_told(bad):
    A = np.eye(3)
    A[1, 1] = bad
    result = minres(A, np.ones(3))
    assert result.status is Status.NON_FINITE and np.isfinite(result.x).all()
    assert minres(np.eye(3), np.ones(3), preconditioner=A).status is Status.NON_FINITE
    assert minres(np.eye(3), np.array([1.0, bad, 0.0])).status is Status.NON_FINITE


@pytest.mark.parametrize("size", [1e-300, 1e-30, 1e30, 1e200])
@pytest.mark.parametrize("kind", [np.float32, np.float64, np.complex128])
def test_the_ends_of_the_range(kind, size):
    if not float(np.finfo(kind).tiny) < size < float(np.finfo(kind).max):
        pytest.skip("no such number in this precision")
    A, b = indefinite(20, kind), random(kind, 20)
    size = b.real.dtype.type(size)
    result, small = minres(A, size * b, rtol=1e-4), minres(A, b, rtol=1e-4)
    assert result.status is Status.CONVERGED
    assert abs(result.iterations - small.iterations) <= 2
    np.testing.assert_allclose(result.x / size, small.x, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("kind", [np.float64, np.complex128])
def test_a_batch_is_its_samples(kind):
    n = 30
    nan = np.eye(n, dtype=kind)
    nan[2, 2] = np.nan
    matrices = [definite(n, kind), indefinite(n, kind), np.eye(n, dtype=kind), nan]
    matrices.append(np.diag(np.arange(n)).astype(kind))
    right = random(kind, 5, n)
    right[2] = 0
    result = minres(StackedOperator(matrices), right, max_iterations=300)
    statuses = [s.status for s in result.samples]
    assert statuses[3:] == [Status.NON_FINITE, Status.BREAKDOWN]
    for k in (0, 1, 2, 4):
        alone = minres(matrices[k], right[k], max_iterations=300)
        assert result.samples[k].status is alone.status
        assert abs(result.samples[k].iterations - alone.iterations) <= 1
        np.testing.assert_allclose(result.x[k], alone.x, atol=1e-6)

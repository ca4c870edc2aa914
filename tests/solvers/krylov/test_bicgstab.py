import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from nwidth.errors import InputError
from nwidth.solvers import Status
from nwidth.solvers.krylov import bicgstab, fgmres
from nwidth.solvers.stacked_operator import StackedOperator

KINDS = [np.float32, np.float64, np.complex64, np.complex128]


def system(n, kind=np.float64, seed=0, shift=3.0):
    rng = np.random.default_rng(seed)

    def random(*shape):
        u = rng.standard_normal(shape)
        return u + 1j * rng.standard_normal(shape) if np.dtype(kind).kind == "c" else u

    return (random(n, n) / np.sqrt(n) + shift * np.eye(n)).astype(kind), random(n).astype(kind)


@given(st.integers(1, 40), st.sampled_from(KINDS), st.booleans())
@settings(max_examples=40, deadline=None)
def test_agrees_with_the_dense_solution(n, kind, preconditioned):
    A, b = system(n, kind, seed=n)
    M = np.diag(1 / np.diagonal(A)) if preconditioned else None
    rtol = 1e-4 if np.finfo(kind).eps > 1e-10 else 1e-10
    result = bicgstab(A, b, preconditioner=M, rtol=rtol)
    assert result.status is Status.CONVERGED and result.x.dtype == kind
    true = np.linalg.norm(b - A @ result.x) / np.linalg.norm(b)
    assert true <= 1.1 * rtol
    assert result.residuals[-1] == pytest.approx(true, rel=0.1, abs=1e-6 * rtol + 1e-15)


@pytest.mark.parametrize("kind", [np.float64, np.complex128])
def test_first_step_by_hand(kind):
    A, b = system(10, kind)
    v = A @ b
    alpha = np.vdot(b, b) / np.vdot(b, v)
    s = b - alpha * v
    t = A @ s
    omega = np.vdot(t, s) / np.vdot(t, t)
    result = bicgstab(A, b, max_iterations=1)
    np.testing.assert_allclose(result.x, alpha * b + omega * s)


def test_skew_operators_break_down():
    rng = np.random.default_rng(0)
    A = rng.standard_normal((10, 10))
    result = bicgstab(A - A.T, np.ones(10))
    assert result.status is Status.BREAKDOWN and np.isfinite(result.x).all()
    assert bicgstab(np.zeros((3, 3)), np.ones(3)).status is Status.BREAKDOWN
    assert fgmres(A - A.T, np.ones(10)).status is Status.CONVERGED


def test_a_breakdown_that_a_restart_overcomes():
    """(r_hat, r_1) = 0 after one step, from which a new shadow residual leads on."""
    A = np.array([[1.0, 1.0, 0.0], [0.0, 2.0, 1.0], [1.0, 0.0, 3.0]])

    def shadow(angle):
        b = np.array([np.cos(angle), np.sin(angle), 0.3])
        return b, float(np.vdot(b, b - A @ bicgstab(A, b, max_iterations=1).x))

    low, high = 0.0, None
    for angle in np.linspace(0, np.pi, 200):
        if shadow(angle)[1] * shadow(low)[1] < 0:
            high = angle
            break
        low = angle
    assert high is not None
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if shadow(middle)[1] * shadow(low)[1] > 0 else (low, middle)
    b = shadow(low)[0]
    result = bicgstab(A, b)
    assert result.status is Status.CONVERGED
    np.testing.assert_allclose(A @ result.x, b, atol=1e-7)


def test_failures_are_statuses():
    A, b = system(30)
    assert bicgstab(A, b, max_iterations=2).status is Status.MAX_ITERATIONS
    stuck = bicgstab(A, b, rtol=0.0, max_iterations=2000)
    assert stuck.status is Status.STAGNATED and stuck.residuals[-1] < 1e-13
    singular = bicgstab(np.diag([1.0, 2.0, 0.0]), np.ones(3), max_iterations=500)
    assert singular.status in (Status.BREAKDOWN, Status.STAGNATED)
    with pytest.raises(InputError):
        bicgstab(A, b, rtol=-1.0)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_non_finite_numbers_are_told(bad):
    A = np.eye(3)
    A[1, 1] = bad
    assert bicgstab(A, np.ones(3)).status is Status.NON_FINITE
    assert bicgstab(np.eye(3), np.ones(3), preconditioner=A).status is Status.NON_FINITE
    assert bicgstab(np.eye(3), np.array([1.0, bad, 0.0])).status is Status.NON_FINITE


def test_zero_guess_and_rule():
    A, b = system(30)
    assert not bicgstab(A, 0 * b, initial=b).x.any()
    exact = np.linalg.solve(A, b)
    assert bicgstab(A, b, initial=exact).iterations == 0
    seen = []

    def stop(x, residual):
        seen.append(np.linalg.norm(b - A @ x) / np.linalg.norm(b) - residual)
        return residual < 1e-3

    result = bicgstab(A, b, rtol=0.0, stop=stop)
    assert result.status is Status.CONVERGED and 1e-6 < result.residuals[-1] < 1e-3
    np.testing.assert_allclose(seen, 0, atol=1e-12)


@pytest.mark.parametrize("size", [1e-300, 1e-30, 1e30, 1e200])
@pytest.mark.parametrize("kind", [np.float32, np.float64, np.complex128])
def test_the_ends_of_the_range(kind, size):
    if not float(np.finfo(kind).tiny) < size < float(np.finfo(kind).max):
        pytest.skip("no such number in this precision")
    A, b = system(20, kind)
    size = b.real.dtype.type(size)
    result, small = bicgstab(A, size * b, rtol=1e-4), bicgstab(A, b, rtol=1e-4)
    assert result.status is Status.CONVERGED and result.iterations == small.iterations
    np.testing.assert_allclose(result.x / size, small.x, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("method", [bicgstab, fgmres])
@pytest.mark.parametrize("kind", [np.float64, np.complex128])
def test_a_batch_is_its_samples(method, kind):
    """Easy, hard, zero and broken samples side by side: none disturbs another."""
    n = 30
    pairs = [system(n, kind, seed=s, shift=shift) for s, shift in enumerate((2.0, 3.0, 10.0))]
    matrices, right = [p[0] for p in pairs], [p[1] for p in pairs]
    nan = np.eye(n, dtype=kind)
    nan[2, 2] = np.nan
    matrices += [np.eye(n, dtype=kind), nan, np.zeros((n, n), kind)]
    right += [np.zeros(n, kind), right[0], right[1]]
    M = StackedOperator([sp.diags_array(np.full(n, 0.2))] * 6)
    result = method(StackedOperator(matrices), np.stack(right), preconditioner=M)
    assert result.x.shape == (6, n) and result.status is Status.NON_FINITE
    assert [s.status for s in result.samples[4:]] == [Status.NON_FINITE, Status.BREAKDOWN]
    for k in range(4):
        alone = method(matrices[k], right[k], preconditioner=M.operators[0])
        sample = result.samples[k]
        assert sample.status is Status.CONVERGED and sample.iterations == alone.iterations
        np.testing.assert_allclose(sample.residuals, alone.residuals, rtol=1e-4, atol=1e-12)
        np.testing.assert_allclose(result.x[k], alone.x, atol=1e-8)
    assert len(result.residuals) == max(len(s.residuals) for s in result.samples)


@pytest.mark.parametrize("method", [bicgstab, fgmres])
def test_several_right_hand_sides_with_a_rule_for_each(method):
    A, _ = system(40)
    B = np.random.default_rng(1).standard_normal((3, 40))
    limits = np.array([1e-2, 1e-4, 1e-6])
    stacked = StackedOperator([sp.csr_array(A)] * 3)
    result = method(stacked, B, rtol=0.0, stop=lambda x, residual: residual <= limits)
    assert result.status is Status.CONVERGED
    lengths = [s.iterations for s in result.samples]
    assert lengths[0] < lengths[1] < lengths[2] == result.iterations
    true = np.linalg.norm(B - result.x @ A.T, axis=1) / np.linalg.norm(B, axis=1)
    assert np.all(true <= limits * 1.001)

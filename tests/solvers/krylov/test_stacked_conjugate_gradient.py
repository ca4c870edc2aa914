import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nwidth.errors import InputError
from nwidth.solvers import Status, conjugate_gradient
from nwidth.solvers.krylov import stacked_conjugate_gradient
from nwidth.solvers.stacked_operator import StackedOperator


def definite(n, seed, dtype=np.float64):
    B = np.random.default_rng(seed).standard_normal((n, n))
    return (B @ B.T / n + np.eye(n)).astype(dtype)


def batch(samples, n, dtype=np.float64):
    A = [definite(n, s, dtype) for s in range(samples)]
    M = [definite(n, 100 + s, dtype) for s in range(samples)]
    b = np.random.default_rng(1).standard_normal((samples, n)).astype(dtype)
    return A, M, b


@given(st.integers(1, 5), st.integers(1, 30), st.sampled_from(["f4", "f8"]), st.booleans())
@settings(max_examples=30, deadline=None)
def test_every_sample_agrees_with_an_iteration_of_its_own(samples, n, dtype, preconditioned):
    A, M, b = batch(samples, n, dtype)
    rtol = 1e-5 if dtype == "f4" else 1e-11
    precondition = StackedOperator(M) if preconditioned else None
    result = stacked_conjugate_gradient(
        StackedOperator(A), b, preconditioner=precondition, rtol=rtol
    )
    assert result.status is Status.CONVERGED and result.x.dtype == b.dtype
    for s, found in enumerate(result.samples):
        options = {"preconditioner": M[s]} if preconditioned else {}
        alone = conjugate_gradient(A[s], b[s], rtol=rtol, **options)
        assert abs(found.iterations - alone.iterations) <= 1
        true = np.linalg.norm(b[s] - A[s] @ found.x) / np.linalg.norm(b[s])
        noise = 4 * float(np.finfo(dtype).eps)  # of either residual, computed in this precision
        assert true <= rtol * 1.1
        assert found.residuals[-1] == pytest.approx(true, rel=0.2, abs=noise)
        np.testing.assert_allclose(found.x, alone.x, atol=20 * rtol * np.linalg.norm(alone.x))


def test_one_operator_is_a_batch_of_one():
    A, _, b = batch(1, 20)
    result = stacked_conjugate_gradient(A[0], b[0])
    np.testing.assert_allclose(A[0] @ result.x, b[0], atol=1e-7)


def test_zero_converged_and_large_samples():
    A, _, b = batch(4, 15)
    b[1] = 0.0
    b[2] *= 2.0**700
    x = np.linalg.solve(A[3], b[3])
    guess = np.zeros_like(b)
    guess[3] = x
    result = stacked_conjugate_gradient(StackedOperator(A), b, initial=guess, rtol=1e-9).samples
    assert [sample.status for sample in result] == [Status.CONVERGED] * 4
    assert not result[1].x.any() and result[3].iterations == 0
    np.testing.assert_array_equal(result[3].x, x)
    np.testing.assert_allclose(A[2] @ result[2].x, b[2], atol=1e-8 * abs(b[2]).max())


def test_failures_belong_to_their_samples():
    A, _, b = batch(3, 12)
    A[1] = np.diag(np.linspace(-1, 1, 12))
    b[2, 3] = np.nan
    result = stacked_conjugate_gradient(StackedOperator(A), b)
    status = [sample.status for sample in result.samples]
    assert status == [Status.CONVERGED, Status.BREAKDOWN, Status.NON_FINITE]
    assert result.status is Status.BREAKDOWN
    np.testing.assert_allclose(A[0] @ result.samples[0].x, b[0], atol=1e-6)


def test_the_limit_is_that_of_every_sample():
    A, _, b = batch(2, 12)
    A[1] = np.diag(np.logspace(0, 8, 12))
    result = stacked_conjugate_gradient(StackedOperator(A), b, max_iterations=12).samples
    assert [sample.status for sample in result] == [Status.CONVERGED, Status.MAX_ITERATIONS]
    assert result[0].iterations < result[1].iterations == 12
    none = stacked_conjugate_gradient(StackedOperator(A[:1]), b[:1], max_iterations=0)
    assert none.status is Status.MAX_ITERATIONS and none.iterations == 0


def test_a_tolerance_below_round_off_stagnates():
    A, _, b = batch(2, 30, np.float32)
    result = stacked_conjugate_gradient(StackedOperator(A), b, rtol=1e-9, max_iterations=500)
    assert {sample.status for sample in result.samples} == {Status.STAGNATED}
    assert max(result.residuals[-1:]) < 1e-5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"b": np.ones((2, 4))}, "right-hand side: expected shape"),
        ({"b": np.ones((2, 3), complex)}, "expected real numbers"),
        ({"initial": np.ones(3)}, "initial guess: expected shape"),
        ({"preconditioner": np.eye(3)}, "preconditioner: expected shape"),
        ({"rtol": -1.0}, "rtol"),
        ({"max_iterations": -1}, "max_iterations"),
    ],
)
def test_arguments(change, message):
    A = StackedOperator([np.eye(3), np.eye(3)])
    arguments = {"b": np.ones((2, 3)), **change}
    with pytest.raises(InputError, match=message):
        stacked_conjugate_gradient(A, arguments.pop("b"), **arguments)

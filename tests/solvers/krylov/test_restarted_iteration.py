import numpy as np
import pytest
import scipy.sparse as sp
from threadpoolctl import threadpool_info, threadpool_limits

from nwidth.errors import InputError
from nwidth.solvers import Status
from nwidth.solvers.krylov.batch_system import BatchSystem
from nwidth.solvers.krylov.restarted_iteration import RestartedIteration


def run(cycle, b=(1.0, 1.0), stop=None, rtol=1.01e-6, max_iterations=20):
    b = np.array(b)
    system = BatchSystem(np.eye(b.size), b, None, None)
    return RestartedIteration(system, rtol, max_iterations, stop).run(cycle)


def halve(record, r, estimate=0.5):
    """One step that takes half of the residual away and says so, or something else."""
    record.system.x += r / 2
    norm = np.linalg.norm(r, axis=1)
    record.step(estimate * norm, record.running, lambda: record.system.x)


def test_cycles_until_the_true_residual_is_small():
    result = run(halve)
    assert result.status is Status.CONVERGED and result.iterations == 20
    np.testing.assert_allclose(result.residuals, 0.5 ** np.arange(21))


def test_an_estimate_that_is_too_good_is_replaced():
    def hope(record, r):
        record.system.x += 0.9 * r
        record.step(np.zeros(1), record.running, lambda: record.system.x)

    result = run(hope)
    assert result.status is Status.CONVERGED
    np.testing.assert_allclose(result.residuals, 0.1 ** np.arange(7), rtol=1e-6)


def test_an_estimate_that_has_parted_stagnates():
    def hope(record, r):
        record.system.x += 0.1 * r
        record.step(np.zeros(1), record.running, lambda: record.system.x)

    result = run(hope)
    assert result.status is Status.STAGNATED and result.residuals == pytest.approx((1.0, 0.9))


@pytest.mark.parametrize("claim", [None, Status.BREAKDOWN])
def test_no_progress(claim):
    def rest(record, r):
        record.step(np.linalg.norm(r, axis=1), record.running, lambda: record.system.x)
        if claim:
            record.report(record.running, claim)

    assert run(rest).status is (claim or Status.STAGNATED)


@pytest.mark.parametrize("claim", [Status.BREAKDOWN, Status.NON_FINITE, None])
def test_a_cycle_that_spoils_the_unknowns_is_taken_back(claim):
    def spoil(record, r):
        if np.linalg.norm(r) > 0.6:
            halve(record, r)
            return
        record.system.x[:] = np.nan if claim is Status.NON_FINITE else 1e9
        record.step(np.ones(1), record.running, lambda: record.system.x)
        record.report(record.running, claim or Status.STAGNATED)

    result = run(spoil)
    assert result.status is (claim or Status.STAGNATED)
    np.testing.assert_allclose(result.x, 0.75)
    assert result.residuals[-1] == pytest.approx(0.25)


def test_limit_is_a_status():
    result = run(halve, max_iterations=3)
    assert result.status is Status.MAX_ITERATIONS and result.iterations == 3
    assert run(halve, max_iterations=0).status is Status.MAX_ITERATIONS


def test_stopping_rule_sees_the_unknowns():
    seen = []

    def stop(x, residual):
        seen.append((x.copy(), residual))
        return residual < 0.2

    result = run(halve, stop=stop, rtol=0.0, b=(1e-300, 2e-300))
    assert result.status is Status.CONVERGED and result.iterations == 3
    np.testing.assert_allclose(seen[-1][0], [0.875e-300, 1.75e-300])
    assert seen[0][1] == 1.0 and seen[0][0].shape == (2,)


def test_zero_and_non_finite_right_hand_sides():
    assert run(halve, b=(0.0, 0.0)).status is Status.CONVERGED
    assert run(halve, b=(0.0, 0.0)).residuals == (0.0,)
    assert run(halve, b=(np.nan, 0.0)).status is Status.NON_FINITE


def test_an_infinite_estimate_ends_the_iteration():
    result = run(lambda record, r: halve(record, r, np.nan))
    assert result.status is Status.NON_FINITE and result.iterations == 1


def test_limits_are_checked():
    with pytest.raises(InputError):
        run(halve, rtol=2.0)


def blas_threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


@pytest.mark.parametrize("matrix", [np.eye(2), sp.eye_array(2)])
def test_short_vectors_take_one_thread_and_give_the_others_back(matrix):
    def cycle(record, r):
        seen.append(blas_threads())
        if len(seen) == 1:  # a solve in a solve
            RestartedIteration(BatchSystem(matrix, r[0], None, None), 0.1, 9, None).run(halve)
            seen.append(blas_threads())
        halve(record, r)

    seen = []
    with threadpool_limits(2):
        before = blas_threads()
        system = BatchSystem(matrix, np.ones(2), None, None)
        assert RestartedIteration(system, 0.1, 20, None).run(cycle).status is Status.CONVERGED
        assert blas_threads() == before
    expected = before if isinstance(matrix, np.ndarray) else {1}
    assert all(found == expected for found in seen)

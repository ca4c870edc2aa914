import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError, NotConvergedError
from nwidth.solvers import BatchSolution, Status


def solution(*status):
    n = len(status)
    return BatchSolution(
        np.arange(4.0 * n).reshape(n, 2, 2),
        status,
        tuple((1.0, 10.0 ** -(i + 1)) for i in range(n)),
        ("some-method",) * n,
        ("because",) * n,
        seconds=6.0,
        cpu_seconds=3.0,
    )


def test_samples_are_solutions():
    batch = solution(Status.CONVERGED, Status.MAX_ITERATIONS, Status.CONVERGED)
    assert len(batch) == 3 and batch.iterations == (1, 1, 1)
    assert batch.residual == (0.1, 0.01, 0.001)
    one = batch[1]
    assert one.status is Status.MAX_ITERATIONS and one.residual == 0.01
    assert one.method == "some-method" and one.reason == "because"
    assert (one.seconds, one.cpu_seconds) == (2.0, 1.0)
    np.testing.assert_array_equal(one.u, batch.u[1])
    assert [item.residual for item in batch] == [0.1, 0.01, 0.001]
    assert batch[-1].residual == 0.001
    with pytest.raises(IndexError):
        batch[3]
    with pytest.raises(InputError, match="number of a sample"):
        batch["first"]


def test_checked_names_the_samples_that_failed():
    good = solution(Status.CONVERGED, Status.CONVERGED)
    assert good.checked() is good
    bad = solution(Status.CONVERGED, Status.MAX_ITERATIONS, Status.CONVERGED, Status.STAGNATED)
    with pytest.raises(NotConvergedError, match=r"2 of 4 .*: 1, 3; sample 1, .*raise max_iter"):
        bad.checked()
    with pytest.raises(NonFiniteError, match=r"sample 0, .*NaN"):
        solution(Status.NON_FINITE).checked()
    with pytest.raises(NotConvergedError, match=r"7, 8, 9, \.\.\."):
        solution(*[Status.BREAKDOWN] * 12).checked()

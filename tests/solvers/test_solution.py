"""A solution that did not converge raises its remedy."""

import numpy as np
import pytest

from nwidth.errors import NonFiniteError, NotConvergedError
from nwidth.solvers.solution import Solution, Status


def solution(status, residuals=(1.0, 0.1)):
    return Solution(np.zeros(2), status, residuals, method="cg")


def test_converged_solution_is_returned():
    good = solution(Status.CONVERGED)
    assert good.checked() is good
    assert good.iterations == 1
    assert good.residual == 0.1


@pytest.mark.parametrize("status", [s for s in Status if s is not Status.CONVERGED])
def test_failure_raises_with_its_remedy(status):
    error = NonFiniteError if status is Status.NON_FINITE else NotConvergedError
    with pytest.raises(error, match=r"cg: .*1\.0e-01 after 1 iterations") as caught:
        solution(status).checked()
    assert status.value in str(caught.value)
    assert ":" in status.value  # names the cause, then the remedy

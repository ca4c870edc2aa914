import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.solvers import Status
from nwidth.solvers.krylov.iterate import (
    Iterate,
    check_limits,
    how_it_ended,
    in_range,
    is_slow,
)


def test_an_iterate_counts_its_steps():
    assert Iterate(np.zeros(1), Status.CONVERGED, (1.0, 0.1, 0.01)).iterations == 2


@pytest.mark.parametrize("rtol", [-1e-3, 1.0, np.nan, "1e-8", None, True])
def test_tolerances_are_in_the_unit_interval(rtol):
    with pytest.raises(InputError, match="rtol"):
        check_limits(rtol, 10)


@pytest.mark.parametrize("limit", [-1, 2.0, True, None])
def test_limits_are_counts(limit):
    with pytest.raises(InputError, match="max_iterations"):
        check_limits(1e-8, limit)


def test_good_limits_pass():
    check_limits(0, np.int64(3))
    check_limits(np.float32(0.5), 0)


@pytest.mark.parametrize(
    ("residuals", "expected"),
    [
        ([1.0, np.nan], Status.NON_FINITE),
        ([1.0, np.inf], Status.NON_FINITE),
        ([1.0, 1e-9], Status.CONVERGED),
        ([1.0, 0.5, 0.4, 0.3, 0.2, 0.1], Status.MAX_ITERATIONS),
        ([0.5, 0.6, 0.5], Status.STAGNATED),
        ([0.5, 0.6, 0.4], None),
        ([1.0, 1.0], None),
    ],
)
def test_how_an_iteration_ends(residuals, expected):
    assert how_it_ended(residuals, 1e-8, 4, patience=2) is expected


@pytest.mark.parametrize("rtol", [1e-8, 0.0])
@pytest.mark.parametrize("first", [1.0, 1e3])
def test_an_iteration_behind_its_pace_is_slow(rtol, first):
    least = max(rtol, np.finfo(np.float64).tiny)
    pace = (least / first) ** (1 / 80)
    for steps, factor, slow in [
        (0, 1.0, False),
        (19, 1.0, False),  # not asked yet
        (20, pace**1.01, False),
        (20, pace**0.99, True),
        (30, pace**0.99, False),
        (40, pace**0.99, True),
    ]:
        assert is_slow(first * factor ** np.arange(steps + 1.0), rtol) == slow


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_solutions_out_of_range_are_told(dtype):
    x, large = np.ones(3, dtype), np.full(3, np.finfo(dtype).max, dtype)
    assert in_range(Status.CONVERGED, x, 1e-9) is Status.CONVERGED
    assert in_range(Status.CONVERGED, large, 1e-9) is Status.CONVERGED  # though its sum is infinite
    assert in_range(Status.CONVERGED, 0 * x, 0.0) is Status.CONVERGED  # of a zero right-hand side
    assert in_range(Status.CONVERGED, 0 * x, 1.0) is Status.CONVERGED  # stopped before it began
    assert in_range(Status.STAGNATED, x, 0.1) is Status.STAGNATED
    assert in_range(Status.CONVERGED, 0 * x, 1e-9) is Status.NON_FINITE
    for bad in (np.nan, np.inf, -np.inf):
        assert in_range(Status.CONVERGED, np.array([1, bad, 2], dtype), 0.1) is Status.NON_FINITE

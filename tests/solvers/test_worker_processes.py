import os
import time

import pytest

from nwidth.errors import InputError, NotConvergedError
from nwidth.solvers.worker_processes import computed_in_order


class Work:
    """Slow where the number is even, so that results come out of order."""

    def __call__(self, i):
        if i == 13:
            raise InputError("thirteen")
        if i == 17:
            os._exit(3)
        time.sleep(0.02 * (i % 2 == 0))
        return i, os.getpid()


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_order(workers):
    found = [*computed_in_order(Work(), range(3, 12), workers)]
    assert [i for i, _ in found] == [*range(3, 12)]
    assert (os.getpid() in {pid for _, pid in found}) == (workers == 1)


def test_what_is_raised_in_a_worker_is_raised_here():
    results = computed_in_order(Work(), range(12, 16), 2)
    assert next(results)[0] == 12
    with pytest.raises(InputError, match="thirteen"):
        next(results)


def test_a_worker_that_is_ended_from_outside_is_told():
    with pytest.raises(NotConvergedError, match="ended from outside"):
        list(computed_in_order(Work(), range(16, 20), 2))


def test_no_worker_outlives_the_iterator():
    results = computed_in_order(Work(), range(100), 2)
    pids = {next(results)[1] for _ in range(4)}
    results.close()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_nothing_to_do():
    assert list(computed_in_order(Work(), range(0), 4)) == []

"""What is known of trajectories is told: by status, in words, by exceptions."""

import numpy as np
import pytest

from nwidth.errors import InputError, NotConvergedError
from nwidth.rom import CertifiedTrajectories, StepStatus


def answer(status, bound, words="||e||' <= 0"):
    n = len(status)
    zero = np.zeros((1, n))
    return CertifiedTrajectories(
        times=np.arange(float(n)),
        fields={"u": np.ones((1, n, 4))},
        defect=zero + 0.01,
        indicator=zero + 0.02,
        bound=np.array([bound]),
        bound_before=np.array([bound]),
        solver_steps=np.array([0]),
        status=(tuple(status),),
        rtol=0.1,
        words=words,
    )


def test_good_trajectories_are_returned():
    one = answer([StepStatus.GIVEN, StepStatus.CERTIFIED, StepStatus.SOLVED], [0, 0.05, 0.06])
    assert one.checked() is one and len(one) == 1 and one.u.shape == (1, 3, 4)
    assert np.array_equal(one.estimate, one.bound)
    assert "error at most 6.00e-02 where finite (100%), asked for 0.1" in repr(one)


@pytest.mark.parametrize("status", [StepStatus.TOO_LARGE, StepStatus.REFUSED, StepStatus.FAILED])
def test_bad_ones_are_told_with_sample_and_time(status):
    one = answer([StepStatus.GIVEN, StepStatus.CERTIFIED, status], [0, 0.05, np.inf])
    with pytest.raises(NotConvergedError, match=r"sample 0 at t = 2: .*bound inf"):
        one.checked()


def test_an_indicator_claims_no_bound():
    one = answer([StepStatus.GIVEN, StepStatus.INDICATED], [np.nan, np.nan], None)
    assert np.array_equal(one.estimate, one.indicator) and one.checked() is one
    assert "indicator only: no bound is known" in repr(one)


def test_several_fields_have_no_u():
    one = answer([StepStatus.GIVEN], [0.0])
    two = CertifiedTrajectories(**{**vars(one), "fields": {"u": one.u, "v": one.u}})
    with pytest.raises(ValueError, match="too many"):
        _ = two.u


def test_chunks_are_joined():
    one = answer([StepStatus.GIVEN, StepStatus.CERTIFIED], [0, 0.05])
    two = CertifiedTrajectories.join([one, one])
    assert len(two) == 2 and two.u.shape == (2, 2, 4) and len(two.status) == 2
    three = CertifiedTrajectories.join(
        [one, CertifiedTrajectories(**{**vars(one), "refusals": ("b",)})]
    )
    assert three.refusals == ("", "b")
    assert CertifiedTrajectories.join([one.without_fields()] * 2).u.shape == (0, 2, 4)
    for parts in ([], [one, answer([StepStatus.GIVEN], [0.0])]):
        with pytest.raises(InputError, match="same times and tolerance"):
            CertifiedTrajectories.join(parts)

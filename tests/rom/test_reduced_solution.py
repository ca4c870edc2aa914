import numpy as np
import pytest

from nwidth.errors import NotConvergedError
from nwidth.rom import ReducedSolution, ReducedSolutions, ReducedStatus


def answers():
    return ReducedSolutions(
        np.arange(6.0).reshape(3, 2),
        np.array([1e-3, np.inf, np.inf]),
        np.array([0.5, -np.inf, 0.5]),
        np.array([True, False, True]),
        np.array([0, 1, 2], np.int8),
        np.array([5e-4, 1.0, np.nan]),
        np.array([7e-4, np.inf, np.inf]),
    )


def test_many_answers_are_answers_one_by_one():
    many = answers()
    assert len(many) == 3
    assert many.status == tuple(ReducedStatus)
    assert many.certified.tolist() == [True, False, False]
    one = many[1]
    assert isinstance(one, ReducedSolution)
    assert one.x.tolist() == [2.0, 3.0]
    assert one[1:] == (np.inf, -np.inf, False, ReducedStatus.UNSTABLE, 1.0, np.inf)
    assert [type(value) for value in one[1:4]] == [float, float, bool]


def test_texts_of_failures_are_their_remedies():
    assert "stability bound that covers it" in ReducedStatus.UNSTABLE.value
    assert "least-squares" in ReducedStatus.SINGULAR.value


def test_answers_without_a_bound_are_told():
    with pytest.raises(
        NotConvergedError, match="2 of 3 answers have no bound; parameter 1: the st"
    ):
        answers().checked()
    many = answers()
    sound = ReducedSolutions(*(getattr(many, name)[:1] for name in many.__dataclass_fields__))
    assert sound.checked() is sound

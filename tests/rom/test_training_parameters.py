import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.rom.training_parameters import TrainingParameters


def test_one_or_many_parameters_of_one_number():
    training = TrainingParameters([1.0, 2.0, 4.0])
    rows, several = training.many(3.0)
    assert rows.tolist() == [3.0]
    assert not several
    rows, several = training.many([3.0, 3.5])
    assert rows.tolist() == [3.0, 3.5]
    assert several
    assert training.covers([1.0, 4.0])
    assert not training.covers(4.1)


def test_one_or_many_parameters_of_two_numbers():
    training = TrainingParameters(np.array([[0.0, 1.0], [1.0, 3.0]]))
    assert training.many([0.5, 2.0])[0].shape == (1, 2)
    assert training.many([[0.5, 2.0]])[1]
    for mu in (0.5, [0.5, 1.0, 2.0], [[[0.5, 1.0]]]):
        with pytest.raises(InputError, match="mu: expected one parameter"):
            training.many(mu)
    with pytest.raises(NonFiniteError, match="mu"):
        training.many([np.nan, 1.0])


@pytest.mark.parametrize("values", [[], 3.0, np.zeros((2, 2, 2))])
def test_shapes_that_are_no_list_of_parameters(values):
    with pytest.raises(InputError, match="expected shape"):
        TrainingParameters(values)


def test_repeated_parameters_are_told():
    with pytest.raises(InputError, match="a second time in row 2"):
        TrainingParameters(np.array([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0]]))
    with pytest.raises(NonFiniteError, match=r"\(1,\)"):
        TrainingParameters([1.0, np.inf])


def test_outside_of_the_box_a_warning():
    training = TrainingParameters([1.0, 2.0])
    with pytest.warns(UserWarning, match="extrapolates"):
        training.warn_outside(2.5)

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.rom import eim, pod, sensor_failures
from nwidth.rom.generalized_eim import generalized_eim
from nwidth.rom.rectangular_eim import RectangularEIM
from nwidth.rom.row_norm import RowNorm, point_weights


def test_names_and_powers():
    assert RowNorm.of("sup", None, (3,)) == RowNorm.of(np.inf, None, (3,))
    assert RowNorm.of(2, None, (3,)) == RowNorm.of("l2", None, (3,))
    found = RowNorm.of(3.5, np.ones((2, 3), np.float32), (2, 3))
    assert (found.name, found.power, found.weights.shape) == ("l3.5", 3.5, (6,))
    assert found.weights.dtype == np.float64


@pytest.mark.parametrize("norm", ["l3", 0.5, 17, np.nan, True, None, [2], np.ones(2)])
def test_what_is_no_norm(norm):
    with pytest.raises(InputError, match="norm: expected"):
        RowNorm.of(norm, None, (3,))


WRONG = [np.ones(4), np.zeros(3), [1.0, np.nan, 1.0], np.ones(3) * 1j, ["a", "b", "c"], 1.0]


@pytest.mark.parametrize("weights", WRONG)
def test_what_are_no_weights_anywhere(weights):
    data = np.random.default_rng(0).standard_normal((5, 3))
    model = RectangularEIM.of(eim(data), data)
    for call in (
        lambda: point_weights(weights, (3,)),
        lambda: eim(data, norm="l1", weights=weights),
        lambda: generalized_eim(data, np.eye(3), weights=weights),
        lambda: pod(data, weights=weights),
        lambda: sensor_failures(model, data, data[:, model.points], weights=weights),
    ):
        with pytest.raises(InputError, match="weights"):
            call()


def test_the_maximum_has_no_weights():
    with pytest.raises(InputError, match="got the maximum norm"):
        RowNorm.of("sup", np.ones(3), (3,))

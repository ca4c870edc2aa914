import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Axis
from nwidth.operators.spectral.gregory_weights import gregory_weights


@pytest.mark.parametrize("order", [2, 3, 4, 5, 6, 8])
@pytest.mark.parametrize("centering", ["node", "cell"])
def test_order_and_exactness(order, centering):
    errors, sizes = [], [20, 40, 80]
    for n in sizes:
        axis = Axis.uniform(n + (centering == "node"), 1.0, 3.0, centering=centering)
        w = gregory_weights(axis, order)
        errors.append(abs(w @ np.exp(axis.points) - (np.exp(3) - np.exp(1))))
        assert w @ axis.points ** (order - 2) == pytest.approx(
            (3.0 ** (order - 1) - 1) / (order - 1), rel=1e-13
        )
        if order <= 6:
            assert w.min() > 0
    assert -np.polyfit(np.log(sizes), np.log(errors), 1)[0] == pytest.approx(order, abs=0.4)


@pytest.mark.parametrize(
    "axis",
    [Axis.uniform(16, periodic=True), Axis.chebyshev(16), Axis.uniform(5)],
    ids=repr,
)
def test_other_axes_keep_their_weights(axis):
    assert np.array_equal(gregory_weights(axis, 4), axis.widths)


def test_known_rule_and_bad_order():
    weights = gregory_weights(Axis.uniform(12, 0.0, 11.0), 4)
    np.testing.assert_allclose(weights[:4], [3 / 8, 7 / 6, 23 / 24, 1], atol=1e-15)
    for order in (1, 9, 4.0):
        with pytest.raises(InputError, match="order: expected"):
            gregory_weights(Axis.uniform(9), order)

import numpy as np
import pytest

pytest.importorskip("torch", reason="the neural operators need PyTorch")

from nwidth.errors import InputError, NonFiniteError
from nwidth.meshes import Axis, Grid
from nwidth.operators.training.data_agreement import (
    require_agreement,
    require_finite_samples,
)

GRID = Grid.uniform((9, 9))
ZERO = {"sides": {}, "default": {"type": "dirichlet", "value": 0.0}}
CLOSED = {"sides": {"x_lower": {"type": "neumann", "value": 0.0}}, "default": ZERO["default"]}
UNITS = {"permeability": "1", "pressure": "Pa"}
NAMES = ("permeability", "pressure")


def test_data_of_one_kind_agree(tiny_data):
    finer = tiny_data(Grid.uniform((17, 17)), units=UNITS, boundary=ZERO)
    require_agreement(finer, NAMES, UNITS, GRID, ZERO)
    # What is not told is not compared.
    require_agreement(finer, NAMES, {}, GRID, {})
    require_agreement(tiny_data(units=UNITS), NAMES, UNITS, GRID, ZERO)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"units": {"pressure": "bar"}}, "pressure: expected the unit 'Pa'.*got 'bar'.*convert"),
        ({"grid": Grid.uniform((9, 9), upper=2.0)}, "box the model was trained on"),
        ({"grid": Grid.uniform((9, 9), periodic=True)}, "box the model was trained on"),
        (
            {"grid": Grid((Axis.uniform(9, unit="m"), Axis.uniform(9, name="y", unit="m")))},
            "axis x: expected the unit '1'.*got 'm'",
        ),
        (
            {"boundary": {"sides": {}, "default": {"type": "dirichlet", "value": 1.0}}},
            "default value was 0.0 and is 1.0",
        ),
        ({"boundary": CLOSED}, "sides x_lower was None and is"),
    ],
)
def test_data_of_other_kinds_are_refused(tiny_data, options, what):
    dataset = tiny_data(**{"units": UNITS, "boundary": ZERO, **options})
    with pytest.raises(InputError, match=f"(?s){what}"):
        require_agreement(dataset, NAMES, UNITS, GRID, ZERO)


def test_the_first_bad_sample_is_named():
    field = np.ones((3, 1, 4))
    require_finite_samples(field, np.arange(3), "u")
    field[1, 0, 2:] = np.nan, np.inf
    with pytest.raises(NonFiniteError, match=r"nan in sample 9 at index \(0, 2\) \(2 of its 4"):
        require_finite_samples(field, np.array([5, 9, 8]), "u")

"""Whatever comes through a door of adaptive splines is taken or refused in words."""

import math
import warnings

import numpy as np
import pytest

from nwidth.errors import NwidthError
from nwidth.solvers.bsplines import AdaptiveSpline, auto_knots, table_knots

X = np.linspace(0, 1, 30)
WRONG = [
    *(None, "strange", b"x", 3, -1, 0.5, np.nan, 1j, True, [], {}, [1, "a"], [np.nan], ...),
    *(np.zeros(0), np.zeros((3, 3)), np.full((3, 8), np.nan), np.ones((3, 8), complex), math.inf),
    *(np.array(["a"]), np.zeros((3, 8), object), np.ma.masked_array(X, X > 0.5)),
    *(np.float64(2), (1, 2, 3), np.zeros((3, 0)), 10**400, lambda: 1),
]
DOORS = {
    "auto_knots": (
        auto_knots,
        {
            "f": np.exp,
            "lower": 0.0,
            "upper": 1.0,
            "degree": 5,
            "rtol": 1e-6,
            "atol": 1e-9,
            "placement": "predicted",
            "max_evaluations": 500,
            "initial": 20,
            "points": [0.25],
            "breaks": [0.5],
            "vectorized": True,
        },
    ),
    "table_knots": (
        table_knots,
        {"x": X, "values": np.exp(X), "degree": 5, "rtol": 1e-6, "atol": 1e-9},
    ),
}
NAMES = [(door, name) for door, (_, given) in DOORS.items() for name in given]


@pytest.mark.parametrize("door", DOORS)
def test_good_arguments_are_taken(door):
    call, given = DOORS[door]
    assert isinstance(call(**given).checked(), AdaptiveSpline)


@pytest.mark.parametrize(("door", "name"), NAMES)
def test_wrong_arguments_are_refused_in_words(door, name):
    call, given = DOORS[door]
    for wrong in WRONG:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", np.exceptions.ComplexWarning)
            try:
                s = call(**{**given, name: wrong})
            except NwidthError as error:
                assert len(str(error)) > 20, (name, wrong)
                continue
            except TypeError as error:
                # A function of no arguments has said so itself.
                assert name == "f" and "positional argument" in str(error), (name, wrong)
                continue
        assert np.isfinite(s(0.3)).all(), (name, wrong)

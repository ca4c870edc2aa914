import numpy as np
import pytest

pytest.importorskip("torch", reason="the neural operators need PyTorch")

from nwidth.errors import InputError
from nwidth.operators import Constant, Cosine, OneCycle, Steps
from nwidth.operators.training.schedules import SCHEDULES, schedule_named


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [1.0, 1.0, 1.0, 1.0]),
        ("cosine", [1.0, (1 + np.cos(np.pi / 4)) / 2, 0.5, (1 + np.cos(3 * np.pi / 4)) / 2]),
        ("one-cycle", [1 / 25, 1.0, 0.75, 0.25]),
        (Cosine(warm_up=0.5), [0.0, 0.5, 1.0, 0.5]),
        (Cosine(end=0.5), [1.0, 0.75 + np.cos(np.pi / 4) / 4, 0.75, 0.75 - np.cos(np.pi / 4) / 4]),
        (OneCycle(rise=0.5, start=0.0), [0.0, 0.5, 1.0, 0.5]),
        (Steps(0.1, times=1), [1.0, 1.0, 0.1, 0.1]),
    ],
)
def test_factors(schedule, expected):
    found = [schedule_named(schedule).factor(t) for t in (0.0, 0.25, 0.5, 0.75)]
    np.testing.assert_allclose(found, expected, atol=1e-15)


@pytest.mark.parametrize("name", ["one-cycle", "cosine", "warm-up-cosine"])
def test_they_end_at_zero(name):
    assert SCHEDULES[name].factor(1 - 1e-6) < 1e-8


def test_they_describe_themselves():
    assert Cosine(0.1).describe() == {"kind": "cosine", "warm_up": 0.1, "end": 0.0}


@pytest.mark.parametrize(
    ("schedule", "settings"),
    [
        (Constant, {"warm_up": 1.0}),
        (Cosine, {"warm_up": -0.1}),
        (Cosine, {"end": 2.0}),
        (OneCycle, {"rise": 0.0}),
        (OneCycle, {"start": float("nan")}),
        (Steps, {"decay": 0.0}),
        (Steps, {"times": 0}),
    ],
)
def test_settings_out_of_range_are_refused(schedule, settings):
    with pytest.raises(InputError, match=r"schedule: .*expected"):
        schedule(**settings)


@pytest.mark.parametrize("name", ["cosin", None, 3, Cosine])
def test_other_schedules_are_refused(name):
    with pytest.raises(InputError, match="expected schedule to be one of one-cycle"):
        schedule_named(name)

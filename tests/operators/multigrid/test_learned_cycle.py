import json

import pytest

pytest.importorskip("torch", reason="the neural operators need PyTorch")

from nwidth.errors import InputError
from nwidth.operators import LearnedCycle


def test_description_survives_json():
    cycle = LearnedCycle(levels=4, sweeps=(2, 1), prolongation=(3, 4, 3), guess="zero")
    assert LearnedCycle.from_description(json.loads(json.dumps(cycle.describe()))) == cycle
    assert LearnedCycle(levels=4).stencils == (3, 3, 3)
    with pytest.raises(InputError, match="settings of a LearnedCycle"):
        LearnedCycle.from_description({"depth": 3})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"levels": 0}, "levels"),
        ({"levels": 2.5}, "levels"),
        ({"levels": 10**12}, "levels: expected at most 63.*got 1000000000000; take as many as"),
        ({"coarsest": 0}, "coarsest"),
        ({"sweeps": 1}, "two numbers, relaxations before and after"),
        ({"sweeps": (0, 1)}, "at least one before"),
        ({"sweeps": (1, -1)}, "sweeps"),
        ({"restricts": "u"}, "source, residual"),
        ({"guess": "random"}, "restricted, zero"),
        ({"counted_from": "top"}, "coarsest, finest"),
        ({"initial": "zeros"}, "random, nested, poisson"),
        ({"levels": 3, "prolongation": (3,)}, "each of 2 steps"),
        ({"prolongation": 5}, "3 or 4"),
        ({"prolongation": 3.0}, "3 or 4"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_settings_out_of_range_are_told(settings, message):
    with pytest.raises(InputError, match=message):
        LearnedCycle(**settings)

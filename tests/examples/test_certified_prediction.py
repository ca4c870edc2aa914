import importlib.util
from pathlib import Path

import numpy as np

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "certified_prediction.py"


def test_small_mode_gives_the_pinned_number(capsys):
    spec = importlib.util.spec_from_file_location("certified_prediction_example", EXAMPLE)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    answer = example.main(points=41, samples=4)
    assert np.all(answer.bound <= 0.01)
    assert "bound before" in capsys.readouterr().out
    assert round(float(answer.bound_before.max()), 3) == 0.875

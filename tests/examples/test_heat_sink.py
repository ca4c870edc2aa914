import importlib.util
from pathlib import Path

import numpy as np

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "heat_sink.py"


def test_small_mode_gives_the_pinned_number(capsys):
    spec = importlib.util.spec_from_file_location("heat_sink_example", EXAMPLE)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    found = example.main(cells=2, steps=60, designs=100)
    assert "stay below 2.0" in capsys.readouterr().out
    assert round(float(np.median(found.peak)), 2) == 1.89
    # What is said of designs is true of full simulations.
    problem, chip = example.heat_sink(cells=2, steps=60)
    for j in (0, 50, 99):
        peak = problem.trajectory(found.designs[j])[:, chip].mean(axis=1).max()
        assert abs(peak - found.peak[j]) <= found.bound[j] < 0.05
        assert not (found.cool[j] and peak >= example.LIMIT)
        assert not (found.hot[j] and peak <= example.LIMIT)

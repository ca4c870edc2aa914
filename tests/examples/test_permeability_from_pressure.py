import importlib.util
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "permeability_from_pressure.py"


def test_small_mode_gives_the_pinned_number(capsys):
    spec = importlib.util.spec_from_file_location("permeability_from_pressure", EXAMPLE)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    error = example.main(points=33, steps=25)
    assert abs(error - 0.243) < 0.01
    assert "solves with their adjoints" in capsys.readouterr().out

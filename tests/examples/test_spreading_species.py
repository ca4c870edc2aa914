import runpy
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the neural operators need PyTorch")

EXAMPLE = Path(__file__).parents[2] / "examples" / "spreading_species.py"


def test_small_mode_gives_the_known_numbers(capsys):
    error, effectivity = runpy.run_path(str(EXAMPLE))["main"]((10, 16), 12, 128, 20)
    assert error == pytest.approx(0.0051, rel=0.5)
    assert 1 <= effectivity < 20
    assert "without data" in capsys.readouterr().out

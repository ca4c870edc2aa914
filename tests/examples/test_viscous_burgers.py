import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "viscous_burgers.py"


def test_small_mode_gives_the_known_numbers(capsys):
    certified, effectivity = runpy.run_path(str(EXAMPLE))["main"](16, 200)
    assert certified == 1
    assert effectivity == pytest.approx(1.84, rel=0.2)
    assert "225 unknowns reduced to 11" in capsys.readouterr().out

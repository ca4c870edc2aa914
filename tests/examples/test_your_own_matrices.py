import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "your_own_matrices.py"


def test_small_mode_gives_the_pinned_number(capsys):
    worst = runpy.run_path(str(EXAMPLE))["main"](n=20)
    assert worst == pytest.approx(7.5e-5, rel=0.1)
    told = capsys.readouterr().out
    assert "needed at 14 parameters" in told and "28 unknowns" in told
    least = float(told.split("bounds are ")[1].split()[0])
    assert 1 <= least < 3

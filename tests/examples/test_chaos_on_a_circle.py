import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "chaos_on_a_circle.py"


def test_small_mode_gives_the_known_numbers_and_figures(tmp_path, capsys):
    names = runpy.run_path(str(EXAMPLE))
    file = tmp_path / "chaos.h5"
    energy, rate = names["main"](file, points=128, samples=3, end=100.0)
    assert energy == pytest.approx(0.84, abs=0.05)  # over longer times 0.85
    assert rate == pytest.approx(0.1, abs=0.05)  # of a chaos, and of a single stretch of it
    assert "3 trajectories" in capsys.readouterr().out
    names["draw"](file, str(tmp_path / "ks"))
    figures = {p.name for p in tmp_path.glob("*.png")}
    assert figures == {"ks.png", "ks_spectrum.png", "ks_energy.png"}

import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "anomalous_diffusion.py"


def test_small_mode_gives_the_powers_of_the_theory_and_the_figures(tmp_path, capsys):
    names = runpy.run_path(str(EXAMPLE))
    powers = names["main"](400, str(tmp_path / "a"))
    for alpha, (growth, tail) in powers.items():
        assert growth == pytest.approx(1 / alpha, abs=0.01)
        if alpha < 2:
            assert tail == pytest.approx(-1 - alpha, abs=0.2)  # of stable laws, from afar
    assert {p.name for p in tmp_path.iterdir()} == {"a.png", "a_plane.png"}
    assert "1/alpha" in capsys.readouterr().out

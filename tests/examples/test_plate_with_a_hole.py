import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "plate_with_a_hole.py"


def test_small_mode_finds_three_and_draws_it(tmp_path, capsys):
    names = runpy.run_path(str(EXAMPLE))
    found = names["main"](16)
    assert found.concentration == pytest.approx(2.999997, abs=1e-6)
    finest = [errors[max(errors)] for errors in found.errors.values()]
    assert finest == sorted(finest, reverse=True) and finest[-1] < 1e-4
    assert "exactly 3" in capsys.readouterr().out
    names["draw"](found, str(tmp_path / "hole"))
    assert {p.name for p in tmp_path.glob("*.png")} == {"hole.png", "hole_convergence.png"}

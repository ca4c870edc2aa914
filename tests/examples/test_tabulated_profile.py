import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "tabulated_profile.py"


def test_small_mode_gives_the_known_numbers_and_figures(tmp_path, capsys):
    main = runpy.run_path(str(EXAMPLE))["main"]
    rows, evaluations, error = main(2001, 1e-7, str(tmp_path / "sea"))
    assert rows == pytest.approx(80, abs=12)
    assert evaluations < 240
    assert error <= 1
    words = capsys.readouterr().out
    assert "of 2001 rows represent all to 1e-07" in words
    assert "the ray ends at 1581.0 m after 1.2584 s" in words
    assert {p.name for p in tmp_path.glob("*.png")} == {"sea_table.png", "sea_rays.png"}

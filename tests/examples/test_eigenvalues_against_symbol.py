import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "eigenvalues_against_symbol.py"


def test_small_mode_gives_the_known_numbers_and_the_figure(tmp_path, capsys):
    names = runpy.run_path(str(EXAMPLE))
    found = names["main"](80, plot=str(tmp_path / "s.png"))
    assert [outliers for _, outliers, _ in found.values()] == [0, 4, 6]
    # |f(pi)| / max |f| as published for order 1.5.
    assert [f for _, _, f in found.values()] == pytest.approx([1.0, 0.90, 0.50], abs=0.005)
    coarse = names["main"](40)
    for degree, (distance, _, _) in found.items():
        assert distance < 0.6 * coarse[degree][0]  # O(1/n)
    assert (tmp_path / "s.png").exists()
    assert "outliers" in capsys.readouterr().out

import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "failing_thermometers.py"


def test_small_mode_gives_the_pinned_number(capsys, tmp_path):
    main = runpy.run_path(str(EXAMPLE))["main"]
    worst = main(points=33, samples=150, figure=str(tmp_path / "figure.png"))
    assert worst == pytest.approx(0.0350, abs=0.0010)
    lines = capsys.readouterr().out.splitlines()
    dropped, rectangular, weighted = (float(word.rstrip("%")) for word in lines[-2].split()[1:])
    assert weighted < rectangular < dropped
    assert (tmp_path / "figure.png").stat().st_size > 20_000

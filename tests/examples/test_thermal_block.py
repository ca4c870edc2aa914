import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "thermal_block.py"


def test_small_mode_gives_the_pinned_number(capsys, tmp_path):
    main = runpy.run_path(str(EXAMPLE))["main"]
    worst = main(points=33, queries=2000, figure=str(tmp_path / "figure.png"))
    assert worst == pytest.approx(5.1e-5, rel=0.1)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("961 unknowns, 16 solutions")
    low, high = (float(word) for word in lines[-3].split(":")[1].split(" to "))
    assert 1 <= low < high <= 10  # the largest ratio of two conductivities
    assert (tmp_path / "figure.png").stat().st_size > 10_000

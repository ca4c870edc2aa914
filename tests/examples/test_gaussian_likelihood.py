import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "gaussian_likelihood.py"


def test_small_mode_gives_the_pinned_number(capsys):
    error = runpy.run_path(str(EXAMPLE))["main"](readings=120)
    assert error == pytest.approx(2.9e-5, rel=0.1)
    told = capsys.readouterr().out
    assert "66 factorizations" in told
    assert float(told.split("bound ")[1].split()[0]) > error

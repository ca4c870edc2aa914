import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "helmholtz_band.py"


def test_small_mode_gives_the_pinned_number(capsys):
    error = runpy.run_path(str(EXAMPLE))["main"](n=80, wavenumbers=50)
    assert error == pytest.approx(3.5e-7, rel=0.1)
    told = capsys.readouterr().out
    assert "16 matrices, 15 sources" in told
    # As full solutions of all 50 wavenumbers say.
    assert "the echo is faintest at k = 6.327: 1.6e-03 per scatterer" in told

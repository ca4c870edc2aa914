import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "helmholtz_sequence.py"


def test_small_mode_gives_the_known_iterations(capsys):
    gmres, recycled, damped, both = runpy.run_path(str(EXAMPLE))["main"](nodes=42, systems=5)
    assert gmres == 1000  # not converged
    assert recycled == pytest.approx(79, rel=0.1)
    assert damped == pytest.approx(25, abs=1)
    assert both == pytest.approx(9.4, abs=1.0)
    assert "largest wave" in capsys.readouterr().out

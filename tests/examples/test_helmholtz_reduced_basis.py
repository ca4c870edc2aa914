import runpy
from pathlib import Path

import numpy as np
import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "helmholtz_reduced_basis.py"


def test_small_mode_gives_the_pinned_number(capsys, tmp_path):
    main = runpy.run_path(str(EXAMPLE))["main"]
    found = main(points=17, band=(3.0, 6.0), figure=str(tmp_path / "figure.png"))
    assert "256 unknowns" in capsys.readouterr().out and found.size == 6
    assert found.bound.max() == pytest.approx(4.0e-4, rel=0.1)
    assert len(found.bound) == 200 and (found.bound >= found.error).all()
    assert (found.heard_bound >= found.heard_error).all()
    # Sharp enough to be of use: within a factor of ten for waves.
    assert np.max(found.bound / found.error) < 10
    assert found.heard_bound.max() < 1e-2 * found.bound.max()
    assert (tmp_path / "figure.png").stat().st_size > 10_000

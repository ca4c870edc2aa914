import re
import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "your_own_equation_in_time.py"


def test_small_mode_gives_the_known_numbers(capsys, tmp_path):
    grown, height = runpy.run_path(str(EXAMPLE))["main"](32, 30.0, str(tmp_path / "a.png"))
    assert grown == pytest.approx(0.2, abs=1e-6)
    assert height == pytest.approx(0.565, abs=0.02)
    told = capsys.readouterr().out
    errors = dict(re.findall(r"(\w+) +\d+ evaluations, error ([\d.e-]+)", told))
    assert float(errors["ETD1"]) > 50 * float(errors["ETDRK2"]) > 1e4 * float(errors["ETDRK4"])
    assert (tmp_path / "a.png").stat().st_size > 20_000

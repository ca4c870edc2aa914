import runpy
from pathlib import Path

import pytest
import torch

EXAMPLE = Path(__file__).parents[2] / "examples" / "scattered_measurements.py"


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_small_mode_gives_the_known_errors(tmp_path, one_thread):
    main = runpy.run_path(str(EXAMPLE))["main"]
    errors = main(tmp_path, points=33, count=60, epochs=12)
    assert errors["as many wells"] == pytest.approx(0.0602, rel=0.05)
    assert abs(errors["three times more"] / errors["as many wells"] - 1) < 0.15

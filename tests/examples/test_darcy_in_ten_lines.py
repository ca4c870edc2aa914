import runpy
from pathlib import Path

import pytest
import torch

EXAMPLE = Path(__file__).parents[2] / "examples" / "darcy_in_ten_lines.py"


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_the_small_mode_gives_the_known_bound(tmp_path, one_thread):
    main = runpy.run_path(str(EXAMPLE))["main"]
    answer = main(tmp_path, points=33, samples=80, epochs=20)
    assert answer.bound_before.mean() == pytest.approx(0.5170, rel=0.02)
    assert (answer.bound <= 0.1).all()
    assert {p.name for p in tmp_path.iterdir()} == {"darcy.h5", "darcy_test.h5", "fno.h5"}


def test_it_is_ten_statements():
    body = EXAMPLE.read_text(encoding="utf-8").split(") -> CertifiedPrediction:\n")[1]
    lines = [line for line in body.split("\n\n\n")[0].splitlines() if line.strip()]
    assert len(lines) <= 10

import runpy
import warnings
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "learned_chaos.py"


def test_small_mode_follows_the_solver_and_keeps_its_energy(tmp_path, capsys):
    torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")
    torch.set_num_threads(1)
    names = runpy.run_path(str(EXAMPLE))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the first states are not resolved, which nobody sees
        good, energy = names["main"](
            tmp_path, samples=12, epochs=10, width=16, steps=100, figure=str(tmp_path / "ks")
        )
    assert good >= 2  # 5 where it was written
    assert energy == pytest.approx(1.0, abs=0.3)
    assert "units of time" in capsys.readouterr().out
    assert (tmp_path / "ks.png").exists()

import numpy as np

from nwidth.rom import EmpiricalInterpolation, eim


def test_file_gives_back_what_was_saved(tmp_path):
    f = np.cos(np.outer(np.linspace(0, 3, 20), np.linspace(0, 3, 60))).reshape(20, 6, 10)
    model = eim(f, 1e-6)
    model.save(tmp_path / "model.h5")
    found = EmpiricalInterpolation.load(tmp_path / "model.h5")
    for name in ("rows", "points", "functions", "values", "errors", "status", "norm"):
        np.testing.assert_array_equal(getattr(found, name), getattr(model, name))
    assert found.shape == (6, 10)

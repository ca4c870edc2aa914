import numpy as np
import pytest

from nwidth.fields import FieldDataset
from nwidth.meshes import Grid


def test_bounds_without_polishing(nwidth, made):
    answer = nwidth("certify", made / "fno.h5", made / "darcy_test.h5")
    assert answer.code == 0
    assert "CertifiedPrediction of 4 fields" in answer.out and "discrete solution" in answer.out


def test_polishing_meets_the_tolerance(nwidth, made, tmp_path):
    out = tmp_path / "c.h5"
    answer = nwidth("certify", made / "fno.h5", made / "darcy_test.h5", "--rtol", 1e-3, "-o", out)
    assert answer.code == 0
    with FieldDataset.open(out) as data:
        assert (data.scalars["bound"] <= 1e-3).all()
        assert (data.scalars["bound_before"] > 1e-3).all()
        error = data["pressure"][:] - data["pressure_reference"][:]
        relative = np.linalg.norm(error) / np.linalg.norm(data["pressure_reference"][:])
        assert relative < 1e-3
        raw = data["pressure_predicted"][:] - data["pressure_reference"][:]
        assert np.linalg.norm(raw) > 10 * np.linalg.norm(error)


def test_data_without_a_problem_need_a_configuration(nwidth, made, tmp_path):
    path, grid = tmp_path / "theirs.h5", Grid.uniform((17, 17))
    with FieldDataset.create(path, grid, {"permeability": "1"}) as data:
        data.append({"permeability": np.full(grid.shape, 3.0)})
        data.finish()
    answer = nwidth("certify", made / "fno.h5", path)
    assert answer.code == 1 and "--config" in answer.sentence
    assert nwidth("certify", made / "fno.h5", path, "--config", made / "tiny.toml").code == 0


@pytest.mark.parametrize("value", [0.0, -3.0, np.nan])
def test_impossible_permeability_is_named(nwidth, made, tmp_path, value):
    path, grid = tmp_path / "bad.h5", Grid.uniform((17, 17))
    a = np.full(grid.shape, 3.0)
    a[2, 5] = value
    options = {"allow_nonfinite": True}
    with FieldDataset.create(path, grid, {"permeability": "1"}, **options) as data:
        data.append({"permeability": a})
        data.finish()
    answer = nwidth(
        "certify", made / "fno.h5", path, "--config", made / "tiny.toml", "-o", tmp_path / "c.h5"
    )
    assert answer.code == 1 and "permeability" in answer.sentence
    assert not (tmp_path / "c.h5").exists()


def test_bad_tolerances_are_usage_errors(nwidth, made):
    assert nwidth("certify", made / "fno.h5", made / "darcy_test.h5", "--rtol", "-1").code == 2
    assert nwidth("certify", made / "fno.h5", made / "darcy_test.h5", "--rtol", "nan").code == 2

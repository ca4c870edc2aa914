import numpy as np
import pytest

from nwidth.cli.build import problem_of
from nwidth.cli.certify import certify_data
from nwidth.errors import InputError
from nwidth.fields import FieldDataset
from nwidth.meshes import Grid
from nwidth.operators import NeuralOperator
from nwidth.rom import certify
from nwidth.solvers import Darcy


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


def test_infinite_bounds_are_stored_as_such(nwidth, made, tmp_path):
    path, grid = tmp_path / "far.h5", Grid.uniform((17, 17))
    with FieldDataset.create(path, grid, {"permeability": "1"}) as data:
        data.append({"permeability": np.full(grid.shape, 300.0)})
        data.finish()
    config, out = made / "tiny.toml", tmp_path / "c.h5"
    answer = nwidth("certify", made / "fno.h5", path, "--config", config, "-o", out)
    assert answer.code == 0, answer.err
    with FieldDataset.open(out) as data:
        assert data.scalars["l2_bound"][0] == np.inf
        assert np.isfinite(data["pressure"][0]).all()


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


@pytest.mark.parametrize("at_once", [1, 3, 64])
def test_chunks_change_nothing_and_are_not_held(made, tmp_path, monkeypatch, at_once):
    monkeypatch.setattr("nwidth.cli.predict.SAMPLES_AT_ONCE", at_once)
    model = NeuralOperator.load(made / "fno.h5")
    with FieldDataset.open(made / "darcy_test.h5") as test:
        problem = problem_of(test, "")
        result = certify_data(model, problem, test, 1e-3, tmp_path / "c.h5", "fno.h5")
        inputs = {"permeability": test["permeability"][:]}
        whole = certify(model, problem).predict(inputs, 1e-3)
    assert len(result) == 4 and result.u.size == 0
    assert np.allclose(result.bound, whole.bound, rtol=1e-3)
    with FieldDataset.open(tmp_path / "c.h5") as data:
        assert np.array_equal(data.scalars["bound"], result.bound)
        assert np.allclose(data["pressure"][:], whole.u, rtol=1e-4)


def test_a_bad_sample_of_a_later_chunk_is_counted_from_its_start(made, tmp_path, monkeypatch):
    monkeypatch.setattr("nwidth.cli.predict.SAMPLES_AT_ONCE", 2)
    path, grid = tmp_path / "bad.h5", Grid.uniform((17, 17))
    with FieldDataset.create(path, grid, {"permeability": "1"}) as data:
        for value in (3.0, 3.0, 3.0, -3.0):
            data.append({"permeability": np.full(grid.shape, value)})
        data.finish()
    model = NeuralOperator.load(made / "fno.h5")
    with (
        FieldDataset.open(path) as data,
        pytest.raises(InputError, match="counted from sample 2: sample 1: permeability"),
    ):
        certify_data(model, Darcy(grid), data, None, tmp_path / "c.h5", "fno.h5")
    assert [p.name for p in tmp_path.iterdir()] == ["bad.h5"]


def test_bad_tolerances_are_usage_errors(nwidth, made):
    assert nwidth("certify", made / "fno.h5", made / "darcy_test.h5", "--rtol", "-1").code == 2
    assert nwidth("certify", made / "fno.h5", made / "darcy_test.h5", "--rtol", "nan").code == 2

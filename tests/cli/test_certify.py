import numpy as np
import pytest

from nwidth.cli.build import problem_of
from nwidth.cli.certify import certify_data
from nwidth.errors import InputError
from nwidth.fields import FieldDataset
from nwidth.meshes import Grid
from nwidth.operators import NeuralOperator
from nwidth.rom import certify
from nwidth.solvers import Darcy, Helmholtz, discretization_error


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


def test_the_error_of_the_grid_is_estimated_beside_the_bounds_if_asked(nwidth, made, tmp_path):
    arguments = ("certify", made / "fno.h5", made / "darcy_test.h5", "--rtol", 1e-2)
    plain = nwidth(*arguments, "-o", tmp_path / "plain.h5")
    assert "the error of the grid itself was not estimated" in plain.out
    answer = nwidth(*arguments, "--two-grid", "-o", tmp_path / "c.h5")
    assert answer.code == 0, answer.err
    assert "the error of the grid itself is about" in answer.out
    with (
        FieldDataset.open(tmp_path / "c.h5") as data,
        FieldDataset.open(tmp_path / "plain.h5") as without,
    ):
        assert "discretization" not in without.scalar_names
        problem = problem_of(data, "")
        for i in range(4):
            inputs = {"permeability": data["permeability"][i]}
            expected = discretization_error(problem, inputs)
            assert np.isclose(data.scalars["discretization"][i], expected, rtol=1e-3)
            assert 0.005 < expected < 1


def test_a_grid_that_has_no_coarser_one_is_told_at_once(nwidth, made, tmp_path):
    path, grid = tmp_path / "odd.h5", Grid.uniform((12, 12))
    with FieldDataset.create(path, grid, {"permeability": "1"}) as data:
        data.append({"permeability": np.full(grid.shape, 3.0)})
        data.finish()
    config, out = made / "tiny.toml", tmp_path / "c.h5"
    answer = nwidth("certify", made / "fno.h5", path, "-c", config, "--two-grid", "-o", out)
    assert answer.code == 1 and "to coarsen the grid" in answer.sentence
    assert "sample" not in answer.sentence and not out.exists()


def test_the_file_names_the_problem_that_was_certified(nwidth, made, tmp_path):
    model, test = made / "fno.h5", made / "darcy_test.h5"
    other = tmp_path / "other.toml"
    text = (made / "tiny.toml").read_text()
    other.write_text(text.replace("[17, 17]", "[17, 17]\nforcing = 2.0"))
    out = tmp_path / "other.h5"
    answer = nwidth("certify", model, test, "-c", other, "--rtol", 1e-6, "-o", out)
    assert answer.code == 0, answer.err
    assert "pressure is left out, as it solves another problem" in answer.err
    with FieldDataset.open(out) as data, FieldDataset.open(test) as before:
        assert data.provenance["problem"]["source"] == 2.0
        assert "pressure_reference" not in data.field_names
        assert np.allclose(data["pressure"][:], 2 * before["pressure"][:], atol=1e-6)

    again = tmp_path / "again.h5"  # the same equation, however inputs and sides are told
    text = text.replace("[17, 17]", "[17, 17]\nboundary = { x_lower = { dirichlet = 0.0 } }")
    other.write_text(text.replace("two-phase", "log-normal"))
    assert nwidth("certify", model, test, "-c", other, "-o", again).code == 0
    with FieldDataset.open(again) as data:
        assert "pressure_reference" in data.field_names
        assert data.provenance["problem"]["permeability"]["kind"] == "LogNormalField"


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
        assert data.layout.allow_nonfinite == {*data.scalar_names}
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


def test_data_of_a_problem_without_certificates_is_refused(tmp_path):
    path, grid = tmp_path / "waves.h5", Grid.uniform((5, 5))
    provenance = {"problem": Helmholtz(grid).describe()}
    with FieldDataset.create(path, grid, {"wavenumber": "1"}, provenance=provenance) as data:
        data.append({"wavenumber": np.ones(grid.shape)})
        data.finish()
    with FieldDataset.open(path) as data, pytest.raises(InputError, match="those of helmholtz"):
        problem_of(data, "")

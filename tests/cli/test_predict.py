import numpy as np
import pytest

from nwidth.fields import FieldDataset
from nwidth.meshes import Grid
from nwidth.operators import NeuralOperator


def test_predictions_stand_beside_inputs_and_references(nwidth, made, tmp_path):
    out = tmp_path / "p.h5"
    answer = nwidth("predict", made / "fno.h5", made / "darcy_test.h5", "-o", out)
    assert answer.code == 0 and "relative L2 error" in answer.out
    with FieldDataset.open(out) as data, FieldDataset.open(made / "darcy_test.h5") as test:
        inputs = {"permeability": test["permeability"][:]}
        expected = NeuralOperator.load(made / "fno.h5").predict(inputs)
        assert np.allclose(data["pressure"][:], expected, rtol=1e-5, atol=1e-8)
        assert np.array_equal(data["pressure_reference"][:], test["pressure"][:])
        error = test.grid.norm(expected[1] - test["pressure"][1])
        relative = error / test.grid.norm(test["pressure"][1])
        assert data.scalars["relative_l2_error"][1] == pytest.approx(relative, rel=1e-4)
    assert [p.name for p in tmp_path.iterdir()] == ["p.h5"]


def test_other_resolutions_are_welcome_other_boxes_not(nwidth, made, tmp_path):
    for name, grid in {
        "fine": Grid.uniform((25, 25)),
        "wide": Grid.uniform((17, 17), upper=(2.0, 1.0)),
    }.items():
        with FieldDataset.create(tmp_path / f"{name}.h5", grid, {"permeability": "1"}) as data:
            data.append({"permeability": np.full(grid.shape, 3.0)})
            data.finish()
    assert (
        nwidth("predict", made / "fno.h5", tmp_path / "fine.h5", "-o", tmp_path / "p.h5").code == 0
    )
    answer = nwidth("predict", made / "fno.h5", tmp_path / "wide.h5", "-o", tmp_path / "q.h5")
    assert answer.code == 1 and "box" in answer.sentence
    assert not list(tmp_path.glob("q*"))


def test_inputs_that_the_model_was_not_trained_on(nwidth, made, tmp_path):
    grid = Grid.uniform((17, 17))
    with FieldDataset.create(tmp_path / "x.h5", grid, {"x": "1"}) as data:
        data.append({"x": np.ones(grid.shape)})
        data.finish()
    answer = nwidth("predict", made / "fno.h5", tmp_path / "x.h5", "-o", tmp_path / "p.h5")
    assert answer.code == 1
    assert "permeability" in answer.sentence and "--map permeability=x" in answer.sentence


def test_models_and_data_in_each_others_place(nwidth, made, tmp_path):
    out = tmp_path / "p.h5"
    assert nwidth("predict", made / "darcy.h5", made / "darcy_test.h5", "-o", out).code == 1
    assert nwidth("predict", made / "fno.h5", made / "fno.h5", "-o", out).code == 1
    assert nwidth("predict", tmp_path / "none.h5", made / "darcy.h5", "-o", out).code == 1
    assert not out.exists()

import numpy as np
import pytest

from nwidth.fields import FieldDataset
from nwidth.operators import AutoregressiveOperator

SMALL = ("--epochs", 1, "--width", 4, "--threads", 1)


@pytest.fixture(scope="module")
def models(flow_files, tmp_path_factory):
    """A map from state to state, and an operator in space and time."""
    from nwidth.cli.main import call

    folder = tmp_path_factory.mktemp("models")
    step, block = folder / "step.h5", folder / "block.h5"
    options = (*SMALL, "--history", 2)
    for arguments in (
        ("train", flow_files, "-o", step, "--modes", 3, "--start", 1, *options),
        ("train", flow_files, "-o", block, "--modes", 1, "--space-time", *options),
    ):
        assert call([str(a) for a in arguments]) == 0
    return {"step": step, "block": block}


def test_rollouts_are_written_beside_the_data(nwidth, flow, models, tmp_path):
    out = tmp_path / "r.h5"
    answer = nwidth("predict", models["step"], flow, "-o", out)
    assert answer.code == 0, answer.err
    model = AutoregressiveOperator.load(models["step"])
    with FieldDataset.open(out) as found, FieldDataset.open(flow) as data:
        assert found.times.tolist() == [1.0, 2.0, 3.0, 4.0, 5.0] and found.verify() == []
        np.testing.assert_array_equal(found["vorticity_reference"][:], data["vorticity"][:, 1:])
        np.testing.assert_array_equal(found["vorticity"][:, :2], data["vorticity"][:, 1:3])
        rolled = model.predict({"vorticity": data["vorticity"][:, 1:3]}, steps=3)["vorticity"]
        np.testing.assert_allclose(found["vorticity"][:, 2:], rolled, rtol=1e-4, atol=1e-5)
        assert found.provenance["given"] == 2
        error = model.evaluate(data)["relative_l2_mean"]
        assert found.scalars["relative_l2_error"].mean() == pytest.approx(error, rel=1e-4)
    assert f"mean {100 * error:.3g} %" in answer.out and "at the last time" in answer.out
    for kind, name in (("snapshots", "a.png"), ("movie", "a.gif")):
        answer = nwidth("plot", out, "-o", tmp_path / name, "--kind", kind)
        assert answer.code == 0, answer.err


def test_rollouts_may_go_beyond_the_data(nwidth, flow, models, tmp_path):
    out = tmp_path / "r.h5"
    answer = nwidth("predict", models["step"], flow, "-o", out, "--steps", 7, "--start", 0)
    assert answer.code == 0, answer.err
    assert "relative" not in answer.out
    with FieldDataset.open(out) as found:
        assert found.field_names == ("vorticity",) and found["vorticity"].shape[1] == 9
        np.testing.assert_allclose(found.times, np.arange(9.0))


def test_all_times_at_once(nwidth, flow, models, tmp_path):
    answer = nwidth("predict", models["block"], flow, "-o", tmp_path / "r.h5")
    assert answer.code == 0 and "at 4 times after the 2 given" in answer.out, answer.err
    answer = nwidth("predict", models["block"], flow, "-o", tmp_path / "s.h5", "--steps", 3)
    assert answer.code == 2 and "--steps, --start: expected none" in answer.sentence


def test_what_does_not_fit(nwidth, flow, made, models, tmp_path):
    out = tmp_path / "r.h5"
    answer = nwidth("predict", models["step"], flow, "-o", out, "--start", 5)
    assert answer.code == 2 and "--start: expected at least 2 states" in answer.sentence
    answer = nwidth("predict", models["step"], made / "darcy.h5", "-o", out)
    assert answer.code > 0 and "static fields" in answer.sentence
    answer = nwidth("predict", made / "fno.h5", made / "darcy.h5", "-o", out, "--steps", 3)
    assert answer.code == 2 and "expected a model in time" in answer.sentence
    assert not out.exists()

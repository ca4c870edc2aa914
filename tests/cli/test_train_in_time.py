import numpy as np
import pytest

from nwidth.fields import FieldDataset
from nwidth.operators import AutoregressiveOperator, SpaceTimeOperator

SMALL = ("--epochs", 1, "--width", 4, "--threads", 1)


def test_a_map_from_state_to_state_is_trained(nwidth, flow, tmp_path):
    out = tmp_path / "step.h5"
    options = ("--rollout", "pushforward", "--rollout-steps", 2, "--start", 1, "--history", 2)
    options += ("--horizon", 2)
    answer = nwidth("train", flow, "-o", out, "--modes", 3, *options, *SMALL)
    assert answer.code == 0, answer.err
    assert "validation" in answer.out and "AutoregressiveOperator" in answer.out
    model = AutoregressiveOperator.load(out)
    assert (model.fields, model.window, model.setting.step) == (("vorticity",), 2, 1.0)
    rollout = model.rollout
    assert (rollout.scheme, rollout.steps, rollout.start) == ("pushforward", 2, 1)
    assert rollout.horizon == 2
    # The forcing that the data name is a channel of the network.
    assert [*model.shared] == ["forcing"] and model.model.in_channels == 3
    assert np.abs(model.shared["forcing"]).max() == pytest.approx(0.1 * np.sqrt(2), rel=0.05)
    assert not [p for p in tmp_path.iterdir() if "partial" in p.name]


def test_all_times_at_once_are_trained(nwidth, flow, tmp_path):
    out = tmp_path / "block.h5"
    answer = nwidth("train", flow, "-o", out, "--space-time", "--history", 2, "--modes", 1, *SMALL)
    assert answer.code == 0, answer.err
    model = SpaceTimeOperator.load(out)
    assert model.time_axis.points.tolist() == [2.0, 3.0, 4.0, 5.0] and model.model.dimension == 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--rollout", "teacher"), "scheme: expected one of one-step, pushforward"),
        (("--rollout-steps", 9), "expected at least 10 states"),
        (("--target", "pressure"), "--target: expected one of vorticity, which change in time"),
        (("--input", "vorticity"), "--input: expected one of none, which do not change in time"),
        (("--space-time", "--rollout", "one-step"), "--rollout: expected none with --space-time"),
        (("--space-time", "--start", 5), "at least two states after the first 6, got 0"),
    ],
)
def test_settings_that_do_not_fit(nwidth, flow, tmp_path, options, words):
    answer = nwidth("train", flow, "-o", tmp_path / "m.h5", "--modes", 3, *options, *SMALL)
    assert (answer.code > 0, words in answer.sentence) == (True, True), answer.err
    assert not (tmp_path / "m.h5").exists()


def test_static_fields_know_no_time(nwidth, made, tmp_path):
    for option in (("--history", 2), ("--space-time",), ("--rollout-steps", 3)):
        answer = nwidth("train", made / "darcy.h5", "-o", tmp_path / "m.h5", *option)
        assert answer.code == 2 and f"{option[0]}: expected fields in time" in answer.sentence


def test_data_without_a_problem_have_no_forcing(nwidth, tmp_path):
    from nwidth.meshes import Grid

    path = tmp_path / "u.h5"
    with FieldDataset.create(path, Grid.periodic(8), {"u": "1"}, times=np.arange(6.0)) as data:
        data.extend({"u": np.random.default_rng(0).normal(size=(4, 6, 8))})
        data.finish()
    answer = nwidth("train", path, "-o", tmp_path / "m.h5", "--modes", 2, *SMALL)
    assert answer.code == 1 and "validation" in answer.sentence
    text = "[problem]\nshape = [3, 3]\n[permeability]\nkind = 'two-phase'\n[training]\n"
    (tmp_path / "v.toml").write_text(text + "validation = 0.25\n")
    answer = nwidth(
        "train", path, "-o", tmp_path / "m.h5", "--modes", 2, "-c", tmp_path / "v.toml", *SMALL
    )
    assert answer.code == 0, answer.err
    assert AutoregressiveOperator.load(tmp_path / "m.h5").shared == {}

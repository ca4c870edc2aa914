import numpy as np
import pytest

from nwidth.cli.percent import percent
from nwidth.fields import FieldDataset
from nwidth.meshes import Grid
from nwidth.rom import RectangularEIM, sensor_failures


def test_positions_errors_and_failures_are_told_and_kept(nwidth, made, tmp_path):
    out, figure = tmp_path / "s.h5", tmp_path / "s.png"
    answer = nwidth("sensors", made / "darcy.h5", "--number", 5, "-o", out, "--plot", figure)
    assert answer.code == 0, answer.err
    assert "pressure: 5 sensors from 12 fields" in answer.out
    lines = [line for line in answer.out.splitlines() if line[:6].strip().isdigit()]
    assert len(lines) == 5
    model = RectangularEIM.load(out)
    assert model.about["field"] == "pressure" and model.about["rows"] == 12
    with FieldDataset.open(made / "darcy.h5") as data:
        assert Grid.from_description(model.about["grid"]) == data.grid
        coordinates = np.stack([c.ravel() for c in data.grid.coordinates()], axis=1)
    np.testing.assert_allclose(model.about["positions"], coordinates[model.points])
    assert [float(x) for x in lines[2].split()[1:3]] == pytest.approx(
        model.about["positions"][2], rel=1e-4
    )
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert nwidth("inspect", out).code == 0
    assert {p.name for p in tmp_path.iterdir()} == {"s.h5", "s.png"}


def test_failures_on_fields_that_were_not_chosen_from(nwidth, made, tmp_path):
    data, test, out = made / "darcy.h5", made / "darcy_test.h5", tmp_path / "s.h5"
    answer = nwidth("sensors", data, "--number", 3, "--test", test, "-o", out)
    assert answer.code == 0 and "darcy_test.h5" in answer.out and "few fields" not in answer.out
    with FieldDataset.open(test) as unseen:
        fields, weights = unseen["pressure"][:], unseen.grid.weights
    model = RectangularEIM.load(out)
    readings = fields.reshape(len(fields), -1)[:, model.points]
    found = sensor_failures(model, fields, readings, weights=weights, noise=0.0)
    assert f"sensor {found.worst} with {percent(found.weighted.max())}" in answer.out
    answer = nwidth("sensors", data, "--number", 3, "-o", tmp_path / "t.h5")
    assert answer.code == 0 and "few fields for 3 sensors" in answer.out


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_other_norms_and_fields(nwidth, made, tmp_path, norm):
    options = ("--norm", norm, "--field", "permeability", "--noise", 0.1, "-n", 3)
    answer = nwidth("sensors", made / "darcy.h5", "-o", tmp_path / "s.h5", *options)
    assert answer.code == 0 and f"largest {norm} norm" in answer.out


def test_fields_in_time_are_fields_too(nwidth, tmp_path):
    grid, rng = Grid.uniform(15, units="m"), np.random.default_rng(0)
    with FieldDataset.create(tmp_path / "t.h5", grid, {"u": "K"}, times=[0.0, 1.0, 2.0]) as data:
        for _ in range(4):
            data.append({"u": rng.standard_normal((3, 15))})
        data.finish()
    answer = nwidth("sensors", tmp_path / "t.h5", "-n", 4, "-o", tmp_path / "s.h5")
    assert answer.code == 0 and "4 sensors from 12 fields" in answer.out and "x (m)" in answer.out


def test_data_of_low_rank_need_fewer_sensors(nwidth, tmp_path):
    grid = Grid.uniform(15)
    with FieldDataset.create(tmp_path / "r.h5", grid, {"u": "1"}) as data:
        for k in range(6):
            data.append({"u": 1.0 + k * grid.points[0]})
        data.finish()
    answer = nwidth("sensors", tmp_path / "r.h5", "-n", 4, "-o", tmp_path / "s.h5")
    assert answer.code == 0
    assert "u: 2 sensors" in answer.out and "fewer than 4: the data have no more" in answer.out


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--field", "temperature"), 2, "--field: expected one of permeability, pressure"),
        (("--norm", "l3"), 2, "--norm: expected sup, l1 or l2"),
        (("--noise", "-1"), 2, "--noise: expected a number >= 0"),
        (("--number", 1), 2, "--number"),
        (("--plot", "a.txt"), 2, "ending in .png"),
        (("--test", "none.h5"), 1, "no such file"),
    ],
)
def test_wrong_wishes(nwidth, made, tmp_path, options, code, words):
    answer = nwidth("sensors", made / "darcy.h5", "-o", tmp_path / "s.h5", *options)
    assert answer.code == code and words in answer.sentence
    assert list(tmp_path.iterdir()) == []


def test_fields_that_do_not_differ_and_vectors(nwidth, tmp_path):
    from nwidth.fields import Field

    grid = Grid.uniform((4, 5))
    with FieldDataset.create(tmp_path / "c.h5", grid, {"u": "1", "v": Field("1", (2,))}) as data:
        for _ in range(3):
            data.append({"u": np.ones((4, 5)), "v": np.ones((4, 5, 2))})
        data.finish()
    for name, words in (("u", "that differ"), ("v", "which is of vectors")):
        answer = nwidth("sensors", tmp_path / "c.h5", "--field", name, "-o", tmp_path / "s.h5")
        assert answer.code == 2 and words in answer.sentence
    answer = nwidth("sensors", tmp_path / "c.h5", "-o", tmp_path / "s.h5")
    assert answer.code == 2 and "expected one of u, v, got none" in answer.sentence


def test_a_model_is_no_data_set(nwidth, made, tmp_path):
    answer = nwidth("sensors", made / "fno.h5", "-o", tmp_path / "s.h5")
    assert answer.code == 1 and not list(tmp_path.iterdir())

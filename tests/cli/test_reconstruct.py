import h5py
import numpy as np
import pytest

from nwidth.fields import FieldDataset
from nwidth.meshes import Grid
from nwidth.rom import RectangularEIM


@pytest.fixture(scope="module")
def thermometers(tmp_path_factory):
    """A folder with a data set of temperatures and a model of five sensors."""
    from nwidth.cli.main import call

    folder, rng = tmp_path_factory.mktemp("thermometers"), np.random.default_rng(0)
    grid = Grid.uniform((9, 8), units="m")
    x, y = grid.coordinates()
    modes = [1 + 0 * x, x, y, np.sin(3 * x) * y, np.cos(4 * y) * x, x * y**2]
    for name, count in (("t.h5", 200), ("new.h5", 7)):
        with FieldDataset.create(folder / name, grid, {"temperature": "K"}) as data:
            for c in rng.standard_normal((count, 6)) * [3, 2, 1, 0.5, 0.2, 0.1]:
                data.append({"temperature": 280 + np.tensordot(c, modes, axes=1)})
            data.finish()
    assert call(["sensors", str(folder / "t.h5"), "-n", "5", "-o", str(folder / "s.h5")]) == 0
    return folder


def readings(folder):
    model = RectangularEIM.load(folder / "s.h5")
    with FieldDataset.open(folder / "new.h5") as data:
        fields = data["temperature"][:]
    return model, fields, fields.reshape(len(fields), -1)[:, model.points]


def test_a_line_of_empty_cells_is_told_and_not_left_out(nwidth, thermometers, tmp_path):
    (tmp_path / "r.csv").write_text("0,1,2,3,4\n1,2,3,4,5\n,,,,\n1,2,3,4,5\n", encoding="utf-8")
    wish = (thermometers / "s.h5", tmp_path / "r.csv", "-o", tmp_path / "f.h5")
    answer = nwidth("reconstruct", *wish)
    assert answer.code == 1 and "number 1 (from 0): all sensors have failed" in answer.sentence
    assert not (tmp_path / "f.h5").exists()


def test_what_is_read_is_not_overwritten(nwidth, thermometers):
    data, model = thermometers / "t.h5", thermometers / "s.h5"
    before = data.read_bytes(), model.read_bytes()
    for wish in (("sensors", data, "-o", data), ("reconstruct", model, data, "-o", model)):
        answer = nwidth(*wish, "--overwrite")
        assert answer.code == 1 and "another file than those that are read" in answer.sentence
    assert (data.read_bytes(), model.read_bytes()) == before


def test_csv_with_gaps_becomes_fields_with_error_bars(nwidth, thermometers, tmp_path):
    model, fields, v = readings(thermometers)
    cells = [[f"{x:.17g}" for x in line] for line in v]
    cells[2][1], cells[4][0], cells[4][3] = "", "nan", " "
    text = "\n".join([" 0,s1,sensor 2,Sensor_3,4", *(",".join(line) for line in cells)])
    (tmp_path / "r.csv").write_text(text + "\n\n", encoding="utf-8")
    out = tmp_path / "f.h5"
    answer = nwidth(
        "reconstruct", thermometers / "s.h5", tmp_path / "r.csv", "-o", out, "--noise", 0.05
    )
    assert answer.code == 0, answer.err
    assert "7 fields of temperature" in answer.out
    assert "failed sensors: 0 in 1 of 7, 1 in 1 of 7, 3 in 1 of 7" in answer.out
    with FieldDataset.open(out) as data:
        assert data.verify() == [] and data.units["temperature_std"] == "K"
        assert data.scalars["sensors_used"][:].tolist() == [5, 5, 4, 5, 3, 5, 5]
        found, deviation = data["temperature"][:], data["temperature_std"][:]
    whole = model.reconstruct(v, 0.05)
    np.testing.assert_allclose(found[[0, 1, 3]], whole.field[[0, 1, 3]])
    np.testing.assert_allclose(deviation[6], whole.deviation)
    left = model.without_sensor(0).without_sensor(3).reconstruct(v[4, [1, 2, 4]], 0.05)
    np.testing.assert_allclose(found[4], left.field)
    np.testing.assert_allclose(deviation[4], left.deviation)
    assert deviation[4].mean() > deviation[2].mean() > deviation[0].mean()
    assert np.abs(found[0] - fields[0]).max() < 6 * deviation[0].max()


def test_columns_that_are_not_there_and_other_marks(nwidth, thermometers, tmp_path):
    model, _, v = readings(thermometers)
    lines = ["\ufeff4;1", *(f"{line[4]:.17g};{line[1]:.17g}" for line in v)]
    (tmp_path / "r.csv").write_text("\r\n".join(lines), encoding="utf-8")
    out = tmp_path / "f.h5"
    answer = nwidth("reconstruct", thermometers / "s.h5", tmp_path / "r.csv", "-o", out)
    assert answer.code == 0 and "0 in 7 of 7, 2 in 7 of 7, 3 in 7 of 7" in answer.out
    left = model.without_sensor(0).without_sensor(2).without_sensor(3)
    with FieldDataset.open(out) as data:
        np.testing.assert_allclose(data["temperature"][:], left.reconstruct(v[:, [1, 4]]).field)


def test_hdf5_and_data_sets_give_the_same(nwidth, thermometers, tmp_path):
    _, _, v = readings(thermometers)
    with h5py.File(tmp_path / "r.h5", "w") as file:
        file["readings"] = v
    found, options = [], ("--failed", 1, "--noise", "0.1,0.1,0.2,0.1,0.1")
    for k, source in enumerate((tmp_path / "r.h5", thermometers / "new.h5")):
        out = tmp_path / f"{k}.h5"
        answer = nwidth("reconstruct", thermometers / "s.h5", source, "-o", out, *options)
        assert answer.code == 0 and "failed sensors: 1 in 7 of 7" in answer.out
        with FieldDataset.open(out) as data:
            found.append([data[name][:] for name in ("temperature", "temperature_std")])
    np.testing.assert_array_equal(*found)
    assert nwidth("plot", out, "-o", tmp_path / "f.png").code == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "got an empty file"),
        ("0,1\n", "at least one line of readings"),
        ("0,9\n1,2\n", "by their numbers (0, 1, 2, 3, 4), got '9'"),
        ("0,place\n1,2\n", "got 'place'"),
        ("0,0\n1,2\n", "each sensor once"),
        ("0,1\n1,2,3\n", "expected 2 cells in each line, got 3 in line 0"),
        ("0,1\n1,warm\n", "got 'warm' from sensor 1 in line 0"),
        ("0,1\n1,inf\n", "infinity from sensor 1 in line 0"),
        ("0,1\n1,2\nnan,\n", "none for number 1 (from 0): all sensors have failed"),
    ],
)
def test_readings_that_cannot_be_read(nwidth, thermometers, tmp_path, text, words):
    (tmp_path / "r.csv").write_text(text, encoding="utf-8")
    answer = nwidth(
        "reconstruct", thermometers / "s.h5", tmp_path / "r.csv", "-o", tmp_path / "f.h5"
    )
    assert answer.code == 1 and words in answer.sentence
    assert not (tmp_path / "f.h5").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--noise", "-1"), "--noise: expected one number >= 0 or 5"),
        (("--noise", "1,2"), "--noise"),
        (("--noise", "much"), "--noise"),
        (("--failed", 7), "--failed: expected one of the sensors 0, 1, 2, 3, 4, got 7"),
    ],
)
def test_wrong_wishes(nwidth, thermometers, tmp_path, options, words):
    files = (thermometers / "s.h5", thermometers / "new.h5")
    answer = nwidth("reconstruct", *files, "-o", tmp_path / "f.h5", *options)
    assert answer.code == 2 and words in answer.sentence


def test_files_in_each_others_place(nwidth, made, thermometers, tmp_path):
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00")
    with h5py.File(tmp_path / "r.h5", "w") as file:
        file["values"] = np.ones((2, 5))
    model, out = thermometers / "s.h5", tmp_path / "f.h5"
    pairs = [
        (made / "fno.h5", model),
        (thermometers / "t.h5", model),
        (model, model),
        (model, made / "darcy.h5"),
        (model, tmp_path / "none.csv"),
        (model, tmp_path / "b.csv"),
        (model, tmp_path / "r.h5"),
    ]
    for one, other in pairs:
        answer = nwidth("reconstruct", one, other, "-o", out)
        assert answer.code == 1 and answer.sentence, other
    assert not out.exists()


def test_a_model_of_python_without_a_grid(nwidth, tmp_path):
    RectangularEIM.chosen(np.eye(3), [0, 1], [0, 1]).save(tmp_path / "m.h5")
    answer = nwidth("reconstruct", tmp_path / "m.h5", tmp_path / "r.csv", "-o", tmp_path / "f.h5")
    assert answer.code == 1 and "that `nwidth sensors` wrote" in answer.sentence

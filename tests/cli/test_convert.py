from pathlib import Path

import h5py
import numpy as np
import pytest

from nwidth.fields import FieldDataset
from nwidth.meshes import Grid

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture
def theirs(tmp_path) -> Path:
    generator = np.random.default_rng(0)
    with h5py.File(tmp_path / "theirs.h5", "w") as file:
        file["x"] = generator.integers(0, 2, (5, 17, 17), dtype=np.uint8)
        file["y"] = generator.standard_normal((5, 17, 17)).astype(np.float32)
    return tmp_path / "theirs.h5"


def test_plain_hdf5_becomes_ours(nwidth, theirs, tmp_path):
    out = tmp_path / "ours.h5"
    answer = nwidth(
        *("convert", theirs, out, "--map", "x=permeability", "--map", "y=pressure"),
        *("--unit", "pressure=Pa"),
    )
    assert answer.code == 0, answer.err
    assert "5 samples of permeability, pressure on 17 x 17 nodes" in answer.out
    with FieldDataset.open(out) as data, h5py.File(theirs) as file:
        assert data.complete and data.units["pressure"] == "Pa"
        assert np.array_equal(data["pressure"][:], file["y"][()])
        assert np.array_equal(data["permeability"][:], file["x"][()])


@pytest.mark.parametrize(("to", "suffix"), [("npz", "npz"), ("plain", "h5"), ("well", "hdf5")])
def test_there_and_back(nwidth, made, tmp_path, to, suffix):
    away, back = tmp_path / f"away.{suffix}", tmp_path / "back.h5"
    assert nwidth("convert", made / "darcy.h5", away, "--to", to).code == 0
    arguments = ("--from", "well") if to == "well" else ()
    answer = nwidth("convert", away, back, *arguments)
    assert answer.code == 0, answer.err
    with FieldDataset.open(back) as data, FieldDataset.open(made / "darcy.h5") as before:
        for name in ("permeability", "pressure"):
            assert np.array_equal(data[name][:], before[name][:])
    assert {p.name for p in tmp_path.iterdir()} == {away.name, back.name}


@pytest.mark.parametrize("name", ["back.h5", "away.hdf5"])
def test_ours_is_copied_as_it_is(nwidth, made, tmp_path, name):
    away, back = tmp_path / "away.hdf5", tmp_path / name
    assert nwidth("convert", made / "darcy.h5", away, "--to", "well").code == 0
    answer = nwidth("convert", away, back, *(("--overwrite",) if back == away else ()))
    assert answer.code == 0 and "12 samples of permeability, pressure" in answer.out
    assert back.read_bytes() == (made / "darcy.h5").read_bytes()
    for option in (("--map", "pressure=p"), ("--unit", "pressure=Pa"), ("-c", made / "tiny.toml")):
        answer = nwidth("convert", away, tmp_path / "third.h5", *option)
        assert answer.code == 2 and "copied as it is" in answer.sentence
    assert not (tmp_path / "third.h5").exists()


def test_darcy_data_have_names_in_pdebench(nwidth, made, theirs, tmp_path):
    out = tmp_path / "pd.hdf5"
    answer = nwidth("convert", made / "darcy.h5", out, "--to", "pdebench")
    assert answer.code == 0, answer.err
    with h5py.File(out) as file, FieldDataset.open(made / "darcy.h5") as data:
        assert np.array_equal(file["nu"][()], data["permeability"][:])
        assert np.array_equal(file["tensor"][:, 0], data["pressure"][:])
    names = ("--map", "x=permeability", "--map", "y=pressure")
    answer = nwidth("convert", theirs, tmp_path / "b.hdf5", "--to", "pdebench", *names)
    assert answer.code == 0, answer.err
    answer = nwidth("convert", theirs, tmp_path / "c.hdf5", "--to", "pdebench")
    assert answer.code == 1 and "tensor" in answer.sentence  # no guess for other names


def test_no_samples_are_no_data(nwidth, tmp_path):
    np.savez(tmp_path / "a.npz", u=np.zeros((0, 9, 9)))
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["u"] = np.zeros((0, 9, 9))
    with FieldDataset.create(tmp_path / "c.h5", Grid.uniform((9, 9)), {"u": "1"}) as data:
        data.finish()
    for name in ("a.npz", "b.h5", "c.h5"):
        answer = nwidth("convert", tmp_path / name, tmp_path / "out.h5")
        assert answer.code == 1 and "at least one sample" in answer.sentence, answer.err
    assert not (tmp_path / "out.h5").exists()


def test_npz_by_name_only(nwidth, tmp_path):
    (tmp_path / "fake.npz").write_text("text")
    answer = nwidth("convert", tmp_path / "fake.npz", tmp_path / "out.h5")
    assert answer.code == 1 and "expected an npz file, as numpy.savez" in answer.sentence


def test_from_one_layout_of_others_to_another(nwidth, theirs, tmp_path):
    out = tmp_path / "bench.hdf5"
    answer = nwidth(
        *("convert", theirs, out, "--to", "pdebench", "--map", "x=nu", "--map", "y=tensor")
    )
    assert answer.code == 0, answer.err
    with h5py.File(out) as file:
        assert {"nu", "tensor", "x-coordinate"} <= {*file}
    assert {p.name for p in tmp_path.iterdir()} == {"theirs.h5", "bench.hdf5"}


def test_imported_data_can_be_certified(nwidth, made, theirs, tmp_path):
    with h5py.File(theirs, "r+") as file:
        file["x"][...] = 3 + file["x"][()]
    out = tmp_path / "ours.h5"
    arguments = ("--map", "x=permeability", "--map", "y=pressure", "-c", made / "tiny.toml")
    assert nwidth("convert", theirs, out, *arguments).code == 0
    assert nwidth("certify", made / "fno.h5", out).code == 0


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--to", "zarr"), 2, "--to: expected one of nwidth, well"),
        (("--from", "zarr"), 2, "--from: expected one of nwidth, well"),
        (("--map", "x"), 2, "--map: expected FROM=TO"),
        (("--map", "q=permeability"), 1, "q"),
    ],
)
def test_wrong_wishes(nwidth, theirs, tmp_path, options, code, words):
    answer = nwidth("convert", theirs, tmp_path / "out.h5", *options)
    assert (answer.code, words in answer.sentence) == (code, True), answer.err
    assert [p.name for p in tmp_path.iterdir()] == ["theirs.h5"]


def test_files_that_cannot_be_read(nwidth, made, tmp_path):
    out = tmp_path / "out.h5"
    assert nwidth("convert", tmp_path / "none.h5", out).code == 1
    assert nwidth("convert", made / "fno.h5", out).code == 1
    (tmp_path / "text.h5").write_text("text")
    assert nwidth("convert", tmp_path / "text.h5", out).code == 1
    assert not out.exists()
    out.write_text("mine")
    answer = nwidth("convert", made / "darcy.h5", out, "--to", "plain")
    assert answer.code == 1 and "--overwrite" in answer.sentence
    assert out.read_text() == "mine"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the data set is not here")
def test_train_and_test_on_data_from_elsewhere(nwidth, tmp_path):
    names = ("--map", "x=permeability", "--map", "y=pressure")
    for part in ("train", "test"):
        answer = nwidth("convert", SHARED / f"darcy_{part}_16.h5", tmp_path / f"{part}.h5", *names)
        assert answer.code == 0, answer.err
    settings = ("--epochs", 3, "--width", 12, "--modes", 6, "--threads", 1)
    fields = ("--input", "permeability", "--target", "pressure")
    model = tmp_path / "m.h5"
    answer = nwidth("train", tmp_path / "train.h5", "-o", model, *fields, *settings)
    assert answer.code == 0, answer.err
    answer = nwidth("predict", model, tmp_path / "test.h5", "-o", tmp_path / "p.h5")
    assert answer.code == 0, answer.err
    with FieldDataset.open(tmp_path / "p.h5") as data:
        assert len(data) == 50
        assert np.median(data.scalars["relative_l2_error"]) < 0.5

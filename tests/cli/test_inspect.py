import h5py
import numpy as np


def test_a_data_set(nwidth, made):
    out = nwidth("inspect", made / "darcy.h5").out
    for words in (
        "12 samples",
        "axis x",
        "17 nodes from 0 to 1",
        "field permeability",
        "17 x 17 float64",
        "first sample 3 to 12",
        "equation",
        "TwoPhaseField",
    ):
        assert words in out


def test_a_model(nwidth, made):
    out = nwidth("inspect", made / "fno.h5").out
    for words in ("neural-operator", "weights", "checksum good", "3 epochs", "modes", "permeab"):
        assert words in out


def test_an_unfinished_data_set_says_so(nwidth, tmp_path):
    from nwidth.fields import FieldDataset
    from nwidth.meshes import Grid

    path = tmp_path / "half.h5"
    data = FieldDataset.create(path, Grid.uniform((4, 4)), {"u": "Pa"}, samples=5)
    data.append({"u": np.ones((4, 4))})
    data.close()
    out = nwidth("inspect", path).out
    assert "1 sample, unfinished: 5 were asked for" in out and "in Pa" in out


def test_a_foreign_file_is_shown_as_a_tree(nwidth, tmp_path):
    with h5py.File(tmp_path / "theirs.h5", "w") as file:
        file["rock/k"] = np.ones((3, 4), dtype=np.float32)
    answer = nwidth("inspect", tmp_path / "theirs.h5")
    assert answer.code == 0
    assert "another kind" in answer.out and "3 x 4 float32" in answer.out
    assert "nwidth convert" in answer.out


def test_a_model_without_its_kind_is_damaged(nwidth, made, tmp_path):
    (tmp_path / "m.h5").write_bytes((made / "fno.h5").read_bytes())
    with h5py.File(tmp_path / "m.h5", "r+") as file:
        del file["nwidth"].attrs["kind"]
    assert "the file is damaged" in nwidth("inspect", tmp_path / "m.h5").sentence


def test_unsafe_and_missing_files_are_refused(nwidth, tmp_path):
    with h5py.File(tmp_path / "link.h5", "w") as file:
        file["away"] = h5py.ExternalLink("other.h5", "/x")
    assert "external link" in nwidth("inspect", tmp_path / "link.h5").sentence
    assert nwidth("inspect", tmp_path / "none.h5").code == 1
    (tmp_path / "text.h5").write_text("text")
    assert nwidth("inspect", tmp_path / "text.h5").code == 1

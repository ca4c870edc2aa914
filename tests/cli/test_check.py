import shutil

import h5py


def test_good_files(nwidth, made):
    answer = nwidth("check", made / "darcy.h5", made / "fno.h5")
    assert answer.code == 0
    assert answer.out.count(": good") == 2


def test_a_changed_number_is_noticed(nwidth, made, tmp_path):
    for name in ("darcy.h5", "fno.h5"):
        shutil.copy(made / name, tmp_path / name)
    with h5py.File(tmp_path / "darcy.h5", "r+") as file:
        file["t0_fields/pressure"][2, 0, 3, 3] += 1e-9
    with h5py.File(tmp_path / "fno.h5", "r+") as file:
        file["arrays/weights/output.bias"][0] += 1e-6
    answer = nwidth("check", tmp_path / "darcy.h5")
    assert answer.code == 1 and "pressure" in answer.out
    answer = nwidth("check", tmp_path / "fno.h5")
    assert answer.code == 1 and "damaged" in answer.sentence


def test_foreign_files_cannot_be_vouched_for(nwidth, tmp_path):
    with h5py.File(tmp_path / "theirs.h5", "w") as file:
        file["k"] = [1.0]
    assert "convert it first" in nwidth("check", tmp_path / "theirs.h5").sentence

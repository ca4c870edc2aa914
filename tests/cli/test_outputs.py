import errno
import subprocess
import sys
from pathlib import Path

import pytest

from nwidth.cli import outputs
from nwidth.errors import FileFormatError, InputError


def test_a_new_file_in_a_new_folder(tmp_path):
    path = outputs.claim(tmp_path / "a" / "b" / "data.h5")
    assert path.parent.is_dir() and not path.exists()
    assert list(path.parent.iterdir()) == []


def test_existing_files_need_a_word(tmp_path):
    path = tmp_path / "data.h5"
    path.write_text("mine")
    with pytest.raises(InputError, match="exists already; choose another name or add --overwrite"):
        outputs.claim(path)
    assert outputs.claim(path, overwrite=True).read_text() == "mine"


def test_unwritable_places(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="expected a folder for the output, got a file"):
        outputs.claim(tmp_path / "file" / "data.h5")
    with pytest.raises(InputError, match="got a folder; add a name"):
        outputs.claim(tmp_path)

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.write_bytes", refuse)
    with pytest.raises(InputError, match=r"data\.h5: no permission to write here"):
        outputs.claim(tmp_path / "data.h5")


def test_a_full_disk_is_named_and_leaves_no_trial_file(tmp_path, monkeypatch):
    def half(path, _):
        path.touch()
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr("pathlib.Path.write_bytes", half)
    with pytest.raises(FileFormatError, match=r"data\.h5: cannot be written \(No space left"):
        outputs.claim(tmp_path / "data.h5")
    with pytest.raises(FileFormatError, match="cannot be written") as caught:
        outputs.folder(tmp_path / "run")
    assert str(caught.value).startswith(f"{tmp_path / 'run'}: ")
    assert [p.name for p in tmp_path.rglob("*")] == ["run"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a place that takes no files")
def test_a_place_that_takes_no_files_is_named_as_the_user_did():
    with pytest.raises((FileFormatError, InputError), match=r"^/proc/m\.h5: "):
        outputs.claim("/proc/m.h5")


def test_a_claim_sweeps_away_what_killed_commands_left(tmp_path):
    script = (
        "import os, sys\nfrom pathlib import Path\n"
        "from nwidth.atomic_file import draft_beside\n"
        "with draft_beside(Path(sys.argv[1])) as draft:\n"
        "    draft.touch()\n"
        "    os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "data.h5")], check=True)
    foreign = tmp_path / ".data.h5.another-host.1-0.partial"
    foreign.touch()
    assert len([*tmp_path.iterdir()]) == 2
    outputs.claim(tmp_path / "data.h5")
    assert [*tmp_path.iterdir()] == [foreign]


def test_a_full_disk_is_noticed_before_the_work(tmp_path):
    with pytest.raises(InputError, match=r"expected 1e\+06 TB of free disk space, got"):
        outputs.require_space(tmp_path / "data.h5", 10**18)


@pytest.mark.parametrize("command", [
    ("predict", "model.h5", "data.h5", "-o", "data.h5"),
    ("predict", "model.h5", "data.h5", "-o", "model.h5"),
    ("certify", "model.h5", "data.h5", "-o", "data.h5"),
    ("certify", "model.h5", "data.h5", "-o", "model.h5"),
    ("train", "data.h5", "-o", "data.h5"),
    ("train", "data.h5", "-o", "link.h5"),
    ("solve-matrix", "A.npz", "--rhs", "b.npy", "-o", "b.npy"),
])  # fmt: skip
def test_no_command_writes_over_what_it_reads(command, nwidth, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("model.h5", "data.h5", "A.npz", "b.npy"):
        (tmp_path / name).write_text(name)
    (tmp_path / "link.h5").symlink_to("data.h5")
    answer = nwidth(*command, "--overwrite")
    assert answer.code == 1 and "another file than those that are read" in answer.sentence
    for name in ("model.h5", "data.h5", "A.npz", "b.npy"):
        assert (tmp_path / name).read_text() == name

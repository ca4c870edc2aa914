import pytest

from nwidth.cli import outputs
from nwidth.errors import InputError


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
    with pytest.raises(InputError, match="no permission to write here"):
        outputs.claim(tmp_path / "data.h5")


def test_a_full_disk_is_noticed_before_the_work(tmp_path):
    with pytest.raises(InputError, match=r"expected 1e\+06 TB of free disk space, got"):
        outputs.require_space(tmp_path / "data.h5", 10**18)

"""Files that are there whole or not at all."""

import errno
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nwidth import atomic_file
from nwidth.atomic_file import draft_beside, sweep, unwritable, written_in_place
from nwidth.errors import FileFormatError


def test_the_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("former")
    with written_in_place(path) as draft:
        draft.write_text("new")
        assert path.read_text() == "former"
        assert draft.parent == tmp_path
    assert path.read_text() == "new"
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, FileFormatError])
def test_an_error_leaves_the_former_file(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("former")
    with pytest.raises(error), written_in_place(path) as draft:
        draft.write_text("half")
        raise error("no")
    assert path.read_text() == "former"
    assert [*tmp_path.iterdir()] == [path]


def test_reasons_are_told(tmp_path):
    (tmp_path / "file").write_text("")
    for place, words in {
        "none/a.txt": r"the folder .*none does not exist; create it first",
        "file/a.txt": r"the folder .*file does not exist",
        "x" * 250: "cannot be written",
        "": "expected a file to write, found a folder",
    }.items():
        with pytest.raises(FileFormatError, match=words), written_in_place(tmp_path / place):
            pass
    place = written_in_place(tmp_path / "a.txt")
    with pytest.raises(FileFormatError, match="no space left"), place:
        raise OSError(errno.ENOSPC, "No space left on device")
    full = unwritable(tmp_path / "a.txt", OSError(errno.EDQUOT, ""), 10**6)
    assert "for 1,000,000 bytes" in str(full) and full.errno == errno.EDQUOT
    assert "no permission" in str(unwritable(tmp_path / "a", PermissionError(13, "")))


def test_errors_of_the_draft_name_the_file(tmp_path):
    path = tmp_path / "a.txt"
    with pytest.raises(FileFormatError) as caught, written_in_place(path) as draft:
        raise unwritable(draft, OSError(errno.ENOSPC, ""))
    assert str(caught.value).startswith(f"{path}: no space left")
    assert caught.value.errno == errno.ENOSPC
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("path", [".", ""])
def test_folders_without_a_name_are_told(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with (
        pytest.raises(FileFormatError, match="expected a file to write, found a folder"),
        written_in_place(Path(path)) as draft,
    ):
        draft.write_text("new")
    assert not [*tmp_path.iterdir()]


def test_errors_of_other_files_are_left_alone(tmp_path):
    with pytest.raises(FileNotFoundError), written_in_place(tmp_path / "a.txt"):
        (tmp_path / "input.txt").read_text()
    assert not [*tmp_path.iterdir()]


def test_no_two_writers_share_a_draft(tmp_path):
    def write(number):
        with written_in_place(tmp_path / "a.txt") as draft:
            draft.write_text(f"{number}" * 1000)
        return draft

    with ThreadPoolExecutor(4) as pool:
        drafts = [*pool.map(write, range(8))]
    assert len({*drafts}) == 8
    text = (tmp_path / "a.txt").read_text()
    assert len(text) == 1000 and len({*text}) == 1


def test_drafts_of_dead_processes_are_swept_away(tmp_path):
    code = (
        "import os, pathlib, sys; from nwidth.atomic_file import draft_beside\n"
        "with draft_beside(pathlib.Path(sys.argv[1])) as draft:\n"
        "    draft.touch(); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "a.2026.h5"], check=True)
    (dead,) = tmp_path.iterdir()
    others = {tmp_path / ".note.partial", tmp_path / "fno.h5.training.partial"}
    others.add(tmp_path / dead.name.replace(atomic_file._HOST, "elsewhere"))
    for path in others:
        path.touch()
    with draft_beside(tmp_path / "b.h5") as living:
        living.touch()
        sweep(tmp_path)
        assert {*tmp_path.iterdir()} == {living, *others}
    assert {*tmp_path.iterdir()} == others
    (tmp_path / f".a.{atomic_file._HOST}.{1 << 70}-0.partial").touch()
    sweep(tmp_path)
    assert {*tmp_path.iterdir()} == others

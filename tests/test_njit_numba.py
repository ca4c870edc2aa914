"""Cached kernels are loaded while all they were made of is unchanged, and compiled anew after."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import nwidth._njit_numba as ours

LIBRARY = "FACTOR = {factor}\n"
KERNEL = """
from nwidth._njit_numba import njit
from nwidth._library_numba import FACTOR

@njit(cache=True)
def scaled(x):
    return FACTOR * x
"""
PROGRAM = """
from nwidth._kernel_numba import scaled
print(scaled(1.0), sum(scaled.stats.cache_hits.values()))
"""


@pytest.fixture
def package(tmp_path):
    """A package of the same name with one kernel, which takes a constant from another file."""
    folder = tmp_path / "nwidth"
    folder.mkdir()
    shutil.copy(ours.__file__, folder)
    (folder / "__init__.py").touch()
    (folder / "_kernel_numba.py").write_text(KERNEL)
    (folder / "_library_numba.py").write_text(LIBRARY.format(factor=2))
    return folder


def run(package, **environment):
    """The kernel's value, and whether its code came from the cache, in a fresh process."""
    clean = {name: text for name, text in os.environ.items() if not name.startswith("NUMBA_")}
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=package.parent,
        env={**clean, **environment},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    value, loaded = result.stdout.split()
    return float(value), bool(int(loaded))


def cached(folder):
    return sorted(path.name for path in folder.rglob("*.nb[ic]"))


def test_a_change_in_an_imported_kernel_file_leads_to_new_code(package):
    assert run(package) == (2.0, False)
    assert run(package) == (2.0, True)
    before = cached(package)
    (package / "_library_numba.py").write_text(LIBRARY.format(factor=3))
    # Neither the lines of the function nor its bytecode have changed.
    assert run(package) == (3.0, False)
    assert run(package) == (3.0, True)
    assert cached(package) == before  # overwritten in place
    (package / "_kernel_numba.py").write_text("\n\n" + KERNEL)
    assert run(package) == (3.0, False)
    assert cached(package) == before  # though the function has moved


def test_a_kernel_file_that_is_not_named_changes_nothing(package):
    assert run(package) == (2.0, False)
    (package / "_stranger_numba.py").write_text("FACTOR = 5\n")
    assert run(package) == (2.0, True)


def test_the_folder_of_the_user_is_taken(package, tmp_path):
    own = tmp_path / "own"
    assert run(package, NUMBA_CACHE_DIR=str(own)) == (2.0, False)
    assert run(package, NUMBA_CACHE_DIR=str(own)) == (2.0, True)
    assert cached(own) and not cached(package)


def test_without_a_folder_to_write_every_process_compiles(package, tmp_path):
    (package / "__pycache__").touch()  # a file: no folder can be made there, not even by root
    home = tmp_path / "home"
    home.touch()
    places = {"HOME": str(home), "XDG_CACHE_HOME": str(home)}
    assert run(package, **places) == (2.0, False)
    assert run(package, **places) == (2.0, False)


def test_from_an_archive_numbas_own_stamp_is_taken(package, tmp_path):
    shutil.make_archive(str(tmp_path / "archive"), "zip", tmp_path, "nwidth")
    shutil.rmtree(package)
    places = {
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "PYTHONPATH": str(tmp_path / "archive.zip"),
    }
    assert run(package, **places) == (2.0, False)
    assert run(package, **places)[0] == 2.0


def test_compilation_switched_off_leaves_plain_functions(package):
    program = "from nwidth._kernel_numba import scaled; print(scaled(1.0), type(scaled).__name__)"
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=package.parent,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
    )
    assert result.stdout.split() == ["2.0", "function"], result.stderr


def test_every_kernel_file_has_a_name_of_its_own_and_a_stamp():
    files = sorted(Path(ours.__file__).parent.rglob("_*_numba.py"))
    assert sorted(ours.stamps()) == sorted(path.stem for path in files)
    assert len(set(ours.stamps().values())) == len(files)

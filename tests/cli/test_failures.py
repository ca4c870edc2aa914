import errno

import pytest
import typer

from nwidth.cli.failures import guarded, verdict
from nwidth.errors import ConfigError, FileFormatError, InputError


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (ConfigError("[data] samples: wrong"), 2, "[data] samples: wrong"),
        (InputError("a: expected b, got c"), 1, "a: expected b, got c"),
        (FileFormatError("x.h5: not an HDF5 file"), 1, "not an HDF5 file"),
        (OSError(errno.ENOSPC, "No space left", "out.h5"), 1, "out.h5: the disk is full: free"),
        (OSError("Can't write data (No space left on device)"), 1, "the disk is full"),
        (PermissionError(errno.EACCES, "no", "out.h5"), 1, "permission denied: choose"),
        (MemoryError(), 1, "out of memory: use a smaller grid"),
        (RuntimeError("can't start new thread"), 1, "set --threads lower, or free memory"),
        (KeyboardInterrupt(), 130, "the same command resumes"),
        (typer.Abort(), 130, "the same command resumes"),
        (ModuleNotFoundError("No module named 'torch'", name="torch"), 1, "pip install"),
        (ZeroDivisionError("a\nb"), 1, "unexpected ZeroDivisionError: a b; this is a defect"),
    ],
)
def test_every_exception_becomes_one_sentence(error, code, words, capsys):
    assert verdict(error)[0] == code
    assert words in verdict(error)[1]

    def fail():
        raise error

    assert guarded(fail) == code
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1
    assert output.err.startswith("nwidth: ")


def test_success_is_silent(capsys):
    assert guarded(lambda: None) == 0
    assert capsys.readouterr() == ("", "")

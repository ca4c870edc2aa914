"""From exceptions to one sentence on stderr and an exit code.

| code | meaning                                              |
|------|------------------------------------------------------|
| 0    | done                                                 |
| 1    | failed: file, data, convergence, disk, our own bug   |
| 2    | usage: unknown option, bad value, bad configuration  |
| 130  | interrupted by Ctrl-C: re-running resumes            |
"""

import contextlib
import errno
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

import typer

from nwidth.errors import ConfigError, NwidthError

FAILED, USAGE, INTERRUPTED = 1, 2, 130

_REMEDIES = {
    errno.ENOSPC: "the disk is full: free some space and run the same command again",
    errno.EDQUOT: "the disk quota is used up: free some space and run the same command again",
    errno.EACCES: "permission denied: choose a place you may write to, or change its permissions",
    errno.EPERM: "permission denied: choose a place you may write to, or change its permissions",
    errno.EROFS: "the file system is read-only: choose another place with --output",
    errno.ENOENT: "no such file or folder: check the spelling",
    errno.EISDIR: "this is a folder, a file was expected",
    errno.ENOTDIR: "a file stands where a folder was expected: choose another place",
    errno.EEXIST: "it exists already: choose another name or remove it",
}

_tracebacks = False


def show_tracebacks(wanted: bool) -> None:
    """Remember whether ``--debug`` was given."""
    global _tracebacks
    _tracebacks = wanted


def guarded(command: Callable[[], Any]) -> int:
    """Run a command and return its exit code; every failure becomes one sentence on stderr."""
    show_tracebacks(False)
    try:
        code = command()
    except BaseException as error:
        if _tracebacks:
            traceback.print_exc()
        if isinstance(error, BrokenPipeError):
            _silence_stdout()
            return FAILED
        code, sentence = verdict(error)
        if sentence:
            print(f"nwidth: {sentence}", file=sys.stderr)
        return code
    if code == INTERRUPTED:
        print(f"nwidth: {verdict(KeyboardInterrupt())[1]}", file=sys.stderr)
    return code if isinstance(code, int) else 0


def verdict(error: BaseException) -> tuple[int, str]:
    """Return exit code and sentence for an exception.

    >>> verdict(ConfigError("[data] samples: expected a positive integer, got 0"))
    (2, '[data] samples: expected a positive integer, got 0')
    >>> verdict(OSError(errno.ENOSPC, "No space left on device", "darcy.h5"))[0]
    1
    """
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return INTERRUPTED, "interrupted: what is finished is kept, the same command resumes"
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else FAILED, ""
    if hasattr(error, "format_message") and hasattr(error, "exit_code"):  # typer's usage errors
        return error.exit_code, _usage(error)
    if isinstance(error, ConfigError):
        return USAGE, str(error)
    if isinstance(error, NwidthError):
        return FAILED, str(error)
    if isinstance(error, OSError):
        return FAILED, _of_the_system(error)
    if isinstance(error, MemoryError):
        return FAILED, "out of memory: use a smaller grid, batch or number of samples"
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return FAILED, "no further thread could be started: set --threads lower, or free memory"
    if isinstance(error, ModuleNotFoundError) and error.name == "torch":
        return FAILED, "this command needs PyTorch: pip install 'nwidth[operators]'"
    return FAILED, (
        f"unexpected {type(error).__name__}: {_one_line(error)}; "
        "this is a defect: run again as `nwidth --debug ...` and report the traceback"
    )


def _usage(error: Any) -> str:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "nwidth"
    return f"{_one_line(error.format_message())} (see `{path} --help`)"


def _of_the_system(error: OSError) -> str:
    text = _one_line(error)
    number = error.errno
    if number is None and "No space left" in text:  # h5py raises without errno
        number = errno.ENOSPC
    remedy = _REMEDIES.get(number or 0)
    named = f"{error.filename}: " if error.filename else ""
    return f"{named}{remedy}" if remedy else text


def _one_line(error: Any) -> str:
    return " ".join(str(error).split())


def _silence_stdout() -> None:
    """Keep the interpreter from complaining when it flushes a closed pipe at exit."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

"""Look before you leap: is the output new, may it be written, does it fit on the disk."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from nwidth.atomic_file import draft_beside, sweep
from nwidth.cli.readable_size import readable_size
from nwidth.errors import ConfigError, FileFormatError, InputError

FIGURES = (".png", ".pdf", ".svg")
MOVIES = (".gif", ".mp4")


def claim(path: str | Path, overwrite: bool = False, *, inputs: Iterable[Path | None] = ()) -> Path:
    """Return the path if a file may be written there, making its folder; raise otherwise.

    An existing file is only accepted with `overwrite`, one that is read (`inputs`) never. Drafts of
    killed processes are swept away.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path}: expected a file name for the output, got a folder; add a name")
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists already; choose another name or add --overwrite")
    if any(
        one is not None and one.exists() and path.exists() and one.samefile(path) for one in inputs
    ):
        raise InputError(f"{path}: expected another file than those that are read; choose a name")
    _try_folder(path.parent, path)
    return path


def claim_figure(path: str | Path, overwrite: bool = False, *, movies: bool = False) -> Path:
    """Return the path if a figure, or if told so a movie, may be written there; see `claim`.

    >>> claim_figure("pressure.xyz")
    Traceback (most recent call last):
        ...
    nwidth.errors.ConfigError: pressure.xyz: expected a figure file ending in .png, .pdf, .svg
    """
    known = FIGURES + MOVIES * movies
    if Path(path).suffix.lower() not in known:
        raise ConfigError(f"{path}: expected a figure file ending in {', '.join(known)}")
    return claim(path, overwrite)


def folder(path: str | Path) -> Path:
    """Return the folder, made if needed, after a trial that files can be written into it.

    Drafts that killed processes have left there are removed.
    """
    path = Path(path)
    _try_folder(path, path)
    return path


def _try_folder(path: Path, wanted: Path) -> None:
    """Make the folder, sweep it and write a trial file into it; errors name what was wanted."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        sweep(path)
        with draft_beside(path / "trial") as trial:
            trial.write_bytes(b"0")
    except (FileExistsError, NotADirectoryError):
        raise InputError(f"{wanted}: expected a folder for the output, got a file") from None
    except PermissionError:
        raise InputError(
            f"{wanted}: no permission to write here; choose another folder for the output"
        ) from None
    except OSError as error:
        raise FileFormatError(
            f"{wanted}: cannot be written ({error.strerror}); "
            "free some space or choose another place for the output"
        ) from None


def require_space(path: str | Path, size: int) -> None:
    """Raise `InputError` if fewer than `size` bytes are free where the file is to be written."""
    free = shutil.disk_usage(Path(path).parent).free
    if size > free:
        raise InputError(
            f"{path}: expected {readable_size(size)} of free disk space, got {readable_size(free)};"
            " free some, write elsewhere, or ask for fewer samples"
        )

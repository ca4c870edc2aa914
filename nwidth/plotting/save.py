"""Figures to files."""

from pathlib import Path

from matplotlib.figure import Figure

from nwidth.arguments import require_path
from nwidth.atomic_file import written_in_place
from nwidth.errors import InputError


def save(figure: Figure, path: str | Path, dpi: int = 150) -> Path:
    """Write a figure whole or not at all; the suffix (.png, .pdf, .svg) is the format."""
    path = require_path(path, "path")
    kind = path.suffix.lstrip(".").lower()
    known = figure.canvas.get_supported_filetypes()
    if kind not in known:
        raise InputError(
            f"{path}: expected a figure file ending in .png, .pdf or .svg, got '{path.suffix}'"
        )
    with written_in_place(path) as draft:
        figure.savefig(draft, dpi=dpi, format=kind, facecolor="white")
    return path

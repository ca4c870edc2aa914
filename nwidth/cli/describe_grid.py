"""Grids as readers like them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nwidth.meshes import Grid


def describe_grid(grid: "Grid") -> str:
    """Return size and kind of a grid.

    >>> from nwidth.meshes import Grid
    >>> describe_grid(Grid.uniform((85, 85)))
    '85 x 85 nodes'
    """
    kinds = " and ".join(dict.fromkeys(f"{axis.centering}s" for axis in grid.axes))
    return f"{' x '.join(str(n) for n in grid.shape)} {kinds}"

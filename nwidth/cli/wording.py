"""Numbers and grids as readers like them."""

from math import ceil, floor, isfinite, log10
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nwidth.meshes import Grid


def readable_size(size: float) -> str:
    """Return a number of bytes in words.

    >>> readable_size(1_500_000)
    '1.5 MB'
    """
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"


def percent(value: float, *, up: bool = False) -> str:
    """Return a relative number for readers: percent while it is large, a power of ten below.

    `up` rounds up, so that what is said of a bound stays true.

    >>> percent(0.0123), percent(1.84), percent(3.2e-9), percent(0.0)
    ('1.2 %', '184 %', '3e-09', '0')
    >>> from math import inf
    >>> percent(0.09727, up=True), percent(3.2e-9, up=True), percent(inf, up=True)
    ('9.8 %', '4e-09', 'inf %')
    """
    if value == 0:
        return "0"
    if up and isfinite(value):
        last = 10.0 ** (floor(log10(value)) - (value >= 1e-4))  # the last digit that is shown
        value = ceil(value / last * (1 - 1e-12)) * last
    if value < 1e-4:
        return f"{value:.0e}"
    return f"{100 * value:.2g} %" if value < 0.95 else f"{100 * value:.0f} %"


def describe_grid(grid: "Grid") -> str:
    """Return size and kind of a grid.

    >>> from nwidth.meshes import Grid
    >>> describe_grid(Grid.uniform((85, 85)))
    '85 x 85 nodes'
    """
    kinds = " and ".join(dict.fromkeys(f"{axis.centering}s" for axis in grid.axes))
    return f"{' x '.join(str(n) for n in grid.shape)} {kinds}"

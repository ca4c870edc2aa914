"""Relative numbers as readers like them."""

from math import ceil, floor, isfinite, log10


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

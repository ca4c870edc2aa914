"""Lebesgue constants: by what interpolation enlarges errors of values."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from nwidth.rom.empirical_interpolation import EmpiricalInterpolation

Array = NDArray[Any]

# Points of a field that are taken together: all of them are not needed at once.
_WIDTH = 4096


def lebesgue_constant(cardinal: Callable[[Array], Array], functions: Array) -> float:
    """Return max_y sum_m |l_m(y)| of the cardinal functions l_m of an interpolation.

    Args:
        cardinal: takes values of the functions at some points y, shape (d, any), to l_m(y), shape
            (m, any).
        functions: f_l, shape (d, points).

    >>> line = np.stack([np.ones(5), np.linspace(-1, 2, 5)])  # through values at 0 and 1
    >>> lebesgue_constant(lambda f: np.array([[1, -1], [0, 1]]) @ f, line)
    3.0
    """
    largest = 0.0
    for start in range(0, functions.shape[1], _WIDTH):
        l_m = cardinal(functions[:, start : start + _WIDTH])
        largest = max(largest, float(np.abs(l_m).sum(axis=0).max()))
    return largest


def lebesgue_constants(model: "EmpiricalInterpolation") -> NDArray[np.float64]:
    """Return the Lebesgue constant with the first field and point, the first two, and so on.

        Lambda_k = max_y sum_{m <= k} |sum_{l <= k} D_lm f(x_l, y)|

    The choice is nested, so one model has them all. They bound how much worse than the best
    combination of the fields the interpolation is; theory allows 2^k - 1, practice is far below.
    Reference: Maday, Nguyen, Patera & Pau (2009), A general multipurpose interpolation procedure:
    the magic points, doi:10.3934/cpaa.2009.8.383, section 3.

    >>> from nwidth.rom.eim import eim
    >>> x, y = np.linspace(0, 1, 40)[:, None], np.linspace(0, 1, 50)
    >>> constants = lebesgue_constants(eim(1 / (1 + x + y), rtol=1e-6))
    >>> float(constants[0]), bool(constants.max() < 5)
    (1.0, True)
    """
    parts = (
        replace(
            model,
            rows=model.rows[:k],
            points=model.points[:k],
            functions=model.functions[:k],
            values=model.values[:, :k],
        )
        for k in range(1, model.rank + 1)
    )
    return np.array([part.lebesgue_constant() for part in parts])

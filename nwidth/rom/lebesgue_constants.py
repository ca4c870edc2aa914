"""Lebesgue constants of empirical interpolation after each of its steps."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nwidth.rom.empirical_interpolation import EmpiricalInterpolation


def lebesgue_constants(model: EmpiricalInterpolation) -> NDArray[np.float64]:
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

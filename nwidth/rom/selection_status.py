"""Why a choice of rows, points, modes or matrices ended."""

from enum import Enum


class SelectionStatus(Enum):
    """Why a selection ended; the text of a failure is its remedy.

    >>> SelectionStatus.MAX_RANK.value
    'the rank was reached: raise max_rank or loosen rtol'
    """

    CONVERGED = "the tolerance was reached"
    MAX_RANK = "the rank was reached: raise max_rank or loosen rtol"
    EXHAUSTED = (
        "the data have no more independent rows above round-off: the rank is that of the data, and "
        "the last of the errors is what can be reached"
    )
    MEMORY = "the rank did not fit into memory: raise memory or loosen rtol"

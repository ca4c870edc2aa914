"""Multigrid for constant coefficients, kept with its work space as long as its operator lives."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

from nwidth.solvers.multigrid.poisson_multigrid import PoissonMultigrid

# Up to this many unknowns work space is kept, 80 MB of it: to touch new memory for the first time
# takes as long as several cycles. On larger grids memory is worth more than that time.
KEPT_SIZE = 2**22

_idle: WeakKeyDictionary[Any, PoissonMultigrid] = WeakKeyDictionary()


def takes_multigrid(operator: Any) -> bool:
    """Return whether `PoissonMultigrid` takes an operator."""
    return operator in _idle or PoissonMultigrid.suits(operator)


@contextmanager
def kept_multigrid(operator: Any) -> Iterator[Any]:
    """Lend the `PoissonMultigrid` of an operator, None where there is none.

    Who comes while it is lent out gets one of his own, so that threads do not meet in its work
    space.
    """
    multigrid = _idle.pop(operator, None)
    if multigrid is None and PoissonMultigrid.suits(operator):
        multigrid = PoissonMultigrid.of(operator)
    yield multigrid
    if multigrid is not None and operator.shape[0] <= KEPT_SIZE:
        _idle[operator] = multigrid

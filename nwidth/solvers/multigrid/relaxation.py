"""What relaxations share: the operator, and its residual into an array that is there already."""

from typing import Any

from numpy.typing import NDArray

from nwidth.kernels import kernel_module
from nwidth.solvers.diffusion_operator import (
    THREADED_SIZE,
    DiffusionOperator,
    three_dimensional,
)

Array = NDArray[Any]


class Relaxation:
    """An approximate solver of A u = f that smooths errors; `smooth` is what subclasses add.

    >>> import numpy as np
    >>> A, out = DiffusionOperator((np.ones(4),)), np.empty(3)
    >>> Relaxation(A).residual_into(out, np.ones(3), np.ones(3))
    >>> out.tolist()
    [0.0, 1.0, 0.0]
    """

    def __init__(self, operator: Any):
        self.operator = operator

    def residual_into(self, out: Array, f: Array, u: Array) -> None:
        """Set out = f - A u in one pass, without allocating.

        The arrays are contiguous, of the operator's shape and dtype.
        """
        A = self.operator
        if not isinstance(A, DiffusionOperator):
            A.residual_into(out, f, u)
            return
        kernels = kernel_module("nwidth.solvers.multigrid._red_black", u)
        arrays = (three_dimensional(a) for a in (out, f, u))
        kernels.residual(*arrays, *A.kernel_arguments, u.size >= THREADED_SIZE)

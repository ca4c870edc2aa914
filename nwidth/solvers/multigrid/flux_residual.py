"""The residual of the flux operator, into an array that is there already."""

from typing import Any

from numpy.typing import NDArray

from nwidth.kernels import kernel_module
from nwidth.solvers.diffusion_operator import (
    THREADED_SIZE,
    DiffusionOperator,
    three_dimensional,
)

Array = NDArray[Any]


def flux_residual(operator: DiffusionOperator, out: Array, f: Array, u: Array) -> None:
    """Set out = f - A u without allocating, in one pass.

    The arrays are contiguous, of the operator's shape and dtype.

    >>> import numpy as np
    >>> A, out = DiffusionOperator((np.ones(4),)), np.empty(3)
    >>> flux_residual(A, out, np.ones(3), np.ones(3))
    >>> out.tolist()
    [0.0, 1.0, 0.0]
    """
    kernels = kernel_module("nwidth.solvers.multigrid._red_black", u)
    arrays = (three_dimensional(a) for a in (out, f, u))
    kernels.residual(*arrays, *operator.kernel_arguments, u.size >= THREADED_SIZE)

"""A x = b as Krylov methods see it: checked, in one precision, with samples as rows."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import as_floating, namespace
from nwidth.errors import InputError
from nwidth.solvers.krylov.batch_vectors import norms, range_factors
from nwidth.solvers.linear_operator import as_operator

Array = NDArray[Any]


class BatchSystem:
    """A x = b with preconditioner M ~ A^-1 and iterate x, all vectors of shape `(sample, n)`.

    One operator is a batch of one; an operator that is `batched` has its samples along the first
    axis. Right-hand sides near the ends of the floating-point range are scaled by powers of two,
    sample by sample, which `solution` takes back. The precision is single if A and b are, the
    numbers are complex if anything is. Arrays may be of any library that `namespace` knows.

    Args:
        A: square operator or matrix.
        b: right-hand side, shape `A.range_shape`.
        preconditioner: M, of the shape of A; none by default.
        initial: x_0, zero by default.

    Raises `InputError` for shapes that do not fit and arrays that hold no numbers.

    >>> system = BatchSystem(2 * np.eye(2), np.array([1.0, 3.0]), None, None)
    >>> system.residual().tolist(), system.multiply(system.b).tolist()
    ([[1.0, 3.0]], [[2.0, 6.0]])
    """

    def __init__(self, A: Any, b: Array, preconditioner: Any, initial: Array | None):
        self.A = as_operator(A)
        self.M = None if preconditioner is None else as_operator(preconditioner)
        self.shape = self.A.domain_shape
        b = as_floating(b, "right-hand side")
        if tuple(b.shape) != self.A.range_shape or self.A.range_shape != self.shape or b.size == 0:
            raise InputError(
                f"right-hand side: expected shape {self.A.range_shape} for a square operator, got "
                f"{tuple(b.shape)} for {self.A}"
            )
        if self.M is not None and (self.M.domain_shape, self.M.range_shape) != (self.shape,) * 2:
            raise InputError(f"preconditioner: expected shape {self.shape}, got {self.M}")
        if initial is not None:
            initial = as_floating(initial, "initial guess")
            if tuple(initial.shape) != self.shape:
                raise InputError(
                    f"initial guess: expected shape {self.shape}, got {tuple(initial.shape)}"
                )
        self.xp = namespace(b)
        self.dtype = common_precision(self.A, b, self.M, initial)
        self.samples = self.shape[0] if self.A.batched else 1
        self.b = self._rows(b)
        scale = range_factors(self.b)
        self._scale = (
            None if (scale == 1).all() else self.xp.asarray(scale, dtype=self.b.real.dtype)
        )
        self.x = self.xp.zeros_like(self.b) if initial is None else self._rows(initial).copy()
        if self._scale is not None:
            self.b, self.x = self.b * self._scale, self.x * self._scale
        self.sizes = norms(self.b)

    def _rows(self, u: Array) -> Array:
        u = self.xp.ascontiguousarray(self.xp.asarray(u, dtype=self.dtype))
        return u.reshape(self.samples, -1)

    def multiply(self, u: Array) -> Array:
        """Return A u."""
        return self._rows(self.A.apply(u.reshape(self.shape)))

    def precondition(self, u: Array) -> Array:
        """Return M u; u itself without a preconditioner."""
        return u if self.M is None else self._rows(self.M.apply(u.reshape(self.shape)))

    def residual(self) -> Array:
        """Return b - A x."""
        return self.b - self.multiply(self.x) if self.x.any() else self.b.copy()

    def solution(self, x: Array) -> Array:
        """Return x in the shape and the size of the unknowns."""
        return (x if self._scale is None else x / self._scale).reshape(self.shape)


def common_precision(A: Any, b: Any, *others: Any) -> np.dtype:
    """Return the dtype of a solve: single if A and b are, complex if anything is.

    >>> common_precision(np.eye(2), np.ones(2, np.float32), np.ones(2, np.complex64))
    dtype('complex128')
    """
    kinds = [np.dtype(part.dtype) for part in (A, b, *others) if part is not None]
    single = all(kind in (np.float32, np.complex64) for kind in kinds[:2])
    real = np.dtype(np.float32 if single else np.float64)
    return np.result_type(real, np.complex64) if any(k.kind == "c" for k in kinds) else real

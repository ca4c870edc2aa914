"""Products on a grid of which no more is transformed than the 2/3 rule keeps."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nwidth.arguments import require_choice, require_integers
from nwidth.arrays import lives_on_gpu, namespace
from nwidth.errors import InputError
from nwidth.solvers.spectral.fast_fourier import FastFourier
from nwidth.solvers.spectral.fourier_libraries import installed

Array = NDArray[Any]

# Bytes of the rows that go there and back together: they stay in the second cache.
BLOCK = 1 << 19
# Bytes between rows, so that a column does not fall on one set of the first cache.
GAP = 64
# Bytes of a line of the cache, at which arrays begin.
LINE = 64


class PrunedFourier:
    """Transforms, in place, of complex functions in the plane with few modes along the last axis.

        f_j = sum_{|m_1| < n_1 / 3} sum_{m_0} z_m exp(i k . x_j)

    Columns of other modes are taken as zero, whatever they hold, and no transform visits them, a
    third of the work of the first axis: Sorensen & Burrus (1993), doi:10.1109/78.205723. Two real
    fields are the parts of a complex one. Arrays come from `zeros`, with some columns more than
    n_1, that belong to no field: columns at distances of powers of two would evict each other from
    caches.

    Args:
        shape: points along both axes.
        dtype: precision, "float64" or "float32".
        library: "auto", "ducc" or "scipy".

    >>> pruned = PrunedFourier((6, 6))
    >>> z = pruned.zeros()
    >>> z[1, 1] = 1
    >>> pruned.backward(z)
    >>> z[1, 2].round(9)
    np.complex128(-1+0j)
    """

    def __init__(self, shape: Any, *, dtype: DTypeLike = np.float64, library: str = "auto"):
        self.shape = require_integers(shape, "shape", 1)
        if len(self.shape) != 2:
            raise InputError(f"shape: expected two numbers of points, got {self.shape}")
        require_choice(library, "library", ("auto", "ducc", "scipy"))
        if library == "auto":  # the two that transform in place
            library = "scipy" if installed("ducc0.fft") is None else "ducc"
        lines = FastFourier(1, real=False, dtype=dtype, library=library)
        self.complex, self.library = lines.complex, lines.library
        n0, n1 = self.shape
        self.kept = -(-n1 // 3)  # columns m = 0 to kept - 1, and as many less one for m < 0
        rows = max(1, BLOCK // (n1 * self.complex.itemsize))
        self.blocks = [slice(first, min(first + rows, n0)) for first in range(0, n0, rows)]

    def zeros(self, like: Array | None = None) -> Array:
        """Return an array for coefficients and values, on the device of `like`."""
        shape = (self.shape[0], self.shape[1] + GAP // self.complex.itemsize)
        if like is not None and lives_on_gpu(like):
            return namespace(like).zeros(shape, self.complex)
        size = shape[0] * shape[1] * self.complex.itemsize
        memory = np.zeros(size + LINE, np.uint8)
        first = -memory.ctypes.data % LINE
        return memory[first : first + size].view(self.complex).reshape(shape)

    def backward(self, z: Array) -> None:
        """Replace coefficients by values."""
        self._columns(z, forward=False)
        self._rows(z, forward=False)

    def forward(self, z: Array) -> None:
        """Replace values by coefficients, in the columns that are kept."""
        self._rows(z, forward=True)
        self._columns(z, forward=True)

    def through(self, z: Array, rule: Callable[[Array], Any]) -> None:
        """Replace coefficients of f by those of rule(f), which `rule` writes over some rows of f.

        Rows come whole, with the columns beyond n_1.

        >>> pruned = PrunedFourier((6, 6))
        >>> z = pruned.zeros()
        >>> z[1, 0] = z[-1, 0] = 1
        >>> pruned.through(z, lambda f: np.multiply(f, f, out=f))
        >>> z[:, 0].real.round(9).tolist()
        [2.0, 0.0, 1.0, 0.0, 1.0, 0.0]
        """
        self._columns(z, forward=False)
        for block in [slice(None)] if lives_on_gpu(z) else self.blocks:
            rows = z[block]
            self._rows(rows, forward=False)
            rule(rows)
            self._rows(rows, forward=True)
        self._columns(z, forward=True)

    def _columns(self, z: Array, forward: bool) -> None:
        self._lines(z[:, : self.kept], 0, forward)
        if self.kept > 1:
            n1 = self.shape[1]
            self._lines(z[:, n1 - self.kept + 1 : n1], 0, forward)

    def _rows(self, z: Array, forward: bool) -> None:
        n1 = self.shape[1]
        if not forward:  # here, where rows are on their way into the cache
            z[:, self.kept : n1 - self.kept + 1] = 0
        self._lines(z[:, :n1], 1, forward)

    def _lines(self, z: Array, axis: int, forward: bool) -> None:
        """Transform along one axis, in place."""
        if lives_on_gpu(z):
            fft = namespace(z).fft
            z[...] = (fft.fft if forward else fft.ifft)(z, axis=axis, norm="forward")
        elif self.library == "ducc":
            norm = 2 if forward else 0
            installed("ducc0.fft").c2c(
                z, axes=(axis,), forward=forward, inorm=norm, out=z, nthreads=1
            )
        else:
            import scipy.fft

            transform = scipy.fft.fft if forward else scipy.fft.ifft
            found = transform(z, axis=axis, norm="forward", overwrite_x=True)
            if not np.may_share_memory(found, z):  # SciPy promises no more than that it may
                z[...] = found

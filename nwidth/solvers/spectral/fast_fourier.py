"""Fast Fourier transforms by the fastest library at hand, into arrays that are there already."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nwidth.arguments import require_dtype, require_integer, require_integers
from nwidth.arrays import lives_on_gpu, namespace
from nwidth.errors import InputError
from nwidth.solvers.spectral.fourier_libraries import fourier_library

Array = NDArray[Any]


class FastFourier:
    """Transforms of arrays over their last axes, of real or of complex functions.

        forward    v_k = 1/N sum_j u_j exp(-i k . x_j)
        backward   u_j = sum_k v_k exp(i k . x_j)

    Coefficients do not depend on the resolution. Those of real functions have the last axis from
    zero to n // 2, as the others are conjugates. Axes in front are batches. CuPy arrays take cuFFT,
    others the fastest library that is installed; see `fourier_library` for how fast they are. All
    are backward stable: Schatzman (1996), doi:10.1137/S1064827593247023.

    Args:
        shape: points along the transformed axes.
        real: whether functions are real.
        dtype: "float64" or "float32", the precision.
        library: "auto", "ducc", "fftw", "mkl" or "scipy".
        threads: of each transform; one is right where samples are spread over threads.

    >>> transform = FastFourier(4)
    >>> transform.forward(np.array([3.0, 1.0, -1.0, 1.0])).round(12) + 0.0
    array([1.+0.j, 1.+0.j, 0.+0.j])
    """

    def __init__(
        self,
        shape: Any,
        *,
        real: bool = True,
        dtype: DTypeLike = np.float64,
        library: str = "auto",
        threads: int = 1,
    ):
        self.shape = require_integers(shape, "shape", 1)
        self.real, self.threads = bool(real), require_integer(threads, "threads", 1)
        self.precision = require_dtype(dtype, "float32", "float64")
        self.complex = np.result_type(self.precision, np.complex64)
        self.axes = tuple(range(-len(self.shape), 0))
        last = self.shape[-1] // 2 + 1 if self.real else self.shape[-1]
        self.modes = (*self.shape[:-1], last)
        #: The library that works on NumPy arrays.
        self.library, kind = fourier_library(library)
        self._host = kind(self.shape, self.real, self.threads)

    def forward(self, u: Array, out: Array | None = None) -> Array:
        """Return the coefficients of values, written to `out` if given."""
        kind = self.precision if self.real else self.complex
        batch = _batch(u, len(self.shape))
        _require(u, (*batch, *self.shape), kind, "u")
        if out is None:
            out = namespace(u).empty((*batch, *self.modes), self.complex)
        else:
            _require(out, (*batch, *self.modes), self.complex, "out")
        if u.size == 0:
            return out
        if lives_on_gpu(u):
            fft = namespace(u).fft
            transform = fft.rfftn if self.real else fft.fftn
            out[...] = transform(u, axes=self.axes, norm="forward")
        else:
            self._host.forward(u, out)
        return out

    def backward(self, v: Array, out: Array | None = None, *, destroy: bool = False) -> Array:
        """Return the values of coefficients, written to `out` if given.

        `destroy` says that v is not needed any more.
        """
        batch = _batch(v, len(self.shape))
        _require(v, (*batch, *self.modes), self.complex, "v")
        kind = self.precision if self.real else self.complex
        if out is None:
            out = namespace(v).empty((*batch, *self.shape), kind)
        else:
            _require(out, (*batch, *self.shape), kind, "out")
        if v.size == 0:
            return out
        if lives_on_gpu(v):
            fft = namespace(v).fft
            if self.real:
                out[...] = fft.irfftn(v, self.shape, axes=self.axes, norm="forward")
            else:
                out[...] = fft.ifftn(v, axes=self.axes, norm="forward")
        else:
            self._host.backward(v, out, destroy)
        return out


def _batch(array: Any, d: int) -> tuple[int, ...]:
    """Return the shape in front of the axes that are transformed, of what is no array nothing."""
    return getattr(array, "shape", ())[:-d]


def _require(array: Any, shape: tuple[int, ...], dtype: Any, name: str) -> None:
    """Raise unless an array has this shape and dtype: it is neither copied nor converted."""
    came = getattr(array, "shape", None), getattr(array, "dtype", None)
    if came != (shape, dtype):
        what = f"{came[1]} of shape {came[0]}" if None not in came else f"{array!r:.80}"
        raise InputError(f"{name}: expected {dtype} numbers of shape {shape}, got {what}")

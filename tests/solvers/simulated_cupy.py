"""A stand-in for CuPy in Numba's simulator: NumPy arrays that refuse to meet host arrays.

Call `install` in a process of its own, before anything else asks for CuPy. Its arrays are
recognised as device arrays, so that kernels go to the CUDA simulator and host arrays in between are
found.
"""

import sys
import types

import numpy as np


class ndarray(np.ndarray):
    """An array that counts as one on a device."""

    def get(self):
        """Return the copy on the host."""
        return np.array(self, subok=False)

    def __array_ufunc__(self, ufunc, method, *inputs, out=(), **options):
        for operand in (*inputs, *out):
            host = isinstance(operand, np.ndarray) and not isinstance(operand, ndarray)
            if host and operand.ndim > 0:
                raise TypeError(f"{ufunc.__name__}: a host array of shape {operand.shape} came in")
        plain = [x.view(np.ndarray) if isinstance(x, ndarray) else x for x in inputs]
        if out:
            options["out"] = tuple(x.view(np.ndarray) for x in out)
        result = getattr(ufunc, method)(*plain, **options)
        if out:
            return out[0] if len(out) == 1 else out
        if isinstance(result, tuple):
            return tuple(_on_device(x) for x in result)
        return _on_device(result)


ndarray.__module__ = "cupy"


def _on_device(value):
    return np.asarray(value).view(ndarray) if isinstance(value, np.ndarray | np.generic) else value


def _function(function):
    def call(*arguments, **options):
        result = function(*arguments, **options)
        return tuple(map(_on_device, result)) if isinstance(result, tuple) else _on_device(result)

    return call


class _Module(types.ModuleType):
    """NumPy's functions, with results on the device."""

    def __getattr__(self, name):
        found = getattr(np, name)
        plain = isinstance(found, type) or not callable(found)
        return found if plain else _function(found)


module = _Module("cupy")
module.ndarray = ndarray
module.asnumpy = lambda a: a.get()


def install():
    """Let `import cupy` find these arrays from now on."""
    sys.modules["cupy"] = module


def asarray(values, dtype=None):
    """Return an array on the device."""
    return np.asarray(values, dtype).view(ndarray)

"""Arrays of any library: their namespace, dtype policy, random generators, finite checks, range.

Vectorized code calls ``xp = namespace(u)`` at its door and then follows NumPy, CuPy or torch.
A library is only recognised if it is already imported, as in einops, so nothing is loaded here.
"""

import math
import sys
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.errors import InputError, NonFiniteError

Seed = int | np.random.Generator

# Exponents of two that are left alone, and the largest that a factor may have, in each precision.
_RANGE = {np.dtype(np.float32): (40, 120), np.dtype(np.float64): (200, 1000)}


def namespace(*arrays: Any) -> ModuleType:
    """Return the library (numpy, cupy or torch) that the arrays belong to.

    Scalars and Python sequences count as NumPy. Arrays of two libraries raise `InputError`.

    >>> namespace(np.zeros(3), 1.0).__name__
    'numpy'
    """
    found: dict[str, ModuleType] = {}
    for name, kind in (("cupy", "ndarray"), ("torch", "Tensor")):
        module = sys.modules.get(name)
        if module is not None and any(isinstance(a, getattr(module, kind)) for a in arrays):
            found[name] = module
    if any(isinstance(a, np.ndarray) and not lives_on_gpu(a) for a in arrays):
        found["numpy"] = np
    if len(found) > 1:
        raise InputError(
            f"expected arrays of one library, got a mixture of {' and '.join(sorted(found))}; "
            "convert them to one library first"
        )
    return next(iter(found.values()), np)


def lives_on_gpu(array: Any) -> bool:
    """Return whether an array is CuPy's, or Numba's on a device or in its simulator.

    >>> lives_on_gpu(np.zeros(3))
    False
    """
    return type(array).__module__.startswith(("cupy", "numba.cuda", "numba_cuda"))


def to_numpy(array: Any) -> NDArray[Any]:
    """Return a NumPy view, or a host copy for arrays that live on a device.

    Raises `InputError` for arrays with masked entries.

    >>> to_numpy([1, 2]).tolist()
    [1, 2]
    """
    library = namespace(require_unmasked(array)).__name__
    if library == "cupy":
        return array.get()
    if library == "torch":
        return array.detach().cpu().numpy()
    return np.asarray(array)


def as_floating(array: Any, name: str = "array") -> Any:
    """Return the array with a floating (or complex) dtype: float32 stays, integers become float64.

    So does extended precision, and swapped bytes come into the machine's order: kernels have four
    dtypes, float32, float64, complex64 and complex128. Raises `InputError` for strings, objects and
    other dtypes that are not numbers, for sparse matrices and for masked entries.

    >>> as_floating(np.arange(3)).dtype
    dtype('float64')
    """
    if type(array) is np.ndarray and array.dtype.char in "fdFD" and array.dtype.isnative:
        return array  # nothing to do, quickly
    xp = namespace(array)
    if xp.__name__ == "torch":
        return array if array.is_floating_point() or array.is_complex() else array.to(xp.float64)
    if hasattr(array, "tocoo"):  # scipy's and CuPy's; they have a dtype, and no entries to index
        kind = type(array).__name__
        raise InputError(f"{name}: expected an array, got a sparse {kind}; give it as toarray()")
    try:
        out = array if hasattr(array, "dtype") else np.asarray(array)
    except ValueError:  # rows of different lengths
        raise InputError(f"{name}: expected an array of numbers, got {array!r:.80}") from None
    if isinstance(require_unmasked(out, name), np.ma.MaskedArray):
        out = out.data
    if out.dtype.kind in "biu":
        return out.astype(np.float64)
    if out.dtype == np.float16:
        return out.astype(np.float32)
    if out.dtype.kind not in "fc":
        raise InputError(f"{name}: expected numbers, got dtype {out.dtype}; convert it to float")
    kind, size = out.dtype.kind, out.dtype.itemsize
    return out.astype(f"{kind}{min(size, 8 if kind == 'f' else 16)}", copy=False)


def real_floating(array: Any, name: str) -> Any:
    """Return the array as `as_floating` does, or raise `InputError` for complex numbers.

    >>> real_floating([1, 2], "source").tolist()
    [1.0, 2.0]
    """
    out = as_floating(array, name)
    if out.dtype.kind != "f":
        raise InputError(f"{name}: expected real numbers, got dtype {out.dtype}")
    return out


def require_unmasked(array: Any, name: str = "array") -> Any:
    """Return the array unchanged, or raise `InputError` if entries are masked.

    Plain arrays, which all computations use, would bring them back.

    >>> require_unmasked(np.ma.masked_array([1.0, 2.0], [False, True]))
    Traceback (most recent call last):
        ...
    nwidth.errors.InputError: array: expected an array without masked entries, got 1 of 2 masked; \
fill them with array.filled(value)
    """
    if isinstance(array, np.ma.MaskedArray) and np.ma.is_masked(array):
        raise InputError(
            f"{name}: expected an array without masked entries, got {int(array.mask.sum())} of "
            f"{array.size} masked; fill them with array.filled(value)"
        )
    return array


def require_finite(array: Any, name: str) -> Any:
    """Return the array unchanged, or raise `NonFiniteError` naming the first bad entry.

    >>> require_finite(np.array([1.0, np.nan]), "permeability")
    Traceback (most recent call last):
        ...
    nwidth.errors.NonFiniteError: permeability: expected finite numbers, got nan at index (1,) \
(1 of 2 entries are not finite); repair or remove these entries
    """
    xp = namespace(array)
    finite = xp.isfinite(xp.asarray(array))
    if bool(finite.all()):
        return array
    bad = np.argwhere(~to_numpy(finite))
    where = tuple(int(k) for k in bad[0])
    raise NonFiniteError(
        f"{name}: expected finite numbers, got {to_numpy(array)[where]} at index {where} "
        f"({len(bad)} of {finite.reshape(-1).shape[0]} entries are not finite); "
        "repair or remove these entries"
    )


def require_shape(array: Any, shape: tuple[int | None, ...], name: str) -> Any:
    """Return the array unchanged, or raise `InputError` if its shape differs (None matches any).

    >>> require_shape(np.zeros((4, 3)), (None, 3), "points").shape
    (4, 3)
    """
    came = tuple(int(n) for n in array.shape)
    fits = len(came) == len(shape)
    if fits and all(want in (None, n) for want, n in zip(shape, came, strict=True)):
        return array
    wanted = "(" + ", ".join("any" if n is None else str(n) for n in shape) + ")"
    raise InputError(f"{name}: expected shape {wanted}, got {came}")


def generator(seed: Seed, *key: int) -> np.random.Generator:
    """Return the random generator of a seed, or of one item (sample number, ...) under a seed.

    The stream of item k depends on (seed, k) alone, so samples come out the same whatever the
    number of workers or the order of drawing (NumPy SeedSequence, O'Neill's seed_seq hash).

    >>> a, b = generator(7, 3).standard_normal(), generator(7, 3).standard_normal()
    >>> bool(a == b)
    True
    """
    if isinstance(seed, np.random.Generator):
        if key:
            raise InputError(
                "expected an integer seed for numbered samples, got a Generator; pass the integer"
            )
        return seed
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InputError(f"seed: expected an integer >= 0 or a numpy Generator, got {seed!r}")
    return np.random.default_rng(np.random.SeedSequence([int(seed), *key]))


def power_of_two(values: NDArray[Any], axes: tuple[int, ...] | None = None) -> Any:
    """Return s such that max |s v| is near one; 1 where it is far from underflow and overflow.

        s = 2^-k,    2^(k-1) <= max |v| < 2^k

    Such a factor changes exponents alone, so that a linear problem that is scaled by it has the
    same digits in its solution. Reference: N. Higham (2002), Accuracy and Stability of Numerical
    Algorithms, doi:10.1137/1.9780898718027, section 27.8, on norms without underflow.

    Args:
        values: float32 or float64.
        axes: those the maximum is taken over, kept with length one; all by default, and then the
            result is a number.

    Zero, NaN and infinity give 1.

    >>> power_of_two(np.array([3.0, -5.0])), power_of_two(np.array([2.0**-500])) == 2.0**499
    (1.0, True)
    """
    kept = axes is not None
    largest = np.maximum(
        values.max(axis=axes, keepdims=kept), -values.min(axis=axes, keepdims=kept)
    )
    free, limit = _RANGE[values.dtype]
    exponents = np.frexp(largest)[1]
    wanted = -np.clip(exponents, -limit, limit) * (np.abs(exponents) > free)
    scale = np.ldexp(np.ones_like(largest), wanted)  # CuPy takes 1.0 for half precision
    return float(scale) if axes is None else scale


def unscaled(values: Any, scale: float) -> Any:
    """Return values / scale without warnings of overflow; who returns them checks their range.

    >>> float(unscaled(np.float64(3.0), 0.5))
    6.0
    """
    if scale == 1.0:
        return values
    with np.errstate(over="ignore", under="ignore"):
        return values / scale


def near_one(sizes: NDArray[Any]) -> NDArray[Any]:
    """Return a power of two for each of some sizes >= 0 that brings it near one; zero keeps one.

    >>> near_one(np.array([3.0, 1e-9, 0.0])) * np.array([3.0, 2.0**-30, 0.0])
    array([0.75, 0.5 , 0.  ])
    """
    xp = namespace(sizes)
    exponents = xp.clip(-xp.frexp(sizes)[1], -1000, 1000)
    return xp.ldexp(xp.ones_like(sizes), exponents)  # CuPy takes 1.0 for half precision


def product_along(matrix: NDArray[Any], v: NDArray[Any], axis: int) -> NDArray[Any]:
    """Return the products of a matrix with the lines of v along an axis, counted from -1.

    >>> product_along(np.array([[0.0, 2.0], [1.0, 0.0]]), np.array([[1.0, 2.0], [3.0, 4.0]]), -2)
    array([[6., 8.],
           [1., 2.]])
    """
    n, inner = v.shape[axis], math.prod(v.shape[v.ndim + axis + 1 :])
    lines = v.reshape(-1, n) @ matrix.T if inner == 1 else matrix @ v.reshape(-1, n, inner)
    return lines.reshape(*v.shape[:axis], len(matrix), *v.shape[v.ndim + axis + 1 :])

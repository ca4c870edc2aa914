"""Point rules: a scalar formula, written once, launched over a grid on the CPU or on a GPU."""

import inspect
import os
import types
from collections.abc import Callable
from functools import cached_property, update_wrapper
from importlib import import_module
from itertools import product
from threading import RLock
from typing import Any

import numpy as np

from nwidth.arrays import lives_on_gpu, namespace
from nwidth.errors import InputError

_INDICES = ("i", "j", "k")
_RESERVED = frozenset({"out", "rule", "sweep", "range", "prange", "njit", "cuda"})
_THREADS = {1: (256,), 2: (32, 8), 3: (32, 4, 2)}
_SERIAL = 10_000
_compiling = RLock()
# A child forked while another thread builds a kernel would wait for that thread forever.
os.register_at_fork(
    before=_compiling.acquire,
    after_in_parent=_compiling.release,
    after_in_child=_compiling.release,
)


def pointwise(halo: int = 0, *, check_shapes: bool = True) -> Callable[[Callable], "Pointwise"]:
    """Make a scalar rule a kernel that fills an array point by point.

        out[i, j] = rule(i, j, u, f, ...)   for halo <= i < out.shape[0] - halo, likewise j

    The rule's leading arguments `i`, `i, j` or `i, j, k` are the indices and set the dimension. The
    rest are arrays and numbers. The rule may read neighbours up to `halo` away and call other
    functions compiled by Numba; it must not write.

    `out` decides the device: a Numba loop for NumPy arrays, threaded above 10,000 points, a
    numba-cuda kernel for CuPy (or Numba device) arrays. Points of the halo keep their values.
    Compiled code is kept on disk, in `NWIDTH_CACHE_DIR` or the user's cache folder. Python floats
    take the precision of `out`.

    With `check_shapes`, arrays of the rule's dimension must be at least as large as `out`; switch
    it off for rules that index a coarser grid.

    A process that has run a threaded loop must not run another in a forked child: GNU OpenMP ends
    the child. Start workers with "spawn" or "forkserver"; small arrays are safe after a fork too.

    Raises `InputError` for arguments that do not fit, and for `out` sharing memory with an input
    whose neighbours are read (the order of points is not defined).

    >>> @pointwise(halo=1)
    ... def second_difference(i, u, h):
    ...     return (u[i - 1] - 2 * u[i] + u[i + 1]) / h**2
    >>> u = np.array([0.0, 1.0, 4.0, 9.0])
    >>> second_difference(np.zeros(4), u, h=1.0).tolist()
    [0.0, 2.0, 2.0, 0.0]
    """
    if callable(halo):
        raise InputError("pointwise: expected parentheses, as in @pointwise(halo=1)")
    if isinstance(halo, bool) or not isinstance(halo, int) or halo < 0:
        raise InputError(f"pointwise: expected halo to be an integer >= 0, got {halo!r}")
    return lambda rule: Pointwise(rule, halo, check_shapes)


def kernel_module(name: str, array: Any) -> Any:
    """Return the module of tuned kernels for the device of an array: `_cuda` or `_numba`.

    Both have the same functions with the same arguments.

    >>> kernel_module("nwidth.solvers.multigrid._red_black", np.zeros(3)).__name__
    'nwidth.solvers.multigrid._red_black_numba'
    """
    return import_module(f"{name}_{'cuda' if lives_on_gpu(array) else 'numba'}")


class Pointwise:
    """A point rule and its launchers; made by `pointwise`.

    `rule(out, *arguments)` fills and returns `out`; `rule.reference(out, *arguments)` does the same
    by a plain Python loop; `rule.launch_cuda` always takes the GPU kernel. `rule.serial_kernel`,
    `rule.threaded_kernel` and `rule.cuda_kernel` are the compiled sweeps.
    """

    def __init__(self, rule: Callable, halo: int, check_shapes: bool):
        if not isinstance(rule, types.FunctionType):
            raise InputError(f"pointwise: expected a plain Python function, got {rule!r}")
        self.rule, self.halo, self.check_shapes = rule, halo, check_shapes
        self.signature = inspect.signature(rule)
        names = list(self.signature.parameters)
        self.dimension = sum(1 for _ in _leading_indices(names))
        self.arguments = tuple(names[self.dimension :])
        kinds = {p.kind for p in self.signature.parameters.values()}
        if not self.dimension or kinds - {inspect.Parameter.POSITIONAL_OR_KEYWORD}:
            raise InputError(
                f"pointwise: expected a rule like f(i, j, u, ...) without * and **, "
                f"got {rule.__name__}{self.signature}"
            )
        if clash := _RESERVED.intersection(self.arguments):
            raise InputError(
                f"pointwise: {rule.__name__} has an argument named {min(clash)!r}, "
                "which the launcher uses itself; rename it"
            )
        update_wrapper(self, rule)

    def __call__(self, out: Any, *args: Any, **kwargs: Any) -> Any:
        """Fill `out` on the device where it lives and return it."""
        if lives_on_gpu(out):
            return self.launch_cuda(out, *args, **kwargs)
        values = self._bind(out, args, kwargs)
        # Waking threads costs more than a small array, and much more on a busy machine.
        kernel = self.threaded_kernel if out.size > _SERIAL else self.serial_kernel
        kernel(out, *values)
        return out

    def launch_cuda(self, out: Any, *args: Any, **kwargs: Any) -> Any:
        """Fill `out` by the CUDA kernel and return it."""
        values = self._bind(out, args, kwargs)
        threads = _THREADS[self.dimension]
        # The last array axis is contiguous and goes along the threads of a warp.
        inner = [max(n - 2 * self.halo, 0) for n in reversed(out.shape)]
        blocks = tuple(-(-n // t) for n, t in zip(inner, threads, strict=True))
        if all(blocks):
            self.cuda_kernel[blocks, threads](out, *values)
        return out

    def reference(self, out: Any, *args: Any, **kwargs: Any) -> Any:
        """Fill `out` by a plain Python loop over the points and return it."""
        values = self._bind(out, args, kwargs)
        for point in product(*(range(self.halo, n - self.halo) for n in out.shape)):
            out[point] = self.rule(*point, *values)
        return out

    @cached_property
    def serial_kernel(self) -> Any:
        """The Numba sweep of one thread, called as `serial_kernel(out, *arguments)`."""
        return self._build("serial")

    @cached_property
    def threaded_kernel(self) -> Any:
        """The Numba sweep of all threads, called as `threaded_kernel(out, *arguments)`."""
        return self._build("threads")

    @cached_property
    def cuda_kernel(self) -> Any:
        """The numba-cuda kernel, launched as `cuda_kernel[blocks, threads](out, *arguments)`."""
        return self._build("cuda")

    def _build(self, target: str) -> Any:
        from nwidth._kernels_numba import build

        with _compiling:
            return build(self.rule, self.halo, self.dimension, self.arguments, target)

    def _bind(self, out: Any, args: tuple, kwargs: dict[str, Any]) -> list[Any]:
        """Return the arguments in order, with numbers in the precision of `out`."""
        if kwargs or len(args) != len(self.arguments):
            args = self._named(args, kwargs)
        name = self.rule.__name__
        if getattr(out, "ndim", None) != self.dimension or out.dtype.kind not in "biufc":
            came = f"shape {out.shape} of {out.dtype}" if hasattr(out, "shape") else repr(out)
            raise InputError(
                f"{name}: expected out to be an array of numbers in dimension {self.dimension}, "
                f"got {came}"
            )
        if isinstance(out, np.ndarray) and not out.flags.writeable:
            raise InputError(f"{name}: expected an array that can be written, out is read-only")
        namespace(out, *args)  # refuses mixed devices
        return [
            self._argument(label, value, out)
            for label, value in zip(self.arguments, args, strict=True)
        ]

    def _argument(self, label: str, value: Any, out: Any) -> Any:
        """Return one argument, checked against `out`."""
        if isinstance(value, bool | np.bool_ | int | np.integer):
            return value
        if isinstance(value, float | np.floating):
            real = out.dtype.type(0).real.dtype
            return real.type(value) if real.kind == "f" else value
        if isinstance(value, complex | np.complexfloating):
            return out.dtype.type(value) if out.dtype.kind == "c" else value
        name = self.rule.__name__
        if not hasattr(value, "shape") or value.dtype.kind not in "biufc":
            raise InputError(
                f"{name}: expected {label} to be an array or number, got {value!r:.80}"
            )
        small = value.ndim == self.dimension and any(
            a < b for a, b in zip(value.shape, out.shape, strict=True)
        )
        if self.check_shapes and small:
            raise InputError(
                f"{name}: expected {label} to be at least as large as out {tuple(out.shape)}, "
                f"got {tuple(value.shape)}"
            )
        if self.halo and isinstance(value, np.ndarray) and np.may_share_memory(out, value):
            raise InputError(
                f"{name}: expected out to share no memory with {label}, whose neighbouring points "
                "the rule reads; give it an array of its own"
            )
        return value

    def _named(self, args: tuple, kwargs: dict[str, Any]) -> tuple:
        """Return positional arguments after filling in keywords and defaults."""
        try:
            bound = self.signature.bind(*_INDICES[: self.dimension], *args, **kwargs)
        except TypeError as error:
            raise InputError(
                f"{self.rule.__name__}: expected out and {', '.join(self.arguments) or 'no more'}: "
                f"{error}"
            ) from None
        bound.apply_defaults()
        return tuple(bound.arguments.values())[self.dimension :]

    def __repr__(self) -> str:
        return f"<point rule {self.rule.__name__}{self.signature}, halo {self.halo}>"


def _leading_indices(names: list[str]) -> Any:
    """Yield the leading names that are i, j, k in this order."""
    for name, index in zip(names, _INDICES, strict=False):
        if name != index:
            return
        yield name

"""Products of real functions in space, of which no more is transformed than the 2/3 rule keeps."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nwidth.arguments import require_choice, require_integers
from nwidth.arrays import lives_on_gpu, namespace
from nwidth.errors import InputError
from nwidth.solvers.spectral.fast_fourier import FastFourier

Array = NDArray[Any]

# Bytes of one function in the planes that go there and back together: with those of the other
# functions they stay in the second cache.
BLOCK = 1 << 16


class PrunedRealFourier:
    """Transforms of several real functions in space at a time, that have few modes.

        u_j = sum_{|m_a| < n_a / 3} v_m exp(i k . x_j),   u real

    Coefficients have the modes of the 2/3 rule and no others, `modes`: along the first two axes
    0, 1, ..., K - 1, 1 - K, ..., -1 with K = ceil(n / 3), along the last one 0, ..., K - 1. Lines
    of other modes are never transformed, which spares two thirds, five ninths and none of the work
    of the three axes: Sorensen & Burrus (1993), doi:10.1109/78.205723. Values are there a few
    planes at a time, never on the whole grid.

    Args:
        shape: points along three axes.
        dtype: precision, "float64" or "float32".
        library: "auto", "ducc" or "scipy".

    >>> fourier = PrunedRealFourier((6, 6, 6))
    >>> v, out = (np.zeros((1, *fourier.modes), complex) for _ in range(2))
    >>> v[0, 0, 0, 1] = 0.5
    >>> fourier.through(v, out, lambda u, p: np.add(u, 3, out=p))
    >>> out[0, 0, 0].real.round(9).tolist()
    [3.0, 0.5]
    """

    def __init__(self, shape: Any, *, dtype: DTypeLike = np.float64, library: str = "auto"):
        self.shape = require_integers(shape, "shape", 1)
        if len(self.shape) != 3:
            raise InputError(f"shape: expected three numbers of points, got {self.shape}")
        options: dict[str, Any] = {"dtype": dtype, "library": _in_place(library)}
        self.rows = FastFourier(self.shape[2], **options)
        self.lines = [FastFourier(n, real=False, **options) for n in self.shape[:2]]
        self.library = self.rows.library
        self.kept = tuple(-(-n // 3) for n in self.shape)
        k0, k1, k2 = self.kept
        self.modes = (2 * k0 - 1, 2 * k1 - 1, k2)
        n0, n1, n2 = self.shape
        planes = max(1, BLOCK // (n1 * n2 * self.rows.precision.itemsize))
        self.blocks = [slice(first, min(first + planes, n0)) for first in range(0, n0, planes)]
        self._kept_work: dict[Any, tuple[Array, Array, Array]] = {}

    def values(self, v: Array) -> Iterator[tuple[slice, Array]]:
        """Yield planes, as a slice of the first axis, and values there, in the same work space.

        `v` has shape (functions, *modes), the values (functions, planes, n_1, n_2).
        """
        k2 = self.kept[2]
        columns, lines, values = self._work(v, len(v), "in")
        _spread(v, columns, 1)
        self._lines(columns, 0, forward=False)
        for block in self._blocks(v):
            count = block.stop - block.start
            some, u = lines[:, :count], values[:, :count]
            _spread(columns[:, block], some[..., :k2], 2)
            if lives_on_gpu(v):  # cuFFT may have left something there
                some[..., k2:] = 0
            self._lines(some[..., :k2], 1, forward=False)
            self.rows.backward(some, out=u)
            yield block, u

    def through(self, v: Array, out: Array, rule: Callable[[Array, Array], Any]) -> None:
        """Write the kept coefficients of functions of u to `out`, which may have others in number.

        `rule(u, p)` writes the functions p of u on some planes.
        """
        columns = self.coefficients(v, len(out), rule)
        _gather(columns, out, 1)

    def coefficients(self, v: Array, count: int, rule: Callable[[Array, Array], Any]) -> Array:
        """Return the same in work space with all rows of the first axis, (count, n_0, ...)."""
        k2 = self.kept[2]
        columns, lines, values = self._work(v, count, "out")
        for block, u in self.values(v):
            some, p = lines[:, : u.shape[1]], values[:, : u.shape[1]]
            rule(u, p)
            self.rows.forward(p, out=some)
            self._lines(some[..., :k2], 1, forward=True)
            _gather(some[..., :k2], columns[:, block], 2)
        self._lines(columns, 0, forward=True)
        return columns

    def _lines(self, z: Array, axis: int, forward: bool) -> None:
        """Transform along one of the first two axes, in place."""
        if self.shape[axis] > 1:
            along, z = self.lines[axis], z.transpose(0, 2, 3, 1) if axis == 0 else z.swapaxes(2, 3)
            (along.forward if forward else along.backward)(z, out=z)

    def _blocks(self, v: Array) -> list[slice]:
        return [slice(0, self.shape[0])] if lives_on_gpu(v) else self.blocks

    def _work(self, v: Array, count: int, use: str) -> tuple[Array, Array, Array]:
        """Return work space for so many functions, where v lives."""
        xp = namespace(v)
        key = (use, count, xp.__name__)
        if key not in self._kept_work:
            (n0, n1, n2), (_, m1, k2) = self.shape, self.modes
            planes = self._blocks(v)[0].stop
            self._kept_work[key] = (
                xp.zeros((count, n0, m1, k2), self.rows.complex),
                xp.zeros((count, planes, n1, n2 // 2 + 1), self.rows.complex),
                xp.zeros((count, planes, n1, n2), self.rows.precision),
            )
        return self._kept_work[key]


def _in_place(library: str) -> str:
    """Return the name of a library that can write over its input."""
    if require_choice(library, "library", ("auto", "ducc", "scipy")) != "auto":
        return library
    try:
        return FastFourier(1, library="ducc").library
    except InputError:
        return "scipy"


def _spread(short: Array, whole: Array, axis: int) -> None:
    """Write kept modes of an axis to where they are among all, and zeros between."""
    before = (slice(None),) * axis
    k, n = (short.shape[axis] + 1) // 2, whole.shape[axis]
    whole[(*before, slice(k))] = short[(*before, slice(k))]
    whole[(*before, slice(k, n - k + 1))] = 0
    if k > 1:
        whole[(*before, slice(n - k + 1, n))] = short[(*before, slice(k, None))]


def _gather(whole: Array, short: Array, axis: int) -> None:
    """Write the kept modes among all of an axis."""
    before = (slice(None),) * axis
    k, n = (short.shape[axis] + 1) // 2, whole.shape[axis]
    short[(*before, slice(k))] = whole[(*before, slice(k))]
    if k > 1:
        short[(*before, slice(k, None))] = whole[(*before, slice(n - k + 1, n))]

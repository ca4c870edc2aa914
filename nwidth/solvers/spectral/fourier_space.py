"""Trigonometric polynomials on a periodic grid, real or complex, in one to three dimensions."""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nwidth.arguments import require_instance, require_integer
from nwidth.arrays import lives_on_gpu, namespace, real_floating, require_finite, to_numpy
from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers.spectral.fast_fourier import FastFourier

Array = NDArray[Any]


class FourierSpace:
    """The trigonometric polynomials that interpolate on a periodic uniform grid.

        u(x) = sum_k v_k exp(i k . (x - x_0)),    k_a = 2 pi m_a / L_a,    -n_a/2 <= m_a <= n_a/2

    Coefficients v come from `transform`; of real functions those of the last axis are m >= 0. Where
    n is even the mode m = n/2 is a cosine: odd derivatives leave it out, so that they are real and
    skew. Reference: Trefethen (2000), Spectral Methods in MATLAB, doi:10.1137/1.9780898719598,
    chapter 3; Canuto, Hussaini, Quarteroni & Zang (2006), doi:10.1007/978-3-540-30726-6.

    Args:
        grid: periodic along all axes, uniform.
        real: whether functions are real.
        dtype: precision, "float64" or "float32".

    Raises `InputError` for other grids.

    >>> space = FourierSpace(Grid.periodic(8, upper=2 * np.pi))
    >>> v = space.transform.forward(np.sin(space.grid.axes[0].points))
    >>> space.transform.backward(space.derivative(v)).round(9)[:2].tolist()
    [1.0, 0.707106781]
    """

    def __init__(self, grid: Grid, *, real: bool = True, dtype: DTypeLike = np.float64):
        self.grid = require_instance(grid, "grid", Grid)
        for axis in grid.axes:
            if not axis.periodic or not axis.is_uniform:
                raise InputError(
                    f"grid: expected uniform periodic axes, got axis {axis.name}, which is "
                    f"{'not uniform' if axis.periodic else 'not periodic'}; take Grid.periodic"
                )
        self.transform = FastFourier(grid.shape, real=real, dtype=dtype)
        self.shape, self.modes, self.real = grid.shape, self.transform.modes, real

    @cached_property
    def numbers(self) -> tuple[Array, ...]:
        """The integers m of each axis, shaped to broadcast over the modes."""
        d = len(self.shape)
        found = []
        for a, n in enumerate(self.shape):
            m = np.fft.fftfreq(n, 1 / n).round()
            if self.real and a == d - 1:
                m = np.arange(n // 2 + 1.0)
            found.append(m.reshape([-1 if b == a else 1 for b in range(d)]))
        return tuple(found)

    @cached_property
    def wavenumbers(self) -> tuple[Array, ...]:
        """The k = 2 pi m / L of each axis, shaped to broadcast over the modes."""
        return tuple(
            2 * np.pi / axis.length * m
            for axis, m in zip(self.grid.axes, self.numbers, strict=True)
        )

    @cached_property
    def odd_wavenumbers(self) -> tuple[Array, ...]:
        """The same with zero for m = n/2, as odd derivatives need."""
        return tuple(
            np.where(2 * abs(m) == n, 0, k)
            for n, m, k in zip(self.shape, self.numbers, self.wavenumbers, strict=True)
        )

    @cached_property
    def squared(self) -> Array:
        """|k|^2 of all modes: minus the symbol of Laplace's operator."""
        total = np.zeros(self.modes)
        for k in self.wavenumbers:
            total = total + k**2
        return total

    @cached_property
    def kept(self) -> Array:
        """Whether a mode survives the 2/3 rule, |m| < n/3 along each axis: `dealiased(2)`.

        Orszag (1971), doi:10.1175/1520-0469(1971)028<1074:OTEOAI>2.0.CO;2.
        """
        return self.dealiased(2)

    def dealiased(self, degree: int) -> Array:
        """Return whether a mode is kept where so many functions are multiplied, |m| < n/(degree+1).

        Products of functions of such modes alias onto others only, as degree |m| - n < -|m|: the
        2/3 rule for two, the 1/2 rule for three. Degree one leaves out the cosines m = n/2 alone.

        >>> FourierSpace(Grid.periodic(12)).dealiased(3).sum()
        np.int64(3)
        """
        degree = require_integer(degree, "degree", 1)
        kept = np.ones(self.modes, bool)
        for n, m in zip(self.shape, self.numbers, strict=True):
            kept &= (degree + 1) * abs(m) < n
        return kept

    @property
    def kept_space(self) -> "FourierSpace":
        """The space of the modes that are `kept` and no others, on the coarsest grid of the box.

        Raises `InputError` for fewer than four points, of which the mean alone is kept.

        >>> FourierSpace(Grid.periodic((12, 9))).kept_space.modes
        (7, 3)
        """
        if min(self.shape) < 4:
            raise InputError(
                f"grid: expected at least 4 points along each axis, got {self.shape}, of which the "
                "2/3 rule keeps the mean alone"
            )
        return self._on([2 * (-(-n // 3)) - 1 for n in self.shape])

    @cached_property
    def weights(self) -> Array:
        """How many modes a stored one stands for: two where the conjugate is not stored."""
        if not self.real:
            return np.ones(self.modes)
        last, n = self.numbers[-1], self.shape[-1]
        return np.broadcast_to(np.where((last == 0) | (2 * last == n), 1.0, 2.0), self.modes)

    def coefficients(self, v: Array, name: str = "v") -> Array:
        """Return coefficients `(..., *modes)` as they are, or raise `InputError` for other arrays.

        >>> FourierSpace(Grid.periodic(8)).coefficients(np.zeros(8))
        Traceback (most recent call last):
            ...
        nwidth.errors.InputError: v: expected coefficients of shape (..., 5), got shape (8,); \
`transform.forward` makes them of values
        """
        shape = getattr(v, "shape", None)
        if shape is None or tuple(shape)[-len(self.modes) :] != self.modes:
            modes = ", ".join(map(str, self.modes))
            came = f"{v!r:.80}" if shape is None else f"shape {tuple(shape)}"
            raise InputError(
                f"{name}: expected coefficients of shape (..., {modes}), got {came}; "
                "`transform.forward` makes them of values"
            )
        return v

    def derivative(self, v: Array, axis: int = 0, order: int = 1) -> Array:
        """Return the coefficients of d^order u / dx_axis^order."""
        order, d = require_integer(order, "order", 0), len(self.shape)
        if isinstance(axis, bool) or not isinstance(axis, int | np.integer) or not -d <= axis < d:
            raise InputError(f"axis: expected an integer below {d}, got {axis!r:.80}")
        v = self.coefficients(v)
        k = (self.odd_wavenumbers if order % 2 else self.wavenumbers)[axis]
        kind = np.result_type(v.dtype, np.complex64)
        return _beside(v, ((1j * k) ** order).astype(kind)) * v

    def product(self, v: Array, w: Array) -> Array:
        """Return the coefficients of u_v u_w that the space has, without aliasing (3/2 rule).

        All modes may be used, where the 2/3 rule (`kept`) spares the finer grid: of its N = 3 n / 2
        points modes up to n alias onto those from n / 2 on only. Cosines m = n/2 of the product are
        left out. Orszag (1971), doi:10.1175/1520-0469(1971)028<1074:OTEOAI>2.0.CO;2.

        >>> space = FourierSpace(Grid.periodic(5))
        >>> v = np.array([0, 0, 0.5], complex)  # cos 2 k x, whose square has a mode 4
        >>> space.product(v, v).round(12) + 0.0
        array([0.5+0.j, 0. +0.j, 0. +0.j])
        """
        fine = self.finer
        v, w = self.coefficients(v), self.coefficients(w, "w")
        u = fine.transform.backward(self.resampled(v, fine))
        u = u * fine.transform.backward(self.resampled(w, fine))
        return fine.resampled(fine.transform.forward(u), self)

    @cached_property
    def finer(self) -> "FourierSpace":
        """The space of 3/2 as many points, where products of two functions are exact enough."""
        return self._on([(3 * n + 1) // 2 for n in self.shape])

    def _on(self, shape: Any) -> "FourierSpace":
        """Return the space on another grid of the box."""
        lower = [axis.lower for axis in self.grid.axes]
        upper = [axis.lower + axis.length for axis in self.grid.axes]
        grid = Grid.periodic(shape, lower, upper)
        return FourierSpace(grid, real=self.real, dtype=self.transform.precision)

    def integral(self, v: Array) -> Array:
        """Return the integral over the box, for each of a batch."""
        v = self.coefficients(v)
        mean = v.reshape(*v.shape[: -len(self.modes)], self.weights.size)[..., 0]
        return (mean.real if self.real else mean) * self.volume

    @property
    def volume(self) -> float:
        """The volume of the box."""
        return float(np.prod([axis.length for axis in self.grid.axes]))

    def inner(self, v: Array, w: Array) -> Array:
        """Return the L2 inner product of two functions, for each of a batch (Parseval)."""
        v, w = self.coefficients(v), self.coefficients(w, "w")
        products = _beside(v, self.weights) * v.conj() * w
        total = products.reshape(*products.shape[: -len(self.modes)], self.weights.size).sum(
            axis=-1
        )
        return (total.real if self.real else total) * self.volume

    def resampled(self, v: Array, other: "FourierSpace") -> Array:
        """Return the coefficients on a finer or coarser grid of the same box, cut or padded.

        A cosine m = n/2 is split between m and -m where it gets room, and left out where it would
        stand for two modes. Coefficients count from the first point: of cells, which begin
        elsewhere on each grid, they are those of a function that is moved by the difference.
        """
        axes = require_instance(other, "other", FourierSpace).grid.axes
        box, theirs = ([(a.lower, a.length) for a in some] for some in (self.grid.axes, axes))
        if len(box) != len(theirs) or not np.allclose(box, theirs, rtol=1e-12, atol=1e-12):
            raise InputError(
                f"other: expected a space on the same box, (lower, length) {box}, got {theirs}"
            )
        if self.real != other.real:
            raise InputError("other: expected functions as real or complex as these")
        out = self.coefficients(v)
        for a, (n, m) in enumerate(zip(self.shape, other.shape, strict=True)):
            half = self.real and a == len(self.shape) - 1
            out = _resized(out, a - len(self.shape), n, m, half)
        return out

    def evaluate(self, v: Array, points: Any) -> Array:
        """Return u at any points (m, d) on the host, in time proportional to points times modes.

        >>> space = FourierSpace(Grid.periodic(8))
        >>> v = space.transform.forward(np.cos(2 * np.pi * space.grid.axes[0].points))
        >>> space.evaluate(v, [[1 / 6]]).round(12).tolist()
        [0.5]
        """
        points = require_finite(to_numpy(real_floating(points, "points")), "points")
        v, d = self.coefficients(v), len(self.shape)
        if points.ndim != 2 or points.shape[1] != d:
            raise InputError(f"points: expected shape (m, {d}), got {points.shape}")
        waves = [
            np.exp(1j * np.outer(points[:, a] - axis.points[0], k.ravel()))
            for a, (axis, k) in enumerate(zip(self.grid.axes, self.wavenumbers, strict=True))
        ]
        for a, (n, m) in enumerate(zip(self.shape, self.numbers, strict=True)):
            middle = 2 * abs(m.ravel()) == n
            waves[a][:, middle] = waves[a][:, middle].real
        total = np.tensordot(self.weights * to_numpy(v), waves[-1], axes=(-1, -1))
        for wave in waves[-2::-1]:
            total = np.einsum("...jm,mj->...m", total, wave)
        return total.real if self.real else total


def _beside(v: Array, symbol: Array) -> Array:
    """Return numbers of the modes where v lives."""
    return namespace(v).asarray(symbol) if lives_on_gpu(v) else symbol


def _resized(v: Array, axis: int, n: int, m: int, half: bool) -> Array:
    """Return coefficients of n points along one axis as those of m points."""
    if n == m:
        return v
    xp = namespace(v)
    v = xp.moveaxis(v, axis, -1)
    small = min(n, m)
    kept = (small - 1) // 2  # modes of either sign that both have
    out = xp.zeros((*v.shape[:-1], m // 2 + 1 if half else m), v.dtype)
    out[..., : kept + 1] = v[..., : kept + 1]
    if not half and kept > 0:
        out[..., -kept:] = v[..., -kept:]
    if small % 2 == 0 and n < m:  # the cosine finds room
        middle = v[..., small // 2]
        out[..., small // 2] = middle / 2
        if not half:
            out[..., -(small // 2)] = middle / 2
    return xp.moveaxis(out, -1, axis)

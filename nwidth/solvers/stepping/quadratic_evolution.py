"""Whole trajectories of one-dimensional quadratic equations in one compiled loop."""

import math
import time as clock
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_integer, require_number
from nwidth.arrays import as_floating, lives_on_gpu, require_finite, require_shape
from nwidth.errors import InputError, NonFiniteError
from nwidth.solvers.spectral import FastFourier
from nwidth.solvers.spectral.real_fft import MARGIN, RealFFT
from nwidth.solvers.stepping.evolution_system import EvolutionSystem
from nwidth.solvers.stepping.evolve import evolve, output_times, require_stable
from nwidth.solvers.stepping.exponential_runge_kutta import ETDRK4, ExponentialStepper
from nwidth.solvers.stepping.integration import SAME, EvolutionStatus
from nwidth.solvers.stepping.linear_part import DiagonalPart

Array = NDArray[Any]


class QuadraticSystem(EvolutionSystem):
    """v_k' = l_k v_k + f_k (u^2)_k for the modes of one real function on a circle.

    With f_k = -i c k, zero where u^2 has aliases (2/3 rule), this is u_t + c (u^2)_x = L u:
    Burgers' equation, those of Korteweg & de Vries and of Kuramoto & Sivashinsky.

    Args:
        transform: of real functions in one dimension, N points.
        symbol: l, shape `(N // 2 + 1,)`, real or complex.
        factor: f, of the same shape.

    Raises `InputError` for other shapes and transforms.

    >>> k = np.arange(5.0)
    >>> system = QuadraticSystem(FastFourier(8), -(k**2), np.where(k < 8 / 3, -0.5j * k, 0))
    >>> v = np.array([0, 0.5, 0, 0, 0], complex)  # cos x
    >>> system.nonlinear(0.0, v, out := np.empty_like(v))
    >>> out[2].imag.round(12)  # of 1/2 sin 2 x
    np.float64(-0.25)
    """

    linear: DiagonalPart

    def __init__(self, transform: FastFourier, symbol: Any, factor: Any):
        self.transform = require_instance(transform, "transform", FastFourier)
        if not transform.real or len(transform.shape) != 1:
            raise InputError(
                "transform: expected one of real functions in one dimension, got "
                f"{'real' if transform.real else 'complex'} ones of shape {transform.shape}"
            )
        self.linear = DiagonalPart(require_shape(symbol, transform.modes, "symbol"))
        factor = require_finite(as_floating(factor, "factor"), "factor")
        self.factor = require_shape(factor, transform.modes, "factor").astype(transform.complex)

    def nonlinear(self, t: float, v: Array, out: Array) -> None:
        """Write f_k (u^2)_k."""
        u = self.transform.backward(v)
        with np.errstate(over="ignore", invalid="ignore"):
            u *= u
            self.transform.forward(u, out)
            out *= self.factor

    def rate(self, t: float, v: Array) -> float:
        """Return 2 max |u| max |f|: the largest speed times the largest wavenumber."""
        return 2 * float(abs(self.transform.backward(v)).max()) * float(abs(self.factor).max())


@dataclass(frozen=True)
class QuadraticEvolution:
    """States of one or many samples at times.

    `states` has shape `(*samples, times, modes)`; where a sample blew up it holds NaN. `blown` is
    the number of the step that did it, from one on, zero for samples that came through, shape
    `samples`. `steps` counts the steps of one sample.
    """

    times: Array
    states: Array
    blown: Array
    steps: int
    dt: float
    compiled: bool
    seconds: float

    def checked(self) -> "QuadraticEvolution":
        """Return the evolution itself, or raise with the remedy if a sample blew up."""
        bad = np.argwhere(self.blown)
        if not len(bad):
            return self
        first, step = tuple(int(i) for i in bad[0]), int(self.blown[tuple(bad[0])])
        where = f" of sample {', '.join(map(str, first))}" if first else ""
        more = f" ({len(bad)} of {self.blown.size} samples did so)" if self.blown.size > 1 else ""
        raise NonFiniteError(
            f"{ETDRK4.name}: {EvolutionStatus.BLOWN_UP.value} (in step {step}{where}{more})"
        )


@dataclass(frozen=True)
class _Plan:
    """The steps of all intervals: how many of which size."""

    steps: Array
    sizes: list[float]
    which: Array


def quadratic_evolution(
    system: QuadraticSystem,
    v: Any,
    times: Any,
    *,
    dt: float,
    start: float = 0.0,
    max_steps: int = 10_000_000,
    threads: int | None = None,
) -> QuadraticEvolution:
    """Step samples of a quadratic system by ETDRK4 with fixed steps, each in one compiled call.

    The states are those of `evolve(system, v, times, method=ETDRK4, dt=dt)` up to round-off, whole
    steps with their transforms without a return to Python: at 256 points a tenth of the time.
    Steps divide the time between outputs equally, none longer than dt. Samples are spread over
    threads; each has the same digits whatever the others and the number of threads. Numbers of
    points that `RealFFT` does not take go to `evolve`, sample by sample. Reference: Cox & Matthews
    (2002), doi:10.1006/jcph.2002.6995, eqs. (26) to (29).

    Args:
        system: l and f.
        v: modes at `start`, shape `(*samples, N // 2 + 1)`, in the precision of the transform.
        times: increasing, from `start` on.
        dt: the largest step.
        start: the time of v.
        max_steps: limit on the steps of a sample.
        threads: None for as many as Numba has.

    Raises `InputError` for what cannot be stepped, also where dt breaks Courant's condition. What
    blows up later is in `blown`.

    >>> k = np.arange(65.0)
    >>> system = QuadraticSystem(FastFourier(128), -0.1 * k**2, np.where(k < 43, -0.5j * k, 0))
    >>> v = np.zeros((2, 65), complex)
    >>> v[:, 1] = -0.5j, -0.25j  # sin x and half of it
    >>> found = quadratic_evolution(system, v, [0.5, 1.0], dt=0.01).checked()
    >>> found.states.shape, found.steps
    ((2, 2, 65), 100)
    """
    require_instance(system, "system", QuadraticSystem)
    kind, modes = system.transform.complex, system.transform.modes[0]
    if lives_on_gpu(v):
        raise InputError("v: expected a NumPy array, got one on a device; evolve takes it")
    v = require_finite(as_floating(np.asarray(v), "v"), "v")
    if v.ndim == 0 or v.shape[-1] != modes or v.size == 0:
        raise InputError(f"v: expected shape (*samples, {modes}), got {v.shape}")
    v = np.ascontiguousarray(v, kind)
    start = require_number(start, "start", "(-inf, inf)")
    dt = require_number(dt, "dt", "(0, inf)")
    times = output_times(times, start)
    plan = _plan(times, start, dt)
    if plan.steps.sum() > require_integer(max_steps, "max_steps", 1):
        raise InputError(
            f"dt: expected at most {max_steps} steps of a sample, got {plan.steps.sum()}; take a "
            "larger dt or raise max_steps"
        )
    require_stable(system, ETDRK4, v, start, dt)
    began, samples = clock.perf_counter(), v.reshape(-1, modes)
    states = np.full((len(samples), len(times), modes), np.nan, kind)
    compiled = RealFFT.takes(system.transform.shape[0])
    if compiled:
        blown = _compiled(system, samples, plan, states, _threads(threads, len(samples)))
    else:
        blown = np.array(
            [_plain(system, sample, times, dt, start, max_steps, out)
             for sample, out in zip(samples, states, strict=True)]
        )  # fmt: skip
    return QuadraticEvolution(
        times,
        states.reshape(*v.shape[:-1], len(times), modes),
        blown.reshape(v.shape[:-1]),
        int(plan.steps.sum()),
        dt,
        compiled,
        clock.perf_counter() - began,
    )


def _plan(times: Array, start: float, dt: float) -> _Plan:
    """Divide the intervals between times as `evolve` does; sizes that differ by round-off are one.

    Uniform times would have a size of their own in almost every interval, and its coefficients.
    """
    steps: list[int] = []
    sizes: list[float] = []
    which: list[int] = []
    for rest in np.diff(times, prepend=start):
        n = math.ceil(rest / dt * (1 - SAME))
        n = max(1, n) if rest > 0 else 0
        h = dt if n == 0 or abs(n * dt - rest) <= SAME * rest else rest / n
        same = [j for j, other in enumerate(sizes) if abs(h - other) <= 1e-14 * other]
        if not same:
            sizes.append(float(h))
        steps.append(n)
        which.append(same[0] if same else len(sizes) - 1)
    return _Plan(np.array(steps, np.int64), sizes, np.array(which, np.int64))


def _threads(threads: int | None, samples: int) -> int:
    from nwidth.solvers.stepping._quadratic_etdrk4_numba import get_num_threads

    number = get_num_threads() if threads is None else require_integer(threads, "threads", 1)
    return min(number, samples)


def _compiled(
    system: QuadraticSystem, samples: Array, plan: _Plan, states: Array, threads: int
) -> Array:
    """Step all samples; return the step in which each blew up, zero if none did."""
    from nwidth.solvers.stepping import _quadratic_etdrk4_numba as kernels

    fft, kind = RealFFT(system.transform.shape[0], system.transform.precision), samples.real.dtype
    n, area = fft.half, fft.half + MARGIN
    tables, turning = _tables(system, samples[0], plan.sizes, area)
    # Transforms there and back leave twice the modes, and n points of two numbers each.
    factor = np.zeros((2, area), kind)
    factor[:, : n + 1] = [system.factor.real / (4 * n), system.factor.imag / (4 * n)]
    used = np.flatnonzero(system.factor)
    top = int(used[-1]) + 1 if used.size else 0
    real = states.view(kind).reshape(*states.shape, 2)
    starts = samples.view(kind).reshape(*samples.shape, 2)
    rest = (area, tables, turning, factor.reshape(-1), top, fft.radices, fft.turns, fft.waves)
    blown = np.zeros(len(samples), np.int64)

    def run(first: int) -> None:
        """Step every so-manieth sample, in work space of its own."""
        work = np.zeros(kernels.AREAS * area, kind)
        for b in range(first, len(samples), threads):
            blown[b] = kernels.trajectory(
                starts[b], real[b], plan.steps, plan.which, work, n, *rest
            )  # fmt: skip

    if threads == 1:
        run(0)
    else:
        with ThreadPoolExecutor(threads) as pool:
            for job in [pool.submit(run, first) for first in range(threads)]:
                job.result()
    return blown


def _tables(
    system: QuadraticSystem, v: Array, sizes: list[float], area: int
) -> tuple[Array, Array | None]:
    """Return the coefficients of all step sizes as kernels take them, real and imaginary parts."""
    stepper = ExponentialStepper(ETDRK4, system, v)
    values = np.zeros((len(sizes), 6, area), v.dtype)
    for j, h in enumerate(sizes):
        (half, _, _, whole), _ = stepper.coefficients(h)
        f1, f2, _, f3 = whole.weights
        values[j, :, : len(v)] = half.factor, half.weights[0], whole.factor, f1, f2, f3
    turning = None if system.linear.symbol.dtype.kind == "f" else values.imag.ravel()
    return values.real.ravel(), turning


def _plain(
    system: QuadraticSystem,
    sample: Array,
    times: Array,
    dt: float,
    start: float,
    max_steps: int,
    out: Array,
) -> int:
    """Step one sample by `evolve`; return the step in which it blew up, zero if it did not."""
    found = evolve(
        system, sample, times, method=ETDRK4, dt=dt, start=start, max_steps=max_steps
    )  # fmt: skip
    out[: len(found.states)] = found.states
    return 0 if found.status is EvolutionStatus.FINISHED else found.counts.steps + 1

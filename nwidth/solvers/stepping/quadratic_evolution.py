"""Many trajectories of one-dimensional quadratic equations, in several threads."""

import math
import time as clock
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_integer, require_number
from nwidth.arrays import as_floating, lives_on_gpu, require_finite
from nwidth.errors import InputError, NonFiniteError
from nwidth.solvers.stepping.evolve import integration_of, output_times, require_stable
from nwidth.solvers.stepping.exponential_runge_kutta import ETDRK4
from nwidth.solvers.stepping.integration import SAME, EvolutionStatus
from nwidth.solvers.stepping.quadratic_integration import QuadraticIntegration
from nwidth.solvers.stepping.quadratic_system import QuadraticSystem

Array = NDArray[Any]


@dataclass(frozen=True)
class QuadraticEvolution:
    """States of one or many samples at times.

    `states` has shape `(*samples, times, modes)`; where a sample blew up it holds NaN. `blown` is
    the number of the step that did it, from one on, zero for samples that came through, shape
    `samples`. `steps` counts the steps of one sample, each at most `dt` long, `seconds` is the time
    by the clock, and `compiled` says whether the size of the grid let the compiled loop work.

    `checked` raises `NonFiniteError` with the first sample that blew up.
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
    """Step many samples of a quadratic system by ETDRK4 with fixed steps, in several threads.

    The states are those of `evolve(system, v, times, method=ETDRK4, dt=dt)`, with the coefficients
    of the steps computed once. Each sample has the same digits whatever the others and the number
    of threads. Reference: Cox & Matthews (2002), doi:10.1006/jcph.2002.6995, eqs. (26) to (29).

    The compiled loop takes 128 2^a 3^b 5^c points, as its transform, `RealFFT`, begins with blocks
    of 8 x 8 complex numbers. Others, as 32, 64, 96, 160 or 192, are stepped sample by sample in one
    thread, and each of their steps costs some thirty times one at 128 or 256 points, which are
    therefore the better choice for small problems. `compiled` of the result tells.

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

    >>> from nwidth.solvers.spectral import FastFourier
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
    v = require_finite(as_floating(v, "v"), "v")
    if v.ndim == 0 or v.shape[-1] != modes or v.size == 0:
        raise InputError(f"v: expected shape (*samples, {modes}), got {v.shape}")
    v = np.ascontiguousarray(v, kind)
    start = require_number(start, "start", "(-inf, inf)")
    dt = require_number(dt, "dt", "(0, inf)")
    times = output_times(times, start)
    gaps = [float(gap) for gap in np.diff(times, prepend=start)]
    steps = sum(
        max(1, math.ceil(min(float(gap) / dt, 1e300) * (1 - SAME))) for gap in gaps if gap > 0
    )
    if steps > require_integer(max_steps, "max_steps", 1):
        raise InputError(
            f"dt: expected at most {max_steps} steps of a sample, got {steps:.6g}; take a larger "
            "dt or raise max_steps"
        )
    require_stable(system, ETDRK4, v, start, dt)
    began, samples = clock.perf_counter(), v.reshape(-1, modes)
    states = np.full((len(samples), len(times), modes), np.nan, kind)
    blown = np.zeros(len(samples), np.int64)

    compiled = QuadraticIntegration.takes(system, ETDRK4, samples[0])
    number = _threads(threads, len(samples)) if compiled else 1

    def run(first: int) -> None:
        """Step every so-manieth sample."""
        going = integration_of(system, ETDRK4, samples[first], start, dt, None, max_steps)
        for b in range(first, len(samples), number):
            going.begin(samples[b], start)
            for k, time in enumerate(times):
                status = going.advance(float(time))
                if status is not EvolutionStatus.FINISHED:
                    blown[b] = going.steps + 1
                    break
                states[b, k] = going.v

    with ThreadPoolExecutor(number) as pool:
        for job in [pool.submit(run, first) for first in range(number)]:
            job.result()
    return QuadraticEvolution(
        times,
        states.reshape(*v.shape[:-1], len(times), modes),
        blown.reshape(v.shape[:-1]),
        steps,
        dt,
        compiled,
        clock.perf_counter() - began,
    )


def _threads(threads: int | None, samples: int) -> int:
    from nwidth.solvers.stepping._quadratic_etdrk4_numba import get_num_threads

    number = get_num_threads() if threads is None else require_integer(threads, "threads", 1)
    return min(number, samples)

"""Solve v' = L v + N(t, v) from an initial state, and return it at the times asked for."""

import time as clock
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from nwidth.archive import load_archive, save_archive
from nwidth.arguments import require_instance, require_integer, require_number, require_path
from nwidth.arrays import as_floating, namespace, require_finite, to_numpy
from nwidth.errors import FileFormatError, InputError, NonFiniteError, NotConvergedError
from nwidth.solvers.stepping.courant_control import CourantControl, courant_rate, decay_limit
from nwidth.solvers.stepping.dense_integration import DenseIntegration
from nwidth.solvers.stepping.evolution_system import EvolutionSystem
from nwidth.solvers.stepping.exponential_runge_kutta import ETDRK4
from nwidth.solvers.stepping.integration import Counts, EvolutionStatus, Integration
from nwidth.solvers.stepping.quadratic_integration import QuadraticIntegration
from nwidth.solvers.stepping.quadratic_system import QuadraticSystem
from nwidth.solvers.stepping.step_control import StepControl
from nwidth.solvers.stepping.stepping_method import SteppingMethod

Array = NDArray[Any]

_KIND = "evolution"
# The first adaptive step is this part of the time to the first output.
FIRST = 1e-2
# Methods of first and second order that are stable for no wave double it where h times the rate
# is more than this.
DOUBLING = 2.0


@dataclass(frozen=True)
class Evolution:
    """States at times, and the record of how they were found.

    `states` `(times, *v.shape)` has one entry for each of `times` that was reached, none where
    `output` took them. `t` is where the evolution stands, and `seconds` the time by the clock.

    `checked` raises `NonFiniteError` where the state blew up, else `NotConvergedError`.
    """

    times: Array
    states: Array
    status: EvolutionStatus
    counts: Counts
    t: float
    method: str
    seconds: float

    def checked(self) -> "Evolution":
        """Return the evolution itself, or raise with the remedy if it did not reach its end."""
        if self.status is EvolutionStatus.FINISHED:
            return self
        blown = self.status is EvolutionStatus.BLOWN_UP
        raise (NonFiniteError if blown else NotConvergedError)(
            f"{self.method}: {self.status.value} (at t = {self.t:.6g}, step "
            f"{self.counts.steps + 1})"
        )


def evolve(
    system: EvolutionSystem,
    v: Any,
    times: Any,
    *,
    method: SteppingMethod = ETDRK4,
    dt: float | None = None,
    rtol: float | None = None,
    atol: float = 0.0,
    courant: float | None = None,
    dense: bool = False,
    start: float = 0.0,
    max_steps: int = 1_000_000,
    output: Callable[[int, float, Array], Any] | None = None,
    checkpoint: str | Path | None = None,
    job: str = "",
    progress: Callable[[float, Counts], Any] | None = None,
) -> Evolution:
    """Step a system to given times, with steps of one size or of the size their errors allow.

    One of `dt`, `rtol` and `courant` is given. Fixed steps divide the time between outputs equally,
    none longer than dt; where `system.rate` tells the Courant number, longer ones than the method
    can take are refused, unless L damps the modes concerned so much that they are stable at any
    step. Adaptive steps keep the estimated error of each step below atol + rtol ||v||, or, by
    `courant`, are as long as that part of Courant's condition at each state: see `CourantControl`.
    Steps end at the times asked for, so nothing is interpolated, unless `dense` is true.

    Args:
        system: L and N.
        v: the state at `start`, real or complex, float32 or float64, on the host or a device.
        times: increasing, from `start` on; equal to it gives the initial state.
        method: `ETDRK4` and its relatives for diagonal L, `ARK436L2SA`, `SBDF3` and theirs for any
            L that can be solved with, `EXPRB32` for stiff N, `ExplicitRungeKutta` for none.
        dt: the largest step.
        rtol: relative error of a step. Good values: 1e-4 to 1e-10.
        atol: absolute error of a step, for solutions that decay to nothing.
        courant: part of the longest stable step, above 0 and at most 1.
        dense: interpolate states at the times from longer steps, which pays for many times and
            `DORMAND_PRINCE`, `RK43` or `BOGACKI_SHAMPINE`: see `DenseIntegration`.
        start: the time of v.
        max_steps: limit on the number of steps.
        output: called as `output(k, t, v)` with each state in place of keeping it.
        checkpoint: a file that is written at each output time and gone on from if it exists, with
            the same steps and digits.
        job: what the checkpoint belongs to, such as a digest of problem and initial fields: one of
            another job is refused. Without it, its maker sees to that.
        progress: called as `progress(t, counts)` at each output time; True from it stops.

    Raises `InputError` for what cannot be stepped. What goes wrong later is in `status`.

    >>> from nwidth.solvers.stepping import DiagonalPart, FunctionSystem
    >>> decay = FunctionSystem(lambda t, v: -(v**3), DiagonalPart([-1.0]))
    >>> found = evolve(decay, [1.0], [0.5, 1.0], rtol=1e-9).checked()
    >>> abs(float(found.states[1, 0]) - float(1 / np.sqrt(2 * np.exp(2.0) - 1))) < 1e-8
    True
    """
    require_instance(system, "system", EvolutionSystem)
    require_instance(method, "method", SteppingMethod)
    require_instance(job, "job", str)
    v = _state(v)
    start = require_number(start, "start", "(-inf, inf)")
    times = output_times(times, start)
    if [dt, rtol, courant].count(None) != 2:
        raise InputError(
            f"dt, rtol, courant: expected one of them, got dt = {dt!r}, rtol = {rtol!r} and "
            f"courant = {courant!r}"
        )
    control: StepControl | CourantControl | None = None
    h = first = float(times[times > start][0] - start) if (times > start).any() else 1.0
    if dt is not None:
        h = require_number(dt, "dt", "(0, inf)")
    elif rtol is not None:
        control, h = StepControl(rtol, (method.embedded_order or 0) + 1, atol), FIRST * first
    else:
        control = CourantControl(system, method, cast(float, courant))
        h = min(control.next(first, start, v), first)
    max_steps = require_integer(max_steps, "max_steps", 1)
    for name, call in (("output", output), ("progress", progress)):
        if call is not None and not callable(call):
            raise InputError(f"{name}: expected a function, got {call!r:.80}")
    if dense:
        if control is None or checkpoint is not None:
            raise InputError(
                "dense: expected rtol or courant and no checkpoint, as steps do not end at the "
                "times; leave it out"
            )
        integration = DenseIntegration(
            system, method, v, start, h, control, max_steps, end=float(times[-1])
        )
    else:
        integration = integration_of(system, method, v, start, h, control, max_steps)
    if control is None:
        require_stable(system, method, v, start, h)
    done = 0
    if checkpoint is not None and require_path(checkpoint, "checkpoint").exists():
        done, states = _resume(checkpoint, integration, times, job)
    else:
        states = []
    began, status = clock.perf_counter(), EvolutionStatus.FINISHED
    for k in range(done, len(times)):
        status = integration.advance(float(times[k]))
        if status is not EvolutionStatus.FINISHED:
            break
        if output is None:
            states.append(integration.state.copy())
        else:
            output(k, float(times[k]), integration.state)
        done = k + 1
        if checkpoint is not None:
            _save(checkpoint, integration, done, times, states, job)
        if progress is not None and progress(integration.t, integration.counts) is True:
            status = EvolutionStatus.STOPPED
            break
    xp = namespace(v)
    kept = xp.stack(states) if states else xp.zeros((0, *v.shape), v.dtype)
    seconds = clock.perf_counter() - began
    counts = integration.counts
    return Evolution(times[:done], kept, status, counts, integration.t, method.name, seconds)


def _state(v: Any) -> Array:
    """Return the initial state as a contiguous array of numbers that are finite."""
    v = require_finite(as_floating(v, "v"), "v")
    if v.size == 0:
        raise InputError(f"v: expected numbers, got an array of shape {tuple(v.shape)}")
    return namespace(v).ascontiguousarray(v)


def integration_of(system: EvolutionSystem, method: SteppingMethod, v: Array, *rest: Any) -> Any:
    """Return the `Integration` of a system, compiled where there is such a one."""
    by_courant = any(isinstance(item, CourantControl) for item in rest)
    if QuadraticIntegration.takes(system, method, v) and not by_courant:
        return QuadraticIntegration(cast(QuadraticSystem, system), method, v, *rest)
    return Integration(system, method, v, *rest)


def output_times(times: Any, start: float) -> Array:
    """Return the times asked for; raises `InputError` unless they increase from `start` on."""
    try:
        times = np.atleast_1d(np.asarray(to_numpy(times)))
    except ValueError:  # rows of different lengths
        raise InputError(f"times: expected one or several numbers, got {times!r:.80}") from None
    if times.ndim != 1 or times.size == 0 or times.dtype.kind not in "fiu":
        raise InputError(f"times: expected one or several numbers, got {times!r:.80}")
    times = require_finite(times.astype(np.float64), "times")
    if times[0] < start or (np.diff(times) <= 0).any():
        raise InputError(f"times: expected increasing numbers from {start:g} on, got {times!r:.80}")
    return times


def require_stable(
    system: EvolutionSystem, method: SteppingMethod, v: Array, t: float, h: float
) -> None:
    """Raise for a fixed step that is unstable for how the initial state moves or is damped."""
    longest = decay_limit(system, method, v)
    if h > longest:
        raise InputError(
            f"dt: expected at most {longest:.3g}, where {method.name} is stable for how fast the "
            f"linear part damps, got {h:g}; take a smaller dt, rtol, or an implicit or exponential "
            "method"
        )
    rate = courant_rate(system, method, t, v, method.held)
    if rate is None or not rate > 0:
        return
    longest = (method.reach or DOUBLING) / rate
    if h > longest:
        what = "is stable" if method.reach else "does not double waves in each step"
        raise InputError(
            f"dt: expected at most {longest:.3g}, where {method.name} {what} for "
            f"this initial state (Courant's condition), got {h:g}; take a smaller dt, or rtol"
        )


def _save(
    path: Any, run: Integration, done: int, times: Array, states: list[Array], job: str
) -> None:
    """Write where the run stands, beside the states that are kept in memory."""
    arrays, told = run.memory()
    arrays = {name: to_numpy(a) for name, a in arrays.items()}
    if states:
        arrays["states"] = to_numpy(namespace(run.v).stack(states))
    told |= {"done": done, "method": run.method.name, "sizes": _sizes(run), "job": job}
    save_archive(path, _KIND, {**arrays, "times": times}, told)


def _sizes(run: Integration) -> str:
    """Return what the sizes of steps come from."""
    if run.control is None:
        return f"dt = {run.first!r}"
    if isinstance(run.control, CourantControl):
        return f"courant = {run.control.courant!r}"
    return f"rtol = {run.control.rtol!r}, atol = {run.control.atol!r}"


def _resume(path: Any, run: Integration, times: Array, job: str) -> tuple[int, list[Array]]:
    """Go on from a checkpoint; return how many times are done, and their states."""
    arrays, told = load_archive(path, _KIND)
    try:
        asked, found = (run.method.name, _sizes(run)), (told["method"], told["sizes"])
        if asked != found or not np.array_equal(arrays["times"], times):
            raise InputError(
                f"{path}: expected a checkpoint of {asked[0]} for the same times with {asked[1]}, "
                f"got one of {found[0]} with {found[1]}; remove it, or name another file"
            )
        if told["job"] != job:
            raise InputError(
                f"{path}: expected a checkpoint of the same problem and initial fields, got one of "
                "others; remove it, or name another file"
            )
        run.restore(arrays, told)
        states = [run.xp.asarray(v) for v in arrays.get("states", ())]
        return int(told["done"]), states
    except (KeyError, TypeError, AttributeError) as error:
        raise FileFormatError(f"{path}: not a checkpoint of an evolution ({error})") from None

"""Certificates in time: each step of a trajectory against the solver's, and what errors grow to."""

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import (
    require_choice,
    require_flag,
    require_instance,
    require_integer,
    require_number,
)
from nwidth.arrays import to_numpy
from nwidth.errors import InputError, NonFiniteError
from nwidth.rom.certified_trajectories import CertifiedTrajectories
from nwidth.rom.restarted_steps import RestartedSteps
from nwidth.rom.trajectory_audit import TrajectoryAudit
from nwidth.solvers.error_growth import error_growth
from nwidth.solvers.evolution_problem import EvolutionProblem

Array = NDArray[Any]


@dataclass(frozen=True)
class CertifiedTrajectorySurrogate:
    """A surrogate in time whose predictions carry indicators and bounds; made by `certify`."""

    surrogate: Any
    problem: EvolutionProblem

    def predict(
        self, inputs: Mapping[str, Any], times: Any, rtol: float | None = None, **options: Any
    ) -> CertifiedTrajectories:
        """Predict, and tell at each time what is known of the error; polish with `rtol`.

        Args:
            inputs: what the surrogate takes, by name, sample axis first: of the fields that change
                in time those at the first times, `(sample, time, *grid[, component])`, or single
                ones `(sample, *grid[, component])`.
            times: of the given fields and of the predictions after them.
            rtol: see `certify_trajectories`.
            **options: see there, too.

        Samples for which it raises `NonFiniteError` are refused: see `certify_trajectories`.

        The surrogate returns the fields after those given `(sample, time, *grid[, component])`, by
        name or of one name. It is asked for as many as there are times if its `predict` takes
        `steps`, and on the grid of the problem if that takes `grid`.
        """
        times, problem = _times(times), self.problem
        steps = RestartedSteps(problem)
        if not isinstance(inputs, Mapping) or not all(name in inputs for name in steps.names):
            came = ", ".join(map(str, inputs)) if isinstance(inputs, Mapping) else repr(inputs)[:80]
            raise InputError(f"inputs: expected {', '.join(steps.names)} by name, got {came}")
        given = {name: to_numpy(inputs[name]) for name in steps.names}
        rank = problem.grid.dimension + 2 + (problem.components > 1)
        first = {n: u[:, None] if u.ndim == rank - 1 else u for n, u in given.items()}
        known = {u.shape[1] if u.ndim == rank else 0 for u in first.values()}
        if len(known) > 1 or not 0 < min(known) < len(times):
            raise InputError(
                f"inputs: expected fields of one to {len(times) - 1} of the {len(times)} times, "
                f"got shapes {', '.join(str(u.shape) for u in given.values())}"
            )
        (count,) = known
        might = {"steps": len(times) - count, "grid": problem.grid}
        takes = _parameters(self.surrogate)
        more = {name: value for name, value in might.items() if name in takes}
        predicted, refused = self._predicted(inputs, more, first, len(times) - count)
        whole = {}
        for name, u in first.items():
            u = np.concatenate([u, predicted[name]], axis=1)
            whole[name] = np.moveaxis(u, -1, 2) if problem.components > 1 else u
        constants = {name: inputs[name] for name in steps.constants if name in inputs}
        answer = certify_trajectories(
            problem, whole, times, rtol, constants=constants, known=count, **options
        )
        told = tuple(refused.get(i, why) for i, why in enumerate(answer.refusals))
        return replace(answer, refusals=told)

    def _predicted(
        self, inputs: Mapping[str, Any], more: Mapping[str, Any], first: Mapping[str, Array], n: int
    ) -> tuple[dict[str, Array], dict[int, str]]:
        """Return predictions at n times by name, NaN for samples that the surrogate refused.

        Of these, by number, with what it has said.
        """
        try:
            return self._asked(inputs, more, first, n), {}
        except NonFiniteError:
            samples = len(next(iter(first.values())))
        parts: list[dict[str, Array]] = []
        refused: dict[int, str] = {}
        for i in range(samples):
            some, start = ({k: a[i : i + 1] for k, a in many.items()} for many in (inputs, first))
            try:
                parts.append(self._asked(some, more, start, n))
            except NonFiniteError as error:
                refused[i] = str(error)
                parts.append({k: np.full((1, n, *u.shape[2:]), np.nan) for k, u in start.items()})
        return {k: np.concatenate([part[k] for part in parts]) for k in first}, refused

    def _asked(
        self, inputs: Mapping[str, Any], more: Mapping[str, Any], first: Mapping[str, Array], n: int
    ) -> dict[str, Array]:
        """Return what the surrogate predicts at the n times after the first fields, checked."""
        found = self.surrogate.predict(inputs, **more)
        named = found if isinstance(found, Mapping) else {_only(self.problem): found}
        predicted = {}
        for name, u in first.items():
            v = to_numpy(named.get(name, np.zeros(0)))
            wanted = (len(u), n, *u.shape[2:])
            if v.ndim != u.ndim or v[:, :n].shape != wanted:
                raise InputError(
                    f"{name}: expected predictions of shape {wanted}, the {n} times after the "
                    f"inputs {u.shape}, got {v.shape}"
                )
            predicted[name] = v[:, :n]
        return predicted


def certify_trajectories(
    problem: EvolutionProblem,
    predicted: Mapping[str, Any] | Array,
    times: Any,
    rtol: float | None = None,
    *,
    constants: Mapping[str, Any] | None = None,
    known: int = 1,
    by: str = "bound",
    polish: bool = True,
    tolerance: float = 1e-8,
    instants: int = 4,
    threads: int = 1,
) -> CertifiedTrajectories:
    """Compare each step of trajectories with the solver's, bound their errors, and polish.

        d_{n+1} = ||u^_{n+1} - Phi(u^_n)||
        ||u_{n+1} - u^_{n+1}||  <=  exp(int lambda dt) ||u_n - u^_n|| + d_{n+1}

    Phi is the solver of the problem, stepping from the *prediction*: steps wait for none before
    them and are taken in several threads. lambda is the one-sided Lipschitz constant along the
    known flow from the prediction; `nwidth.solvers.error_growth` says for which equations, `words`
    of the result by which inequality. Elsewhere the defects are added up to an indicator, and no
    bound is claimed.

    What is rigorous: the inequality, for the semi-discrete equation on the problem's grid. What is
    not: the solver's own error, which grows as others do, is taken to be made of its tolerance at
    each of its steps, and lambda between the instants at which it is read to be at most the larger
    of both: parts of steps should be shorter than the flow takes to change. Computing all steps
    costs as much as solving from the start; what it buys is that they are independent of each
    other, and that the error of each step is told by itself.

    Args:
        problem: in time, on the grid of the predictions.
        predicted: fields `(sample, time, [component,] *grid)` by name, or the only one.
        times: increasing, one for each field.
        rtol: what the bound (or indicator) is to meet at all times. The solver takes over from a
            field whose bound is within rtol: from the last from which it can hold it to the end, so
            that k, the number of its steps, is as small as possible. Good values: 1e-1 to 1e-5.
        constants: inputs of the problem that are no initial fields, sample axis first.
        known: how many of the first fields are given, not predicted.
        by: what rtol is held against: "bound", where the equation has one, or "indicator". The
            latter is for flows whose bound grows so fast that nothing but the solver itself would
            meet it, as in turbulence; it is then an estimate that is met, and no bound.
        polish: whether to polish, or only to tell.
        tolerance: relative error of the solver's steps; in single precision, its rounding at least.
        instants: how many parts a step has, at whose ends lambda is read.
        threads: of the steps.

    What is not met is told by `status`, and raised by `checked()`. A predicted field with NaN or
    infinity, or one that the problem does not take, is `REFUSED` with all after it, at infinite
    bounds, and `refusals` says why; with rtol the solver takes over before it. Other samples go on.
    Raises `InputError` for shapes, times and numbers that do not fit and given fields that the
    problem does not take, `NonFiniteError` for those with NaN or infinity, naming sample and time.

    >>> from nwidth.meshes import Grid
    >>> from nwidth.solvers import AdvectionDiffusion, simulate
    >>> problem = AdvectionDiffusion(Grid.periodic(32), diffusivity=0.01)
    >>> wave = np.sin(2 * np.pi * problem.grid.axes[0].points)
    >>> t = np.linspace(0, 1, 6)
    >>> u = simulate(problem, {"density": wave}, t).fields["density"][None].copy()
    >>> u[:, 3] *= 1.01  # a step that is a hundredth too long, and is not followed up
    >>> found = certify_trajectories(problem, u, t)
    >>> found.defect.round(3)[0].tolist()
    [0.0, 0.0, 0.0, 0.01, 0.01, 0.0]
    >>> certify_trajectories(problem, u, t, rtol=1e-3).solver_steps.tolist()
    [3]
    """
    require_instance(problem, "problem", EvolutionProblem)
    if rtol is not None:
        rtol = require_number(rtol, "rtol", "(0, inf)")
    tolerance = require_number(tolerance, "tolerance", "(0, 1e-2]")
    instants = require_integer(instants, "instants", 1)
    require_choice(by, "by", ("bound", "indicator"))
    require_flag(polish, "polish")
    threads = require_integer(threads, "threads", 1)
    if np.dtype(getattr(problem, "dtype", "float64")) == np.float32:
        tolerance = max(tolerance, 1e-6)
    growth = error_growth(problem)
    steps = RestartedSteps(problem, tolerance, growth, instants)
    times = _times(times)
    known = require_integer(known, "known", 1)
    if known >= len(times):
        raise InputError(f"known: expected less than the {len(times)} times, got {known}")
    fields = _fields(steps, predicted, times, known)
    samples = len(next(iter(fields.values())))
    given = _constants(steps, {} if constants is None else constants, samples)
    audits = []
    with ThreadPoolExecutor(threads) as pool:
        for i in range(samples):
            one = {name: u[i] for name, u in fields.items()}
            some = {name: c[i] for name, c in given.items()}
            audit = TrajectoryAudit(steps, one, some, times, known, by)
            try:
                audit.run(pool)
            except InputError as error:
                raise type(error)(f"sample {i}: {error}") from None
            before = audit.estimate.copy()
            status, count = audit.settle(rtol, polish=polish)
            audits.append((audit, before, status, count))
    return CertifiedTrajectories(
        times=times,
        fields={n: np.stack([a.fields[n] for a, *_ in audits]) for n in steps.names},
        defect=np.stack([a.defect for a, *_ in audits]),
        indicator=np.stack([a.indicator for a, *_ in audits]),
        bound=np.stack([a.bound for a, *_ in audits]),
        bound_before=np.stack([before for _, before, *_ in audits]),
        solver_steps=np.array([count for *_, count in audits]),
        status=tuple(status for _, _, status, _ in audits),
        rtol=rtol,
        words=None if growth is None else growth.words,
        by=by,
        refusals=tuple(a.why for a, *_ in audits),
    )


def _parameters(surrogate: Any) -> Collection[str]:
    """Return the names of what `predict` of a surrogate takes, none where it does not tell."""
    try:
        return signature(surrogate.predict).parameters
    except (TypeError, ValueError):
        return ()


def _only(problem: EvolutionProblem) -> str:
    """Return the name of the only output."""
    if len(problem.outputs) != 1:
        raise InputError(
            f"prediction: expected a mapping with {', '.join(problem.outputs)}, got an array"
        )
    return next(iter(problem.outputs))


def _times(times: Any) -> Array:
    """Return increasing times."""
    try:
        found = to_numpy(times)
    except (TypeError, ValueError):  # rows of different lengths
        found = np.zeros(0)
    right = found.ndim == 1 and len(found) > 1 and found.dtype.kind in "fiu"
    if not right or not np.isfinite(found).all() or not (np.diff(found) > 0).all():
        raise InputError(f"times: expected two or more increasing numbers, got {times!r:.80}")
    return found.astype(np.float64)


def _fields(steps: RestartedSteps, predicted: Any, times: Array, known: int) -> dict[str, Array]:
    """Return the fields in double precision, checked: numbers of given ones alone."""
    problem = steps.problem
    if not isinstance(predicted, Mapping):
        predicted = {_only(problem): predicted}
    missing = [name for name in steps.names if name not in predicted]
    if missing or not steps.names:
        raise InputError(
            f"prediction: expected {', '.join(steps.names) or 'initial fields among the outputs'}, "
            f"got {', '.join(map(str, predicted)) or 'none'}"
        )
    parts = (problem.components,) if problem.components > 1 else ()
    count, found = None, {}
    for name in steps.names:
        u = to_numpy(predicted[name])
        wanted = (len(times), *parts, *problem.grid.shape)
        if u.dtype.kind not in "fiu" or u.shape[1:] != wanted or count not in (None, len(u)):
            raise InputError(
                f"{name}: expected real numbers of shape (sample, {', '.join(map(str, wanted))}), "
                f"times and the problem's grid, got {u.dtype} of shape {u.shape}"
            )
        count = len(u)
        bad = np.argwhere(~np.isfinite(u[:, :known]))
        if len(bad):
            i, n = (int(k) for k in bad[0][:2])
            raise NonFiniteError(
                f"{name}: expected finite numbers, got {u[tuple(bad[0])]} in sample {i} at "
                f"t = {times[n]:g} ({len(bad)} given numbers are not finite); a certificate "
                "cannot mend this, check the inputs"
            )
        found[name] = u.astype(np.float64)
    if not count:
        raise InputError("prediction: expected at least one sample, got none")
    return found


def _constants(
    steps: RestartedSteps, constants: Mapping[str, Any], samples: int
) -> dict[str, Array]:
    """Return the inputs that are no initial fields, one for each sample."""
    if not isinstance(constants, Mapping) or {*constants} != {*steps.constants}:
        raise InputError(
            f"constants: expected {', '.join(steps.constants) or 'none'}, got {constants!r:.80}"
        )
    found = {}
    for name in steps.constants:
        try:
            found[name] = values = to_numpy(constants[name])
        except ValueError:  # rows of different lengths
            found[name] = values = np.zeros(())
        if values.ndim == 0 or len(values) != samples:
            raise InputError(
                f"{name}: expected {samples} samples along the first axis, got shape {values.shape}"
            )
    return found

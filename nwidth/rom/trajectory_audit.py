"""One trajectory under audit: its steps against the solver's, and where that has to go on."""

from collections.abc import Mapping
from concurrent.futures import Executor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.errors import InputError, NonFiniteError
from nwidth.rom.certified_trajectories import StepStatus
from nwidth.rom.restarted_steps import RestartedSteps, SolverStep
from nwidth.solvers.error_growth import weighted_norm

Array = NDArray[Any]


class TrajectoryAudit:
    """The defects of one trajectory, the indicator and the bound that they add up to.

    `fields` are those of the trajectory, and of the solver where it has taken over. `known` fields
    are given; steps are counted by the field they start from; `by` says what is held against rtol.
    `refused` is the first time at which the problem does not take what was predicted, `why` what it
    says, or the solver of a field it cannot step from. See `certify_trajectories`.

    `run` raises `InputError` for given fields that the problem does not take.

    >>> from nwidth.meshes import Grid
    >>> from nwidth.solvers import AdvectionDiffusion
    >>> from nwidth.solvers.error_growth import error_growth
    >>> problem = AdvectionDiffusion(Grid.periodic(8), velocity=0.0, diffusivity=0.0)
    >>> steps = RestartedSteps(problem, growth=error_growth(problem))
    >>> audit = TrajectoryAudit(steps, {"density": np.ones((3, 8))}, {}, np.arange(3.0), 1)
    >>> audit.run()
    >>> audit.defect.tolist(), audit.settle(None)[0][2].name
    ([0.0, 0.0, 0.0], 'CERTIFIED')
    """

    def __init__(
        self,
        steps: RestartedSteps,
        fields: Mapping[str, Array],
        constants: Mapping[str, Any],
        times: Array,
        known: int,
        by: str = "bound",
    ):
        self.steps, self.constants, self.times, self.known = steps, constants, times, known
        self.by, self.bounded = by, steps.growth is not None and by == "bound"
        self.fields = {name: np.array(u, np.float64) for name, u in fields.items()}
        count = len(times)
        self.states: list[Any] = [None] * count
        self.made: list[SolverStep | None] = [None] * count  # the solver's, to this time
        self.rest = np.zeros(count)  # what of a field is beyond the modes of the problem
        self.size = np.zeros(count)
        self.defect, self.indicator = np.zeros(count), np.zeros(count)
        self.bound = np.full(count, np.nan)
        self.y: list[Any] = [None] * count  # bounds of the error's norms
        self.refused, self.why = count, ""

    @property
    def estimate(self) -> Array:
        """What is held against rtol: the bound where one is known and wanted, or the indicator."""
        return self.bound if self.bounded else self.indicator

    def run(self, pool: Executor | None = None) -> None:
        """Take all steps, by a pool if there is one, and add up."""
        first = self.known - 1
        for n in range(len(self.times)):
            try:
                self._take(n)
            except InputError as error:
                if n < self.known:
                    raise
                self.refused, self.why = n, str(error)
                break
        starts = range(first, self.refused - 1)

        def step(n: int) -> SolverStep | InputError:
            try:
                return self._step(n)
            except InputError as error:
                return error

        for n, made in zip(starts, (pool.map if pool else map)(step, starts), strict=True):
            if isinstance(made, SolverStep):
                self.made[n + 1] = made
            elif n == first:  # from given fields alone
                raise made
            else:
                self.why = self.why or str(made)
        self._add_up(first)

    def settle(
        self, rtol: float | None, *, polish: bool = True
    ) -> tuple[tuple[StepStatus, ...], int]:
        """Let the solver take over where rtol asks for it; return statuses and its steps."""
        count, first = len(self.times), self.known - 1
        taken = count
        if rtol is not None and polish and (self.estimate[self.known :] > rtol).any():
            taken = self._last_good(rtol)
            while True:
                solved = self._solved_from(taken)
                within = (solved.estimate[self.known :] <= rtol).all()
                if within or taken == first:
                    break
                taken = first + (taken - first) // 2
            for name in ("fields", "states", "made", "rest", "size", "defect", "indicator"):
                setattr(self, name, getattr(solved, name))
            self.bound, self.y, self.refused = solved.bound, solved.y, solved.refused
            self.why = "; ".join(filter(None, dict.fromkeys((self.why, solved.why))))
        statuses = []
        for n in range(count):
            made, solved_here = self.made[n], n > taken
            if n < self.known:
                status = StepStatus.GIVEN
            elif n >= self.refused:
                status = StepStatus.REFUSED
            elif made is None or made.state is None:
                status = StepStatus.FAILED
            elif rtol is not None and not self.estimate[n] <= rtol:
                status = StepStatus.TOO_LARGE
            elif solved_here:
                status = StepStatus.SOLVED
            else:  # an infinite bound certifies nothing
                sure = self.bounded and np.isfinite(self.bound[n])
                status = StepStatus.CERTIFIED if sure else StepStatus.INDICATED
            statuses.append(status)
        return tuple(statuses), max(0, count - 1 - taken)

    def _inputs(self, n: int) -> dict[str, Array]:
        return self.steps.inputs({name: u[n] for name, u in self.fields.items()}, self.constants)

    def _stacked(self, n: int) -> Array:
        return np.concatenate([u[n].ravel() for u in self.fields.values()])

    def _take(self, n: int) -> None:
        """Keep the state of a field, and how large it and what is beyond its modes are."""
        u = self._stacked(n)
        if not np.isfinite(u).all():
            raise NonFiniteError(
                f"prediction at t = {self.times[n]:g}: expected finite numbers, got "
                f"{u[~np.isfinite(u)][0]} ({np.count_nonzero(~np.isfinite(u))} of {u.size} numbers "
                "are not finite)"
            )
        state = self.steps.problem.state(self._inputs(n))
        self.states[n], self.size[n] = state, _rms(u)
        self.rest[n] = _rms(u - self.steps.stacked(state))

    def _step(self, n: int) -> SolverStep:
        """Return where the solver comes from the state of a field."""
        return self.steps.step(
            self.states[n], self._inputs(n), float(self.times[n]), float(self.times[n + 1])
        )

    def _add_up(self, start: int) -> None:
        """Add up defects from a time on, whose own values are there."""
        growth = self.steps.growth
        if start == self.known - 1:
            self.bound[: self.known] = np.nan if growth is None else 0.0
            self.y[start] = None if growth is None else growth.at_most(0.0)
        for n in range(start + 1, len(self.times)):
            made = self.made[n]
            if made is None or made.state is None:
                self.defect[n] = self.indicator[n] = np.inf
                if growth is not None:
                    self.y[n], self.bound[n] = np.full_like(self.y[n - 1], np.inf), np.inf
                continue
            arrived = self.steps.stacked(made.state)
            self.defect[n] = _ratio(_rms(self._stacked(n) - arrived), _rms(arrived))
            self.indicator[n] = self.indicator[n - 1] + self.defect[n]
            if growth is not None:
                y = self._grown(self.y[n - 1], made)
                self.y[n] = y = y + growth.norms(self.states[n] - made.state)
                self.bound[n] = self._relative(y, n)

    def _grown(self, y: Array, made: SolverStep) -> Array:
        """Return what norms of an error, and of the solver's own, grow to in a step."""
        growth = self.steps.growth
        assert growth is not None
        for h, rates, error in zip(made.lengths, made.rates, made.errors, strict=True):
            if not np.isfinite(y).all():
                return np.full_like(y, np.inf)
            own = growth.at_most(error)  # at the beginning of the part, or at its end
            y = np.maximum(growth.grown(y + own, h, rates), growth.grown(y, h, rates) + own)
        return y

    def _relative(self, y: Array, n: int) -> float:
        """Return the bound of the relative error: of ||u|| at least ||u^|| - error is left."""
        assert self.steps.growth is not None
        error = float(np.hypot(self.steps.growth.size(y), self.rest[n]))
        left = self.size[n] - error
        if error == 0:
            return 0.0
        return error / left if left > 0 and np.isfinite(error) else np.inf

    def _last_good(self, rtol: float) -> int:
        """Return the last time from which the solver seems to keep the estimate within rtol."""
        first = self.known - 1
        beyond = self.estimate[self.known :] > rtol
        last = first + int(np.argmax(beyond))
        if self.steps.growth is None or not self.bounded:
            return last
        for start in range(last, first, -1):
            y, good = self.y[start], True
            for n in range(start + 1, len(self.times)):
                made = self.made[n]
                if made is None or made.state is None:
                    break
                y = self._grown(y, made)
                size = _rms(self.steps.stacked(made.state))
                if not self.steps.growth.size(y) * (1 + rtol) <= rtol * size:
                    good = False
                    break
            if good:
                return start
        return first

    def _solved_from(self, start: int) -> "TrajectoryAudit":
        """Return the trajectory with the solver's steps from a time on."""
        rest = (self.constants, self.times, self.known, self.by)
        other = TrajectoryAudit(self.steps, self.fields, *rest)
        for name in ("states", "made", "y"):
            setattr(other, name, list(getattr(self, name)))
        for name in ("rest", "size", "defect", "indicator", "bound"):
            setattr(other, name, getattr(self, name).copy())
        for n in range(start, len(self.times) - 1):
            try:
                made = other._step(n)
            except InputError as error:
                made, other.why = SolverStep(None, (), (), ()), str(error)
            other.made[n + 1] = made
            if made.state is None:  # what comes after is that of the surrogate, and so marked
                for later in range(n + 1, len(self.times)):
                    other.made[later] = made
                break
            found = self.steps.problem.fields(made.state)
            for name in self.fields:
                other.fields[name][n + 1] = found[name]
            other.states[n + 1], other.rest[n + 1] = made.state, 0.0
            other.size[n + 1] = _rms(other._stacked(n + 1))
        other._add_up(start)
        return other


def _rms(u: Array) -> float:
    """Return the root mean square."""
    return weighted_norm(u, 1 / u.size)


def _ratio(part: float, whole: float) -> float:
    """Return part / whole, zero for nothing of nothing."""
    if part == 0:
        return 0.0
    return part / whole if whole > 0 else np.inf

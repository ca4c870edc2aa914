"""What a certified surrogate in time returns: trajectories, and what is known of their errors."""

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.errors import InputError, NotConvergedError

Array = NDArray[Any]


class StepStatus(Enum):
    """What is known of one sample at one time; the text of a failure is its remedy."""

    GIVEN = "a field that was given, not predicted"
    CERTIFIED = (
        "the bound is finite, and at most rtol if one was given; it holds if the solver keeps its "
        "tolerance and the growth of errors is at most what was read at the ends of parts of steps"
    )
    INDICATED = (
        "no bound is known, it is infinite, or was not asked for: the defects add up to the "
        "indicator, which is at most rtol if one was given, and is no bound"
    )
    SOLVED = "the solver went on from the last field within rtol"
    TOO_LARGE = (
        "what is known of the error exceeds rtol and polishing was switched off, or leaves no "
        "field to go on from: polish, loosen rtol, or tighten the tolerance of the solver"
    )
    REFUSED = (
        "this field, or one before it, is none that the equation takes: check the surrogate and "
        "its inputs, or polish, which goes on from the last good field"
    )
    FAILED = "the solver cannot step from this field: check the prediction before it"


@dataclass(frozen=True, repr=False)
class CertifiedTrajectories:
    """Trajectories, and for each sample and time what is known of the error.

    The exact solution meant is that of the semi-discrete equation: of the problem on its grid,
    continuous in time, from the last given field. All numbers are relative to the norm of the
    solution at that time.

    Attributes:
        times: shape (time,).
        fields: `(sample, time, [component,] *grid)` by name, float64.
        defect: the indicator, ||u^_{n+1} - Phi(u^_n)|| / ||Phi(u^_n)||: the error that step n alone
            has made. `(sample, time)`, zero at given times.
        indicator: defects added up: the error, if equation and surrogate neither damp nor amplify.
        bound: upper bound of the error, on the two conditions of `certify_trajectories`; NaN if
            none is known for the equation, infinite from where nothing is left of it.
        bound_before: the same (or, without a bound, the indicator) before polishing.
        solver_steps: of each sample, how many of its steps the solver took over.
        status: a `StepStatus` for each sample and time.
        rtol: what was asked for, or None.
        words: the inequality behind the bound, in words, or None.
        by: what rtol was held against, "bound" or "indicator".
        refusals: for each sample, why a field was refused or could not be stepped from; empty if
            none was.
    """

    times: Array
    fields: dict[str, Array]
    defect: Array
    indicator: Array
    bound: Array
    bound_before: Array
    solver_steps: Array
    status: tuple[tuple[StepStatus, ...], ...]
    rtol: float | None = None
    words: str | None = None
    by: str = "bound"
    refusals: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.defect)

    @property
    def u(self) -> Array:
        """The trajectories of a problem with one field.

        Raises `ValueError` if there are several.
        """
        (only,) = self.fields.values()
        return only

    @property
    def bounded(self) -> bool:
        """Whether there is a bound, and rtol was held against it."""
        return self.words is not None and self.by == "bound"

    @property
    def estimate(self) -> Array:
        """What rtol was held against: the bound, or else the indicator."""
        return self.bound if self.bounded else self.indicator

    def without_fields(self) -> Self:
        """Return what is known of the errors alone, without the fields, to save memory."""
        return replace(self, fields={name: u[:0] for name, u in self.fields.items()})

    @classmethod
    def join(cls, parts: "list[CertifiedTrajectories]") -> "CertifiedTrajectories":
        """Return the trajectories of several chunks as one.

        Raises `InputError` for no chunks, or chunks of other times or tolerances.
        """
        alike = {(part.times.tobytes(), part.rtol, part.words) for part in parts}
        if len(alike) != 1:
            raise InputError(
                f"join: expected chunks of the same times and tolerance, got {len(parts)} chunks "
                f"of {len(alike)} kinds"
            )
        joined: dict[str, Any] = {
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in ("defect", "indicator", "bound", "bound_before", "solver_steps")
        }
        for name in parts[0].fields:
            joined.setdefault("fields", {})[name] = np.concatenate(
                [part.fields[name] for part in parts]
            )
        joined["refusals"] = tuple(
            why for part in parts for why in part.refusals or ("",) * len(part)
        )
        joined["status"] = tuple(states for part in parts for states in part.status)
        return replace(parts[0], **joined)

    def checked(self) -> Self:
        """Return the trajectories themselves, or raise if any step missed its tolerance."""
        bad = [
            (i, n)
            for i, states in enumerate(self.status)
            for n, status in enumerate(states)
            if status in (StepStatus.TOO_LARGE, StepStatus.REFUSED, StepStatus.FAILED)
        ]
        if not bad:
            return self
        i, n = bad[0]
        why = self.refusals[i] if self.refusals else ""
        raise NotConvergedError(
            f"certificate: {len(bad)} of {self.defect.size} states are not within "
            f"rtol = {self.rtol}; sample {i} at t = {self.times[n]:g}: {self.status[i][n].value} "
            f"({'bound' if self.bounded else 'indicator'} {self.estimate[i, n]:.1e})"
            f"{why and f'; {why}'}"
        )

    def __repr__(self) -> str:
        asked = "" if self.rtol is None else f", asked for {self.rtol:g}"
        size = self.defect.size
        lines = [
            f"CertifiedTrajectories of {len(self)} samples at {len(self.times)} times to "
            f"t = {self.times[-1]:g}",
            f"  defect of a step at most {self.defect.max() if size else 0:.2e}; added up "
            f"{self.indicator.max() if size else 0:.2e}{'' if self.bounded else asked}",
        ]
        if self.words is None:
            lines.append("  indicator only: no bound is known for this equation")
        else:
            finite = np.isfinite(self.bound)
            within = f"{self.bound[finite].max():.2e}" if finite.any() else "nothing"
            asked = asked if self.bounded else ""
            lines.append(f"  error at most {within} where finite ({finite.mean():.0%}){asked}")
            lines.append(f"  by {self.words}")
        refused = [i for i, states in enumerate(self.status) if StepStatus.REFUSED in states]
        if refused:
            why = self.refusals[refused[0]] if self.refusals else StepStatus.REFUSED.value
            lines.append(f"  {len(refused)} refused; sample {refused[0]}: {why}")
        if self.rtol is not None:
            lines.append(f"  steps of the solver: {int(self.solver_steps.sum())}")
        return "\n".join(lines)

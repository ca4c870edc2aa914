"""The time step of data and of models, and what else must agree: units and boundary condition."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nwidth.errors import InputError
from nwidth.fields import FieldDataset

# Steps of uniform times may differ by this part, as times that were printed and read do.
_UNIFORM = 1e-5


@dataclass(frozen=True)
class TimeSetting:
    """What data must have in common with those a model was fitted to.

    `step` is the time step of the model, in `unit`; `units` are those of the fields by name, and
    `boundary` is what the data say of their boundary.
    """

    step: float
    unit: str
    units: Mapping[str, str]
    boundary: Mapping[str, Any]

    def stride(self, dataset: FieldDataset) -> int:
        """Return how many steps of a data set are one of the model, or raise `InputError`."""
        if dataset.layout.time_unit != self.unit:
            raise InputError(
                f"expected times in {self.unit!r}, the model's unit, got "
                f"{dataset.layout.time_unit!r} in {dataset.path}; convert them"
            )
        step = time_step_of(dataset)
        stride = round(self.step / step)
        if stride < 1 or abs(stride * step - self.step) > _UNIFORM * self.step:
            raise InputError(
                f"expected states every {self.step:g}, the model's time step, or every whole "
                f"fraction of it, got every {step:g} in {dataset.path}; write them at such times, "
                "or train a model on these"
            )
        return stride

    def require(self, dataset: FieldDataset, names: Sequence[str]) -> None:
        """Raise `InputError` for other units or another boundary condition."""
        for name in names:
            if dataset.units[name] != self.units[name]:
                raise InputError(
                    f"{name}: expected the unit {self.units[name]!r} that the model was trained "
                    f"with, got {dataset.units[name]!r} in {dataset.path}; convert the field"
                )
        if dict(dataset.boundary) != dict(self.boundary):
            raise InputError(
                f"expected the boundary condition that the model was trained with, "
                f"{dict(self.boundary) or 'none stated'}, got "
                f"{dict(dataset.boundary) or 'none stated'} in {dataset.path}; train a model on it"
            )

    def describe(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        return {
            "step": self.step,
            "unit": self.unit,
            "units": dict(self.units),
            "boundary": dict(self.boundary),
        }


def time_step_of(dataset: FieldDataset) -> float:
    """Return the distance of the times of a data set.

    Raises `InputError` for static data, a single time, and times that are not uniform.
    """
    times = dataset.times
    if times is None or len(times) < 2:
        what = "static fields" if times is None else "a single time"
        raise InputError(
            f"expected fields at several times, but {dataset.path} holds {what}; "
            "learn static fields with NeuralOperator"
        )
    steps = np.diff(times)
    if np.ptp(steps) > _UNIFORM * steps.mean():
        raise InputError(
            f"expected times at equal distances in {dataset.path}, got steps from "
            f"{steps.min():g} to {steps.max():g}; write the states at uniform times"
        )
    return float((times[-1] - times[0]) / (len(times) - 1))

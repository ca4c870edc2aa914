"""Few numbers for the inputs of a surrogate: its scalars, and scores of its input fields."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import real_floating, require_finite, to_numpy
from nwidth.errors import InputError
from nwidth.fields import FieldDataset
from nwidth.rom.parameter_box import ParameterBox
from nwidth.rom.regression.centred_modes import CentredModes

Array = NDArray[Any]

# A field further from the modes than so many times the worst of training is an unknown one.
_FURTHER = 2.0


@dataclass(frozen=True, eq=False)
class InputFeatures:
    """The map from inputs by name to points in [-1, 1]^p: parameters, or scores of POD modes.

    `modes` has None for a scalar and the modes of a field, by name and in the order of the axes;
    `box` is spanned by the training samples and becomes [-1, 1]^p. `distances` are the largest
    norms of what the modes leave out of the training fields, zero for scalars.
    """

    modes: dict[str, CentredModes | None]
    box: ParameterBox
    distances: tuple[float, ...]

    @classmethod
    def of(
        cls,
        dataset: FieldDataset,
        names: tuple[str, ...],
        weights: Mapping[str, Array],
        rtol: float,
        max_features: int | None,
    ) -> Self:
        """Return those of a data set; `weights` are those of the points of each input field.

        Modes of input fields with sigma_k > rtol sigma_1 are kept, `max_features` at most per
        field. Raises `InputError` for an input that is the same in all samples.
        """
        modes: dict[str, CentredModes | None] = {}
        parts, distances = [], []
        for name in names:
            if name in dataset.scalars:
                values = require_finite(dataset.scalars[name], name)
                modes[name], scores, distance = None, values[:, None], 0.0
            else:
                fields = require_finite(dataset[name][:], name)
                found = CentredModes.of(fields, weights[name], rtol, max_features)
                modes[name], scores = found, found.scores(fields)
                distance = float(found.norms(fields - found.combine(scores)).max())
            if scores.shape[1] == 0 or not np.ptp(scores, axis=0).all():
                raise InputError(
                    f"{name}: expected an input that differs between samples, got the same "
                    f"{len(scores)} times; leave it out or bring samples with other inputs"
                )
            parts.append(scores)
            distances.append(distance)
        points = np.concatenate(parts, axis=1)
        box = ParameterBox(points.min(axis=0), points.max(axis=0))
        return cls(modes, box, tuple(distances))

    @property
    def dimension(self) -> int:
        """Number p of features."""
        return self.box.dimension

    def points(self, inputs: Mapping[str, Any]) -> tuple[Array, Array]:
        """Return points (samples, p) of inputs by name, and which samples are like training's.

        A scalar has shape (samples,) or (samples, 1), a field (samples, *shape). A sample is
        not like those of training if it lies outside of their box, or if one of its fields is twice
        as far from the modes as any of theirs. Points of inputs beyond the range are not finite.
        """
        arrays = self._checked(inputs)
        parts, known = [], np.ones(len(next(iter(arrays.values()))), bool)
        with np.errstate(all="ignore"):  # numbers beyond the range are not like training's
            for (name, modes), distance in zip(self.modes.items(), self.distances, strict=True):
                values = arrays[name]
                if modes is None:
                    parts.append(np.asarray(values, np.float64)[:, None])
                    continue
                scores = modes.scores(values)
                far = modes.norms(values - modes.combine(scores))
                # Rounding of single precision leaves as much where the modes leave out nothing.
                rounding = 64 * float(np.finfo(modes.modes.dtype).eps) * modes.norms(values)
                known &= far <= np.maximum(_FURTHER * distance, rounding)
                parts.append(scores)
            features = np.concatenate(parts, axis=1)
            points = 2 * (features - self.box.lower) / (self.box.upper - self.box.lower) - 1
            slack = 1e-6 if any(modes is not None for modes in self.modes.values()) else 1e-12
            known &= (np.abs(points) <= 1 + slack).all(axis=1)
        return points, known

    def archived(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """Return arrays and a description for a file."""
        arrays = {"lower": self.box.lower, "upper": self.box.upper}
        for k, modes in enumerate(self.modes.values()):
            if modes is not None:
                arrays |= {f"{k}/{key}": a for key, a in modes.archived().items()}
        told = {
            "names": [*self.modes],
            "fields": [modes is not None for modes in self.modes.values()],
            "distances": list(self.distances),
        }
        return arrays, told

    @classmethod
    def from_archived(cls, arrays: dict[str, Array], told: dict[str, Any]) -> Self:
        """Return what `archived` gave; KeyError or ValueError for anything else."""
        modes: dict[str, CentredModes | None] = {}
        for k, (name, field) in enumerate(zip(told["names"], told["fields"], strict=True)):
            own = {a.removeprefix(f"{k}/"): v for a, v in arrays.items() if a.startswith(f"{k}/")}
            modes[str(name)] = CentredModes.from_archived(own) if field else None
        box = ParameterBox(arrays["lower"], arrays["upper"])
        distances = tuple(float(d) for d in told["distances"])
        features = sum(1 if found is None else found.rank for found in modes.values())
        if box.dimension != features or len(distances) != len(modes) or min(distances) < 0:
            raise InputError(f"features: expected {box.dimension} of them, got {features}")
        return cls(modes, box, distances)

    def _checked(self, inputs: Mapping[str, Any]) -> dict[str, Array]:
        """Return the inputs as finite real arrays of one number of samples."""
        if not isinstance(inputs, Mapping):
            raise InputError(
                f"inputs: expected arrays by name, got {type(inputs).__name__}; pass "
                "{name: array}"
            )
        if {*inputs} != {*self.modes}:
            raise InputError(
                f"inputs: expected {', '.join(self.modes)}, got "
                f"{', '.join(map(str, inputs)) or 'none'}; this model was fitted to those"
            )
        arrays: dict[str, Array] = {}
        count = None
        for name, modes in self.modes.items():
            values = to_numpy(real_floating(inputs[name], name))
            if modes is None and values.shape[1:] == (1,):
                values = values[:, 0]  # parameters (m, p) of one number each
            shape = () if modes is None else modes.shape
            if values.ndim != len(shape) + 1 or values.shape[1:] != shape or not len(values):
                wanted = ", ".join(["sample", *map(str, shape)]) + ("," if not shape else "")
                raise InputError(
                    f"{name}: expected shape ({wanted}) on the grid of the training data with at "
                    f"least one sample, got {values.shape}; a single one needs a leading axis"
                )
            count = len(values) if count is None else count
            if len(values) != count:
                raise InputError(f"{name}: expected {count} samples as before, got {len(values)}")
            arrays[name] = require_finite(values, name)
        return arrays

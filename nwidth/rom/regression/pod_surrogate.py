"""What surrogates share that predict the scores of the modes of a field from few numbers."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.archive import load_archive, save_archive
from nwidth.arguments import require_instance, require_integer, require_number
from nwidth.arrays import require_finite
from nwidth.errors import FileFormatError, InputError, NonFiniteError
from nwidth.fields import FieldDataset
from nwidth.meshes import Grid
from nwidth.rom.regression.centred_modes import CentredModes
from nwidth.rom.regression.input_features import InputFeatures
from nwidth.rom.regression.regressor import Regressor
from nwidth.rom.surrogate import Surrogate

Array = NDArray[Any]

# The sums of a prediction are rounded by so many units of the last place.
_ROUNDING = 16


@dataclass(frozen=True, eq=False)
class FieldEstimate:
    """Fields with what is known of them besides: `u` (sample, *shape), and two flags of doubt.

    `deviation` (sample, *shape) standard deviations at each point, or None where the model knows
    of none; they are estimates and no bounds. `inside` (sample,) whether the inputs are like those
    of training: elsewhere the model extrapolates, and the errors it states are not those it has.
    """

    u: Array
    deviation: Array | None
    inside: Array


class PODSurrogate(Surrogate, ABC):
    """A surrogate u(mu) ~ u_0 + sum_k c_k(mu) u_k whose scores c_k are a regression on few numbers.

    mu are scalars of the data set, or scores of its input fields (`InputFeatures`), scaled to
    [-1, 1]^p; u_0 and u_k are mean and POD modes of the output field, for the weights of its grid.
    Time-dependent fields have space-time modes: one score for a whole trajectory.

    Args:
        inputs: names of scalars or fields, one or several.
        output: name of the field to predict.
        rtol: modes of the output with sigma_k > rtol sigma_1 are kept. Good values: 1e-3 to 1e-8.
        max_modes: limit on their number.
        feature_rtol: the same for the modes of input fields; what they leave out is unknown to the
            model. Good values: 1e-1 to 1e-4.
        max_features: limit on the scores of one input field. Many features need many samples.

    `metrics` says after `fit` what the model is and what it is wrong by, relative to the root mean
    square of the norms of the fields: `truncation_error` of the modes alone, `error` at samples
    that are left out (mean square) and `largest_error`.
    """

    # What a file is called, and the arguments besides the names that it keeps.
    _kind: ClassVar[str]
    _settings: ClassVar[tuple[str, ...]] = ("rtol", "max_modes", "feature_rtol", "max_features")

    def __init__(
        self,
        *,
        inputs: str | Sequence[str],
        output: str,
        rtol: float = 1e-6,
        max_modes: int | None = None,
        feature_rtol: float = 1e-3,
        max_features: int | None = 10,
    ):
        names: tuple[Any, ...] = (inputs,) if isinstance(inputs, str) else (None,)
        if isinstance(inputs, Sequence) and not isinstance(inputs, str):
            names = tuple(inputs)
        whole = names and all(isinstance(name, str) for name in (*names, output))
        if not whole or len({*names, output}) != len(names) + 1:
            raise InputError(
                "inputs, output: expected different names of scalars or fields, got "
                f"{inputs!r:.80} and {output!r:.80}"
            )
        self.inputs, self.output = names, output
        self.rtol = require_number(rtol, "rtol", "[0, 1)")
        self.feature_rtol = require_number(feature_rtol, "feature_rtol", "[0, 1)")
        limits = {"max_modes": max_modes, "max_features": max_features}
        for name, limit in limits.items():
            if limit is not None:
                require_integer(limit, name, 1)
        self.max_modes, self.max_features = max_modes, max_features
        self.grid: Grid | None = None
        self.provenance: dict[str, Any] = {}
        self.metrics: dict[str, Any] = {}
        self._features: InputFeatures | None = None
        self._modes: CentredModes | None = None
        self._regressor: Regressor | None = None
        self._warned = False

    @abstractmethod
    def _regress(
        self, points: Array, scores: Array, size: float
    ) -> tuple[Regressor, dict[str, Any]]:
        """Return scores (m, r) as a function of points (m, p), and what to add to the metrics.

        `size` is the root mean square of the norms of the fields.
        """

    @staticmethod
    @abstractmethod
    def _restored(name: str, arrays: dict[str, Array], told: dict[str, Any]) -> Regressor:
        """Return the regressor of a file; KeyError or ValueError if it is none of this class."""

    def fit(self, dataset: FieldDataset) -> Self:
        """Fit the model to the samples of a data set and return it.

        Raises `InputError` for fields or scalars that the data set does not have, fewer than two
        samples, samples with the same inputs, and inputs or outputs that never change;
        `NonFiniteError` for NaN.
        """
        require_instance(dataset, "data", FieldDataset)
        self._require_names(dataset)
        if len(dataset) < 2:
            raise InputError(
                f"data: expected at least two samples in {dataset.path}, got {len(dataset)}; "
                "generate more"
            )
        weights = {
            name: _weights(dataset, name) for name in (*self.inputs, self.output) if name in dataset
        }
        features = InputFeatures.of(
            dataset, self.inputs, weights, self.feature_rtol, self.max_features
        )
        fields = require_finite(dataset[self.output][:], self.output)
        modes = CentredModes.of(fields, weights[self.output], self.rtol, self.max_modes)
        if modes.rank == 0:
            raise InputError(
                f"{self.output}: expected fields that differ between samples, got the same "
                f"{len(fields)} times; there is nothing to learn"
            )
        told = {name: dataset.scalars.get(name) for name in self.inputs}
        points, _ = features.points(
            {n: dataset[n][:] if values is None else values for n, values in told.items()}
        )
        self._require_different(points, told)
        scores = modes.scores(fields)
        size = float(np.sqrt(np.mean(modes.norms(fields) ** 2)))
        regressor, more = self._regress(points, scores, size)
        truncation = modes.norms(fields - modes.combine(scores))
        errors = np.hypot(np.linalg.norm(regressor.left_out, axis=1), truncation) / size
        errors += _ROUNDING * float(np.finfo(fields.dtype).eps)
        self._features, self._modes, self._regressor = features, modes, regressor
        self.grid, self.provenance = dataset.grid, dict(dataset.provenance)
        self.metrics = {
            "training_samples": len(fields),
            "modes": modes.rank,
            "features": features.dimension,
            "regressor": regressor.name,
            "truncation_error": float(np.sqrt(np.mean(truncation**2))) / size,
            "error": float(np.sqrt(np.mean(errors**2))),
            "largest_error": float(errors.max()),
            **more,
        }
        return self

    def _require_different(self, points: Array, told: Mapping[str, Any]) -> None:
        """Raise if two samples have the same inputs, naming both and their scalars."""
        _, first, group = np.unique(points, axis=0, return_index=True, return_inverse=True)
        if len(first) == len(points):
            return
        again = int(np.setdiff1d(np.arange(len(points)), first)[0])
        before = int(first[group.reshape(-1)[again]])
        scalars = [f"{name} = {v[again]:.6g}" for name, v in told.items() if v is not None]
        raise InputError(
            f"data: expected samples with different inputs, got sample {again} with those of "
            f"sample {before} ({', '.join(scalars) or ', '.join(told)}); leave one of them out"
        )

    def predict(self, inputs: Mapping[str, Any]) -> Array:
        """Return fields (sample, *grid) for inputs by name, as `estimate` does, and warn of doubt.

        Warns once if some inputs are not like those of training; `estimate` says which.
        """
        u, inside = self._predicted(inputs)[1:]
        if not (inside.all() or self._warned):
            self._warned = True
            warnings.warn(
                f"{int((~inside).sum())} of {len(inside)} samples are not like the training data: "
                "the model extrapolates, and its errors are not those that were stated; "
                "`estimate` tells which (this is said once)",
                UserWarning,
                stacklevel=2,
            )
        return u

    def estimate(self, inputs: Mapping[str, Any]) -> FieldEstimate:
        """Return fields with standard deviations, and whether inputs are like those of training.

        A scalar has shape (sample,), a field (sample, *grid) on the training grid. Raises
        `InputError` for other names, shapes and complex numbers, `NonFiniteError` for NaN and for
        inputs so far from the training data that there is no number for what comes of them.
        """
        points, u, inside = self._predicted(inputs)
        assert self._modes is not None and self._regressor is not None
        deviations = self._regressor.deviations(points)
        if deviations is None:
            return FieldEstimate(u, None, inside)
        modes = self._modes.modes
        square = np.tensordot(deviations**2, modes.astype(np.float64) ** 2, axes=(-1, 0))
        return FieldEstimate(u, np.sqrt(square).astype(modes.dtype), inside)

    def save(self, path: str | Path) -> None:
        """Write the model to one HDF5 file, whole or not at all."""
        self._require_fitted()
        assert self.grid and self._features and self._modes and self._regressor
        parts: dict[str, dict[str, Array]] = {"output": self._modes.archived()}
        parts["features"], features = self._features.archived()
        parts["regressor"], regressor = self._regressor.archived()
        description = {
            "inputs": list(self.inputs),
            "output": self.output,
            "settings": {name: getattr(self, name) for name in self._settings},
            "grid": self.grid.describe(),
            "features": features,
            "regressor": {"name": self._regressor.name, **regressor},
            "provenance": self.provenance,
            "metrics": self.metrics,
        }
        arrays = {f"{part}/{key}": a for part, own in parts.items() for key, a in own.items()}
        save_archive(path, self._kind, arrays, description)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a model back; executes nothing and opens no other file.

        Raises `FileFormatError` for a missing, damaged or foreign file, and for one whose parts do
        not fit together.
        """
        arrays, told = load_archive(path, cls._kind)
        try:
            return cls._read(arrays, told)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            reason = f"{error} is missing" if isinstance(error, KeyError) else error
            raise FileFormatError(
                f"{path}: expected a {cls._kind} model, but it cannot be used: {reason}"
            ) from None

    @classmethod
    def _read(cls, arrays: dict[str, Array], told: dict[str, Any]) -> Self:
        """Build the model that a file describes."""
        parts: dict[str, dict[str, Array]] = {"output": {}, "features": {}, "regressor": {}}
        for name, array in arrays.items():
            part, key = name.split("/", 1)
            parts[part][key] = array
        self = cls(inputs=told["inputs"], output=told["output"], **told["settings"])
        self.grid = Grid.from_description(told["grid"])
        self._features = features = InputFeatures.from_archived(parts["features"], told["features"])
        self._modes = modes = CentredModes.from_archived(parts["output"])
        settings = dict(told["regressor"])
        self._regressor = cls._restored(settings.pop("name"), parts["regressor"], settings)
        self.provenance, self.metrics = dict(told["provenance"]), dict(told["metrics"])
        if tuple(features.modes) != self.inputs:
            raise InputError(f"features: expected those of {self.inputs}")
        scores = self._regressor.predict(np.zeros((1, features.dimension)))
        if scores.shape != (1, modes.rank):
            raise InputError(f"regressor: expected {modes.rank} scores, got {scores.shape[1]}")
        for shape in (modes.shape, *(m.shape for m in features.modes.values() if m is not None)):
            if not _contains(shape, self.grid.shape):
                raise InputError(f"fields: expected those of the grid {self.grid}, got {shape}")
        return self

    def __repr__(self) -> str:
        names = f"{', '.join(self.inputs)} -> {self.output}"
        if self._modes is None:
            return f"{type(self).__name__}({names}, not fitted)"
        return (
            f"{type(self).__name__}({names}, {self._modes.rank} modes by "
            f"{self.metrics['regressor']}, error {self.metrics['error']:.1e})"
        )

    def _predicted(self, inputs: Mapping[str, Any]) -> tuple[Array, Array, Array]:
        """Return points, fields, and which samples are like training's."""
        self._require_fitted()
        assert self._features and self._modes and self._regressor
        points, inside = self._features.points(inputs)
        self._require_range(points)
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            scores = self._regressor.predict(points)
            self._require_range(scores)
            u = self._modes.combine(scores).astype(self._modes.modes.dtype)
        self._require_range(u)
        return points, u, inside

    def _require_range(self, numbers: Array) -> None:
        """Raise `NonFiniteError` for samples whose numbers left the range of floating point."""
        good = np.isfinite(numbers).reshape(len(numbers), -1).all(axis=1)
        if not good.all():
            raise NonFiniteError(
                f"prediction of {self.output}: expected finite numbers, but sample "
                f"{int(np.argmin(good))} is beyond their range; bring {', '.join(self.inputs)} "
                "nearer to the training data"
            )

    def _require_fitted(self) -> None:
        if self._regressor is None:
            raise InputError(f"{self._kind}: expected a fitted model; call fit, or load one")

    def _require_names(self, dataset: FieldDataset) -> None:
        for name in (*self.inputs, self.output):
            scalar = name in dataset.scalar_names and name != self.output
            if not scalar and name not in dataset:
                raise InputError(
                    f"{name}: expected a name of the data set, which has the fields "
                    f"{', '.join(dataset.field_names)} and the scalars "
                    f"{', '.join(dataset.scalar_names) or '(none)'}"
                )


def _weights(dataset: FieldDataset, name: str) -> Array:
    """Return the weights of all entries of a sample: of the grid, of times, one for components."""
    field, weights = dataset.layout.fields[name], np.asarray(dataset.grid.weights, np.float64)
    if dataset.times is not None and not field.constant:
        weights = np.multiply.outer(_time_weights(dataset.times), weights)
    return np.multiply.outer(weights, np.ones(field.components))


def _time_weights(times: Array) -> Array:
    """Return the weights of the trapezoidal rule; one for a single time."""
    if len(times) == 1:
        return np.ones(1)
    halves = np.diff(times) / 2
    return np.concatenate([halves, [0.0]]) + np.concatenate([[0.0], halves])


def _contains(shape: tuple[int, ...], grid: tuple[int, ...]) -> bool:
    """Return whether a field has the axes of a grid, with one of time before or components after.

    >>> _contains((5, 9, 9), (9, 9)), _contains((9, 8), (9, 9))
    (True, False)
    """
    starts = range(len(shape) - len(grid) + 1)
    return any(shape[k : k + len(grid)] == grid for k in starts)

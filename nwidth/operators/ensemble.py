"""Several networks of one kind, trained apart: their mean, and how far they disagree."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.archive import load_archive, save_archive
from nwidth.arguments import require_instance, require_integer, require_path
from nwidth.arrays import power_of_two
from nwidth.errors import FileFormatError
from nwidth.fields import FieldDataset
from nwidth.meshes import Grid
from nwidth.operators.architectures import require_network
from nwidth.operators.model_file import described, network_of_parts, network_parts
from nwidth.operators.neural_operator import NeuralOperator
from nwidth.operators.operator_network import OperatorNetwork
from nwidth.operators.training.augmentation import Augmentation
from nwidth.operators.training.field_errors import sample_errors, summary
from nwidth.operators.training.training_options import Progress, TrainingOptions
from nwidth.rom.surrogate import Surrogate

_KIND = "ensemble"
_TINY = 1e-300

Array = NDArray[np.floating]


class Ensemble(Surrogate):
    """Neural operators that differ by the seeds of weights, split and order, as one surrogate.

        mean(x) = (1/m) sum_k u_k(x),     spread(x)^2 = sum_k (u_k(x) - mean(x))^2 / (m - 1)

    Lakshminarayanan, Pritzel & Blundell (2017), Simple and scalable predictive uncertainty
    estimation using deep ensembles, arXiv:1612.01474, with relative errors in place of likelihoods.

    What the spread is: how much the prediction depends on chance in the training, which by
    experience is larger where the error is larger, so it can rank samples. What it is not: an error
    bar. All members see the same data through the same architecture, so what they have in common,
    too few modes for instance, shows in none of it; far from the data they may agree and be wrong.
    `evaluate` measures on known data how spread and error go together; a bound that holds is
    `nwidth.rom.certify`'s. The mean usually has a smaller error than any member.

    `network` is the first member as it stands; the others are built from its description with the
    seeds that follow. Training, prediction and file cost as much as `members` networks do.

    >>> from nwidth.operators import FNO
    >>> Ensemble(FNO(modes=(3,), width=4, layers=1), inputs="a", output="u", members=3)
    Ensemble(3 members, a -> u, FNO of 897 parameters, not fitted)
    """

    def __init__(
        self,
        model: OperatorNetwork,
        *,
        inputs: str | Sequence[str],
        output: str,
        members: int = 4,
    ):
        first = require_network(model, "ensemble")
        count = require_integer(members, "ensemble: members", 2)
        settings = first.describe()
        weight = next(first.parameters())
        self.members = [NeuralOperator(first, inputs=inputs, output=output)]
        for k in range(1, count):
            other = type(first).from_description({**settings, "seed": settings["seed"] + k})
            other = other.to(dtype=weight.dtype, device=weight.device)
            self.members.append(NeuralOperator(other, inputs=inputs, output=output))

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the input fields."""
        return self.members[0].inputs

    @property
    def output(self) -> str:
        """Name of the output field."""
        return self.members[0].output

    @property
    def grid(self) -> Grid | None:
        """The grid of the training data, None before."""
        return self.members[0].grid

    @property
    def metrics(self) -> dict[str, Any]:
        """What the members reached in training: lists with an entry for each."""
        names = self.members[0].metrics
        return {name: [m.metrics.get(name) for m in self.members] for name in names}

    def fit(
        self,
        dataset: FieldDataset,
        options: TrainingOptions | None = None,
        *,
        augmentation: Augmentation | None = None,
        validation: FieldDataset | None = None,
        progress: Progress | None = None,
        checkpoint: str | Path | None = None,
    ) -> Self:
        """Train the members one after the other and return the ensemble itself.

        Arguments as in `NeuralOperator.fit`; member k has the seed `options.seed` + k, and so
        holds out other samples. Its checkpoint has the number k behind its name: finished members
        are read, an unfinished one continues.
        """
        options = TrainingOptions() if options is None else options
        require_instance(options, "options", TrainingOptions)
        if checkpoint is not None:
            checkpoint = require_path(checkpoint, "checkpoint")
        for k, member in enumerate(self.members):
            member.fit(
                dataset,
                replace(options, seed=options.seed + k),
                augmentation=augmentation,
                validation=validation,
                progress=progress,
                checkpoint=None if checkpoint is None else f"{checkpoint}.{k}",
            )
        return self

    def predict(
        self,
        inputs: Mapping[str, Any] | FieldDataset,
        grid: Grid | None = None,
        *,
        batch: int | None = None,
    ) -> Array:
        """Return the mean of the members' outputs; arguments as in `NeuralOperator.predict`."""
        return self.predict_with_spread(inputs, grid, batch=batch)[0]

    def predict_with_spread(
        self,
        inputs: Mapping[str, Any] | FieldDataset,
        grid: Grid | None = None,
        *,
        batch: int | None = None,
    ) -> tuple[Array, Array]:
        """Return mean and spread, the standard deviation of the members at each point.

        Both are computed in double precision and come in that of the networks.
        """
        mean, squares, unit = np.zeros(()), np.zeros(()), 1.0
        for k, member in enumerate(self.members):
            found = member.predict(inputs, grid, batch=batch)
            if k == 0:  # fitted, so that it has a normalizer: no square leaves the range
                unit = power_of_two(np.array([member.normalizers[self.output].scale]))
            u = unit * found.astype(np.float64)
            step = u - mean
            mean = mean + step / (k + 1)
            squares = squares + step * (u - mean)
        spread = np.sqrt(squares / (len(self.members) - 1))
        return (mean / unit).astype(found.dtype), (spread / unit).astype(found.dtype)

    def evaluate(self, dataset: FieldDataset) -> dict[str, float]:
        """Return errors of the mean over a data set, and how the spread goes with them.

        Beside mean, median and largest relative errors: `member_relative_l2_mean`, the average
        over the members, each by itself; `relative_spread_mean`, the norm of the spread over that
        of the solution; and `rank_correlation` of spread and error over the samples (Spearman): 1
        if the spread orders the samples as the error does, 0 if it knows nothing of it.
        """
        for member in self.members:
            member.require_suitable(dataset)
        scale = self.members[0].normalizers[self.output].scale
        spreads: list[float] = []

        def mean(fields: dict[str, Array], grid: Grid) -> Array:
            u, spread = self.predict_with_spread(fields, grid)
            known = dataset[self.output][len(spreads) : len(spreads) + len(u)]
            spreads.extend(_norms(spread, scale) / np.maximum(_norms(known, scale), _TINY))
            return u

        errors = sample_errors(mean, dataset, self.inputs, self.output, scale)
        single = [
            sample_errors(member.predict, dataset, self.inputs, self.output, scale)
            for member in self.members
        ]
        return {
            **summary(errors),
            "member_relative_l2_mean": float(np.mean([e["relative_l2"] for e in single])),
            "relative_spread_mean": float(np.mean(spreads)),
            "rank_correlation": _rank_correlation(np.array(spreads), errors["relative_l2"]),
        }

    def require_agreement_with(self, dataset: FieldDataset) -> None:
        """Raise `InputError` unless a data set is of the kind the members were trained on."""
        self.members[0].require_agreement_with(dataset)

    def save(self, path: str | Path) -> None:
        """Write all members to one HDF5 file, whole or not at all."""
        arrays: dict[str, Any] = {}
        told = []
        for k, member in enumerate(self.members):
            weights, network = network_parts(member.model, _KIND)
            own, description = member.parts()
            arrays |= {f"members/{k}/{n}": a for n, a in {**weights, **own}.items()}
            told.append({**network, **description})
        save_archive(path, _KIND, arrays, {"members": told})

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read an ensemble back; executes nothing and opens no other file."""
        arrays, description = load_archive(path, _KIND)
        path = require_path(path, "path")
        self = cls.__new__(cls)
        with described(path, _KIND):
            self.members = []
            for k, told in enumerate(description["members"]):
                start = f"members/{k}/"
                own = {n.removeprefix(start): a for n, a in arrays.items() if n.startswith(start)}
                network = network_of_parts(own, told, path)
                self.members.append(NeuralOperator.of_parts(network, told, own))
            alike = {(m.inputs, m.output, type(m.model)) for m in self.members}
            if len(self.members) < 2 or len(alike) != 1:
                raise FileFormatError(
                    f"{path}: expected at least two members of one kind, got {len(self.members)} "
                    f"of {len(alike)} kinds; the file is damaged"
                )
        return self

    def __repr__(self) -> str:
        first = self.members[0]
        count = sum(p.numel() for p in first.model.parameters())
        return (
            f"Ensemble({len(self.members)} members, {', '.join(self.inputs)} -> {self.output}, "
            f"{type(first.model).__name__} of {count} parameters, "
            f"{'fitted on ' + str(self.grid) if self.grid else 'not fitted'})"
        )


def _norms(field: Array, scale: float) -> Array:
    """Return the root of the sum of squares of each sample."""
    return np.linalg.norm(np.asarray(field, np.float64).reshape(len(field), -1) / scale, axis=1)


def _rank_correlation(x: Array, y: Array) -> float:
    """Return Spearman's correlation of two lists without ties; 0 for a single sample."""
    if len(x) < 2:
        return 0.0
    ranks = np.array([np.argsort(np.argsort(values)) for values in (x, y)], dtype=float)
    return float(np.corrcoef(ranks)[0, 1])

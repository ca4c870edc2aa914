"""POD of the fields and a small neural network for their scores."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray

from nwidth.arguments import require_integer, require_number, require_seed
from nwidth.arrays import generator, require_finite, require_shape
from nwidth.errors import InputError
from nwidth.operators.seeded_weights import seeded_weights
from nwidth.operators.training.training_checkpoint import weight_arrays
from nwidth.rom.regression import PODSurrogate, Regressor
from nwidth.rom.regression.regressor import asked_points

Array = NDArray[Any]

# Differences of gradients that L-BFGS keeps.
_HISTORY = 20


@dataclass(frozen=True, eq=False)
class ScoreNetwork:
    """A network of tanh layers for scores, y(x) = s (W_d tanh(... tanh(W_1 x + b_1) ...) + b_d).

    `scale` s brings the scores near one, all by the same factor, so that the loss is the error of
    the field. `left_out` (m, r) are errors of networks that were trained without the sample.
    """

    network: torch.nn.Sequential
    scale: float
    left_out: Array

    name: ClassVar[str] = "network"

    @torch.no_grad()
    def predict(self, points: Any) -> Array:
        """Return values (k, r) at points (k, p)."""
        x = asked_points(points, self._sizes[0])
        return self.scale * self.network(torch.tensor(x)).numpy()

    def deviations(self, points: Any) -> None:
        """Return None: the network has no error bars."""
        return

    def archived(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """Return arrays and a description for a file."""
        arrays = {f"weights/{name}": a for name, a in weight_arrays(self.network).items()}
        told = {"sizes": self._sizes, "scale": self.scale}
        return {**arrays, "left_out": self.left_out}, told

    @classmethod
    def from_archived(cls, arrays: dict[str, Array], told: dict[str, Any]) -> Self:
        """Return what `archived` gave; KeyError or ValueError for anything else."""
        sizes = [require_integer(size, "sizes", 1) for size in told["sizes"]]
        for k, (first, second) in enumerate(pairwise(sizes)):
            name = f"weights/{2 * k}"
            require_shape(arrays[f"{name}.weight"], (second, first), f"{name}.weight")
            require_shape(arrays[f"{name}.bias"], (second,), f"{name}.bias")
        if len(arrays) != 2 * len(sizes) - 1 or len(sizes) < 2:
            raise InputError(f"weights: expected those of layers of the sizes {sizes}")
        for name, array in arrays.items():
            if array.dtype != np.float64:
                raise InputError(f"{name}: expected float64, got {array.dtype}")
            require_finite(array, name)
        network = _network(sizes, 0)
        with torch.no_grad():
            for name, parameter in network.named_parameters():
                parameter.copy_(torch.tensor(arrays[f"weights/{name}"]))
        left_out = require_shape(arrays["left_out"], (None, sizes[-1]), "left_out")
        return cls(network, require_number(told["scale"], "scale", "(0, inf)"), left_out)

    @property
    def _sizes(self) -> list[int]:
        """Number of inputs, of units of the hidden layers, and of outputs."""
        layers = [layer for layer in self.network if isinstance(layer, torch.nn.Linear)]
        return [layers[0].in_features, *(layer.out_features for layer in layers)]


class PODNetwork(PODSurrogate):
    """A reduced model from snapshots alone whose scores are a small neural network of the inputs.

        u(mu) ~ u_0 + sum_k c_k(mu) u_k,    sum_j |c(mu_j) - y_j|^2 + penalty |W|^2 = min

    by L-BFGS on all samples at once, in double precision. It needs more samples than the
    regressions of `nwidth.rom.PODRegression`, and its cost does not grow with their cube.
    `metrics["error"]` is that of cross-validation: `folds` networks are trained, each without a
    part of the samples. Reference: Hesthaven & Ubbiali (2018), doi:10.1016/j.jcp.2018.02.037.

    Args:
        inputs: names of scalars or fields of the data set, one or several.
        output: name of the field to predict.
        width: units of each hidden layer. Good values: 16 to 64.
        layers: hidden layers. Good values: 2 or 3.
        iterations: of L-BFGS, for each network.
        penalty: on the squares of weights, relative to the mean square of the scores.
        folds: of cross-validation, at most one for each sample.
        seed: an integer, of the initial weights and of the parts.
        **options: rtol, max_modes, feature_rtol, max_features: see `PODSurrogate`.

    >>> model = PODNetwork(inputs="mu", output="pressure", width=16)
    >>> model
    PODNetwork(mu -> pressure, not fitted)
    """

    _kind = "pod-network"
    _settings = (
        *PODSurrogate._settings,
        *("width", "layers", "iterations", "penalty", "folds", "seed"),
    )

    def __init__(
        self,
        *,
        inputs: str | Sequence[str],
        output: str,
        width: int = 24,
        layers: int = 2,
        iterations: int = 500,
        penalty: float = 1e-8,
        folds: int = 5,
        seed: int = 0,
        **options: Any,
    ):
        unknown = {*options} - {*PODSurrogate._settings}
        if unknown:
            raise InputError(
                f"options: expected {', '.join(PODSurrogate._settings)}, got "
                f"{', '.join(sorted(unknown))}"
            )
        super().__init__(inputs=inputs, output=output, **options)
        self.width = require_integer(width, "width", 1)
        self.layers = require_integer(layers, "layers", 1)
        self.iterations = require_integer(iterations, "iterations", 1)
        self.penalty = require_number(penalty, "penalty", "[0, inf)")
        self.folds = require_integer(folds, "folds", 2)
        self.seed = require_seed(seed, "seed")

    def _regress(
        self, points: Array, scores: Array, size: float
    ) -> tuple[Regressor, dict[str, Any]]:
        m = len(points)
        scale = float(np.sqrt(np.mean(np.sum(scores**2, axis=1))))
        x, y = torch.tensor(points), torch.tensor(scores / scale)
        parts = np.array_split(generator(self.seed, 1).permutation(m), min(self.folds, m))
        left_out = np.empty_like(scores)
        for part in parts:
            rest = np.setdiff1d(np.arange(m), part)
            network, _ = self._trained(x[rest], y[rest])
            with torch.no_grad():
                left_out[part] = scale * (y[part] - network(x[part])).numpy()
        network, loss = self._trained(x, y)
        return ScoreNetwork(network, scale, left_out), {"folds": len(parts), "loss": loss}

    @staticmethod
    def _restored(name: str, arrays: dict[str, Array], told: dict[str, Any]) -> Regressor:
        if name != ScoreNetwork.name:
            raise InputError(f"regressor: expected {ScoreNetwork.name!r}, got {name!r}")
        return ScoreNetwork.from_archived(arrays, told)

    def _trained(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.nn.Sequential, float]:
        """Return a network that was trained on samples, and its loss."""
        sizes = [x.shape[1], *[self.width] * self.layers, y.shape[1]]
        network = _network(sizes, self.seed)
        weights = [p for name, p in network.named_parameters() if name.endswith("weight")]
        optimizer = torch.optim.LBFGS(
            network.parameters(),
            max_iter=self.iterations,
            max_eval=2 * self.iterations,
            tolerance_grad=1e-10,
            tolerance_change=1e-14,
            history_size=_HISTORY,
            line_search_fn="strong_wolfe",
        )

        def loss() -> torch.Tensor:
            optimizer.zero_grad()
            value = (network(x) - y).square().sum(dim=1).mean()
            value = value + self.penalty * sum(w.square().sum() for w in weights)
            value.backward()
            return value

        optimizer.step(loss)
        final = float(loss().detach())
        if not np.isfinite(final):
            raise InputError(
                "network: the training left the range of numbers; raise penalty or try another seed"
            )
        return network, final


def _network(sizes: Sequence[int], seed: int) -> torch.nn.Sequential:
    """Return a network of tanh layers in double precision; torch's random state is left alone."""
    layers: list[torch.nn.Module] = []
    with seeded_weights(seed):
        for first, second in pairwise(sizes):
            linear = torch.nn.Linear(first, second, dtype=torch.float64)
            torch.nn.init.xavier_uniform_(linear.weight)
            layers += [linear, torch.nn.Tanh()]
    return torch.nn.Sequential(*layers[:-1])

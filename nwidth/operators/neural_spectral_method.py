"""Neural spectral methods as a surrogate: an equation in, a solution operator out, no data."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_integer, require_path
from nwidth.arrays import real_floating, require_finite, to_numpy
from nwidth.errors import InputError
from nwidth.meshes import Grid, random_field
from nwidth.operators.model_file import described, load_model, save_model
from nwidth.operators.neural_spectral_network import NeuralSpectralNetwork
from nwidth.operators.residuals.collocation_axis import CollocationAxis
from nwidth.operators.residuals.poisson_residual import PoissonResidual
from nwidth.operators.residuals.reaction_diffusion_residual import ReactionDiffusionResidual
from nwidth.operators.residuals.residual_task import ResidualTask
from nwidth.operators.residuals.spectral_residual import SpectralResidual
from nwidth.operators.residuals.vorticity_residual import VorticityResidual
from nwidth.operators.training.trainer import Trainer
from nwidth.operators.training.training_options import Progress, TrainingOptions
from nwidth.solvers import problem_from_description

Array = NDArray[Any]

_KIND = "neural-spectral-method"
_EVOLUTIONS = {"fisher": ReactionDiffusionResidual, "navier-stokes": VorticityResidual}
# Samples of a seed of their own, which no training has seen.
_CHECK_SEED = 2**31 - 1
_BATCH = 16


class NeuralSpectralMethod:
    """The solution operator of an equation, learned from the equation alone.

        u = ansatz(network(features(a)), a),    minimize over inputs a drawn at random: |R~(u; a)|

    `fit` draws inputs from the sampler of the equation and minimizes the residual in coefficients;
    `predict` returns the solution for inputs given on any grid, at any times and on any grid of
    the box, with all initial and boundary values; `indicator` estimates the relative error of each
    prediction from its own residual; `evaluate` compares with the solver; `save` writes one HDF5
    file, which `load` reads and executes nothing. Reference: Du, Chalapathi & Krishnapriyan (2024),
    Neural spectral methods: self-supervised learning in the spectral domain, arXiv:2312.05225.

    Args:
        network: a `NeuralSpectralNetwork` whose points are those of the equation; its precision is
            that of the computation, float32 unless it was converted.

    >>> from nwidth.meshes import PeriodicKernelField
    >>> from nwidth.solvers import Fisher
    >>> grid = Grid.periodic(16)
    >>> problem = Fisher(grid, 0.05, 5.0, PeriodicKernelField(grid, modes=5))
    >>> residual = ReactionDiffusionResidual(problem, final_time=1.0, time_modes=8)
    >>> network = NeuralSpectralNetwork(2, points=(8, 16), modes=(4, 5), width=8, layers=2)
    >>> options = TrainingOptions(epochs=1, batch_size=8)
    >>> model = NeuralSpectralMethod(network).fit(residual, options, samples=16)
    >>> u = model.predict({"density": np.full((1, 16), 0.5)}, times=[0.0, 0.3, 1.0])
    >>> u.shape, bool(np.allclose(u[:, 0], 0.5, atol=1e-6))
    ((1, 3, 16), True)
    """

    def __init__(self, network: NeuralSpectralNetwork):
        self.network = require_instance(network, "network", NeuralSpectralNetwork)
        self.residual: SpectralResidual | None = None
        self.history: list[dict[str, Any]] = []
        self.metrics: dict[str, Any] = {}

    def fit(
        self,
        residual: SpectralResidual,
        options: TrainingOptions | None = None,
        *,
        samples: int = 4096,
        form: str = "residual",
        checked: int = 0,
        progress: Progress | None = None,
        checkpoint: str | Path | None = None,
    ) -> Self:
        """Train on the residual for inputs drawn by the seed of the options, and return the model.

        Args:
            residual: the equation.
            options: `loss` and `validation` are not used: the form is the loss.
            samples: how many inputs are drawn.
            form: of the loss, see `ResidualTask`.
            checked: so many inputs of another seed are solved by the solver, to report the error
                after each epoch; none are learned from, but the best weights are kept by it.
            progress: told after every step, see `Trainer`.
            checkpoint: the file from which an interrupted training goes on.
        """
        options = TrainingOptions() if options is None else options
        require_instance(options, "options", TrainingOptions)
        self._require_points(require_instance(residual, "residual", SpectralResidual))
        residual.to(next(self.network.parameters()))
        task = ResidualTask(residual, samples, form, seed=options.seed)
        validation = None
        if require_integer(checked, "checked", 0):
            validation = ResidualTask(residual, checked, form, seed=_CHECK_SEED, known=True)
        where = None if checkpoint is None else require_path(checkpoint, "checkpoint")
        trainer = Trainer(
            self.network, options, task, validation, progress=progress, checkpoint=where
        )
        state = trainer.run()
        self.residual, self.history = residual, state.history
        self.metrics = {"samples": samples, "form": form, "options": options.describe()}
        if validation is not None:
            self.metrics |= {"checked": checked, "relative_l2": state.best_error}
        return self

    @torch.no_grad()
    def predict(
        self,
        inputs: Mapping[str, Any],
        grid: Grid | None = None,
        *,
        times: Any = None,
    ) -> Array:
        """Return the solution (sample, [time,] *grid) for inputs (sample, *points) by name.

        Inputs lie on the points of the equation, or on as many others per axis, equidistant over
        the same box; waves that the equation's points do not have are left out. `grid` and `times`
        say where the solution is wanted: by default on the equation's points, and of equations in
        time at `residual.axes[0].points`, from zero to the final time.
        """
        residual, a = self._inputs(inputs)
        u = to_numpy(self._at_collocation(a)).astype(np.float64)
        evolves = "t" in residual.axis_names
        wanted: list[Any] = [None] * len(residual.collocation)
        if times is not None:
            if not evolves:
                raise InputError("times: expected none for an equation without time")
            wanted[0] = _times(times, residual.collocation[0].upper)
        if grid is not None:
            self._require_box(require_instance(grid, "grid", Grid))
            wanted[evolves:] = [axis.points for axis in grid.axes]
        for k, (one, points) in enumerate(zip(residual.collocation, wanted, strict=True)):
            if points is not None:
                u = np.moveaxis(np.tensordot(one.at(points), u, axes=(1, k + 1)), 0, k + 1)
        return np.ascontiguousarray(u, to_numpy(a).dtype)

    @torch.no_grad()
    def indicator(self, inputs: Mapping[str, Any]) -> Array:
        """Return the estimated relative error of each prediction, from its residual alone."""
        residual, a = self._inputs(inputs)
        return to_numpy(residual.indicator(self._at_collocation(a), a))

    @torch.no_grad()
    def error_bound(self, inputs: Mapping[str, Any]) -> Array:
        """Return a bound on the relative error of each prediction over the box, (sample,).

        See `ReactionDiffusionResidual.error_bound`; other equations have the indicator alone, for
        which `InputError` is raised.
        """
        residual, a = self._inputs(inputs)
        if not isinstance(residual, ReactionDiffusionResidual):
            raise InputError(
                "error bound: expected a model of reaction-diffusion, got "
                f"{type(residual).__name__}; `indicator` estimates the error of every equation"
            )
        return residual.error_bound(self._at_collocation(a), a)

    def evaluate(self, samples: int = 32, seed: int = _CHECK_SEED) -> dict[str, float]:
        """Return errors against the solver, relative in L2 of the box, for inputs of a seed."""
        residual = self._fitted()
        task = ResidualTask(residual, samples, seed=seed, known=True)
        with torch.no_grad():
            parts = np.array_split(np.arange(samples), -(-samples // _BATCH))
            errors = torch.cat([task.errors(self.network, part) for part in parts]).double()
            told = torch.cat([self._estimates(task.drawn[part]) for part in parts]).double()
        return {
            "relative_l2_mean": float(errors.mean()),
            "relative_l2_median": float(errors.median()),
            "relative_l2_max": float(errors.max()),
            "indicator_mean": float(told.mean()),
        }

    def save(self, path: str | Path) -> None:
        """Write the model to one HDF5 file, whole or not at all."""
        residual = self._fitted()
        description = {
            "residual": residual.describe(),
            "history": self.history,
            "metrics": self.metrics,
        }
        save_model(path, _KIND, self.network, description, {})

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a model back; executes nothing and opens no other file."""
        network, description, _ = load_model(path, _KIND)
        with described(Path(path), _KIND):
            self = cls(require_instance(network, "network", NeuralSpectralNetwork))
            residual = residual_from_description(description["residual"])
            self._require_points(residual)
            self.residual = residual.to(next(network.parameters()))
            self.history, self.metrics = description["history"], description["metrics"]
        return self

    def _fitted(self) -> SpectralResidual:
        if self.residual is None:
            raise InputError("neural spectral method: expected a fitted one; call fit, or load one")
        return self.residual

    def _estimates(self, a: torch.Tensor) -> torch.Tensor:
        return self._fitted().indicator(self._at_collocation(a), a)

    def _at_collocation(self, a: torch.Tensor) -> torch.Tensor:
        """Return solutions at the collocation points, some samples at once."""
        residual = self._fitted()
        parts = [
            residual.ansatz(self.network(residual.features(some), residual.axes)[:, 0], some)
            for some in a.split(_BATCH)
        ]
        return torch.cat(parts)

    def _inputs(self, inputs: Mapping[str, Any]) -> tuple[SpectralResidual, torch.Tensor]:
        """Return inputs as a tensor at the points of the equation."""
        residual = self._fitted()
        if not isinstance(inputs, Mapping) or tuple(inputs) != residual.inputs:
            raise InputError(
                f"inputs: expected {residual.inputs[0]} by name, as this model was trained, got "
                f"{', '.join(map(str, inputs)) if isinstance(inputs, Mapping) else inputs!r:.80}"
            )
        name = residual.inputs[0]
        given = require_finite(to_numpy(real_floating(inputs[name], name)), name)
        a, space = given.astype(np.float64), self._space()
        if a.ndim != len(space) + 1 or not len(a) or min(a.shape[1:]) < 3:
            raise InputError(
                f"{name}: expected shape (sample, {len(space)} axes of at least 3 points), got "
                f"{a.shape}; a single field needs a leading axis: field[None]"
            )
        for k, one in enumerate(space):
            if a.shape[k + 1] != one.size:
                other = one.resized(a.shape[k + 1])
                a = np.moveaxis(np.tensordot(_moved(other, one), a, axes=(1, k + 1)), 0, k + 1)
        like = next(self.network.parameters())
        found = torch.tensor(a, dtype=like.dtype, device=like.device)
        if not torch.isfinite(found.square()).all():
            raise InputError(
                f"{name}: expected numbers whose squares {like.dtype} holds, got up to "
                f"{abs(a).max():.3g}; convert the network to double precision, or scale the problem"
            )
        return residual, found

    def _space(self) -> tuple[CollocationAxis, ...]:
        residual = self._fitted()
        return residual.collocation["t" in residual.axis_names :]

    def _require_points(self, residual: SpectralResidual) -> None:
        """Raise unless the network is one for the equation."""
        points = tuple(one.size for one in residual.collocation)
        channels = (residual.feature_channels, 1)
        network = self.network
        if (network.points, network.in_channels, network.out_channels) != (points, *channels):
            raise InputError(
                f"network: expected points={points}, in_channels={channels[0]}, out_channels=1, as "
                f"the equation has, got points={network.points}, in_channels="
                f"{network.in_channels}, out_channels={network.out_channels}"
            )

    def _require_box(self, grid: Grid) -> None:
        space = self._space()
        boxes = [(a.lower, a.lower + a.length) for a in grid.axes]
        mine = [(one.lower, one.upper) for one in space]
        if len(boxes) != len(mine) or not np.allclose(boxes, mine, rtol=1e-12, atol=1e-12):
            raise InputError(f"grid: expected one of the box {mine}, got {grid}")


def _moved(one: CollocationAxis, other: CollocationAxis) -> Array:
    """Return the matrix from values on one axis to those on another, fewer or more points."""
    if one.size <= other.size:
        return one.at(other.points)
    kept = len(other.analysis)
    odd = kept - 1 + kept % 2 if other.kind == "fourier" else kept
    return other.synthesis[:, :odd] @ one.analysis[:odd]


def _times(times: Any, final: float) -> Array:
    """Return times within [0, final]."""
    t = require_finite(to_numpy(real_floating(times, "times")), "times").astype(np.float64)
    if t.ndim != 1 or np.any(t < 0) or np.any(t > final * (1 + 1e-12)):
        raise InputError(f"times: expected shape (m,) within [0, {final}], got {times!r:.80}")
    return np.minimum(t, final)


def residual_from_description(description: Mapping[str, Any]) -> SpectralResidual:
    """Return the residual whose `describe()` this is.

    Raises `InputError` for equations that have none.
    """
    given = dict(description)
    if given.get("equation") == "poisson":
        grid = Grid.from_description(given["grid"])
        return PoissonResidual(random_field(given["sampler"], grid), given["boundary"])
    told = given.pop("problem")
    if not isinstance(told, Mapping) or told.get("equation") not in _EVOLUTIONS:
        raise InputError(
            f"residual: expected one of {', '.join(('poisson', *_EVOLUTIONS))}, got {told!r:.80}"
        )
    problem: Any = problem_from_description(told)
    kind: Any = _EVOLUTIONS[told["equation"]]
    return kind(problem, **given)

"""Greedy search whose training parameters adapt themselves: no overfitting to a fixed set."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_integer, require_number
from nwidth.arrays import Seed, real_floating
from nwidth.errors import InputError
from nwidth.rom.affine_problem import AffineProblem
from nwidth.rom.greedy import (
    GreedyResult,
    GreedyStatus,
    GreedyStep,
    excess,
    greedy,
    positive_stability,
)
from nwidth.rom.parameter_box import ParameterBox
from nwidth.rom.reduced_basis import ReducedBasis
from nwidth.rom.stability import StabilityBound

Array = NDArray[Any]

# Cells have 2^p corners.
DIMENSIONS = 12


@dataclass(frozen=True)
class AdaptiveTraining:
    """A reduced basis, the cells whose corners it was trained on, and how it was validated.

    `status` is CONVERGED only if the validation parameters, which had no part in the choice, meet
    the tolerance as well. `training_excess` and `validation_excess` hold the worst bound over what
    is allowed for each basis that was looked at.
    """

    result: GreedyResult
    cells: tuple[ParameterBox, ...]
    training: Array
    validation: Array
    training_excess: Array
    validation_excess: Array
    status: GreedyStatus

    @property
    def model(self) -> ReducedBasis:
        """The reduced model."""
        return self.result.model


def adaptive_training(
    problem: AffineProblem,
    box: ParameterBox,
    rtol: float = 1e-4,
    *,
    stability: StabilityBound,
    atol: float = 0.0,
    validation: int | Array = 128,
    overfitting: float = 1.1,
    refined: float = 0.2,
    max_training: int = 10_000,
    seed: Seed = 0,
    **options: Any,
) -> AdaptiveTraining:
    """Return a reduced basis by greedy search on the corners of cells that are refined.

        1.  greedy search over the corners, until it converges or overfits: the worst validation
            bound exceeds that of the corners by more than a factor
        2.  stop if both are within the tolerance
        3.  halve the cells of the largest bounds at corners and centre along their longest side,
            and go on with the basis

    Reference: Haasdonk, Dihlmann & Ohlberger (2011), doi:10.1080/13873954.2011.547674; here cells
    are halved along one axis instead of all.

    Args:
        problem: A(mu) and f(mu).
        box: of the parameters.
        rtol: as in `greedy`: the bound is to be at most atol + rtol ||u_N||.
        stability: lower bound of the stability constant, positive in the box.
        atol: as in `greedy`.
        validation: parameters (m, p), or how many to draw (Sobol points). Good values: 100 to 1000.
        overfitting: the factor, > 1. Good values: 1.1 to 2.
        refined: the part of the cells that is halved, (0, 1].
        max_training: limit on the number of corners.
        seed: of the validation parameters.
        **options: further arguments of `greedy`.

    Raises as `greedy` does, and `InputError` for more than 12 parameters, whose cells have too many
    corners; use Sobol points for them.

    >>> from nwidth.rom.stability import MinTheta
    >>> A, f = [np.diag([1.0, 2.0, 3.0]), np.diag([3.0, 1.0, 1.0])], [[1.0, 1.0, 1.0]]
    >>> problem = AffineProblem(lambda mu: (1, mu[0]), A, lambda mu: (1,), f)
    >>> alpha = MinTheta([[1.0, 1.0]], [3.0])  # A_1 + A_2 >= 3
    >>> found = adaptive_training(problem, ParameterBox(0.1, 10), 1e-3, stability=alpha)
    >>> found.status.name, found.model.size, len(found.training)
    ('CONVERGED', 3, 7)
    """
    require_instance(box, "box", ParameterBox)
    if box.dimension > DIMENSIONS:
        raise InputError(
            f"box: expected at most {DIMENSIONS} parameters, got {box.dimension}; cells would have "
            "too many corners, train on box.sobol(count) instead"
        )
    if "start" in options:
        raise InputError("start: expected none, as the search goes on from its own results")
    overfitting = require_number(overfitting, "overfitting", "[1, inf)")
    refined = require_number(refined, "refined", "(0, 1]")
    max_training = require_integer(max_training, "max_training", 2**box.dimension)
    unseen = _unseen(validation, box, seed)
    require_instance(problem, "problem", AffineProblem)
    positive_stability(stability, problem.coefficients(unseen)[0], unseen)
    asked, seen = options.pop("progress", None), []

    def progress(step: GreedyStep, model: ReducedBasis) -> bool:
        worst = float(excess(model, unseen, rtol, atol)[0].max())
        seen.append((step.excess, worst))
        wishes = asked is not None and asked(step, model) is True
        stopped.append(wishes)
        return wishes or worst > max(overfitting * step.excess, 1)

    cells, result = [box], None
    while True:
        stopped: list[bool] = []
        training = np.unique(np.concatenate([cell.grid(2) for cell in cells]), axis=0)
        result = greedy(problem, training, rtol, atol=atol, stability=stability, box=box,
                        progress=progress, start=result, **options)  # 1  # fmt: skip
        status = result.status
        fits = seen[-1][1] <= 1
        if status is GreedyStatus.CONVERGED and not fits:
            status = GreedyStatus.STOPPED  # by validation
        ends = status is not GreedyStatus.STOPPED or stopped[-1]  # 2
        if not ends and len(training) >= max_training:
            status, ends = GreedyStatus.MAX_TRAINING, True
        if ends:
            trained, validated = np.array(seen).T
            return AdaptiveTraining(
                result, tuple(cells), training, unseen, trained, validated, status
            )
        cells = _refined(cells, box, result.model, (rtol, atol), refined)  # 3


def _unseen(validation: int | Array, box: ParameterBox, seed: Seed) -> Array:
    """Return the validation parameters."""
    if not isinstance(validation, list | tuple | np.ndarray):
        return box.sobol(require_integer(validation, "validation", 1), seed)
    given = np.asarray(real_floating(validation, "validation"))
    if given.ndim != 2 or len(given) == 0 or not box.contains(given).all():
        raise InputError(
            f"validation: expected parameters (m, {box.dimension}) within the box, got shape "
            f"{given.shape}"
        )
    return given


def _refined(
    cells: list[ParameterBox],
    box: ParameterBox,
    model: ReducedBasis,
    limits: tuple[float, float],
    part: float,
) -> list[ParameterBox]:
    """Return the cells, those of the largest excess halved along their longest side."""
    centre = np.full((1, box.dimension), 0.5)
    points = np.concatenate([np.concatenate([cell.grid(2), cell.at(centre)]) for cell in cells])
    different, place = np.unique(points, axis=0, return_inverse=True)
    found = excess(model, different, *limits)[0][place.reshape(len(cells), -1)].max(axis=1)
    count = max(1, int(np.ceil(part * len(cells))))
    worst = set(np.argsort(-found, kind="stable")[:count].tolist())
    after: list[ParameterBox] = []
    for k, cell in enumerate(cells):
        if k not in worst:
            after.append(cell)
            continue
        sides = box.unit(cell.upper) - box.unit(cell.lower)
        # Sides that are halves of each other differ by rounding on logarithmic axes.
        after += cell.halves(int(np.argmax(sides > 0.75 * sides.max())))
    return after

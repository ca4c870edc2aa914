"""The networks of `neural_operators.py` and how each is trained: one line per network and kind."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from operator_data import DataSet

from nwidth import operators as no
from nwidth.operators.training.mixed_precision import has_bf16

Network = Callable[[DataSet, int, int], no.OperatorNetwork]


@dataclass(frozen=True)
class Recipe:
    """A network for a data set, given its input and output channels, and how it is trained.

    `kind` says what it is wrapped in: "map" a `NeuralOperator`, "steps" an `AutoregressiveOperator`
    and "space-time" a `SpaceTimeOperator`. `dimensions` are those of the data that it takes;
    `most` is the largest number of points of a sample that it is trained on, `coarse` the share of
    epochs on a coarser grid where the data allow it, `coarser` how much coarser it is than that of
    the others, `fit` has further arguments of the training.
    """

    network: Network
    kind: str = "map"
    dimensions: tuple[int, ...] = (1, 2)
    options: dict[str, Any] = field(default_factory=dict)
    coarse: float = 0.0
    coarser: int = 1
    most: int = 1 << 18
    fit: Callable[[DataSet], dict[str, Any]] = lambda data: {}

    def takes(self, data: DataSet) -> bool:
        """Whether this is a recipe for a data set."""
        trajectory = bool(getattr(data, "trajectory", False))
        fits = data.dimension in self.dimensions and trajectory == (self.kind != "map")
        return fits and data.points**data.dimension <= self.most


def _modes(data: DataSet, line: int, plane: int) -> tuple[int, ...]:
    """Return as many modes as suit a line or a plane, fewer on coarse grids."""
    wanted = line if data.dimension == 1 else plane
    return (min(wanted, max(2, data.points // 4)),) * data.dimension


def _fno(data: DataSet, i: int, o: int, width: int = 32) -> no.OperatorNetwork:
    return no.FNO(
        i, o, _modes(data, 24, 12), width=width, dirichlet=(data.walls,) * data.dimension,
        padding=0.5 if _ended(data) else 0.0,
    )  # fmt: skip


def _step(data: DataSet, i: int, o: int) -> no.OperatorNetwork:
    """Return a map from a state, and what drives it, to the next."""
    return no.FNO(i, o, _modes(data, 24, 10), width=24, projection=64, coordinates=False)


def _ended(data: DataSet) -> bool:
    """Whether the axes have ends; the data in time are periodic."""
    return not hasattr(data, "trajectory")


def _mgno(data: DataSet, i: int, o: int) -> no.OperatorNetwork:
    sides = "dirichlet" if data.walls else "zeros"
    # Levels are counted from the coarsest: training on fewer points leaves the finest for later.
    cycle = no.LearnedCycle(levels=min(5, data.points.bit_length() - 2), guess="zero")
    return no.MgNO(
        i, o, cycle, dimension=data.dimension, width=32,
        boundary=sides if _ended(data) else "periodic", points=data.points,
    )  # fmt: skip


def _t1(data: DataSet, i: int, o: int) -> no.OperatorNetwork:
    bases = ("cosine", "sine" if data.walls else "cosine") if _ended(data) else ("fourier",) * 2
    return no.T1(i, o, _modes(data, 24, 16), bases=bases[0], output_bases=bases[1], width=32)


def _gno(data: DataSet, i: int, o: int) -> no.OperatorNetwork:
    d, reach = data.dimension, {"radius": 0.1} if data.dimension == 1 else {"layers": 6}
    return no.GNO(
        i, o, dimension=d, functions=8, hidden=32, coordinates=_ended(data),
        dirichlet=(data.walls,) * d, **reach,
    )  # fmt: skip


def _mgno_of_graphs(data: DataSet, i: int, o: int) -> no.OperatorNetwork:
    line = {"levels": (64, 16), "radii": (0.03, 0.06, 0.25), "between": (0.03, 0.12)}
    d = data.dimension
    return no.MGNO(
        i, o, dimension=d, functions=6, width=24, hidden=32,
        coordinates=_ended(data), dirichlet=(data.walls,) * d, **(line if d == 1 else {}),
    )  # fmt: skip


def _lno(data: DataSet, i: int, o: int) -> no.OperatorNetwork:
    d = data.dimension
    return no.LNO(i, o, 2, dimension=d, width=32, dirichlet=(data.walls,) * d)


def _space_time(data: DataSet, i: int, o: int) -> no.OperatorNetwork:
    later = len(data.times) - 1 - data.given
    return no.FNO(i, o, (min(6, later // 2), *_modes(data, 24, 8)), width=16, projection=64)


def _curriculum(data: DataSet) -> dict[str, Any]:
    later = len(data.times) - 1 - data.given
    rollout = no.Rollout("curriculum", steps=min(4, later), windows=8, start=data.given - 1)
    return {"rollout": rollout}


WARM = no.Cosine(warm_up=0.1)
H1: dict[str, Any] = {"batch_size": 20, "learning_rate": 2e-3, "loss": "h1"}
LONG = {"batch_size": 20, "learning_rate": 4e-3, "loss": no.H1Loss(0.05), "schedule": WARM}
L2: dict[str, Any] = {"batch_size": 20, "learning_rate": 2e-3, "loss": "l2"}

# Convolutions in bfloat16 take half the time, where the processor has it.
FAST = {"execution": no.Execution(precision="bf16")} if has_bf16(torch.device("cpu")) else {}

# Small batches: networks on points learn by the number of steps.
POINTS = {"batch_size": 5, "learning_rate": 4e-3, "optimizer": no.AdamW(gradient_clip=1.0)}

RECIPES: dict[str, Recipe] = {
    # The same function on every grid: all epochs on the coarse one, which has the modes.
    "FNO": Recipe(_fno, options=LONG, coarse=1.0),
    # Its finest stencils are learned on the fine grid: an epoch on 211 x 211 takes two minutes.
    "MgNO": Recipe(
        _mgno, options={**H1, **FAST, "batch_size": 10}, dimensions=(2,), coarse=0.75, most=1 << 15
    ),
    "T1": Recipe(_t1, options={**L2, "learning_rate": 4e-3}),
    # Neighbours grow like the square of the points, and errors are the same on the fine grid: these
    # never see it in training.
    "GNO": Recipe(
        _gno, options=POINTS | {"learning_rate": 6e-3}, coarse=1.0, coarser=2, most=1 << 13
    ),
    "MGNO": Recipe(_mgno_of_graphs, options=POINTS, coarse=1.0, coarser=2, most=1 << 13),
    "LNO": Recipe(_lno, options=POINTS, coarse=1.0, coarser=2, most=1 << 13),
    "FNO, step by step": Recipe(
        _step, "steps", (2,), {**L2, "learning_rate": 4e-3}, coarse=1.0, fit=_curriculum
    ),
    "FNO-3D": Recipe(
        _space_time, "space-time", (2,), {**L2, "learning_rate": 4e-3, "batch_size": 10}, coarse=1.0
    ),
}

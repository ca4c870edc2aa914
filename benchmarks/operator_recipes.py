"""The networks of `neural_operators.py` and how each is trained: one line per network and kind."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from operator_data import DataSet

from nwidth import operators as no

Network = Callable[[DataSet, int, int], no.OperatorNetwork]


@dataclass(frozen=True)
class Recipe:
    """A network for a data set, given its input and output channels, and how it is trained.

    `kind` says what it is wrapped in: "map" a `NeuralOperator`, "steps" an `AutoregressiveOperator`
    and "space-time" a `SpaceTimeOperator`. `dimensions` are those of the data that it takes;
    `most` is the largest number of points of a sample that it is trained on.
    """

    network: Network
    kind: str = "map"
    dimensions: tuple[int, ...] = (1, 2)
    options: dict[str, Any] = field(default_factory=dict)
    coarse: float = 0.0
    most: int = 1 << 18

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
        padding=0.25 if _ended(data) else 0.0,
    )  # fmt: skip


def _ended(data: DataSet) -> bool:
    """Whether the axes have ends; the data in time are periodic."""
    return not hasattr(data, "trajectory")


def _mgno(data: DataSet, i: int, o: int) -> no.OperatorNetwork:
    sides = "dirichlet" if data.walls else "zeros"
    # Levels are counted from the coarsest: training on fewer points leaves the finest for later.
    cycle = no.LearnedCycle(levels=min(5, data.points.bit_length() - 2), guess="zero")
    return no.MgNO(
        i, o, cycle, dimension=data.dimension, width=32,
        boundary=sides if _ended(data) else "periodic",
    )  # fmt: skip


def _t1(data: DataSet, i: int, o: int) -> no.OperatorNetwork:
    bases = ("cosine", "sine" if data.walls else "cosine") if _ended(data) else ("fourier",) * 2
    return no.T1(i, o, _modes(data, 24, 16), bases=bases[0], output_bases=bases[1], width=32)


def _lno(data: DataSet, i: int, o: int) -> no.OperatorNetwork:
    d = data.dimension
    return no.LNO(i, o, dimension=d, width=32, dirichlet=(data.walls,) * d)


def _space_time(data: DataSet, i: int, o: int) -> no.OperatorNetwork:
    m = _modes(data, 24, 8)
    return no.FNO(i, o, (min(8, len(data.times) // 4 or 1), *m), width=20)


H1: dict[str, Any] = {"batch_size": 20, "learning_rate": 2e-3, "loss": "h1"}
L2: dict[str, Any] = {"batch_size": 20, "learning_rate": 2e-3, "loss": "l2"}

RECIPES: dict[str, Recipe] = {
    "FNO": Recipe(_fno, options=H1, coarse=0.9),
    "MgNO": Recipe(_mgno, options={**H1, "batch_size": 10}, dimensions=(2,), coarse=0.75),
    "T1": Recipe(_t1, options={**L2, "learning_rate": 4e-3}),
    "LNO": Recipe(_lno, options=L2, most=1 << 13),
    "FNO, step by step": Recipe(_fno, "steps", (2,), {**L2, "batch_size": 16}),
    "FNO-3D": Recipe(_space_time, "space-time", (2,), {**L2, "batch_size": 4}),
}

"""What training may do to its data: begin on a coarser grid, and use the symmetries of a square."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import permutations
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nwidth.arguments import require_flag, require_integer, require_number
from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers import problem_from_description
from nwidth.solvers.equations.problem_from_description import EQUATIONS


@dataclass(frozen=True)
class Augmentation:
    """Cheaper and richer training data from the data at hand.

    coarse: share of the epochs, the first ones, trained on the grid coarsened by `factor` per axis.
        A step there costs about factor^-d; what is learned carries over because the operator is
        the same function on both grids. Good values: 0 to 0.9 for 85 x 85 points.
    symmetries: show each batch under a random flip and exchange of axes. Multiplies two-dimensional
        data by 8. Only right for problems that look the same from all sides (isotropic
        coefficients, a constant source, the same boundary condition everywhere) and for scalar
        fields, as the components of vectors are not turned along. On periodic nodes mirror images
        are moved by a spacing, which is no matter where nothing depends on the place. Where the
        data say which problem
        they solve, it must declare so (`asymmetry()` of the problem); else your word counts.

    `InputError` is raised for a grid that cannot be coarsened, or has axes that differ, and for
    data of a problem that has a direction.
    """

    coarse: float = 0.0
    factor: int = 2
    symmetries: bool = False

    def __post_init__(self):
        require_number(self.coarse, "augmentation: coarse, a share of the epochs", "[0, 1]")
        require_integer(self.factor, "augmentation: factor", 1)
        require_flag(self.symmetries, "augmentation: symmetries")

    def describe(self) -> dict[str, Any]:
        """Return the settings as a dict."""
        return asdict(self)

    def factor_of(self, epoch: int, epochs: int) -> int:
        """Return by how much the grid of an epoch (counted from 0) is coarsened.

        >>> [Augmentation(coarse=0.5).factor_of(k, 4) for k in range(4)]
        [2, 2, 1, 1]
        """
        return self.factor if epoch < round(self.coarse * epochs) else 1

    def check(self, grid: Grid, problem: Mapping[str, Any] | None = None) -> None:
        """Raise `InputError` if the grid, or the described problem, forbids these settings."""
        if self.coarse > 0:
            grid.coarsen(self.factor)
        if not self.symmetries:
            return
        first = grid.axes[0]
        for axis in grid.axes:
            from_below, from_above = axis.points - axis.lower, axis.upper - axis.points[::-1]
            alike = axis.size == first.size and np.allclose(
                from_below, first.points - first.lower, rtol=0, atol=1e-9 * first.length
            )
            mirrored = np.allclose(from_below, from_above, rtol=0, atol=1e-9 * axis.length)
            # On a circle the mirror image of equidistant points is these points, moved.
            mirrored = mirrored or (axis.periodic and axis.is_uniform)
            if not (alike and mirrored and axis.periodic == first.periodic):
                raise InputError(
                    "augmentation: expected a grid with equal axes that are their own mirror image "
                    f"for symmetries, got {grid}; train without symmetries"
                )
        direction = None if problem is None else _asymmetry(problem)
        if direction is not None:
            raise InputError(
                "augmentation: expected a problem that looks the same from all sides for "
                f"symmetries, got {direction}; train without symmetries"
            )


def _asymmetry(description: Mapping[str, Any]) -> str | None:
    """Return what gives a described problem a direction, None also for equations not of ours."""
    named = description.get("equation") if isinstance(description, Mapping) else None
    if not isinstance(named, str) or named not in EQUATIONS:
        return None
    try:
        return problem_from_description(description).asymmetry()
    except (InputError, ArithmeticError, MemoryError, TypeError, ValueError) as error:
        raise InputError(
            f"augmentation: expected data that describe their {named} problem, to ask whether it "
            f"looks the same from all sides, got a description that cannot be read ({error}); "
            "train without symmetries"
        ) from None


def transformed(v: Tensor, draw: int) -> Tensor:
    """Return fields (batch, channels, *grid) under one of the 2^d d! symmetries of the cube.

    >>> v = torch.arange(9.0).view(1, 1, 3, 3)
    >>> len({tuple(transformed(v, k).flatten().tolist()) for k in range(8)})
    8
    """
    d = v.ndim - 2
    orders = list(permutations(range(2, v.ndim)))
    flips, order = draw % 2**d, orders[draw // 2**d % len(orders)]
    reversed_axes = [k + 2 for k in range(d) if flips >> k & 1]
    return torch.flip(v, reversed_axes).permute(0, 1, *order).contiguous()

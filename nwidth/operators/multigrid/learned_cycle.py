"""The shape of a learned multigrid cycle: levels, sweeps, what is restricted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from nwidth.arguments import require_choice, require_integer
from nwidth.errors import InputError

RESTRICTED = ("source", "residual")
GUESSES = ("restricted", "zero")
COUNTED_FROM = ("coarsest", "finest")
INITIALS = ("random", "nested", "poisson")
# Points per axis are counted in 64 bits.
_MOST_LEVELS = 63


@dataclass(frozen=True)
class LearnedCycle:
    """The settings of a `MultigridLayer`, in the words of `nwidth.solvers.multigrid`.

    levels: grids of the hierarchy, the finest included, at most 63. Good values: as many as halve
        the grid to 2 to 4 points per axis, 5 for 64 to 96.
    sweeps: relaxations u <- u + S (f - A u) before and after the coarser grids; coarsest: on the
        coarsest grid. The papers' V(1, 0) ends with two.
    restricts: what the coarser grid is given, the "source" f as in the published code, or the
        "residual" f - A u as multigrid has it, which costs one more convolution a level.
    guess: what the coarser grid begins with, the "restricted" u as published, or "zero" as
        multigrid has it, which saves two convolutions a level.
    prolongation: points per axis of the interpolation's stencil, 3 or 4; one number for all levels,
        or one for each from the finest down. The stencil of 3 fits every grid; the published
        networks take 4 where a grid has an even number of points.
    counted_from: which levels have the weights on a grid with another number of levels. Counted
        from the "coarsest", a level has the same weights on grids of every size: a grid half as
        fine leaves the finest ones out, one twice as fine interpolates. Counted from the "finest",
        as published, stencils belong to points, whatever their distance.
    initial: "random" (PyTorch's); "nested": random, to which restriction adds injection and
        prolongation adds linear interpolation, while the finest level begins with these alone, so
        that a network trained on the coarser grid is the same function on the finer one when
        training goes on there; or "poisson" (see `poisson_stencils`).

    >>> LearnedCycle(levels=3, restricts="residuum")
    Traceback (most recent call last):
        ...
    nwidth.errors.InputError: restricts: expected one of source, residual, got 'residuum'
    """

    levels: int = 5
    sweeps: tuple[int, int] = (1, 0)
    coarsest: int = 2
    restricts: str = "source"
    guess: str = "restricted"
    prolongation: int | tuple[int, ...] = 3
    counted_from: str = "coarsest"
    initial: str = "nested"

    def __post_init__(self):
        if require_integer(self.levels, "levels", 1) > _MOST_LEVELS:
            raise InputError(
                f"levels: expected at most {_MOST_LEVELS}, as no grid can be halved more often, "
                f"got {self.levels!r:.80}; take as many as halve yours to 2 to 4 points per axis"
            )
        require_integer(self.coarsest, "coarsest", 1)
        if not isinstance(self.sweeps, Sequence) or len(self.sweeps) != 2:
            raise InputError(
                "sweeps: expected two numbers, relaxations before and after the coarser grids, "
                f"got {self.sweeps!r}"
            )
        before, after = (require_integer(number, "sweeps", 0) for number in self.sweeps)
        if before < 1:
            raise InputError(
                f"sweeps: expected at least one before the coarser grids, got {self.sweeps!r}"
            )
        object.__setattr__(self, "sweeps", (before, after))
        require_choice(self.restricts, "restricts", RESTRICTED)
        require_choice(self.guess, "guess", GUESSES)
        require_choice(self.counted_from, "counted_from", COUNTED_FROM)
        require_choice(self.initial, "initial", INITIALS)
        each = self.prolongation
        sizes = tuple(each) if isinstance(each, Sequence) else (each,) * (self.levels - 1)
        if len(sizes) != self.levels - 1 or not all(
            isinstance(size, int) and size in (3, 4) for size in sizes
        ):
            raise InputError(
                f"prolongation: expected 3 or 4, or one of them for each of {self.levels - 1} "
                f"steps between levels, got {each!r}"
            )
        if isinstance(each, Sequence):
            object.__setattr__(self, "prolongation", sizes)

    @property
    def stencils(self) -> tuple[int, ...]:
        """Points per axis of the interpolation onto each level but the coarsest, finest first."""
        each = self.prolongation
        return each if isinstance(each, tuple) else (each,) * (self.levels - 1)

    def describe(self) -> dict[str, Any]:
        """Return the settings as a JSON-able dict."""
        each = self.prolongation
        return {
            "levels": self.levels,
            "sweeps": list(self.sweeps),
            "coarsest": self.coarsest,
            "restricts": self.restricts,
            "guess": self.guess,
            "prolongation": list(each) if isinstance(each, tuple) else each,
            "counted_from": self.counted_from,
            "initial": self.initial,
        }

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> Self:
        """Build the settings of a description."""
        try:
            return cls(**description)
        except TypeError as error:
            raise InputError(
                f"cycle: expected the settings of a LearnedCycle, got {description!r:.200}: {error}"
            ) from None

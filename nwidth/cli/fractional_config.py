"""What may stand in a file with a fractional equation for `nwidth solve`: a class per section.

`nwidth solve --keys` prints the table.
"""

import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from nwidth.cli.config import ConstantSettings, Name, PerAxis, Relative, Section, Whole

EQUATION = "fractional-diffusion"

Order = Annotated[float, Field(gt=1.0, le=2.0)]
Degree = Annotated[int, Field(ge=2, le=20)]
Positives = PositiveFloat | list[PositiveFloat]


class RunSettings(Section):
    """[run]: how many threads work; `-o` of `nwidth solve` says where the results go."""

    threads: PositiveInt | None = Field(default=None, description="default: one per core")


class FractionalProblem(Section):
    """[problem]: -sum_k K_k d^alpha_k u/d|x_k|^alpha_k + reaction u = source, u = 0 outside."""

    equation: Literal["fractional-diffusion"]
    alpha: Order | list[Order] = Field(description="orders, 1 < alpha <= 2; a list: one per axis")
    intervals: PositiveInt | list[PositiveInt] = Field(
        description="of the splines, more than the degree; a list: one per axis"
    )
    degree: Degree | list[Degree] = Field(default=3, description="of the splines, from 2 to 20")
    lower: PerAxis = Field(default=0.0, description="lower corner of the box")
    upper: PerAxis = Field(default=1.0, description="upper corner of the box")
    coefficient: Positives = Field(default=1.0, description="K > 0; a list: one per axis")
    reaction: Annotated[float, Field(ge=0.0)] = Field(default=0.0, description="of reaction u")
    growth: Annotated[float, Field(ge=0.0)] = Field(
        default=0.0, description="in time: growth u (1 - u) on the right"
    )
    unit: str = Field(default="1", description="unit of the coordinates")
    output_unit: str = Field(default="1", description="unit of the density")

    @property
    def dimension(self) -> int:
        """The number of axes that the lists speak of; one without lists."""
        counts = [len(v) for v in self._given() if isinstance(v, list)]
        return counts[0] if counts else 1

    def _given(self) -> tuple[object, ...]:
        return (
            *(self.alpha, self.intervals, self.degree),
            *(self.lower, self.upper, self.coefficient),
        )

    @model_validator(mode="after")
    def _one_box(self) -> Self:
        counts = {len(v) for v in self._given() if isinstance(v, list)}
        if len(counts) > 1 or not counts <= {1, 2, 3}:
            raise ValueError(
                "expected lists of one length, 1 to 3, one entry per axis, in alpha, intervals, "
                f"degree, lower, upper and coefficient, got lengths {sorted(counts)}"
            )
        d = self.dimension
        lower, upper = (v if isinstance(v, list) else [v] * d for v in (self.lower, self.upper))
        if any(a >= b for a, b in zip(lower, upper, strict=True)):
            raise ValueError(f"expected lower < upper, got lower = {lower}, upper = {upper}")
        return self


class PulseSettings(Section):
    """amplitude exp(-sum_k (x_k - center_k)^2 / (2 width_k^2))."""

    kind: Literal["pulse"]
    amplitude: float = 1.0
    center: PerAxis | None = Field(default=None, description="default: the middle of the box")
    width: Positives | None = Field(default=None, description="default: a tenth of the lengths")


class BumpSettings(Section):
    """amplitude prod_k (4 s_k (1 - s_k))^power, or the source that it is the solution of."""

    kind: Literal["bump"]
    amplitude: float = 1.0
    power: Annotated[int, Field(ge=2, le=20)] = Field(
        default=4, description="as a source the error is known, and told"
    )


class GridFileSettings(Section):
    """A field from an HDF5 or .npz file on the points that `nwidth solve -o` writes."""

    kind: Literal["file"]
    path: Name = Field(description="relative to the configuration file")
    name: Name = Field(default="density", description="HDF5 data set or npz array")
    sample: Whole = Field(default=0, description="which one, if the file holds several")
    time: Whole | None = Field(
        default=None, description="which state of a file in time, from 0 on; default: the last"
    )


FieldKind = Annotated[
    ConstantSettings | PulseSettings | BumpSettings | GridFileSettings,
    Field(discriminator="kind"),
]


class SolverSettings(Section):
    """[solver]: how it is solved."""

    rtol: Relative = Field(default=1e-10, description="residual; in time the error of a step")
    modes: Literal["auto", "exact", "sines"] = Field(
        default="auto", description="along each axis; sines are for thousands of intervals"
    )


class TimeSettings(Section):
    """[time]: u_t + what is on the left of the problem = source + growth u (1 - u)."""

    end: PositiveFloat = Field(default=1.0, description="the last time")
    outputs: Annotated[int, Field(ge=2)] = Field(default=11, description="states kept, from t = 0")
    dt: PositiveFloat | None = Field(default=None, description="fixed steps; default: by rtol")
    unit: str = Field(default="1", description="unit of the times")


class FractionalConfig(Section):
    """The whole file."""

    run: RunSettings = RunSettings()
    problem: FractionalProblem
    source: FieldKind | None = None
    initial: FieldKind | None = None
    time: TimeSettings | None = None
    solver: SolverSettings = SolverSettings()

    @model_validator(mode="after")
    def _stationary_or_in_time(self) -> Self:
        if self.initial is not None and self.time is None:
            raise ValueError("[initial] belongs to a problem in time; add a section [time]")
        if self.time is not None and self.initial is None:
            raise ValueError(
                'a problem in time needs a section [initial]; add one, for example kind = "pulse"'
            )
        if self.time is None and self.source is None:
            raise ValueError(
                f'{EQUATION} needs a section [source]; add one, for example kind = "constant"'
            )
        if self.time is None and self.problem.growth:
            raise ValueError("[problem] growth belongs to a problem in time; add a section [time]")
        if self.time is not None and isinstance(self.source, BumpSettings):
            raise ValueError(
                "[source] kind: 'bump' is a source of stationary problems; expected 'constant', "
                "'pulse' or 'file' beside [time]"
            )
        return self


def equation_of(path: str | Path) -> str | None:
    """Return what a file names as its equation; broken files are told by who reads them.

    >>> equation_of("no such file") is None
    True
    """
    try:
        problem = tomllib.loads(Path(path).read_text(encoding="utf-8")).get("problem")
    except (OSError, ValueError):
        return None
    equation = problem.get("equation") if isinstance(problem, dict) else None
    return equation if isinstance(equation, str) else None


def is_fractional(path: str | Path) -> bool:
    """Return whether a file names a fractional equation, or nearly.

    >>> is_fractional("no such file")
    False
    """
    return (equation_of(path) or "").startswith("frac")

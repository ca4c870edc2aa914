"""What may stand in a configuration file: one small class per section.

`nwidth run --keys` prints the table; `nwidth.cli.read_config` reads files and words the errors.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator

from nwidth.cli.outputs import FIGURES

HDF5 = (".h5", ".hdf5")  # endings of our files

Whole = Annotated[int, Field(ge=0)]
Seed = Annotated[int, Field(ge=0, lt=2**53)]  # what every generator can be given
Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]
Relative = Annotated[float, Field(gt=0.0, lt=1.0)]
Name = Annotated[str, Field(min_length=1)]
FileName = Annotated[str, Field(pattern=r"^[\w.+-]+$")]
PerAxis = float | list[float]


class Section(BaseModel):
    """A section of the file: unknown keys are errors, and values are never converted silently."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, validate_default=False
    )


class Run(Section):
    """[run]: where the results go and how many threads work."""

    output: Name = Field(default="runs/nwidth", description="folder of the results")
    threads: PositiveInt | None = Field(default=None, description="default: one per core")


class Side(Section):
    """What is prescribed on one side: a value, a flux a du/dn, or a du/dn + robin u = value."""

    dirichlet: float | None = Field(default=None, description="the value on this side")
    neumann: float | None = Field(default=None, description="a du/dn, outward; 0 means closed")
    robin: Annotated[float, Field(ge=0.0)] | None = Field(
        default=None, description="the coefficient in a du/dn + robin u = value"
    )
    value: float | None = Field(default=None, description="the value beside robin; default: 0")

    @model_validator(mode="after")
    def _one_of_three(self) -> Self:
        given = [kind for kind in (self.dirichlet, self.neumann, self.robin) if kind is not None]
        if len(given) != 1:
            raise ValueError("expected one of 'dirichlet', 'neumann' and 'robin'; give exactly one")
        if self.value is not None and self.robin is None:
            raise ValueError("expected 'value' beside 'robin' only; remove it")
        return self


class BoxSettings(Section):
    """A box with a uniform grid, and what holds on its sides."""

    shape: list[Annotated[int, Field(ge=3)]] = Field(min_length=1, max_length=3)
    lower: PerAxis = Field(default=0.0, description="lower corner of the box")
    upper: PerAxis = Field(default=1.0, description="upper corner of the box")
    unit: str = Field(default="1", description="unit of the coordinates")
    output_unit: str = Field(default="1", description="unit of the solution")
    boundary: dict[str, Side] = Field(
        default_factory=dict, description="by side: x_lower, x_upper, y_lower, ..., default"
    )

    @model_validator(mode="after")
    def _box(self) -> Self:
        d = len(self.shape)
        lower, upper = (
            list(v) if isinstance(v, list) else [v] * d for v in (self.lower, self.upper)
        )
        if len(lower) != d or len(upper) != d:
            raise ValueError(f"expected {d} numbers in lower and upper, one per axis")
        if any(a >= b for a, b in zip(lower, upper, strict=True)):
            raise ValueError(f"expected lower < upper, got lower = {lower}, upper = {upper}")
        sides = {f"{axis}_{end}" for axis in "xyz"[:d] for end in ("lower", "upper")}
        for name in self.boundary:
            if name not in sides | {"default"}:
                known = ", ".join(sorted(sides))
                raise ValueError(f"boundary: unknown side '{name}'; expected default, {known}")
        return self


class ProblemSettings(BoxSettings):
    """[problem]: the equation -div(a grad u) + c u = f on a box."""

    equation: Literal["darcy", "poisson"] = "darcy"
    centering: Literal["node", "cell"] = "node"
    forcing: float = Field(
        default=1.0, description="f of Darcy's equation, its source; Poisson's is in [source]"
    )
    reaction: Annotated[float, Field(ge=0.0)] = Field(
        default=0.0, description="c of the term c u on the left"
    )


class GaussianSettings(Section):
    """A Gaussian random field with covariance sigma^2 (-Laplace + tau^2)^(-alpha)."""

    kind: Literal["gaussian"]
    alpha: PositiveFloat = 2.0
    tau: PositiveFloat = 3.0
    sigma: PositiveFloat | None = Field(default=None, description="default: tau^(alpha - d/2)")
    boundary: Literal["neumann", "dirichlet", "periodic"] = "neumann"
    mean: float = 0.0


class TwoPhaseSettings(Section):
    """Two values: `high` where a Gaussian field reaches the threshold, `low` elsewhere."""

    kind: Literal["two-phase"]
    low: PositiveFloat = 3.0
    high: PositiveFloat = 12.0
    threshold: float = 0.0
    alpha: PositiveFloat = 2.0
    tau: PositiveFloat = 3.0
    sigma: PositiveFloat | None = None
    boundary: Literal["neumann", "dirichlet", "periodic"] = "neumann"

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"expected low < high, got low = {self.low}, high = {self.high}")
        return self


class LogNormalSettings(Section):
    """exp(scale g) of a Gaussian field g."""

    kind: Literal["log-normal"]
    scale: PositiveFloat = 1.0
    alpha: PositiveFloat = 2.0
    tau: PositiveFloat = 3.0
    sigma: PositiveFloat | None = None
    boundary: Literal["neumann", "dirichlet", "periodic"] = "neumann"
    mean: float = 0.0


class ConstantSettings(Section):
    """The same value everywhere."""

    kind: Literal["constant"]
    value: float = Field(default=1.0, description="positive if a permeability")


class FileSettings(Section):
    """A field from an Eclipse keyword file (.inc, .prop, .gz), an HDF5 file or an .npz file."""

    kind: Literal["file"]
    path: Name = Field(description="relative to the configuration file")
    name: Name = Field(default="PERMX", description="Eclipse keyword, HDF5 data set or npz array")
    shape: list[PositiveInt] | None = Field(default=None, description="Eclipse: cells nx, ny, nz")
    sample: Whole = Field(default=0, description="which one, if the file holds several")
    layer: Whole | None = Field(default=None, description="plane problem: layer of a 3-D field")
    refine: PositiveInt = Field(default=1, description="split every cell into refine^d equal cells")
    floor: PositiveFloat | None = Field(default=None, description="smaller values are raised to it")
    unit: str = Field(default="1", description="unit of the values")


FieldSettings = Annotated[
    TwoPhaseSettings | LogNormalSettings | GaussianSettings | ConstantSettings | FileSettings,
    Field(discriminator="kind"),
]


class DataSettings(Section):
    """[data]: the samples. Sample i depends on (seed, i) only."""

    samples: PositiveInt = Field(default=1000, description="for training")
    test_samples: PositiveInt = Field(
        default=100, description="unseen; drawn from a seed of their own"
    )
    restrict: PositiveInt = Field(default=1, description="solve on a grid this many times finer")
    seed: Whole = 0
    rtol: Relative = Field(default=1e-8, description="relative residual of the solver")
    dtype: Literal["float64", "float32"] = Field(default="float64", description="as stored")
    compression: Literal["gzip", "lzf", "bitshuffle", "blosc2"] | None = Field(
        default=None, description="of the file; default: none"
    )
    file: FileName = "data.h5"


class ModelSettings(Section):
    """[model]: the network. What a kind of network has besides goes to [model.settings]."""

    architecture: Name = Field(
        default="FNO", description="FNO, T1, MgNO, GNO, MGNO, LNO, ...; `nwidth train --help`"
    )
    modes: PositiveInt | list[PositiveInt] | None = Field(
        default=None, description="Fourier modes per axis; default: 12, or what the grid resolves"
    )
    width: PositiveInt = Field(
        default=32, description="channels of each layer; of other networks: their own"
    )
    layers: PositiveInt = 4
    projection: PositiveInt = Field(default=128, description="channels of the last pointwise map")
    padding: Annotated[float, Field(ge=0.0, le=2.0)] = Field(
        default=0.25, description="longer period of the spectral layers, for boxes with walls"
    )
    dirichlet: bool = Field(default=False, description="force zeros on the sides")
    settings: dict[str, Any] = Field(
        default_factory=dict, description="other arguments of the network, by name"
    )
    seed: Seed = Field(default=0, description="of the initial weights")
    file: FileName = "model.h5"


class OptimizerSettings(Section):
    """[training.optimizer]: AdamW, and L-BFGS after it."""

    weight_decay: Annotated[float, Field(ge=0.0)] = 1e-4
    gradient_clip: PositiveFloat | None = Field(
        default=None, description="largest norm of the gradient"
    )
    average: Annotated[float, Field(gt=0.0, lt=1.0)] | None = Field(
        default=None, description="factor of a running mean of the weights, 0.99 for instance"
    )
    tail: Whole = Field(default=0, description="epochs of L-BFGS on all samples, at the end")


class ExecutionSettings(Section):
    """[training.execution]: on what, and in which pieces, the steps are computed."""

    device: Literal["cpu", "cuda"] = "cpu"
    micro_batch: PositiveInt | None = Field(
        default=None, description="most samples at once; gradients accumulate"
    )
    precision: Literal["full", "bf16"] = Field(
        default="full", description="bf16: products in bfloat16 where the hardware has them"
    )
    compiler: Name | None = Field(default=None, description='of torch.compile: "inductor"')


class TrainingSettings(Section):
    """[training]: how the operator is fitted."""

    epochs: PositiveInt = 100
    batch_size: PositiveInt = 20
    learning_rate: PositiveFloat = 2e-3
    schedule: Literal["one-cycle", "cosine", "warm-up-cosine", "steps", "constant"] = Field(
        default="one-cycle", description="of the learning rate"
    )
    loss: Literal["l2", "h1", "spectral"] = Field(
        default="l2", description="the relative error that is minimized"
    )
    validation: Fraction = Field(default=0.1, description="share of the training samples held out")
    patience: PositiveInt | None = Field(
        default=None, description="stop after as many epochs in vain"
    )
    seed: Whole = 0
    optimizer: OptimizerSettings = Field(
        default=OptimizerSettings(), description="see [training.optimizer]"
    )
    execution: ExecutionSettings = Field(
        default=ExecutionSettings(), description="see [training.execution]"
    )


class AugmentationSettings(Section):
    """[augmentation]: cheaper and richer training data from the data at hand."""

    coarse: Annotated[float, Field(ge=0.0, le=1.0)] = Field(
        default=0.0, description="share of the epochs, the first, on every second point"
    )
    symmetries: bool = Field(default=False, description="turn and mirror square samples")


class CertificateSettings(Section):
    """[certificate]: the bound on each prediction, and when the solver polishes."""

    rtol: Relative = Field(default=1e-2, description="polish where the bound is above it")
    two_grid_samples: Whole = Field(default=8, description="for the discretization estimate")


class ReportSettings(Section):
    """[report]: names of the files in the output folder."""

    predictions: FileName = "predictions.h5"
    figure: FileName = "report.png"
    summary: FileName = "summary.json"
    sample: Whole = Field(default=0, description="the test sample shown in the figure")

    @model_validator(mode="after")
    def _figure_kind(self) -> Self:
        if not self.figure.lower().endswith(FIGURES):
            raise ValueError(
                f"figure: expected a name ending in {', '.join(FIGURES)}, got {self.figure!r}"
            )
        return self


class Config(Section):
    """The whole file."""

    run: Run = Run()
    problem: ProblemSettings
    permeability: FieldSettings | None = None
    source: FieldSettings | None = None
    data: DataSettings = DataSettings()
    model: ModelSettings = ModelSettings()
    training: TrainingSettings = TrainingSettings()
    augmentation: AugmentationSettings = AugmentationSettings()
    certificate: CertificateSettings = CertificateSettings()
    report: ReportSettings = ReportSettings()

    @model_validator(mode="after")
    def _a_name_for_each_file(self) -> Self:
        data, model = Path(self.data.file), Path(self.model.file)
        files = {
            "[data] file": data.name,
            "[data] file, unseen samples": f"{data.stem}_test{data.suffix}",
            "[model] file": model.name,
            "[report] predictions": self.report.predictions,
            "[report] figure": self.report.figure,
            "[report] summary": self.report.summary,
            "the journal": "run.json",
        }
        for place in ("[data] file", "[model] file", "[report] predictions"):
            if not files[place].endswith(HDF5):
                raise ValueError(
                    f"{place}: expected a name ending in {' or '.join(HDF5)}, got {files[place]!r}"
                )
        taken: dict[str, str] = {}
        for place, name in files.items():
            if name in taken:
                raise ValueError(
                    f"{place}: expected a name of its own, got {name!r}, which "
                    f"is that of {taken[name]}; choose another"
                )
            taken[name] = place
        return self

    @model_validator(mode="after")
    def _the_field_of_the_equation(self) -> Self:
        needed, other = "permeability", "source"
        if self.problem.equation == "poisson":
            needed, other = other, needed
        if getattr(self, needed) is None:
            raise ValueError(
                f"{self.problem.equation} needs a section [{needed}]; "
                'add one, for example kind = "constant"'
            )
        if isinstance(self.permeability, GaussianSettings):
            raise ValueError(
                "[permeability] kind: a Gaussian field has negative values; "
                "expected 'log-normal' or 'two-phase'"
            )
        if isinstance(self.permeability, ConstantSettings) and self.permeability.value <= 0:
            raise ValueError(
                f"[permeability] value: expected a number > 0, got {self.permeability.value}"
            )
        if getattr(self, other) is not None:
            raise ValueError(f"{self.problem.equation} has no [{other}]; remove this section")
        return self

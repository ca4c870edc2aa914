"""What may stand in a problem file of `nwidth reduce`: one small class per section."""

from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from nwidth.cli.config import BoxSettings, Name, Relative, Section, Whole

Formulas = Annotated[list[str | float], Field(min_length=1)]
Files = Annotated[list[Name], Field(min_length=1)]


class BlockSettings(BoxSettings):
    """[block]: heat conduction -div(k grad u) = f through blocks, each of one conductivity."""

    blocks: list[PositiveInt] = Field(description="how many along each axis")
    conductivity: Formulas = Field(
        description="k of each block, last axis fastest: numbers, or formulas in the parameters"
    )
    source: float = Field(default=1.0, description="f, the heat source")

    @model_validator(mode="after")
    def _one_each(self) -> Self:
        if len(self.blocks) != len(self.shape):
            raise ValueError(
                f"blocks: expected {len(self.shape)} numbers, one per axis, got {self.blocks}"
            )
        wanted = 1
        for n in self.blocks:
            wanted *= n
        if len(self.conductivity) != wanted:
            raise ValueError(
                f"conductivity: expected {wanted} entries, one per block, got "
                f"{len(self.conductivity)}"
            )
        return self


class MatrixSettings(Section):
    """[matrices]: sum theta_q A_q u = sum phi_q f_q, from files of any code."""

    operator: Files = Field(description="A_q: .npz of SciPy or Matrix Market")
    theta: Formulas = Field(description="theta_q: numbers, or formulas in the parameters")
    source: Files = Field(description="f_q: .npy or Matrix Market")
    phi: Formulas = Field(default=[1.0], description="phi_q")
    inner_product: Name | None = Field(
        default=None,
        description="matrix of the norm of errors; default: the Hermitian part of A amid the box",
    )
    unit: str = Field(default="1", description="unit of the solution")

    @model_validator(mode="after")
    def _as_many(self) -> Self:
        for files, formulas in (("operator", "theta"), ("source", "phi")):
            counts = len(getattr(self, files)), len(getattr(self, formulas))
            if counts[0] != counts[1]:
                raise ValueError(
                    f"{formulas}: expected {counts[0]} entries, one per file of {files}, got "
                    f"{counts[1]}"
                )
        return self


class ReduceSettings(Section):
    """[reduce]: how the reduced model is built."""

    rtol: Relative = Field(default=1e-4, description="largest error bound over largest solution")
    max_size: PositiveInt = Field(default=100, description="limit on the number of basis vectors")
    training: PositiveInt = Field(default=256, description="parameters among which to search")
    log: bool | list[Name] = Field(
        default=False, description="parameters that span decades: all, or their names"
    )
    stability: Literal["auto", "min-theta", "constraints", "eigenvalues", "inf-sup"] = Field(
        default="auto", description="lower bound of the coercivity or inf-sup constant"
    )
    projection: Literal["galerkin", "least-squares"] = "galerkin"
    seed: Whole = Field(default=0, description="of the training parameters")


class ReduceConfig(Section):
    """The whole problem file."""

    parameters: dict[str, list[float]] = Field(min_length=1, description="name = [low, high]")
    block: BlockSettings | None = None
    matrices: MatrixSettings | None = None
    reduce: ReduceSettings = ReduceSettings()

    @model_validator(mode="after")
    def _one_problem(self) -> Self:
        if (self.block is None) == (self.matrices is None):
            raise ValueError(
                "expected one of the sections [block] and [matrices]; give exactly one"
            )
        for name, ends in self.parameters.items():
            if len(ends) != 2 or not ends[0] < ends[1]:
                raise ValueError(f"[parameters] {name}: expected [low, high], got {ends}")
        named = self.reduce.log if isinstance(self.reduce.log, list) else []
        for name in named:
            if name not in self.parameters:
                known = ", ".join(self.parameters)
                raise ValueError(f"[reduce] log: expected names among {known}, got {name!r}")
        return self

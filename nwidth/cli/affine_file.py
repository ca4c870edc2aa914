"""From the words of a problem file of `nwidth reduce` to the objects of the library."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.cli.build import build_boundary, build_grid
from nwidth.cli.read_config import read_sections
from nwidth.cli.reduce_config import BlockSettings, MatrixSettings, ReduceConfig
from nwidth.errors import ConfigError, InputError
from nwidth.meshes import Grid
from nwidth.rom import AffineProblem, MatrixSpan, ParameterBox, ParameterExpressions
from nwidth.solvers import FiniteVolume, ThermalBlock
from nwidth.solvers.matrix_file import read_matrix, read_vector

Array = NDArray[Any]

# Parameters at which conductivities are looked at; corners of boxes up to this dimension.
TRIED, MOST_CORNERS = 256, 10


@dataclass(frozen=True)
class AffineTask:
    """The problem of a file, the box of its parameters, the norm of errors, and whole fields.

    `about` goes into the model: what `whole_fields` needs to make fields of unknowns, and what
    tells the problem from others with the same formulas.
    """

    settings: ReduceConfig
    problem: AffineProblem
    box: ParameterBox
    energy: Any
    about: dict[str, Any]


def read_affine(path: Path) -> AffineTask:
    """Return what a problem file describes; matrices are looked for beside it."""
    settings = read_sections(path, ReduceConfig)
    names = tuple(settings.parameters)
    low, high = np.array(list(settings.parameters.values())).T
    log = settings.reduce.log
    try:
        box = ParameterBox(
            low, high, names, log if isinstance(log, bool) else tuple(n in log for n in names)
        )
    except InputError as error:
        raise ConfigError(f"{path}: [parameters] {error}") from None
    try:
        if settings.block is not None:
            return _block(settings, settings.block, box)
        assert settings.matrices is not None
        return _matrices(settings, settings.matrices, box, path.parent)
    except InputError as error:
        raise type(error)(f"{path}: {error}") from None


def _block(settings: ReduceConfig, block: BlockSettings, box: ParameterBox) -> AffineTask:
    grid = build_grid(block)
    thermal = ThermalBlock(
        grid, block.blocks, build_boundary(block, grid, "block"), float(block.source)
    )
    k = [_formula(one) for one in block.conductivity]
    _require_positive(_expressions(k, box, "[block] conductivity"), box)
    theta = [*k, "1"][: len(thermal.matrices)]
    phi = ["1", *(k[q] for q in thermal.lifted)]
    problem = AffineProblem(
        _expressions(theta, box, "[block] conductivity"),
        MatrixSpan(thermal.matrices),
        _expressions(phi, box, "[block] conductivity"),
        MatrixSpan(thermal.sources),
    )
    about = {"block": block.model_dump(mode="json"), "unit": block.output_unit}
    return AffineTask(settings, problem, box, thermal.energy_matrix, about)


def _matrices(
    settings: ReduceConfig, given: MatrixSettings, box: ParameterBox, folder: Path
) -> AffineTask:
    vectors = [read_vector(folder / name) for name in given.source]
    for name, vector in zip(given.source, vectors, strict=True):
        if vector.ndim != 1:
            raise InputError(f"{name}: expected one vector, got shape {vector.shape}")
        if len(vector) != len(vectors[0]):
            raise InputError(
                f"{name}: expected {len(vectors[0])} entries as in {given.source[0]}, got "
                f"{len(vector)}"
            )
    problem = AffineProblem(
        _expressions([_formula(t) for t in given.theta], box, "[matrices] theta"),
        MatrixSpan([read_matrix(folder / name) for name in given.operator]),
        _expressions([_formula(t) for t in given.phi], box, "[matrices] phi"),
        MatrixSpan(np.stack(vectors)),
    )
    about = {"unit": given.unit, "operator": _digest(problem.matrices)}
    about["source"] = _digest(problem.sources)
    if given.inner_product is None:
        amid = box.at(np.full(box.dimension, 0.5))
        about["inner_product_at"] = amid.tolist()
        A = problem.matrix(amid)
        energy = (A + A.conj().T) / 2
    else:
        energy = read_matrix(folder / given.inner_product)
        about["inner_product"] = _digest(MatrixSpan([energy]))
    return AffineTask(settings, problem, box, energy, about)


def _digest(span: MatrixSpan) -> str:
    """Return the SHA-256 of all entries, whatever formats their files have."""
    values, places = span.table()
    told = sha256(values.astype(np.complex128).tobytes())
    told.update(places.astype(np.int64).tobytes())
    return told.hexdigest()


def whole_fields(about: Mapping[str, Any], size: int) -> tuple[Grid, Callable[[Array], Array]]:
    """Return the grid of a model's fields and the function that makes one of its unknowns (n,).

    Matrices of other codes have a grid that just counts their `size` unknowns.
    """
    if "block" not in about:
        grid = Grid.tensor([np.arange(float(max(size, 2)))], names=["unknown"])
        return grid, lambda unknowns: unknowns
    block = BlockSettings.model_validate(about["block"])
    grid = build_grid(block)
    volumes = FiniteVolume(grid, build_boundary(block, grid, "block"))
    return grid, lambda unknowns: volumes.field(np.reshape(unknowns, volumes.shape))


def _require_positive(k: ParameterExpressions, box: ParameterBox) -> None:
    """Raise where a conductivity is not positive at a corner or at one of many points."""
    corners = box.grid(2) if box.dimension <= MOST_CORNERS else box.lower[None]
    mus = np.vstack([corners, box.sobol(TRIED)])
    values = k(mus)
    bad = np.argwhere(~(values > 0))
    if len(bad):
        j, q = bad[0]
        where = ", ".join(f"{box.name(i)} = {value:.4g}" for i, value in enumerate(mus[j]))
        raise ConfigError(
            f"[block] conductivity: expected numbers > 0, got {values[j, q]:.4g} from "
            f"{k.expressions[q]!r} at {where}"
        )


def _formula(given: str | float) -> str:
    return given if isinstance(given, str) else repr(float(given))


def _expressions(formulas: list[str], box: ParameterBox, place: str) -> ParameterExpressions:
    try:
        return ParameterExpressions(tuple(formulas), box.names)
    except InputError as error:
        raise ConfigError(f"{place}: {error}") from None

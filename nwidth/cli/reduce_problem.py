"""A certified reduced basis from a problem file, and the report of what it can do."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import typer
from numpy.typing import NDArray

from nwidth.cli.affine_file import AffineTask, read_affine
from nwidth.cli.percent import percent
from nwidth.cli.progress import meter
from nwidth.cli.read_config import changed
from nwidth.cli.reduce_config import ReduceConfig
from nwidth.errors import InputError
from nwidth.rom import AffineErrorBound, InnerProduct, ReducedBasis
from nwidth.rom.greedy import GreedyResult, greedy
from nwidth.rom.stability import StabilityBound, choose_stability
from nwidth.solvers import elimination

if TYPE_CHECKING:
    from nwidth.rom.greedy import GreedyStep

Array = NDArray[Any]

# Parameters that were not trained on: for the bound, and for the true error.
FRESH, SOLVED = 1000, 20
# Calls of which the median time is told.
CALLS = 200
# Errors count in effectivities if so many times larger than what full solves are off by.
CLEAR = 10


def reduce_problem(
    source: Path, output: Path, rtol: float | None, max_size: int | None, figure: Path | None
) -> None:
    """Build the model of a problem file, write it and print what it can do."""
    task = read_affine(source)
    settings = changed(task.settings.reduce, "reduce", ReduceConfig, rtol=rtol, max_size=max_size)
    product = _norm(source, task)
    training = task.box.sobol(settings.training, settings.seed)
    typer.echo(
        f"{source}: {task.problem.size:,} unknowns, {task.box.dimension} parameters, "
        f"{len(task.problem.matrices)} terms on the left, {len(task.problem.sources)} on the right"
    )
    stability = choose_stability(
        task.problem.matrices, product, task.problem.coefficients(training)[0],
        kind=settings.stability,
    )  # fmt: skip
    typer.echo(f"stability: lower bound of the {stability.constant} constant by {stability.name}")
    result = _searched(task, product, stability, training, settings)
    history = [step.relative if isfinite(step.relative) else None for step in result.history]
    model = replace(result.model, about={**task.about, "history": history, "rtol": settings.rtol})
    model.save(output)
    last = result.history[-1]
    typer.echo(
        f"basis: {model.size} vectors, largest bound {percent(last.relative, up=True)} of the "
        f"solution over {len(training)} training parameters, {last.seconds:.2g} s"
    )
    if last.excess > 1:
        typer.echo(f"the tolerance {settings.rtol:g} was not reached: {result.status.value}")
    check = _check(task, model, product, settings.seed + 1)
    _tell(task, model, check)
    typer.echo(f"model: {output}")
    if figure is not None:
        from nwidth import plotting

        drawn = plotting.reduction(
            np.array([step.relative for step in result.history]),
            check.told[0],
            check.told[1],
            check.seconds,
            settings.rtol,
        )
        typer.echo(f"figure: {plotting.save(drawn, figure)}")


def _norm(source: Path, task: AffineTask) -> InnerProduct:
    """Return the inner product of a task; an indefinite one is told from where it comes."""
    try:
        return InnerProduct(task.energy)
    except InputError as error:
        if "inner_product_at" not in task.about:
            raise type(error)(f"{source}: {error}") from None
        raise InputError(
            f"{source}: [matrices] inner_product: expected the Hermitian part of A amid the box to "
            "be positive definite, it is not; give a file with a matrix that is, such as stiffness "
            "plus mass"
        ) from None


def _searched(
    task: AffineTask,
    product: InnerProduct,
    stability: StabilityBound,
    training: Array,
    settings: Any,
) -> GreedyResult:
    """Return the result of the greedy search, with a bar."""
    with meter("reduce", settings.max_size, "vectors") as bar:

        def progress(step: "GreedyStep", _: ReducedBasis) -> None:
            bar.update(step.size, f"largest bound {percent(step.relative, up=True)}")

        return greedy(
            task.problem,
            training,
            settings.rtol,
            stability=stability,
            inner_product=product,
            max_size=settings.max_size,
            box=task.box,
            test=settings.projection,
            progress=progress,
        )


@dataclass(frozen=True)
class _Check:
    """Absolute bounds, sizes of solutions, errors against full solves, what these may be off by.

    And the seconds of three ways to solve.
    """

    parameters: Array
    bounds: Array
    sizes: Array
    errors: Array
    doubts: Array
    seconds: dict[str, float]

    @property
    def told(self) -> tuple[Array, Array]:
        """Bounds and errors, at least, where full solves tell errors from round-off."""
        known = self.errors > CLEAR * self.doubts
        return self.bounds[: len(known)][known], (self.errors - self.doubts)[known]


def _check(task: AffineTask, model: ReducedBasis, product: InnerProduct, seed: int) -> _Check:
    """Ask for parameters that were not trained on, and solve some of them."""
    fresh = task.box.random(FRESH, seed)
    many = model.solve_many(fresh)
    sizes = np.linalg.norm(many.x, axis=1)
    errors, doubts, full = [], [], []
    bound = AffineErrorBound(task.problem, product, model.stability)
    for j, mu in enumerate(fresh[:SOLVED]):
        began = time.perf_counter()
        u = elimination(task.problem.matrix(mu))(task.problem.source(mu))
        full.append(time.perf_counter() - began)
        errors.append(float(product.norm(u - model.lift(many.x[j]))))
        doubts.append(float(bound(mu[None], u[None])[0]))
    seconds = {
        "full solve": float(np.median(full)),
        "one query": _seconds(lambda k: model.solve(fresh[k])),
        "query in a table": _seconds(lambda _: model.solve_many(fresh), 5) / FRESH,
    }
    return _Check(fresh, many.bound, sizes, np.array(errors), np.array(doubts), seconds)


def _seconds(call: Callable[[int], Any], calls: int = CALLS) -> float:
    """Return the median seconds of a call."""
    found = []
    for k in range(calls):
        began = time.perf_counter()
        call(k)
        found.append(time.perf_counter() - began)
    return float(np.median(found))


def _tell(task: AffineTask, model: ReducedBasis, check: _Check) -> None:
    """Print bounds and errors for new parameters, and the times."""
    relative = check.bounds / np.maximum(check.sizes, np.finfo(float).tiny)
    worst = int(np.argmax(relative))
    where = ", ".join(
        f"{task.box.name(i)} = {value:.4g}" for i, value in enumerate(check.parameters[worst])
    )
    typer.echo(
        f"{FRESH} new parameters: largest bound {percent(relative[worst], up=True)} of the "
        f"solution, at {where}"
    )
    solved, (bounds, errors) = len(check.errors), check.told
    largest = percent(float(np.max(check.errors / check.sizes[:solved])))
    if len(errors):
        ratios = bounds / errors
        typer.echo(
            f"{solved} of them solved: largest error {largest}, bound over error "
            f"{ratios.min():.3g} to {ratios.max():.3g}"
        )
    else:
        typer.echo(
            f"{solved} of them solved: they differ by {largest} at most, which is round-off of the "
            "full solves"
        )
    full, one, many = check.seconds.values()
    typer.echo(
        f"full solve {1e3 * full:.3g} ms; one query {1e6 * one:.3g} us, {full / one:,.0f} times as "
        f"fast; in a table {1e6 * many:.3g} us, {full / many:,.0f} times (bounds included)"
    )

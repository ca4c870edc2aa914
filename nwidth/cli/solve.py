"""``nwidth solve``: one problem, one solution, and how the solver got there."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nwidth.cli.options import Configuration, Overwrite, Threads

if TYPE_CHECKING:
    from nwidth.solvers import Problem, Solution


def _keys(asked: bool) -> None:
    if asked:
        from nwidth.cli.explain import explain_keys
        from nwidth.cli.fractional_config import FractionalConfig

        typer.echo(explain_keys(FractionalConfig))
        raise typer.Exit


def solve(
    configuration: Configuration,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write inputs and solution (HDF5).")
    ] = None,
    figure: Annotated[
        Path | None, typer.Option("--plot", "-p", help="Draw the solution (.png, .pdf, .svg).")
    ] = None,
    rtol: Annotated[
        float | None,
        typer.Option(
            "--rtol", help=r"Relative residual to reach. Default: \[data] rtol, or \[solver] rtol."
        ),
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            "--method",
            help="auto, full-multigrid (stops at the discretization error, whatever --rtol), "
            "multigrid-cg, multigrid, fast-poisson, scaled-fast-poisson, direct; waves and "
            "convection: fgmres, bicgstab, direct.",
        ),
    ] = "auto",
    sample: Annotated[
        int, typer.Option("--sample", min=0, help="Which random sample, if the field is random.")
    ] = 0,
    overwrite: Overwrite = False,
    threads: Threads = None,
    keys: Annotated[
        bool,
        typer.Option(
            "--keys",
            help="Print every key of a file with a fractional equation; those of others are "
            "printed by `nwidth run --keys`.",
            callback=_keys,
            is_eager=True,
        ),
    ] = False,
) -> None:
    """Solve one problem: a random sample, a constant field, or a field from a file.

    Files with equation = "fractional-diffusion" have sections of their own: an
    order for each axis, stationary or in time, splines of any degree.

    For example:
        nwidth solve examples/darcy.toml --sample 3 --plot pressure.png

        nwidth solve reservoir.toml -o pressure.h5 --rtol 1e-10

        nwidth solve examples/fractional_diffusion.toml --plot density.png
    """
    from nwidth.arrays import generator
    from nwidth.cli.build import build
    from nwidth.cli.fractional_config import is_fractional
    from nwidth.cli.outputs import claim, claim_figure
    from nwidth.cli.read_config import read_config
    from nwidth.cli.solve_fractional import solve_fractional
    from nwidth.cli.threads import limit_threads
    from nwidth.errors import ConfigError
    from nwidth.solvers import solve as solve_problem
    from nwidth.solvers.solve import METHODS

    if rtol is not None and not 0 < rtol < 1:
        raise ConfigError(f"--rtol: expected a number between 0 and 1, got {rtol}")
    if is_fractional(configuration):
        if method != "auto" or sample:
            raise ConfigError(
                "--method, --sample: expected neither for a fractional equation, which has one "
                "method and no random fields; leave them out"
            )
        solve_fractional(configuration, output, figure, rtol, overwrite, threads)
        return
    config = read_config(configuration)
    if method not in METHODS:
        raise ConfigError(f"--method: expected one of {', '.join(METHODS)}, got {method!r}")
    limit_threads(threads or config.run.threads)
    if figure is not None:
        claim_figure(figure, overwrite)
    if output is not None:
        claim(output, overwrite, inputs=(configuration,))
    task = build(config, configuration.parent)
    inputs = task.inputs or task.problem.sample(generator(config.data.seed, sample))
    tolerance = config.data.rtol if rtol is None else rtol
    solution = solve_problem(task.problem, inputs, tolerance, method=method)
    _tell(task.problem, solution)
    solution.checked()
    if output is not None:
        _write(output, task.problem, inputs, solution, tolerance, overwrite)
    if figure is not None:
        from nwidth import plotting

        label = f"{task.problem.output} ({task.problem.output_unit})".replace(" (1)", "")
        plotting.save(plotting.field(task.problem.grid, solution.u, label=label), figure)


def _tell(problem: "Problem", solution: "Solution") -> None:
    from nwidth.cli.describe_grid import describe_grid

    lines = {
        "problem": f"{type(problem).__name__} on {describe_grid(problem.grid)}",
        "method": solution.method + (f": {solution.reason}" if solution.reason else ""),
        "status": solution.status.value,
        "iterations": str(solution.iterations),
        "residual": f"{solution.residual:.2e} (relative)",
        **_estimates(solution),
        "time": f"{solution.seconds:.3g} s, {solution.cpu_seconds:.3g} s of CPU",
        problem.output: f"{solution.u.min():.6g} to {solution.u.max():.6g}",
    }
    for name, text in lines.items():
        typer.echo(f"{name:<11} {text}")


def _estimates(solution: "Solution") -> dict[str, str]:
    """Return what full multigrid knows of its errors."""
    if solution.discretization_error is None or solution.algebraic_error is None:
        return {}
    of_grid, of_solver = solution.discretization_error, solution.algebraic_error
    return {"estimates": f"error of the grid {of_grid:.1e}, of the solver {of_solver:.1e} (L2)"}


def _write(
    path: Path,
    problem: "Problem",
    inputs: dict[str, Any],
    solution: "Solution",
    rtol: float,
    overwrite: bool,
) -> None:
    """Write one sample as a data set, whole or not at all."""
    from nwidth._version import __version__
    from nwidth.cli.dataset_file import written_whole

    fields = {item.name: item.unit for item in problem.inputs}
    fields[problem.output] = problem.output_unit
    provenance = {
        "kind": "solution",
        "problem": problem.describe(),
        "rtol": rtol,
        "method": solution.method,
        "iterations": solution.iterations,
        "residual": solution.residual,
        "nwidth": __version__,
    }
    with written_whole(path, problem.grid, fields, provenance=provenance, samples=1) as data:
        data.append({**inputs, problem.output: solution.u})

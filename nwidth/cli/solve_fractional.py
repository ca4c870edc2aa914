"""``nwidth solve`` of a fractional equation: stationary or in time, on one to three axes."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from nwidth.cli.fractional_config import FractionalConfig
    from nwidth.solvers import Solution
    from nwidth.solvers.fractional import FractionalDiffusion, RieszRectangle


def solve_fractional(
    configuration: Path,
    output: Path | None,
    figure: Path | None,
    rtol: float | None,
    overwrite: bool,
    threads: int | None,
) -> None:
    """Read the file, solve, tell how, write and draw."""
    from nwidth.cli.fractional_config import FractionalConfig
    from nwidth.cli.outputs import claim, claim_figure
    from nwidth.cli.read_config import read_sections
    from nwidth.cli.threads import limit_threads
    from nwidth.errors import ConfigError

    config = read_sections(configuration, FractionalConfig)
    limit_threads(threads or config.run.threads)
    if figure is not None:
        claim_figure(figure, overwrite)
    if output is not None:
        claim(output, overwrite, inputs=(configuration,))
    from nwidth.cli.build_fractional import build_fractional, source_of, start_of

    try:
        problem = build_fractional(config, configuration.parent)
        given = (source_of if config.time is None else start_of)(
            config, problem, configuration.parent
        )
    except ConfigError as error:
        raise ConfigError(f"{configuration}: {error}") from None
    rtol = config.solver.rtol if rtol is None else rtol
    if config.time is None:
        _stationary(config, problem, given, rtol, output, figure)
    else:
        _in_time(config, problem, given, rtol, output, figure)


def _stationary(
    config: "FractionalConfig",
    problem: "FractionalDiffusion",
    source: Any,
    rtol: float,
    output: Path | None,
    figure: Path | None,
) -> None:
    import numpy as np

    from nwidth.cli.build_fractional import bump_of
    from nwidth.cli.fractional_config import BumpSettings

    space, settings = problem.space, config.source
    known = settings if isinstance(settings, BumpSettings) else None
    solution = _solved(space, space.field(source, "source"), rtol)
    lines = {
        "problem": _named(problem),
        "method": solution.method + (f": {solution.reason}" if solution.reason else ""),
        "status": solution.status.value,
        "iterations": str(solution.iterations),
        "residual": f"{solution.residual:.2e} (relative)",
        "time": f"{solution.seconds:.3g} s, {solution.cpu_seconds:.3g} s of CPU",
        "density": f"{solution.u.min():.6g} to {solution.u.max():.6g}",
    }
    if known is not None:
        exact = known.amplitude * bump_of(known, problem)(*problem.grid.coordinates())
        error = np.abs(solution.u - exact).max() / max(np.abs(exact).max(), 1e-300)
        lines["error"] = f"{error:.2e} (largest, relative to the largest value)"
    _tell(lines)
    solution.checked()
    if output is not None:
        _write(output, problem, {"source": source, "density": solution.u}, solution, rtol)
    if figure is not None:
        _draw(problem, solution, figure)


def _solved(space: "RieszRectangle", f: Any, rtol: float) -> "Solution":
    """Return the solution; an interval has a solver of its own, which is quick for long ones."""
    from nwidth.solvers import RieszDiffusion

    if space.dimension > 1:
        return space.solve(f, rtol)
    box = space.intervals[0], space.degree[0], space.alpha[0], space.lower[0], space.upper[0]
    line = RieszDiffusion(*box, coefficient=space.coefficients[0], reaction=space.reaction)
    return line.solve(f, rtol)


def _in_time(
    config: "FractionalConfig",
    problem: "FractionalDiffusion",
    start: Any,
    rtol: float,
    output: Path | None,
    figure: Path | None,
) -> None:
    import numpy as np

    from nwidth.solvers import simulate

    time = config.time
    assert time is not None
    times = np.linspace(0.0, time.end, time.outputs)
    size: dict[str, Any] = {"rtol": rtol} if time.dt is None else {"dt": time.dt}
    found = simulate(problem, {"density": start}, times, **size)
    u, mass = found.fields["density"], found.invariants["mass"]
    states = "modes of each axis" if problem.diagonal else "values at the points"
    lines = {
        "problem": _named(problem),
        "method": f"{found.evolution.method}: {states}",
        "status": found.status.value,
        "steps": f"{found.counts.steps}, and {found.counts.rejected} repeated",
        "time": f"{found.evolution.seconds:.3g} s",
    }
    if len(mass):
        lines["mass"] = f"{mass[0]:.6g} at first, {mass[-1]:.6g} at t = {found.times[-1]:g}"
        lines["density"] = f"{u[-1].min():.6g} to {u[-1].max():.6g} at last"
    _tell(lines)
    found.checked()
    if output is not None:
        _write(output, problem, {"density": u}, None, rtol, times, time.unit)
    if figure is not None:
        from nwidth import plotting

        axis = "t" if time.unit == "1" else f"t ({time.unit})"
        label = f"density ({problem.unit})".replace(" (1)", "")
        drawn = plotting.snapshots(problem.grid, times, u, _orders(problem), label, time=axis)
        plotting.save(drawn, figure)


def _named(problem: "FractionalDiffusion") -> str:
    from nwidth.cli.describe_grid import describe_grid

    degree = " x ".join(dict.fromkeys(str(p) for p in problem.space.degree))
    return f"{_orders(problem)}, splines of degree {degree} on {describe_grid(problem.grid)}"


def _orders(problem: "FractionalDiffusion") -> str:
    *before, last = (f"{a:g}" for a in dict.fromkeys(problem.space.alpha))
    orders = f"{', '.join(before)} and {last}" if before else last
    return f"diffusion of order {orders}"


def _tell(lines: dict[str, str]) -> None:
    for name, text in lines.items():
        typer.echo(f"{name:<11} {text}")


def _write(
    path: Path,
    problem: "FractionalDiffusion",
    arrays: dict[str, Any],
    solution: "Solution | None",
    rtol: float,
    times: Any = None,
    time_unit: str = "1",
) -> None:
    """Write one sample as a data set, whole or not at all."""
    from nwidth._version import __version__
    from nwidth.cli.dataset_file import written_whole

    provenance: dict[str, Any] = {
        "kind": "solution" if times is None else "trajectories",
        "problem": problem.describe(),
        "rtol": rtol,
        "nwidth": __version__,
    }
    if solution is not None:
        del provenance["problem"]["source"]  # is a field of the file
        provenance |= {
            "method": solution.method,
            "iterations": solution.iterations,
            "residual": solution.residual,
        }
    fields = {name: problem.unit if name == "density" else "1" for name in arrays}
    options = {} if times is None else {"times": times, "time_unit": time_unit}
    with written_whole(
        path, problem.grid, fields, provenance=provenance, samples=1, **options
    ) as data:
        data.append(arrays)


def _draw(problem: "FractionalDiffusion", solution: "Solution", figure: Path) -> None:
    from nwidth import plotting

    label = f"density ({problem.unit})".replace(" (1)", "")
    drawn = plotting.field(problem.grid, solution.u, _orders(problem), label)
    plotting.save(drawn, figure)

"""The table at the end of a run, and what it says in plain words."""

from typing import TYPE_CHECKING, Any

import numpy as np

from nwidth.cli.comparison import (
    CERTIFIED_SOLVER,
    FNO_CERTIFIED,
    FNO_POLISHED,
    MATCHED,
    PLAIN_FNO,
    SOLVER,
    Comparison,
    Row,
)
from nwidth.cli.percent import percent

if TYPE_CHECKING:
    from rich.table import Table

WIDTH = 110  # of tables that do not go to a terminal


def table(comparison: Comparison, title: str) -> "Table":
    """Return one line per method."""
    from rich import box
    from rich.table import Table

    out = Table(
        title=title,
        caption="times: the middle half of the samples",
        box=box.SIMPLE_HEAD,
        title_justify="left",
        title_style="bold",
        caption_justify="left",
    )
    out.add_column("method", no_wrap=True)
    for heading in (
        "time/sample",
        "L2 error",
        "energy error",
        "bound (median)",
        "bound (max)",
        "effectivity",
    ):
        out.add_column(heading, justify="right")
    for row in comparison.rows:
        out.add_row(*_cells(row), end_section=row.method == CERTIFIED_SOLVER)
    return out


def sentences(comparison: Comparison, rtol: float, count: int) -> list[str]:
    """Return what the numbers show, one sentence or two per point.

    Nothing is said that another run of the same job could contradict: of times only an order that
    the middle halves of the samples agree on.
    """
    solver, fno = comparison.row(MATCHED), comparison.row(PLAIN_FNO)
    exact, proved = comparison.row(SOLVER), comparison.row(FNO_CERTIFIED)
    polished, alone = comparison.row(FNO_POLISHED), comparison.row(CERTIFIED_SOLVER)
    points = [
        f"The solver, stopped at the FNO's accuracy, is {_speed(solver, fno)} the FNO; to a "
        f"residual of 1e-8 it is {_speed(exact, fno)} the FNO. {_verdict(solver, fno)}",
        f"A prediction alone does not tell its error: half of them are off by more than "
        f"{percent(fno.energy_error)}, the worst by {percent(fno.worst_energy_error)}. The "
        f"certificate bounds each of them{_effectivity(proved, comparison.effectivity_limit)}.",
        f"Polishing improved {polished.polished} of {count} predictions until the bound met "
        f"{percent(rtol)}, with {polished.iterations:.1f} iterations on average. The solver "
        f"started from zero and stopped by the same bound takes {alone.iterations:.1f} "
        f"iterations and is {_speed(alone, polished)} FNO and polishing.",
        "Errors and bounds are relative to the discrete solution on this grid"
        + _of_the_grid(comparison.discretization),
    ]
    if comparison.error_to_data is not None:
        points.append(
            "Against the stored solutions, which come from a finer grid, the median L2 error of "
            f"the FNO is {percent(comparison.error_to_data)}."
        )
    return points


def _speed(one: Row, other: Row) -> str:
    """Return how two methods compare in time, as far as the middle halves of the samples tell."""
    if one.middle_half is None or other.middle_half is None:
        return "about as fast as"
    if one.middle_half[1] < other.middle_half[0]:
        return "faster than"
    return "slower than" if one.middle_half[0] > other.middle_half[1] else "about as fast as"


def _verdict(solver: Row, fno: Row) -> str:
    """Return what the times mean for a choice between the two, if they mean anything."""
    usable = "the certificate is what makes either usable."
    speed = _speed(solver, fno)
    if speed == "faster than":
        return f"On this easy problem a good solver beats the neural operator; {usable}"
    if speed == "slower than":
        return f"On this problem the neural operator is the faster one; {usable}"
    return f"Neither is clearly faster on this problem; {usable}"


def _effectivity(proved: Row, limit: float) -> str:
    if proved.effectivity is None:  # errors of the size of round-off
        return ""
    low, high = proved.effectivity
    return f", at {low:.2f} to {high:.2f} times the true error (theory: at most {limit:.2g})"


def _of_the_grid(estimates: list[float]) -> str:
    if not estimates:
        return "; the error of the grid itself comes on top."
    return (
        f"; the error of the grid itself, estimated from two grids on {len(estimates)} samples, is "
        f"about {percent(float(np.median(estimates)))} in the energy norm and comes on top."
    )


def _cells(row: Row) -> tuple[str, ...]:
    between = "" if row.effectivity is None else "{:.2f} to {:.2f}".format(*row.effectivity)
    return (
        row.method,
        _time(row),
        percent(row.l2_error),
        percent(row.energy_error),
        "-" if row.bound is None else percent(row.bound, up=True),
        "-" if row.worst_bound is None else percent(row.worst_bound, up=True),
        between,
    )


def _time(row: Row) -> str:
    if row.middle_half is None:
        return f"{1e3 * row.seconds:.2g} ms"
    low, high = (f"{1e3 * seconds:.2g}" for seconds in row.middle_half)
    return f"{low} to {high} ms"


def print_summary(comparison: Comparison, title: str, rtol: float, count: int) -> None:
    """Print table and words to standard output."""
    from rich.console import Console

    console: Any = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDTH)
    console.print(table(comparison, title))
    for point in sentences(comparison, rtol, count):
        console.print(f"• {point}")

"""The rows of `neural_operators.py`: for the report, and for the table in the guide."""

from pathlib import Path

from report import Row

__all__ = ["row_of", "write_table"]

SOLVER = "our solver"
MARKS = ("<!-- the table: begin -->", "<!-- the table: end -->")


def row_of(entry: dict) -> Row:
    """Return a line of the table: a network beside the solver, or the solver alone."""
    if "operator" not in entry:
        tight = min(entry["rungs"], key=lambda rung: rung["error"])
        note = f"tightest: error {tight['error']:.2g} against the test data"
        name = f"our solver, {tight['label']}"
        return Row(f"{entry['set']}, solver", None, tight["seconds"], name, note=note)
    solver = entry["solver"]
    note = (
        f"{entry['parameters']} parameters, {entry['samples']} samples, {entry['cpu']:.0f} CPU-s "
        f"of training ({entry['epochs']} epochs), error {entry['error']:.2%}, at {entry['other']} "
        f"points{seen(entry)} {percent(entry['zero_shot'])}, {1e3 * entry['batched']:.3g} ms in a "
        f"batch; solver: error {solver['error']:.2%}"
    )
    if not entry["solver_is_as_accurate"]:
        note += ", which is its best against these data"
    if entry["solver_batched"] is not None:
        note += f", {1e3 * entry['solver_batched']:.3g} ms in a batch"
    return Row(
        f"{entry['set']}, {entry['operator']}, one sample",
        entry["alone"],
        solver["seconds"],
        f"our solver, {solver['label']}",
        note=note,
    )


def seen(entry: dict) -> str:
    """Return what is to be said of another grid that a network was trained on after all."""
    return ", trained on" if entry["other"] in entry["trained_on"] else ""


def percent(value: float | None) -> str:
    """Return an error in percent, or that there is none."""
    return "none" if value is None else f"{value:.2%}"


def write_table(path: Path, entries: list[dict], titles: list[str], operators: list[str]) -> None:
    """Write the compact table between its marks in the guide; what was not run keeps its rows.

    `titles` of data sets and names of `operators` say in which order.
    """
    lines = [
        "| data set | operator | parameters | training, CPU-s | points | error | on another grid "
        "| one sample | in a batch | our solver at that error | speed-up | in a batch |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for entry in entries:
        if "operator" not in entry:
            tight = min(entry["rungs"], key=lambda rung: rung["error"])
            cells = [
                f"{entry['title']}", f"{SOLVER}, {tight['label']}", "", "", "",
                percent(tight["error"]), "", milliseconds(tight["seconds"]),
                milliseconds(tight["batched"]), "", "", "",
            ]  # fmt: skip
        else:
            solver, more = entry["solver"], "" if entry["solver_is_as_accurate"] else " (its best)"
            cells = [
                "", entry["operator"], f"{entry['parameters']:,}".replace(",", " "),
                f"{entry['cpu']:.0f}", ", ".join(map(str, entry["trained_on"])),
                percent(entry["error"]),
                f"{percent(entry['zero_shot'])} at {entry['other']}{seen(entry)}",
                milliseconds(entry["alone"]), milliseconds(entry["batched"]),
                f"{milliseconds(solver['seconds'])}: {solver['label']}, "
                f"{percent(solver['error'])}{more}",
                speed_up(solver["seconds"], entry["alone"]),
                speed_up(entry["solver_batched"], entry["batched"]),
            ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    text = path.read_text(encoding="utf-8")
    before, rest = text.split(MARKS[0])
    known, after = rest.split(MARKS[1])
    rows = rows_by_name(known) | rows_by_name("\n".join(lines))
    unlisted = list(zip(*rows, strict=True))  # data sets and operators of former runs
    names = [*titles, *unlisted[0], SOLVER, *operators, *unlisted[1]]
    ranked = sorted(rows, key=lambda row: [names.index(name) for name in row])
    table = "\n".join([MARKS[0], *lines[:2], *(rows[name] for name in ranked), MARKS[1]])
    path.write_text(before + table + after, encoding="utf-8")


def rows_by_name(table: str) -> dict[tuple[str, str], str]:
    """Return the lines below the head of a table by data set, which is told once, and operator."""
    rows: dict[tuple[str, str], str] = {}
    title = ""
    for line in table.strip().splitlines()[2:]:
        first, operator = (cell.strip() for cell in line.split("|")[1:3])
        title = first or title
        rows[title, SOLVER if operator.startswith(SOLVER) else operator] = line
    return rows


def speed_up(solver: float | None, network: float) -> str:
    """Return how many times as quick as the solver the network is, or nothing."""
    return "" if solver is None else f"{solver / network:.2g}"


def milliseconds(seconds: float | None) -> str:
    """Return a time in milliseconds, or nothing."""
    return "" if seconds is None else f"{1e3 * seconds:.3g} ms"

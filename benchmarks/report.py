"""One table per benchmark: ours against a peer in one run, a ratio at the end.

Every benchmark ends with ``finish(rows, arguments)``, prints the same table and, with ``--json``,
writes the rows that ``make bench`` collects into ``docs/benchmarks.md``. A ratio above 1 means that
ours is better: for times and errors it is peer / ours.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass
class Row:
    """One line of a benchmark: lower is better for `ours` and `peer`, in `unit`.

    `goal` is the ratio peer / ours to reach; None for rows that only inform. `ours` or `peer` is
    None where it could not be measured; the note says why.
    """

    task: str
    ours: float | None
    peer: float | None
    peer_name: str
    unit: str = "s"
    goal: float | None = None
    threads: int = 1
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Peer over ours, or None when one of them is missing."""
        return None if self.peer is None or self.ours is None else self.peer / self.ours

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached, or None if there is nothing to compare."""
        if self.goal is None or self.ratio is None:
            return None
        return bool(self.ratio >= self.goal)  # NumPy's are unknown to JSON

    def record(self) -> dict:
        """Return the JSON form."""
        return {**asdict(self), "ratio": self.ratio, "met": self.met}


def parse_arguments(description: str, **extra: tuple) -> argparse.Namespace:
    """Read ``--quick``, ``--json FILE`` and extra options ``name=(default, help)``."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="end within a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows to this file")
    for name, (default, text) in extra.items():
        parser.add_argument(
            f"--{name}", default=default, type=type(default), help=f"{text} (default {default})"
        )
    return parser.parse_args()


def interleave(
    contenders: Mapping[str, Callable[[], object]],
    repeats: int = 5,
    clock: Callable[[], float] = time.perf_counter,
    calls: int = 1,
) -> dict[str, float]:
    """Return the median time of each contender, run in turn after one warm-up each.

    With several calls in a turn only those after the first count: they find caches as their own
    predecessor left them, as in a loop, and not as the other contenders did.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for round_ in range(repeats + 1):
        for name, run in contenders.items():
            for call in range(calls):
                start = clock()
                run()
                if round_ > 0 and (call > 0 or calls == 1):
                    seconds[name].append(clock() - start)
    return {name: statistics.median(times) for name, times in seconds.items()}


def finish(title: str, rows: Sequence[Row], arguments: argparse.Namespace) -> None:
    """Print the table and write the JSON file if one was asked for."""
    table = Table(title=title, title_justify="left")
    for column in ("task", "ours", "peer", "peer is", "unit", "ratio", "goal", "met", "threads"):
        table.add_column(column, justify="left" if column in ("task", "peer is") else "right")
    table.add_column("note", overflow="fold")
    for row in rows:
        table.add_row(
            row.task,
            _number(row.ours),
            _number(row.peer),
            row.peer_name,
            row.unit,
            "" if row.ratio is None else f"{row.ratio:.2f}",
            "" if row.goal is None else f"{row.goal:g}",
            {None: "", True: "yes", False: "NO"}[row.met],
            str(row.threads),
            row.note,
        )
    Console(width=180).print(table)
    if arguments.json:
        arguments.json.write_text(
            json.dumps({"title": title, "rows": [row.record() for row in rows]}, indent=1) + "\n"
        )


def _number(value: float | None) -> str:
    return "absent" if value is None else f"{value:.4g}"

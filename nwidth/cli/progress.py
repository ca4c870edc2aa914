"""Progress of long work: bars on a terminal, a plain line now and then elsewhere; on stderr."""

import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

SECONDS_BETWEEN_LINES = 5.0


class Meter(ABC):
    """What a long computation reports to: how much is done and a few words on how it goes."""

    def __init__(self, name: str, total: int, unit: str):
        self.name, self.total, self.unit = name, total, unit
        self.done = self.first = 0
        self.note = ""
        self.began = time.perf_counter()

    def update(self, done: int, note: str = "") -> None:
        """Report that `done` of `total` are finished; the first call may report a resumed count."""
        if self.done == 0 and done > 1:
            self.first = done
            self.began = time.perf_counter()
        self.done, self.note = done, note or self.note
        self.show()

    @abstractmethod
    def show(self) -> None:
        """Draw, or do not yet."""

    @property
    def rate(self) -> float:
        """Items per second since the start of this process, 0 while unknown."""
        spent = time.perf_counter() - self.began
        return (self.done - self.first) / spent if spent > 0 else 0.0

    def line(self) -> str:
        """Return the state in one plain line.

        >>> meter = PlainMeter("train", 10, "epochs", sys.stderr)
        >>> meter.line()
        'train: 0/10 epochs'
        """
        parts = [f"{self.name}: {self.done}/{self.total} {self.unit}"]
        if self.rate > 0:
            parts.append(f"{_figure(self.rate)} {self.unit}/s")
            if self.done < self.total:
                parts.append(f"{_duration((self.total - self.done) / self.rate)} left")
        if self.note:
            parts.append(self.note)
        return ", ".join(parts)


class PlainMeter(Meter):
    """Prints a line at the start, every few seconds, and at the end."""

    def __init__(self, name: str, total: int, unit: str, stream: TextIO):
        super().__init__(name, total, unit)
        self.stream = stream
        self.last = time.perf_counter()
        self.printed = -1

    def show(self) -> None:
        """Print a line if enough time has passed or the work is done."""
        now = time.perf_counter()
        if self.done >= self.total or now - self.last >= SECONDS_BETWEEN_LINES:
            if self.printed != self.done:
                print(self.line(), file=self.stream, flush=True)
            self.last, self.printed = now, self.done


class BarMeter(Meter):
    """Moves a rich progress bar."""

    def __init__(self, name: str, total: int, unit: str, bars: Any):
        super().__init__(name, total, unit)
        self.bars = bars
        self.task = bars.add_task(name, total=total, note="")

    def show(self) -> None:
        """Move the bar and refresh the words beside it."""
        speed = f"{_figure(self.rate)} {self.unit}/s" if self.rate > 0 else ""
        words = "  ".join(part for part in (speed, self.note) if part)
        self.bars.update(self.task, completed=self.done, note=words)


@contextmanager
def meter(name: str, total: int, unit: str = "samples") -> Iterator[Meter]:
    """Open a meter fit for stderr: a bar on a terminal, plain lines in a log file or a pipe."""
    if not sys.stderr.isatty():
        yield PlainMeter(name, total, unit, sys.stderr)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    with Progress(
        TextColumn("[bold]{task.description:<14}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=Console(stderr=True),
    ) as bars:
        yield BarMeter(name, total, unit, bars)


def _figure(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.2g}"


def _duration(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"

"""What a run remembers in its folder: its configuration, finished stages, seconds per stage."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nwidth._version import __version__
from nwidth.atomic_file import written_in_place
from nwidth.cli.config import Config
from nwidth.errors import ConfigError, FileFormatError

STAGES = ("data", "training", "comparison")

# The first stage that a section of the configuration has an influence on; others may change freely.
_FIRST_STAGE = {
    "problem": "data",
    "permeability": "data",
    "source": "data",
    "data": "data",
    "model": "training",
    "training": "training",
    "augmentation": "training",
    "certificate": "comparison",
}
_FREE = {"comparison"}  # cheap: done again without asking


class Journal:
    """The file `run.json` of a run."""

    def __init__(self, path: Path, config: Config):
        self.path, self.config = path, config
        self.finished: list[str] = []
        self.seconds: dict[str, float] = {}
        self._previous: dict[str, Any] | None = None
        if path.exists():
            self._read()

    def changes(self) -> dict[str, str]:
        """Return stage -> sentence for every stage whose settings differ from the former run's."""
        found: dict[str, str] = {}
        now = self.config.model_dump(mode="json")
        for section, stage in _FIRST_STAGE.items():
            was = (self._previous or now).get(section)
            sentence = first_difference(f"[{section}]", was, now[section])
            if sentence and stage not in found:
                found[stage] = sentence
        return found

    def reconcile(self, restart: bool) -> list[str]:
        """Return the stages to do again because of changed settings.

        Data and training cost time, so they are only redone with `restart`; otherwise `ConfigError`
        says what has changed.
        """
        changes = self.changes()
        costly = [stage for stage in STAGES if stage in changes and stage not in _FREE]
        if costly and not restart:
            again = " and ".join(STAGES[STAGES.index(costly[0]) :])
            raise ConfigError(
                f"{self.path.parent} holds a run with other settings: {changes[costly[0]]}; "
                "choose another --output, restore the setting, or add --restart to redo "
                f"{again} here"
            )
        if not changes:
            return []
        first = min(STAGES.index(stage) for stage in changes)
        self.finished = [s for s in self.finished if STAGES.index(s) < first]
        self.seconds = {s: t for s, t in self.seconds.items() if STAGES.index(s) < first}
        return list(STAGES[first:])

    def save(self) -> None:
        """Write the file, whole or not at all."""
        write_json(
            self.path,
            {
                "nwidth": __version__,
                "config": self.config.model_dump(mode="json"),
                "finished": self.finished,
                "seconds": self.seconds,
            },
        )

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Account for the time of a stage, interrupted or not; mark it finished if it ends well."""
        if name in self.finished:  # done once more, not continued
            self.seconds.pop(name, None)
        self.finished = [
            stage for stage in self.finished if STAGES.index(stage) < STAGES.index(name)
        ]
        start = time.perf_counter()
        try:
            yield
            self.finished = [*self.finished, name]
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start
            self.save()

    def _read(self) -> None:
        try:
            stored = json.loads(self.path.read_text(encoding="utf-8"))
            self._previous = dict(stored["config"])
            self.finished = [str(s) for s in stored["finished"] if s in STAGES]
            self.seconds = {s: float(t) for s, t in stored["seconds"].items() if s in STAGES}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise FileFormatError(
                f"{self.path}: expected the journal of a run, got something else ({error}); "
                "choose another --output or delete this file"
            ) from None


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file, whole or not at all."""
    with written_in_place(path) as draft:
        draft.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def first_difference(name: str, was: Any, now: Any) -> str:
    """Return where two descriptions differ first, in words, or nothing.

    >>> first_difference("[model]", {"width": 8, "modes": 4}, {"width": 16, "modes": 4})
    '[model] width was 8 and is 16 now'
    """
    if was == now:
        return ""
    if isinstance(was, dict) and isinstance(now, dict):
        for key in {**was, **now}:
            if was.get(key) != now.get(key):
                return first_difference(f"{name} {key}", was.get(key), now.get(key))
    if isinstance(was, dict) or isinstance(now, dict):
        return f"{name} was {'added' if was is None else 'removed'}"
    return f"{name} was {was!r:.80} and is {now!r:.80} now"

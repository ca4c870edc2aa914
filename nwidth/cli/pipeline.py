"""The whole road: data, training, comparison with certificates, report. Each stage resumes."""

import json
import sys
from contextlib import ExitStack
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from nwidth.cli.build import build, require_random
from nwidth.cli.certify import certified_file
from nwidth.cli.comparison import (
    CERTIFIED_SOLVER,
    CONTESTANTS,
    MATCHED,
    PLAIN_FNO,
    SOLVER,
    Comparison,
    Contest,
    Row,
)
from nwidth.cli.config import Config
from nwidth.cli.describe_grid import describe_grid
from nwidth.cli.generate import generate_data, unseen_file, unseen_seed
from nwidth.cli.journal import Journal, first_difference, write_json
from nwidth.cli.outputs import folder, require_space
from nwidth.cli.percent import percent
from nwidth.cli.plan_training import plan_training
from nwidth.cli.progress import meter
from nwidth.cli.summary import print_summary, sentences
from nwidth.cli.train import checkpoint_of, train_model
from nwidth.errors import FileFormatError
from nwidth.fields import FieldDataset
from nwidth.operators import NeuralOperator
from nwidth.solvers import Problem


class Pipeline:
    """One run of a configuration in an output folder.

    Finished stages are skipped, unfinished ones continue where they stopped.
    """

    def __init__(self, config: Config, home: Path, output: Path, restart: bool = False):
        self.config, self.output = config, folder(output)
        task = build(config, home, config.data.restrict)
        self.fine: Problem = require_random(task)
        self.problem: Problem = (
            self.fine if config.data.restrict == 1 else build(config, home).problem
        )
        self.data, self.test = output / config.data.file, output / unseen_file(config)
        self.model = output / config.model.file
        self.predictions = output / config.report.predictions
        self.summary, self.figure = output / config.report.summary, output / config.report.figure
        self.plan = plan_training(
            self.problem.grid,
            len(self.problem.inputs),
            config.model,
            config.training,
            config.augmentation,
            problem=self.problem.describe(),
        )
        self.journal = Journal(output / "run.json", config)
        again = self.journal.reconcile(restart)
        stale = {
            "data": (self.data, self.test),
            "training": (self.model, checkpoint_of(self.model)),
            "comparison": (self.predictions, self.summary),
        }
        for stage in again:
            for path in stale[stage]:
                path.unlink(missing_ok=True)
        self._check_space()
        self.journal.save()

    def run(self) -> Comparison:
        """Do what is left to do and print the summary."""
        self._data()
        operator = self._training()
        comparison = self._comparison(operator)
        self._report(comparison)
        return comparison

    def _data(self) -> None:
        """Stage 1: training samples, and test samples from a seed of their own.

        Finished files are only opened, to see that they are of this job.
        """
        settings = self.config.data
        jobs = (
            (self.data, settings.samples, settings.seed),
            (self.test, settings.test_samples, unseen_seed(settings.seed)),
        )
        with ExitStack() as stack:
            if all(_is_complete(path, count) for path, count, _ in jobs):
                _say(f"[1/4] data: {settings.samples} + {settings.test_samples} samples are there")
            else:
                _say(f"[1/4] data: drawing and solving on {describe_grid(self.fine.grid)}")
                stack.enter_context(self.journal.stage("data"))
            for path, count, seed in jobs:
                generate_data(self.fine, path, count, self.config, seed=seed).close()

    def _training(self) -> NeuralOperator:
        """Stage 2: the Fourier neural operator."""
        if self.model.exists():  # written whole or not at all, and gone if settings have changed
            operator = NeuralOperator.load(self.model)
            self._require_own(operator)
            _say(f"[2/4] training: {self.model} is there")
            checkpoint_of(self.model).unlink(missing_ok=True)
            return operator
        resumed = checkpoint_of(self.model).exists()
        _say(f"[2/4] training: {'continuing' if resumed else self._network_in_words()}")
        with self.journal.stage("training"), FieldDataset.open(self.data) as data:
            names = tuple(item.name for item in self.problem.inputs)
            return train_model(
                data,
                self.model,
                names,
                self.problem.output,
                self.config.model,
                self.config.training,
                self.config.augmentation,
            )

    def _network_in_words(self) -> str:
        name = type(self.plan[0]).__name__
        return "a Fourier neural operator" if name == "FNO" else f"a neural operator, {name}"

    def _require_own(self, operator: NeuralOperator) -> None:
        """Raise unless a stored model was trained as configured, on the data of this folder."""
        network, options, augmentation = self.plan
        with FieldDataset.open(self.data) as data:
            provenance = dict(data.provenance)
        wanted = {
            "inputs": [item.name for item in self.problem.inputs],
            "output": self.problem.output,
            "settings": {"architecture": type(network).__name__, **network.describe()},
            "options": options.describe(),
            "augmentation": augmentation.describe(),
            "data": provenance,
        }
        found = {
            "inputs": list(operator.inputs),
            "output": operator.output,
            "settings": {
                "architecture": type(operator.model).__name__,
                **operator.model.describe(),
            },
            "options": operator.metrics.get("options"),
            "augmentation": operator.metrics.get("augmentation"),
            "data": dict(operator.provenance),
        }
        for content in (wanted["data"], found["data"]):
            content.pop("versions", None)  # the same samples, drawn again, may have others
        for name, value in wanted.items():
            difference = first_difference(name, found[name], json.loads(json.dumps(value)))
            if difference:
                raise FileFormatError(
                    f"{self.model}: expected the model of this configuration and these data, but "
                    f"its {difference}; delete it, or choose another --output"
                )

    def _comparison(self, operator: NeuralOperator) -> Comparison:
        """Stage 3: certificates and polishing on unseen fields, beside the solver."""
        done = "comparison" in self.journal.finished and self.predictions.exists()
        if done and self.summary.exists():
            _say(f"[3/4] certificates: {self.predictions} is there")
            return self._stored_comparison()
        _say("[3/4] certificates: bounding, polishing and timing on unseen samples")
        rtol = self.config.certificate.rtol
        with self.journal.stage("comparison"), FieldDataset.open(self.test) as data:
            contest = Contest(operator, self.problem, data, rtol)
            with (
                certified_file(
                    self.predictions, operator, self.problem, data, rtol, str(self.model)
                ) as keep,
                meter("compare", contest.steps(), "solves") as bar,
            ):
                number = self.config.certificate.two_grid_samples
                comparison = contest.compare(number, bar, keep)
            content = {
                "comparison": comparison.describe(),
                "bounds": comparison.bounds.tolist(),
                "errors": comparison.errors.tolist(),
                "rtol": rtol,
                "test_samples": len(data),
                "grid": list(self.problem.grid.shape),
                "sentences": sentences(comparison, rtol, len(data)),
                "validation_relative_l2": operator.metrics.get("validation_relative_l2"),
            }
            write_json(self.summary, content)
        return comparison

    def _stored_comparison(self) -> Comparison:
        """Read the numbers of a finished comparison back."""
        try:
            stored = json.loads(self.summary.read_text(encoding="utf-8"))
            known = {item.name for item in fields(Row)}
            rows = [
                Row(**{k: _tupled(v) for k, v in row.items() if k in known})
                for row in stored["comparison"]["rows"]
            ]
            if {row.method for row in rows} != {*CONTESTANTS}:
                raise ValueError(f"it compares {', '.join(row.method for row in rows)}")
            return Comparison(
                rows,
                np.array(stored["bounds"]),
                np.array(stored["errors"]),
                stored["comparison"]["effectivity_limit"],
                stored["comparison"]["discretization_error"],
                stored["comparison"]["l2_error_to_data"],
            )
        except (ValueError, KeyError, TypeError) as error:
            raise FileFormatError(
                f"{self.summary}: expected the summary of a run ({error}); delete it and run again"
            ) from None

    def _report(self, comparison: Comparison) -> None:
        """Stage 4: figure, table, plain words."""
        from nwidth import plotting

        rtol, count = self.config.certificate.rtol, self.config.data.test_samples
        _say(f"[4/4] report: {self.figure}")
        number = min(self.config.report.sample, count - 1)
        name = self.problem.output
        coefficient = self.problem.inputs[0].name
        with FieldDataset.open(self.predictions) as data:
            sample = plotting.PredictedSample(
                data.grid,
                data[coefficient][number],
                data[f"{name}_reference"][number],
                data[f"{name}_predicted"][number],
                coefficient,
                name,
            )
        rows = {row.method: row for row in comparison.rows}
        figure = plotting.report(
            sample,
            comparison.bounds,
            comparison.errors,
            rtol,
            {method: rows[method].seconds for method in CONTESTANTS},
            {method: _note(rows[method]) for method in CONTESTANTS},
            f"{self.config.problem.equation.capitalize()} on {describe_grid(data.grid)}: "
            "a neural operator, its certificate, and the solver",
            dict.fromkeys((SOLVER, MATCHED, CERTIFIED_SOLVER), plotting.GREY),
        )
        plotting.save(figure, self.figure)
        title = f"{count} unseen samples on {describe_grid(self.problem.grid)}, one at a time"
        print_summary(comparison, title, rtol, count)
        spent = self.journal.seconds
        print(
            "Time: "
            + ", ".join(f"{name} {seconds:.0f} s" for name, seconds in spent.items())
            + f"; {sum(spent.values()):.0f} s in all. Results are in {self.output}."
        )

    def _check_space(self) -> None:
        """Refuse to start when the data will not fit on the disk."""
        grid, settings = self.problem.grid, self.config.data
        per_sample = np.dtype(settings.dtype).itemsize * grid.size * (len(self.problem.inputs) + 1)
        missing = [
            count
            for path, count in ((self.data, settings.samples), (self.test, settings.test_samples))
            if not path.exists()
        ]
        require_space(self.data, int(1.1 * per_sample * sum(missing)))


def _is_complete(path: Path, count: int) -> bool:
    """Whether a data set is there with all its samples."""
    if not path.exists():
        return False
    with FieldDataset.open(path) as data:
        return data.complete and len(data) == count


def _tupled(value: Any) -> Any:
    """Return a pair of a row as it was before JSON made a list of it."""
    return tuple(value) if isinstance(value, list) else value


def _note(row: Row) -> str:
    if row.worst_bound is not None:
        return f"every error ≤ {percent(row.worst_bound, up=True)}, proved"
    unknown = ", worst " + percent(row.worst_energy_error) if row.method == PLAIN_FNO else ""
    return f"error {percent(row.energy_error)}{unknown}"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)

"""The honest table: every neural operator beside our own solver, at the same error.

For each data set and network: parameters, CPU-seconds of training, relative L2 error, error on a
grid that was not trained on, time of one sample alone and of one in a batch, and our solver stopped
at the network's error: the coarsest grid and the loosest tolerance that are at least as accurate,
against the first ten of the same test data. Times are CPU-seconds of one thread, of both, and end
with fields on the grid of the data. A ratio below 1 says that the solver is quicker; no training is
counted.

`--cpu` is the budget of each training in CPU-seconds; epochs are set from a measured step. Whatever
is finished is kept in `--models`, and a run that was killed continues where it stood, in the middle
of a training too; `--again` takes all times once more, where other work disturbed them. What is not
in `--data` is generated there. A run of everything:

    python benchmarks/neural_operators.py --sets all --cpu 800 --docs docs

"""

import argparse
import hashlib
import json
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numba
import numpy as np
import torch
from operator_data import DataSet, Files, Steady, data_sets, fewer, small
from operator_recipes import RECIPES, Recipe
from operator_table import row_of, write_table
from report import Row, finish
from threadpoolctl import threadpool_limits

from nwidth import operators as no
from nwidth.fields import FieldDataset

# Data sets of a run that names none: "all" takes hours.
DEFAULT = ("darcy-85",)
# A budget that two epochs stand for.
QUICK = 1.0
# Test samples on which the solver is measured, and over which times are medians.
SOLVED = 10
SURROGATES: dict[str, Any] = {
    "map": no.NeuralOperator,
    "steps": no.AutoregressiveOperator,
    "space-time": no.SpaceTimeOperator,
}


def main() -> None:
    arguments = read_arguments()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    numba.set_num_threads(1)
    threadpool_limits(1)
    chosen = data_sets()
    if arguments.quick:
        quick = ("darcy-85", "burgers-script", "navier-stokes-1e-3")
        named = [name for name in arguments.sets if name != "all"]
        chosen = {name: small(chosen[name]) for name in named or quick}
    elif "all" not in arguments.sets:
        chosen = {name: chosen[name] for name in arguments.sets or DEFAULT}
    if arguments.samples and not arguments.quick:
        chosen = {name: fewer(data, arguments.samples) for name, data in chosen.items()}
    rows: list[Row] = []
    entries: list[dict] = []
    with tempfile.TemporaryDirectory() as scratch:
        data_folder = Path(scratch if arguments.quick else arguments.data)
        models = Path(scratch if arguments.quick else arguments.models)
        models.mkdir(parents=True, exist_ok=True)
        for data in chosen.values():
            new = measured(data, data_folder, models, arguments)
            entries += new
            rows += [row_of(entry) for entry in new]
            if arguments.docs and not arguments.quick:
                titles = [one.title for one in data_sets().values()]
                guide = Path(arguments.docs) / "neural_operators.md"
                write_table(guide, entries, titles, [*RECIPES])
    finish("Neural operators beside our solver, at equal error", rows, arguments)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="tiny data, ends within a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows to this file")
    parser.add_argument(
        "--cpu", type=float, default=120.0, help="CPU-seconds of each training; 0: the solver alone"
    )
    parser.add_argument("--samples", type=int, default=0, help="generate fewer than published")
    parser.add_argument("--data", default="runs/data", help="folder of the data sets")
    parser.add_argument("--models", default="runs/models", help="folder of models and results")
    parser.add_argument(
        "--again", action="store_true", help="time the solver and trained networks once more"
    )
    parser.add_argument("--docs", default="", help="folder of neural_operators.md, to write to")
    names = [*data_sets(), "all"]
    parser.add_argument(
        "--sets", nargs="*", choices=names, default=[], metavar="SET",
        help=f"some of {', '.join(names)} (default {', '.join(DEFAULT)})",
    )  # fmt: skip
    parser.add_argument(
        "--operators", nargs="*", choices=RECIPES, default=[], metavar="NAME",
        help=f"some of {', '.join(RECIPES)} (default all that suit the data)",
    )  # fmt: skip
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.cpu = QUICK
        arguments.operators = arguments.operators or ["FNO", "MgNO", "T1", "FNO, step by step"]
    return arguments


def measured(
    data: DataSet, folder: Path, models: Path, arguments: argparse.Namespace
) -> list[dict]:
    """Return the solver's entry and those of all networks for a data set."""
    files = data.prepare(folder)
    again = arguments.again
    solver = kept(models / f"{data.name}-solver.json", lambda: solver_entry(data, files), again)
    entries = [{**solver, "set": data.name, "title": data.title}]
    for name, recipe in RECIPES.items():
        wanted = arguments.cpu > 0 and (not arguments.operators or name in arguments.operators)
        if wanted and recipe.takes(data):
            stem = f"{data.name}-{name.replace(', ', '-').replace(' ', '-')}-{arguments.cpu:g}s"
            path, r = models / f"{stem}.json", recipe
            timed_before = path.exists()
            entry = kept(path, lambda r=r, p=path: network_entry(data, files, r, arguments.cpu, p))
            if entry.get("recipe", recipe_of(data, r)) != recipe_of(data, r):
                raise SystemExit(
                    f"{path} is of another network or training than {name} is now: remove it, and "
                    f"what else begins with {stem}, or name another folder by --models"
                )
            if again and timed_before:
                entry = kept(
                    path, lambda e=entry, r=r, p=path: timed_again(data, files, e, r, p), True
                )
            entries.append(
                {**entry, "set": data.name, "title": data.title, "operator": name}
                | {"trained_on": points_of(data, augmentation_of(data, recipe))}
                | matched(solver["rungs"], entry)
            )
    return entries


def recipe_of(data: DataSet, recipe: Recipe) -> str:
    """Return a digest of a network and of how it is trained, but for the number of epochs."""
    told = [
        recipe.kind,
        surrogate(data, recipe).model.describe(),
        options_of(recipe, 1).describe(),
        augmentation_of(data, recipe).describe(),
    ]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def kept(path: Path, make: Callable[[], dict], again: bool = False) -> dict:
    """Return what is in a file, or make it (`again`: anew) and write it, whole or not at all."""
    if again or not path.exists():
        new = path.with_suffix(".new")
        new.write_text(json.dumps(make(), indent=1) + "\n")
        new.replace(path)
    return json.loads(path.read_text())


# --- our solver ---------------------------------------------------------------------------------


def solver_entry(data: DataSet, files: Files) -> dict:
    """Measure our solver on coarse and fine grids at loose and tight tolerances."""
    with FieldDataset.open(files.test) as test:
        count = min(SOLVED, len(test))
        truth = [truth_of(data, test, k) for k in range(count)]
        weights = test.grid.weights
    rungs = []
    for rung in data.ladder(files):
        rung.run(0)  # compiles, and fills caches
        solving, moving, errors = [], [], []
        for k in range(count):
            start = time.process_time()
            found = rung.run(k)
            solved = time.process_time()
            fields = rung.fields(found)
            moving.append(time.process_time() - solved)
            solving.append(solved - start)
            errors.append(relative(fields, truth[k], weights))
        moved = statistics.median(moving)  # to the grid of the data, where networks answer too
        one = {
            "label": rung.label,
            "error": float(np.mean(errors)),
            "seconds": statistics.median(solving) + moved,
        }
        if rung.batch is not None:
            rung.batch()
        rungs.append({**one, "batched": None if rung.batch is None else timed(rung.batch)})
    return {"rungs": rungs, "samples": count}


def timed(run: Callable[[], Any]) -> float:
    """Return seconds per sample of a call that returns how many it did."""
    start = time.process_time()
    count = run()
    return (time.process_time() - start) / count


def truth_of(data: DataSet, test: FieldDataset, k: int) -> np.ndarray:
    """Return what is to be predicted of a test sample."""
    u = np.asarray(test[data.output][k], np.float64)
    return u[data.given :] if getattr(data, "trajectory", False) else u


def relative(found: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> float:
    """Return the relative error in L2 of the box, over all times and components if there are any.

    The weights are those of the grid, whose axes follow those of time and precede components.
    """
    w = weights if truth.shape[-weights.ndim :] == weights.shape else weights[..., None]
    return float(np.sqrt((w * (found - truth) ** 2).sum() / (w * truth**2).sum()))


def matched(rungs: list[dict], entry: dict) -> dict:
    """Return the quickest rung that is at least as accurate, and the tightest if there is none."""
    good = [rung for rung in rungs if rung["error"] <= entry["error"]]
    best = min(good or [min(rungs, key=lambda r: r["error"])], key=lambda rung: rung["seconds"])
    together = [rung["batched"] for rung in good if rung["batched"] is not None]
    return {
        "solver": best,
        "solver_is_as_accurate": bool(good),
        "solver_batched": min(together) if together else None,
    }


# --- networks -----------------------------------------------------------------------------------


@dataclass
class Budget:
    """How a training is set to a budget of CPU-seconds, remembered over interruptions."""

    path: Path
    epochs: int = 0
    spent: float = 0.0

    def load(self) -> bool:
        """Read what an interrupted run left, if any."""
        if self.path.exists():
            known = json.loads(self.path.read_text())
            self.epochs, self.spent = known["epochs"], known["spent"]
        return self.epochs > 0

    def save(self) -> None:
        """Write epochs and seconds, whole or not at all."""
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps({"epochs": self.epochs, "spent": self.spent}) + "\n")
        new.replace(self.path)


def network_entry(data: DataSet, files: Files, recipe: Recipe, cpu: float, path: Path) -> dict:
    """Train a network within a budget and measure it."""
    model = surrogate(data, recipe)
    budget = Budget(path.with_suffix(".budget"))
    with FieldDataset.open(files.train) as train, FieldDataset.open(files.test) as test:
        if not budget.load():
            budget.epochs = 2 if cpu <= QUICK else epochs_for(data, recipe, train, cpu)
            budget.save()
        before, begun = budget.spent, time.process_time()

        def progress(report: Any) -> None:
            if report.epoch_ended:
                budget.spent = before + time.process_time() - begun
                budget.save()

        model.fit(
            train,
            options_of(recipe, budget.epochs),
            augmentation=augmentation_of(data, recipe),
            progress=progress,
            checkpoint=path.with_suffix(".checkpoint.h5"),
            **fit_arguments(data, recipe),
        )
        model.save(path.with_suffix(".h5"))
        error = error_of(data, model, test)
        with FieldDataset.open(files.other) as other:
            zero_shot = zero_shot_error(data, model, other)
        alone, batched = inference(data, model, test)
    return {
        "recipe": recipe_of(data, recipe),
        "parameters": sum(p.numel() * (1 + p.is_complex()) for p in model.model.parameters()),
        "epochs": budget.epochs,
        "cpu": budget.spent,
        "budget": cpu,
        "samples": len(train),
        "error": error,
        "zero_shot": zero_shot,
        "other": data.other,
        "alone": alone,
        "batched": batched,
    }


def timed_again(data: DataSet, files: Files, entry: dict, recipe: Recipe, path: Path) -> dict:
    """Return what is known of a trained network with its times as they are now."""
    model = SURROGATES[recipe.kind].load(path.with_suffix(".h5"))
    with FieldDataset.open(files.test) as test:
        alone, batched = inference(data, model, test)
    return {**entry, "alone": alone, "batched": batched}


def surrogate(data: DataSet, recipe: Recipe) -> Any:
    """Return an untrained surrogate."""
    i, o = data.channels
    if recipe.kind == "map":
        network = recipe.network(data, i, o)
        return no.NeuralOperator(network, inputs=data.inputs, output=data.output)
    if recipe.kind == "steps":
        return no.AutoregressiveOperator(
            recipe.network(data, i + data.forced, o), fields=data.inputs
        )
    network = recipe.network(data, data.given * i + data.forced, o)
    return no.SpaceTimeOperator(network, fields=data.inputs, history=data.given)


def fit_arguments(data: DataSet, recipe: Recipe) -> dict[str, Any]:
    """Return further arguments of the training: a recipe's own, and the forcing of a flow."""
    return recipe.fit(data) | ({"shared": {"forcing": data.forcing}} if data.forced else {})


def options_of(recipe: Recipe, epochs: int) -> no.TrainingOptions:
    """Return the options of a training; no samples are held out, as none chooses anything."""
    return no.TrainingOptions(epochs=epochs, validation=0.0, **recipe.options)


def augmentation_of(data: DataSet, recipe: Recipe) -> no.Augmentation:
    """Return coarse-to-fine training and symmetries where the data allow them."""
    coarse = recipe.coarse if data.coarse > 1 else 0.0
    symmetries = data.symmetric and recipe.kind == "map"
    factor = data.coarse * recipe.coarser if coarse else 1
    return no.Augmentation(coarse=coarse, factor=factor, symmetries=symmetries)


def points_of(data: DataSet, augmentation: no.Augmentation) -> list[int]:
    """Return the points per axis of the grids that a network is trained on."""
    f, ends = augmentation.factor, int(isinstance(data, Steady))
    coarse = [(data.points - ends) // f + ends] if augmentation.coarse > 0 and f > 1 else []
    return coarse + ([data.points] if augmentation.coarse < 1 or not coarse else [])


def epochs_for(data: DataSet, recipe: Recipe, train: FieldDataset, cpu: float) -> int:
    """Return the epochs that fit into a budget, from short trainings on either grid.

    What is done once, such as the transforms of T1, is told from what each epoch costs.
    """
    augmentation = augmentation_of(data, recipe)
    batch = recipe.options.get("batch_size", 16)
    count = min(len(train), 3 * batch)
    more, each, once = fit_arguments(data, recipe), 0.0, 0.0
    with (
        tempfile.TemporaryDirectory() as scratch,
        first_samples(train, count, Path(scratch) / "few.h5") as few,
    ):
        for coarse, share in ((0.0, 1 - augmentation.coarse), (1.0, augmentation.coarse)):
            if share == 0:
                continue
            some = no.Augmentation(coarse, augmentation.factor, augmentation.symmetries)
            spent = []
            for epochs in (1, 1, 3):  # the first one compiles, and fills caches
                start = time.process_time()
                options = options_of(recipe, epochs)
                surrogate(data, recipe).fit(few, options, augmentation=some, **more)
                spent.append(time.process_time() - start)
            one = max(0.1 * spent[1], (spent[2] - spent[1]) / 2)
            each += share * one
            once += max(0.0, spent[1] - one)
    scale = len(train) / count
    return max(1, round((cpu - scale * once) / (scale * each)))


def first_samples(source: FieldDataset, count: int, path: Path) -> FieldDataset:
    """Return the first samples of a data set as one of their own."""
    fields = {name: source[name][0] for name in source.field_names}
    d, timed_ = source.grid.dimension, source.times is not None
    layout = {n: no_field(u.shape[d + timed_ :]) for n, u in fields.items()}
    few = FieldDataset.create(path, source.grid, layout, times=source.times, dtype="float32")
    for i in range(count):
        few.append({name: source[name][i] for name in fields})
    few.finish()
    return few


def no_field(components: tuple[int, ...]) -> Any:
    """Return a field of so many components, of unit one."""
    from nwidth.field_layout import Field

    return Field("1", components)


def error_of(data: DataSet, model: Any, test: FieldDataset) -> float:
    """Return the mean relative L2 error."""
    if isinstance(model, no.AutoregressiveOperator):
        return float(model.evaluate(test, start=data.given - 1)["relative_l2_mean"])
    return float(model.evaluate(test)["relative_l2_mean"])


def zero_shot_error(data: DataSet, model: Any, other: FieldDataset) -> float | None:
    """Return the error on another grid, None where the network has no value there."""
    from nwidth.errors import InputError

    try:
        return error_of(data, model, other)
    except InputError:
        return None


def inference(data: DataSet, model: Any, test: FieldDataset) -> tuple[float, float]:
    """Return seconds of one sample alone and of one in a batch of 20, medians."""
    count = min(20, len(test))
    given = np.asarray(test[data.inputs][:count])
    kind = isinstance(model, no.AutoregressiveOperator)
    if getattr(data, "trajectory", False):
        given = given[:, data.given - 1 : data.given] if kind else given[:, : data.given]
    more = {"steps": len(test.times) - data.given} if kind else {}
    times: dict[int, list[float]] = {1: [], count: []}
    for repeat in range(6):
        for n in times:
            start = time.process_time()
            model.predict({data.inputs: given[:n]}, **more)
            if repeat:
                times[n].append((time.process_time() - start) / n)
    return statistics.median(times[1]), statistics.median(times[count])


if __name__ == "__main__":
    main()

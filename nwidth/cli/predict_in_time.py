"""``nwidth predict`` for models in time: rollouts of the samples of a data set, as a data set."""

from pathlib import Path
from typing import Any

import typer

from nwidth.errors import ConfigError

KINDS = ("autoregressive-operator", "space-time-operator")

# Numbers of one batch of predictions.
_AT_ONCE = 1 << 24


def predict_in_time(
    kind: str, path: Path, data: Path, output: Path, steps: int | None, start: int | None
) -> None:
    """Continue every sample from its states at `start`, and compare with the data where they go on.

    The file has the states that were given and those predicted, and if the data have the same
    times, the data as `..._reference`.
    """
    import numpy as np

    from nwidth._version import __version__
    from nwidth.cli.dataset_file import written_whole
    from nwidth.cli.progress import meter
    from nwidth.fields import Field, FieldDataset
    from nwidth.operators import AutoregressiveOperator, SpaceTimeOperator
    from nwidth.operators.in_time.error_in_time import ErrorInTime

    model: Any
    if kind == KINDS[0]:
        model = AutoregressiveOperator.load(path)
        start = model.rollout.start if start is None else start
    else:
        model = SpaceTimeOperator.load(path)
        if steps is not None or start is not None:
            raise ConfigError(
                "--steps, --start: expected none for a model in space and time, whose times are "
                f"those of its training, {model.time_axis.lower:g} to {model.time_axis.upper:g}"
            )
        start, steps = model.start, model.time_axis.size
    with FieldDataset.open(data) as dataset:
        stride = model.require_like(dataset)
        assert dataset.times is not None
        times = dataset.times[::stride]
        given, known = model.window, len(times) - start - model.window
        if known < 0:
            raise ConfigError(
                f"--start: expected at least {given} states from number {start} on, got "
                f"{max(0, len(times) - start)} in {data}; start earlier"
            )
        steps = max(1, known) if steps is None else steps
        first = slice(start * stride, (start + given - 1) * stride + 1, stride)
        later = slice(start * stride, (start + given + steps - 1) * stride + 1, stride)
        compared = known >= steps
        written = times[start] + model.setting.step * np.arange(given + steps)
        names = (*model.fields, *model.inputs)
        layout: dict[str, Any] = {name: dataset.layout.fields[name] for name in names}
        if compared:
            written = times[start : start + given + steps]
            layout |= {
                f"{n}_reference": Field(dataset.units[n], layout[n].components)
                for n in model.fields
            }
        provenance = {
            "kind": "predictions",
            "model": str(path),
            "data": str(data),
            "given": given,
            "problem": dataset.provenance.get("problem"),
            "nwidth": __version__,
        }
        error = ErrorInTime(dataset.grid, {n: model.normalizers[n].scale for n in model.fields})
        numbers = dataset.grid.size * (given + steps) * model.channels
        at_once = max(1, min(64, _AT_ONCE // numbers))
        options: dict[str, Any] = {
            "times": written,
            "time_unit": dataset.layout.time_unit,
            "dtype": dataset.layout.dtype,
            "boundary": dataset.boundary,
            "scalars": {"relative_l2_error": "1"} if compared else {},
            "provenance": provenance,
            "samples": len(dataset),
        }
        with (
            written_whole(output, dataset.grid, layout, **options) as out,
            meter("predict", len(dataset)) as bar,
        ):
            for k in range(0, len(dataset), at_once):
                some = slice(k, min(k + at_once, len(dataset)))
                inputs = {n: dataset[n][some, first] for n in model.fields}
                constants = {n: dataset[n][some] for n in model.inputs}
                asked = {"steps": steps} if kind == KINDS[0] else {}
                found = model.predict({**inputs, **constants}, dataset.grid, **asked)
                whole = {n: np.concatenate([inputs[n], found[n]], axis=1) for n in model.fields}
                scalars: dict[str, Any] = {}
                if compared:
                    states = {n: dataset[n][some, later] for n in model.fields}
                    whole |= {f"{n}_reference": u for n, u in states.items()}
                    for j in range(steps):
                        error.add(
                            j,
                            {n: found[n][:, j] for n in model.fields},
                            {n: u[:, given + j] for n, u in states.items()},
                        )
                    scalars = {"relative_l2_error": error.close_samples()}
                out.extend({**whole, **constants}, scalars)
                bar.update(some.stop)
        count = len(dataset)
    typer.echo(
        f"{output}: {count} predictions of {', '.join(model.fields)} at {steps} times after the "
        f"{given} given"
    )
    if compared:
        summary = error.summary()
        mean, median, worst = (
            100 * summary[f"relative_l2_{what}"] for what in ("mean", "median", "max")
        )
        last = 100 * summary["relative_l2_over_time"][-1]
        typer.echo(
            f"relative L2 error over all times: mean {mean:.3g} %, median {median:.3g} %, "
            f"largest {worst:.3g} %; at the last time {last:.3g} %"
        )

"""``nwidth reconstruct``: readings of sensors become fields with error bars."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nwidth.cli.options import Overwrite, Threads

if TYPE_CHECKING:
    from nwidth.rom import RectangularEIM

ROWS_AT_ONCE = 64


def reconstruct(
    model: Annotated[
        Path,
        typer.Argument(
            help="Model that `sensors` wrote (HDF5).", metavar="MODEL", show_default=False
        ),
    ],
    readings: Annotated[
        Path,
        typer.Argument(
            help="Readings: CSV, HDF5, or a data set to be read where the sensors stand.",
            metavar="READINGS",
            show_default=False,
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The fields to write (HDF5).")],
    noise: Annotated[
        str,
        typer.Option(
            "--noise",
            help="Standard deviation of a reading, in the field's unit: one number, or one per "
            "sensor with commas.",
        ),
    ] = "0",
    failed: Annotated[
        list[int] | None,
        typer.Option("--failed", help="Number of a sensor not to trust; may be repeated."),
    ] = None,
    overwrite: Overwrite = False,
    threads: Threads = None,
) -> None:
    """Turn readings of sensors into fields with error bars; sensors may fail.

    A CSV file names sensors in its first line by their numbers (3, s3 or
    "sensor 3") and has one field per line. A sensor without a column, an empty
    cell or "nan" is one that failed: the others stand in for it, and error
    bars grow. In an HDF5 file the array `readings` has one column per sensor.
    The output has the field and its standard deviation, FIELD and FIELD_std.

    For example:

        nwidth reconstruct sensors.h5 readings.csv -o pressure.h5 --noise 0.001

        nwidth reconstruct sensors.h5 darcy_test.h5 -o pressure.h5 --failed 3 --failed 7
    """
    from nwidth._version import __version__
    from nwidth.cli.dataset_file import written_whole
    from nwidth.cli.outputs import claim
    from nwidth.cli.readings_file import read_readings
    from nwidth.cli.threads import limit_threads
    from nwidth.errors import FileFormatError
    from nwidth.meshes import Grid
    from nwidth.rom import RectangularEIM

    limit_threads(threads)
    claim(output, overwrite, inputs=(model, readings))
    loaded = RectangularEIM.load(model)
    if not {"field", "unit", "grid"} <= {*loaded.about}:
        raise FileFormatError(f"{model}: expected a model that `nwidth sensors` wrote")
    name, unit = loaded.about["field"], loaded.about["unit"]
    deviations = _noise(noise, loaded)
    values = _without(read_readings(readings, loaded), failed or [], loaded)
    lost: Counter[int] = Counter()
    with written_whole(
        output,
        Grid.from_description(loaded.about["grid"]),
        {name: unit, f"{name}_std": unit},
        scalars={"sensors_used": "1"},
        provenance={
            "kind": "reconstructed fields",
            "model": str(model),
            "readings": str(readings),
            "noise": deviations.tolist(),
            "nwidth": __version__,
        },
        samples=len(values),
        dtype=loaded.functions.dtype,
    ) as out:
        for field, deviation, missing in _fields(loaded, values, deviations):
            lost.update(missing)
            used = len(loaded.sensors) - len(missing)
            out.append({name: field, f"{name}_std": deviation}, {"sensors_used": used})
    typer.echo(f"{output}: {len(values)} fields of {name} with standard deviations {name}_std")
    if lost:
        rows = ", ".join(f"{i} in {count} of {len(values)}" for i, count in sorted(lost.items()))
        typer.echo(f"failed sensors: {rows}; the others stood in for them")


def _noise(text: str, model: "RectangularEIM") -> Any:
    """Return the standard deviation of each sensor of the model."""
    import numpy as np

    from nwidth.errors import ConfigError

    p = len(model.sensors)
    try:
        found = np.array([float(word) for word in text.split(",")])
    except ValueError:
        found = np.array([np.nan])
    if len(found) not in (1, p) or not (np.isfinite(found).all() and (found >= 0).all()):
        raise ConfigError(f"--noise: expected one number >= 0 or {p} with commas, got {text!r}")
    return np.broadcast_to(found, p)


def _without(values: Any, failed: list[int], model: "RectangularEIM") -> Any:
    """Return the readings with NaN for sensors that are not to be trusted."""
    import numpy as np

    from nwidth.errors import ConfigError, InputError

    for i in failed:
        if i not in model.sensors:
            numbers = ", ".join(map(str, model.sensors))
            raise ConfigError(f"--failed: expected one of the sensors {numbers}, got {i}")
        values[:, model.sensors.index(i)] = np.nan
    empty = np.flatnonzero(np.isnan(values).all(axis=1))
    if empty.size:
        raise InputError(
            f"readings: expected at least one reading for each field, got none for number "
            f"{empty[0]} (from 0): all sensors have failed; leave it out"
        )
    return values


def _fields(
    model: "RectangularEIM", values: Any, deviations: Any
) -> Iterator[tuple[Any, Any, list[int]]]:
    """Yield field, standard deviation and failed sensors of each line of readings."""
    import numpy as np

    for start in range(0, len(values), ROWS_AT_ONCE):
        block = values[start : start + ROWS_AT_ONCE]
        patterns, which = np.unique(np.isnan(block), axis=0, return_inverse=True)
        answers: dict[int, tuple[Any, Any, list[int]]] = {}
        for k, gone in enumerate(patterns):
            missing = [model.sensors[m] for m in np.flatnonzero(gone)]
            left = model
            for i in missing:
                left = left.without_sensor(i)
            lines = np.flatnonzero(which.ravel() == k)
            field, deviation = left.reconstruct(block[lines][:, ~gone], deviations[~gone])
            answers |= {j: (field[n], deviation, missing) for n, j in enumerate(lines.tolist())}
        yield from (answers[j] for j in range(len(block)))

"""Which field of a data set is meant."""

from typing import TYPE_CHECKING

from nwidth.errors import ConfigError, InputError

if TYPE_CHECKING:
    from nwidth.fields import FieldDataset


def output_field(dataset: "FieldDataset", name: str | None) -> str:
    """Return the name that --field gave, else the output or the only field; it has one component.

    Raises `ConfigError` with the names that there are, and `InputError` for an empty data set.
    """
    names = dataset.field_names
    if len(dataset) == 0:
        raise InputError(f"{dataset.path}: expected at least one sample, got none")
    if name is None:
        output = dataset.provenance.get("output")
        if output in names:
            name = str(output)
        elif len(names) == 1:
            name = names[0]
    if name not in names:
        raise ConfigError(f"--field: expected one of {', '.join(names)}, got {name or 'none'}")
    lead = 1 if dataset.times is None else 2
    if dataset[name].ndim != lead + dataset.grid.dimension:
        raise ConfigError(f"--field: expected a field of numbers, got {name}, which is of vectors")
    return name

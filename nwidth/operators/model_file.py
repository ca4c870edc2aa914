"""One file per model: a network with its weights, and whatever its surrogate adds."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from nwidth.archive import load_archive, save_archive
from nwidth.errors import FileFormatError, InputError
from nwidth.operators.architectures import ARCHITECTURES, architecture, require_network
from nwidth.operators.operator_network import OperatorNetwork
from nwidth.operators.restored_network import restored_network
from nwidth.operators.training.training_checkpoint import TrainingRecord, weight_arrays

# Raised when the meaning of something stored changes; files without a number are version 1.
_VERSION = 2
# What constructors raise for settings of wrong kinds and of absurd sizes.
_UNUSABLE = (
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    MemoryError,
    RuntimeError,
    OverflowError,
)
_PRECISIONS = {"float32": torch.float32, "float64": torch.float64}


def network_parts(
    network: OperatorNetwork, who: str
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return weights as arrays "weights/...", and the description that rebuilds the network."""
    require_network(network, who)
    kinds = sorted({str(p.dtype).removeprefix("torch.") for p in network.parameters()})
    if len(kinds) != 1 or kinds[0] not in _PRECISIONS:
        raise InputError(
            f"{who}: expected all weights in one of {', '.join(_PRECISIONS)}, got "
            f"{', '.join(kinds)}; convert the network by .float() or .double()"
        )
    told = {
        "version": _VERSION,
        "architecture": type(network).__name__,
        "settings": network.describe(),
        "precision": kinds[0],
    }
    return {f"weights/{name}": a for name, a in weight_arrays(network).items()}, told


def network_of_parts(
    arrays: Mapping[str, NDArray[Any]], description: Mapping[str, Any], path: Path
) -> OperatorNetwork:
    """Build a network from what `network_parts` gave; see `restored_network`.

    Raises `FileFormatError` for an architecture or version that is not known and for weights that
    do not fit; KeyError, TypeError and ValueError for a description that lacks something.
    """
    name, version = description["architecture"], description.get("version", 1)
    if not isinstance(version, int) or version > _VERSION:
        raise FileFormatError(
            f"{path}: expected a model of version {_VERSION} or before, got {version!r:.40}; "
            "update nwidth to read it"
        )
    if not isinstance(name, str) or name not in ARCHITECTURES:
        raise FileFormatError(
            f"{path}: expected one of the networks {', '.join(ARCHITECTURES)}, got {name!r:.80}; "
            "load it with the version that wrote it"
        )
    settings, precision = description["settings"], _PRECISIONS[description["precision"]]
    weights = {n.removeprefix("weights/"): a for n, a in arrays.items() if n[:8] == "weights/"}
    return restored_network(architecture(name), settings, precision, weights, path)


def save_model(
    path: str | Path,
    kind: str,
    network: OperatorNetwork,
    description: Mapping[str, Any],
    arrays: Mapping[str, NDArray[Any]],
    optimizer: TrainingRecord | None = None,
) -> None:
    """Write a surrogate of a network to one HDF5 file, whole or not at all.

    Architecture and weights are added to what the surrogate itself describes: JSON-able, such as
    names, grid, units, provenance, history; and arrays, such as normalizers. With `optimizer`, the
    record of its training, a loaded model can be trained on as if it had never been put away.

    `kind` is what `load_model` insists on. Names of arrays must not begin with "weights/" or
    "training/".
    """
    own, told = network_parts(network, kind)
    clash = {*told, "training"} & {*description}
    if clash:
        raise InputError(f"{kind}: expected names other than {', '.join(sorted(clash))}")
    if any(name.startswith(("weights/", "training/")) for name in arrays):
        raise InputError(f"{kind}: expected no arrays named weights/... or training/...")
    own |= arrays
    told |= description
    if optimizer is not None:
        own |= {f"training/{name}": array for name, array in optimizer.arrays.items()}
        told["training"] = optimizer.description
    save_archive(path, kind, own, told)


def load_model(
    path: str | Path, kind: str
) -> tuple[OperatorNetwork, dict[str, Any], dict[str, NDArray[Any]]]:
    """Return network, description and arrays of a file that `save_model` wrote.

    Executes nothing but the constructors of `architectures`, and opens no other file. Raises
    `FileFormatError` if the file is missing, damaged, foreign, of another kind, or of a network
    that this version does not know.
    """
    arrays, description = load_archive(path, kind)
    path = Path(path)
    with described(path, kind):
        return network_of_parts(arrays, description, path), description, arrays


def training_record(
    arrays: Mapping[str, NDArray[Any]], description: Mapping[str, Any]
) -> TrainingRecord | None:
    """Return the record of the training in a file, None if it was not kept."""
    if "training" not in description:
        return None
    mine = {n.removeprefix("training/"): a for n, a in arrays.items() if n[:9] == "training/"}
    return TrainingRecord(mine, dict(description["training"]))


class described:
    """Around the reading of a description: what is missing in it becomes a `FileFormatError`."""

    def __init__(self, path: Path, kind: str):
        self.path, self.kind = path, kind

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, _UNUSABLE):
            reason = f"{error} is missing" if isinstance(error, KeyError) else error
            raise FileFormatError(
                f"{self.path}: expected a {self.kind.replace('-', ' ')}, but its description "
                f"cannot be used: {reason!s:.300}"
            ) from None

"""The state of an unfinished training in one HDF5 file, from which it resumes bit by bit."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from nwidth.archive import load_archive, save_archive
from nwidth.errors import FileFormatError, InputError
from nwidth.operators.training.lbfgs_tail import LBFGSTail

_KIND = "training-checkpoint"


@dataclass
class TrainingState:
    """What training knows after some epochs, and some steps of the next.

    The order of samples and the draws of augmentation depend on (seed, epoch, step) alone, and the
    learning rate on the step, so no generator and no schedule has a state to store. `epoch` and
    `step` are those of AdamW, `tail` counts epochs of L-BFGS. Of an epoch that has not ended,
    `within` steps are made, with the sum `total` of their samples' losses, in so many `seconds`.
    """

    epoch: int = 0
    step: int = 0
    best_error: float = float("inf")
    best_epoch: int = 0
    best: dict[str, Tensor] | None = None
    history: list[dict[str, Any]] = field(default_factory=list)
    average: dict[str, Tensor] | None = None
    tail: int = 0
    within: int = 0
    total: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True)
class TrainingRecord:
    """A training as arrays and a JSON-able description: what a file keeps of it.

    Last weights, best weights, moments of the optimizer, and the history.
    """

    arrays: dict[str, np.ndarray]
    description: dict[str, Any]

    @classmethod
    def of(
        cls,
        state: TrainingState,
        model: nn.Module,
        optimizer: torch.optim.AdamW,
        tail: LBFGSTail | None = None,
    ) -> Self:
        """Return the record of a training as it stands; nothing in it changes afterwards."""
        arrays = {f"weights/{name}": a for name, a in weight_arrays(model).items()}
        for name, value in (state.best or {}).items():
            arrays[f"best/{name}"] = _numpy(value)
        for name, value in (state.average or {}).items():
            arrays[f"average/{name}"] = _numpy(value)
        for name, parameter in model.named_parameters():
            for moment in ("exp_avg", "exp_avg_sq"):
                if parameter in optimizer.state:
                    arrays[f"adamw/{moment}/{name}"] = _numpy(optimizer.state[parameter][moment])
        description: dict[str, Any] = {
            "epoch": state.epoch,
            "step": state.step,
            # JSON has no infinity.
            "best_error": state.best_error if np.isfinite(state.best_error) else None,
            "best_epoch": state.best_epoch,
            "history": list(state.history),
            "tail": state.tail,
            "within": state.within,
            "total": state.total,
            "seconds": state.seconds,
        }
        if tail is not None:
            own, description["lbfgs"] = tail.arrays()
            arrays |= own
        return cls({name: array.copy() for name, array in arrays.items()}, description)

    def restore(
        self,
        model: nn.Module,
        optimizer: torch.optim.AdamW,
        path: Path | str,
        tail: LBFGSTail | None = None,
    ) -> TrainingState:
        """Bring model and optimizer to where they were, and return the rest.

        Raises `FileFormatError`, naming `path`, for a record that is incomplete or does not fit.
        """
        stored, arrays = self.description, self.arrays
        try:
            state = TrainingState(
                epoch=int(stored["epoch"]),
                step=int(stored["step"]),
                best_error=float("inf")
                if stored["best_error"] is None
                else float(stored["best_error"]),
                best_epoch=int(stored["best_epoch"]),
                history=list(stored["history"]),
                tail=int(stored.get("tail", 0)),
                # Files of whole epochs alone do not have them.
                within=int(stored.get("within", 0)),
                total=float(stored.get("total", 0.0)),
                seconds=float(stored.get("seconds", 0.0)),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise _unusable(path, error) from None
        weights = model.state_dict()
        load_weights(model, _part(arrays, "weights/"), path)
        state.best = _copies(_part(arrays, "best/"), weights, path)
        state.average = _copies(_part(arrays, "average/"), weights, path)
        if state.step:
            _load_moments(model, optimizer, arrays, state.step, path)
        if tail is not None and "lbfgs" in stored:
            tail.restore(arrays, stored["lbfgs"], path)
        return state


def save_training(
    path: Path,
    state: TrainingState,
    model: nn.Module,
    optimizer: torch.optim.AdamW,
    job: dict[str, Any],
    tail: LBFGSTail | None = None,
) -> None:
    """Write the record of a training and the job it belongs to, whole or not at all."""
    record = TrainingRecord.of(state, model, optimizer, tail)
    save_archive(path, _KIND, record.arrays, {"job": job, **record.description})


def load_training(
    path: Path,
    model: nn.Module,
    optimizer: torch.optim.AdamW,
    job: dict[str, Any],
    tail: LBFGSTail | None = None,
) -> TrainingState:
    """Read a checkpoint into the model and its optimizer, and return the rest.

    Raises `InputError` if it belongs to another job (model, options or data), `FileFormatError` if
    it is damaged.
    """
    arrays, description = load_archive(path, _KIND)
    differs = _difference(description.get("job"), job)
    if differs:
        raise InputError(
            f"checkpoint {path}: expected the same job, but {differs}; "
            "delete the file to start afresh, or restore the former settings"
        )
    return TrainingRecord(arrays, description).restore(model, optimizer, path, tail)


def training_reached(path: Path) -> tuple[int, int]:
    """Return how many epochs of a checkpoint are finished, and steps of the next.

    Raises `FileFormatError` if it is missing or damaged.
    """
    _, stored = load_archive(path, _KIND)
    try:
        return len(stored["history"]), int(stored.get("within", 0))
    except (KeyError, TypeError, ValueError) as error:
        raise _unusable(path, error) from None


def load_weights(model: nn.Module, arrays: dict[str, np.ndarray], path: Path | str) -> None:
    """Copy arrays into the parameters of a model, or raise `FileFormatError` if they do not fit."""
    state = model.state_dict()
    check_weights(state, arrays, path)
    with torch.no_grad():
        for name, tensor in state.items():
            tensor.copy_(torch.tensor(arrays[name]))


def check_weights(
    state: dict[str, Tensor], arrays: dict[str, np.ndarray], path: Path | str
) -> None:
    """Raise `FileFormatError` unless the arrays have the names, shapes and dtypes of a state."""
    for name in sorted({*state} ^ {*arrays}):
        raise FileFormatError(
            f"{path}: expected exactly the weights of its architecture, but {name} is "
            f"{'missing' if name in state else 'not among them'}; the file is damaged"
        )
    for name, tensor in state.items():
        array, precision = arrays[name], np.dtype(str(tensor.dtype).removeprefix("torch."))
        if array.shape != tuple(tensor.shape) or array.dtype != precision:
            raise FileFormatError(
                f"{path}: expected weight {name} of shape {tuple(tensor.shape)} and type "
                f"{precision}, got {array.shape} and {array.dtype}; the file is damaged"
            )
        if not np.isfinite(array).all():
            raise FileFormatError(f"{path}: weight {name} holds NaN or infinity; train again")


def weight_arrays(model: nn.Module) -> dict[str, np.ndarray]:
    """Return the weights of a model as arrays on the host."""
    return {name: _numpy(value) for name, value in model.state_dict().items()}


def _load_moments(
    model: nn.Module,
    optimizer: torch.optim.AdamW,
    arrays: dict[str, np.ndarray],
    step: int,
    path: Path | str,
) -> None:
    """Give AdamW its moments back."""
    parameters = dict(model.named_parameters())
    moments = {}
    for moment in ("exp_avg", "exp_avg_sq"):
        moments[moment] = _part(arrays, f"adamw/{moment}/")
        check_weights(dict(parameters), moments[moment], path)
    stored = optimizer.state_dict()
    # In the memory format of their parameters: AdamW, fused, goes through both number by number.
    stored["state"] = {
        index: {
            "step": torch.tensor(float(step)),
            **{
                moment: torch.empty_like(parameter, requires_grad=False).copy_(
                    torch.tensor(moments[moment][name])
                )
                for moment in moments
            },
        }
        for index, (name, parameter) in enumerate(parameters.items())
    }
    optimizer.load_state_dict(stored)


def _copies(
    arrays: dict[str, np.ndarray], like: dict[str, Tensor], path: Path | str
) -> dict[str, Tensor] | None:
    """Return tensors as a state has them, None if there are no arrays."""
    if not arrays:
        return None
    check_weights(like, arrays, path)
    return {
        name: torch.tensor(value, dtype=like[name].dtype, device=like[name].device)
        for name, value in arrays.items()
    }


def _unusable(path: Path | str, error: Exception) -> FileFormatError:
    """Return what is to be said of a description that lacks something."""
    return FileFormatError(
        f"checkpoint {path}: expected the state of a training, but {error} is missing or wrong; "
        "delete the file to start afresh"
    )


def _part(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): a for name, a in arrays.items() if name.startswith(prefix)}


def _numpy(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()


def _difference(stored: Any, wanted: Any, where: str = "") -> str:
    """Return a sentence on the first setting in which two jobs differ, or nothing."""
    if isinstance(stored, dict) and isinstance(wanted, dict):
        for key in sorted({*stored, *wanted}):
            found = _difference(stored.get(key), wanted.get(key), f"{where}.{key}".lstrip("."))
            if found:
                return found
        return ""
    if stored == wanted:
        return ""
    return f"{where} was {str(stored)[:80]} in the file and is {str(wanted)[:80]} now"

"""The state of an unfinished training in one HDF5 file, from which it resumes bit by bit."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nwidth.archive import load_archive, save_archive
from nwidth.errors import FileFormatError, InputError

_KIND = "training-checkpoint"


@dataclass
class TrainingState:
    """What training knows after some whole epochs.

    The order of samples and the draws of augmentation depend on (seed, epoch, step) alone, and the
    learning rate on the step, so no generator and no schedule has a state to store.
    """

    epoch: int = 0
    step: int = 0
    best_error: float = float("inf")
    best_epoch: int = 0
    best: dict[str, Tensor] | None = None
    history: list[dict[str, Any]] = field(default_factory=list)


def save_training(
    path: Path,
    state: TrainingState,
    model: nn.Module,
    optimizer: torch.optim.AdamW,
    job: dict[str, Any],
) -> None:
    """Write weights, best weights, moments of AdamW and the history, whole or not at all."""
    arrays = {f"weights/{name}": _numpy(value) for name, value in model.state_dict().items()}
    for name, value in (state.best or {}).items():
        arrays[f"best/{name}"] = _numpy(value)
    for name, parameter in model.named_parameters():
        for moment in ("exp_avg", "exp_avg_sq"):
            if parameter in optimizer.state:
                arrays[f"adamw/{moment}/{name}"] = _numpy(optimizer.state[parameter][moment])
    description = {
        "job": job,
        "epoch": state.epoch,
        "step": state.step,
        # JSON has no infinity.
        "best_error": state.best_error if np.isfinite(state.best_error) else None,
        "best_epoch": state.best_epoch,
        "history": state.history,
    }
    save_archive(path, _KIND, arrays, description)


def load_training(
    path: Path, model: nn.Module, optimizer: torch.optim.AdamW, job: dict[str, Any]
) -> TrainingState:
    """Read a checkpoint into the model and its optimizer, and return the rest.

    Raises `InputError` if it belongs to another job (model, options or data), `FileFormatError` if
    it is damaged.
    """
    arrays, description = load_archive(path, _KIND)
    try:
        differs = _difference(description["job"], job)
        if differs:
            raise InputError(
                f"checkpoint {path}: expected the same job, but {differs}; "
                "delete the file to start afresh, or restore the former settings"
            )
        state = TrainingState(
            epoch=int(description["epoch"]),
            step=int(description["step"]),
            best_error=float("inf")
            if description["best_error"] is None
            else float(description["best_error"]),
            best_epoch=int(description["best_epoch"]),
            history=list(description["history"]),
        )
    except (KeyError, TypeError) as error:
        raise FileFormatError(
            f"checkpoint {path}: expected the state of a training, but {error} is missing or "
            "wrong; delete the file to start afresh"
        ) from None
    weights = model.state_dict()
    load_weights(model, _part(arrays, "weights/"), path)
    best = _part(arrays, "best/")
    if best:
        check_weights(weights, best, path)
        state.best = {
            name: torch.tensor(value, dtype=weights[name].dtype) for name, value in best.items()
        }
    if state.step:
        _load_moments(model, optimizer, arrays, state.step, path)
    return state


def load_weights(model: nn.Module, arrays: dict[str, np.ndarray], path: Path) -> None:
    """Copy arrays into the parameters of a model, or raise `FileFormatError` if they do not fit."""
    state = model.state_dict()
    check_weights(state, arrays, path)
    with torch.no_grad():
        for name, tensor in state.items():
            tensor.copy_(torch.tensor(arrays[name]))


def check_weights(state: dict[str, Tensor], arrays: dict[str, np.ndarray], path: Path) -> None:
    """Raise `FileFormatError` unless the arrays have the names, shapes and dtypes of a state."""
    for name in sorted({*state} ^ {*arrays}):
        raise FileFormatError(
            f"{path}: expected exactly the weights of its architecture, but {name} is "
            f"{'missing' if name in state else 'not among them'}; the file is damaged"
        )
    for name, tensor in state.items():
        array = arrays[name]
        if array.shape != tuple(tensor.shape) or array.dtype != _numpy(tensor).dtype:
            raise FileFormatError(
                f"{path}: expected weight {name} of shape {tuple(tensor.shape)} and type "
                f"{_numpy(tensor).dtype}, got {array.shape} and {array.dtype}; the file is damaged"
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
    path: Path,
) -> None:
    """Give AdamW its moments back."""
    parameters = dict(model.named_parameters())
    moments = {}
    for moment in ("exp_avg", "exp_avg_sq"):
        moments[moment] = _part(arrays, f"adamw/{moment}/")
        check_weights(dict(parameters), moments[moment], path)
    stored = optimizer.state_dict()
    stored["state"] = {
        index: {
            "step": torch.tensor(float(step)),
            **{moment: torch.tensor(moments[moment][name]) for moment in moments},
        }
        for index, name in enumerate(parameters)
    }
    optimizer.load_state_dict(stored)


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

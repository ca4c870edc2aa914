"""L-BFGS on all samples at once, for the last digits of a training."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nwidth.errors import FileFormatError
from nwidth.operators.training.training_options import LBFGS

# Of PyTorch's L-BFGS: lists of vectors, vectors, and numbers.
_LISTS = ("old_dirs", "old_stps", "ro")
_VECTORS = ("d", "prev_flat_grad", "H_diag", "t")
_NUMBERS = ("func_evals", "n_iter", "prev_loss")


class LBFGSTail:
    """L-BFGS with a strong Wolfe line search for the sum of the losses of several parts.

    Liu & Nocedal (1989), doi:10.1007/BF01589116. The loss must be the same function of the weights
    whenever it is asked for. `arrays` and `restore` keep all that the next iteration depends on, so
    that an interrupted run goes on with the same bits.
    """

    def __init__(self, model: nn.Module, options: LBFGS):
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.LBFGS(
            self.parameters,
            max_iter=options.iterations,
            max_eval=2 * options.iterations + 2,
            history_size=options.history,
            tolerance_grad=0.0,
            tolerance_change=1e-12,
            line_search_fn="strong_wolfe",
        )

    def epoch(self, parts: Callable[[], Iterable[Tensor]]) -> float:
        """Take the iterations of one epoch and return the loss before them.

        `parts()` gives the loss in summands, each of which is differentiated before the next.
        """

        def closure() -> Tensor:
            self.optimizer.zero_grad(set_to_none=True)
            total = torch.zeros((), dtype=torch.float64)
            for part in parts():
                part.backward()
                total += part.detach().double().cpu()
            for parameter in self.parameters:
                if parameter.grad is None:  # takes no part in the loss
                    parameter.grad = torch.zeros_like(parameter)
                # PyTorch's L-BFGS takes views of them, which other memory formats do not have.
                parameter.grad = parameter.grad.contiguous()
            return total

        return float(self.optimizer.step(closure))

    def arrays(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Return arrays and numbers from which `restore` goes on."""
        state: dict[str, Any] = self.optimizer.state[self.parameters[0]]
        kept, told = {}, {}
        for name in _LISTS:
            if state.get(name):
                kept[f"lbfgs/{name}"] = np.stack([_numpy(v) for v in state[name]])
        for name in _VECTORS:
            if isinstance(state.get(name), Tensor):
                kept[f"lbfgs/{name}"] = _numpy(state[name])
            elif name in state:
                told[name] = float(state[name])
        for name in _NUMBERS:
            if name in state:
                told[name] = float(state[name]) if name == "prev_loss" else int(state[name])
        return kept, told

    def restore(self, arrays: dict[str, NDArray[Any]], told: dict[str, Any], path: Any) -> None:
        """Take back what `arrays` gave; raise `FileFormatError` for what does not fit."""
        if not told:
            return
        first, size = self.parameters[0], sum(p.numel() for p in self.parameters)
        lengths = {len(arrays.get(f"lbfgs/{name}", ())) for name in _LISTS}
        for name in ("old_dirs", "old_stps", "d", "prev_flat_grad"):
            array = arrays.get(f"lbfgs/{name}", np.zeros(size))
            if array.shape[-1] != size or not np.isfinite(array).all() or len(lengths) != 1:
                raise FileFormatError(
                    f"checkpoint {path}: expected the state of L-BFGS for {size} weights, got "
                    f"{name} of shape {array.shape}; delete the file to start afresh"
                )
        state = self.optimizer.state[first]
        state.update(told)
        for name in _LISTS + _VECTORS:
            if f"lbfgs/{name}" in arrays:
                value = torch.tensor(arrays[f"lbfgs/{name}"], device=first.device)
                state[name] = list(value) if name in _LISTS else value
        for name in _LISTS:
            state.setdefault(name, [])


def _numpy(tensor: Tensor) -> NDArray[Any]:
    return tensor.detach().cpu().numpy().copy()

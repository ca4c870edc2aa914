"""A network built from settings and weights that a file holds, neither of which is trusted."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident
from typing import Any

import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook
from torch.overrides import TorchFunctionMode

from nwidth.errors import FileFormatError
from nwidth.operators.operator_network import OperatorNetwork
from nwidth.operators.training.training_checkpoint import check_weights

# Functions of a tensor whose result has its shape, if the other argument is a number or in place.
_SCALINGS = (
    *(torch.Tensor.mul, torch.Tensor.__mul__, torch.Tensor.__rmul__),
    *(torch.Tensor.div, torch.Tensor.__truediv__),
)
_IN_PLACE = (torch.Tensor.add_, torch.Tensor.__iadd__)


def restored_network(
    kind: type[OperatorNetwork],
    settings: Mapping[str, Any],
    precision: torch.dtype,
    weights: Mapping[str, NDArray[Any]],
    path: str | Path,
) -> OperatorNetwork:
    """Return the network of settings with given weights, in memory in proportion to these.

    It is first built where tensors have shapes and no numbers (PyTorch's device "meta"), so that
    settings cost nothing, whatever width they ask for. Names, shapes and precision of its weights
    are compared with the arrays, and only what fits is given memory; initial weights, which would
    be overwritten, are never drawn.

    Raises `FileFormatError`, naming `path`, for weights that do not fit the settings, `InputError`
    or what PyTorch raises for settings out of range.

    >>> from nwidth.operators import FNO
    >>> from nwidth.operators.training.training_checkpoint import weight_arrays
    >>> network = FNO(modes=(3,), width=4, layers=1)
    >>> arrays, settings = weight_arrays(network), network.describe()
    >>> restored_network(FNO, settings, torch.float32, arrays, "m.h5").describe() == settings
    True
    >>> restored_network(FNO, {**settings, "width": 10**6}, torch.float32, arrays, "m.h5")
    Traceback (most recent call last):
        ...
    nwidth.errors.FileFormatError: m.h5: expected weight lift.weight of shape (1000000, 2) and \
type float32, got (4, 2) and float32; the file is damaged
    """
    # A low-rank weight is a parameter before it is several: twice as many are enough for all.
    with torch.device("meta"), _Undrawn(), _no_more_parameters_than(2 * len(weights), path):
        network = kind.from_description(settings).to(precision)
    empty, stored = network.state_dict(), dict(weights)
    check_weights(empty, stored, path)
    filled = {
        name: torch.empty_strided(like.shape, like.stride(), dtype=precision).copy_(
            torch.tensor(stored[name])
        )
        for name, like in empty.items()
    }
    network.load_state_dict(filled, assign=True)
    return network


class _Undrawn(TorchFunctionMode):
    """Leaves out random numbers, scalings and sums, of which only the shape is asked for.

    For any of them PyTorch would first import its compiler, seconds of work.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.randn:
            func = torch.empty
        elif func in _IN_PLACE or (func in _SCALINGS and not isinstance(args[1], torch.Tensor)):
            return args[0]
        return func(*args, **(kwargs or {}))


@contextmanager
def _no_more_parameters_than(most: int, path: str | Path) -> Iterator[None]:
    """Raise `FileFormatError` where this thread makes more: layers without end have no shape."""
    me, count = get_ident(), 0

    def counted(module: nn.Module, name: str, parameter: nn.Parameter) -> None:
        nonlocal count
        count += get_ident() == me
        if count > most and get_ident() == me:
            raise FileFormatError(
                f"{path}: expected exactly the weights of its architecture, but its settings make "
                f"more than the {most // 2} arrays in it; the file is damaged"
            )

    hook = register_module_parameter_registration_hook(counted)
    try:
        yield
    finally:
        hook.remove()

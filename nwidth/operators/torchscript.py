"""A trained neural operator as a TorchScript program, for those who have PyTorch but not nwidth."""

import warnings
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nwidth.arguments import require_instance, require_integer, require_path
from nwidth.atomic_file import written_in_place
from nwidth.errors import InputError
from nwidth.meshes import Axis, Grid
from nwidth.operators.neural_operator import NeuralOperator


def export_torchscript(
    model: NeuralOperator, path: str | Path, grid: Grid | None = None, *, samples: int = 1
) -> None:
    """Write a fitted model on one grid to a file that `torch.jit.load` and LibTorch (C++) run.

    The program maps inputs in physical units, (samples, channels, *grid) with the channels in the
    order of `model.inputs`, to the output (samples, channels, *grid), all in the precision of the
    network: normalization is inside. Grid (that of the training unless given) and number of samples
    are fixed, because the transforms become constants. It checks nothing: names, units, boundary
    conditions and finite numbers are the caller's business, and there are no certificates.

    Nothing of nwidth is needed to run it, and nwidth reads no such files: a program can do anything
    where it is run. Its numbers are those of `predict` to rounding.

    Raises `InputError` for a model that is not fitted, another box, and networks that PyTorch
    cannot write down (those that build graphs of neighbours: GNO, MGNO); an OSError for a full
    disk.
    """
    require_instance(model, "export: model", NeuralOperator)
    path = require_path(path, "path")
    count = require_integer(samples, "export: samples", 1)
    if model.grid is None:
        raise InputError("export: expected a fitted model; call fit, or load one")
    grid = model.grid if grid is None else require_instance(grid, "export: grid", Grid)
    if not model.grid.same_box(grid):
        raise InputError(
            f"export: expected a grid of the box the model was trained on, {model.grid}, got {grid}"
        )
    weight = next(model.model.parameters())
    v = torch.zeros(
        count, model.model.in_channels, *grid.shape, dtype=weight.dtype, device=weight.device
    )
    program = _Program(model, grid.axes).eval()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of PyTorch, on its own future
        program(v)  # makes the matrices that the program then finds as constants
        try:
            plain = torch.export.export(program, (v,)).module()
            traced = torch.jit.trace(plain, (v,), check_trace=False)
        except Exception as error:  # PyTorch raises many kinds
            reason = " ".join(str(error).split()) or type(error).__name__
            raise InputError(
                f"export: expected a network that PyTorch can write down, got "
                f"{type(model.model).__name__}: {reason:.200}; use its file with nwidth instead"
            ) from None
    with written_in_place(path) as draft:
        traced.save(str(draft))


class _Program(nn.Module):
    """Normalization, network and its inverse on fixed axes."""

    mean: Tensor
    scale: Tensor

    def __init__(self, model: NeuralOperator, axes: tuple[Axis, ...]):
        super().__init__()
        # Of weights that ask for no gradients: the products in the program could not give any.
        self.network = deepcopy(model.model).requires_grad_(False)
        self.axes = axes
        weight = next(model.model.parameters())
        each: list[tuple[float, float]] = []
        for name in model.inputs:
            normalizer = model.normalizers[name]
            each += [(normalizer.mean, normalizer.scale)] * model.channels[name]
        shape = (-1, *[1] * len(axes))
        for k, name in enumerate(("mean", "scale")):
            values = torch.tensor([pair[k] for pair in each], dtype=weight.dtype)
            self.register_buffer(name, values.to(weight.device).view(shape))
        output = model.normalizers[model.output]
        self.output: tuple[Any, Any] = (output.mean, output.scale)

    def forward(self, v: Tensor) -> Tensor:
        mean, scale = self.output
        encoded = (v - self.mean) / self.scale
        return mean + scale * self.network(encoded, self.axes)

"""The base of every network: a map from functions to functions that describes itself."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from nwidth.errors import InputError
from nwidth.operators.spectral.axis_basis import require_axes


class OperatorNetwork(nn.Module, ABC):
    """A network that maps functions on a grid, or on a point cloud, to functions.

    `nwidth.operators.architectures` lists the networks; training, saving and the surrogates work
    with all of them through what is here.

    Attributes:
        in_channels, out_channels: numbers of functions that go in and come out. Coordinates that a
            network appends for itself do not count.
        dimension: number of axes of its grids.
        dirichlet: for each axis whether the output vanishes exactly at its ends, () if nowhere. The
            output is then scaled and not shifted when it is normalized.
        resolution_invariant: whether it claims to be one function on every grid of its box, so that
            its output converges when the grid is refined. The contract tests hold it to that.

    A subclass sets these in `__init__`, all of its arguments can be given by keyword, `seed` among
    them, and `describe` returns them. It draws its weights within
    `seeded_weights`, so that equal seeds give equal weights and torch's generator is as before. Of
    its tensors it asks for shapes only: files are read into networks without numbers
    (`restored_network`).

    >>> from nwidth.operators import FNO
    >>> network = FNO(modes=(4,), width=8, layers=2, seed=3)
    >>> same = FNO.from_description(network.describe())
    >>> all((a == b).all() for a, b in zip(network.parameters(), same.parameters()))
    True
    """

    in_channels: int
    out_channels: int
    dimension: int
    dirichlet: tuple[bool, ...] = ()
    resolution_invariant: ClassVar[bool] = True

    @abstractmethod
    def forward(self, v: Tensor, axes: Any, /) -> Tensor:
        """Return functions (batch, out_channels, *grid) for functions (batch, in_channels, *grid).

        `axes` is the `Grid.axes` that v is given on (networks on clouds: the cloud). Raises
        `InputError` for tensors that do not fit it; see `require_fields`.
        """

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Return a JSON-able description from which `from_description` builds the same network."""

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> Self:
        """Build the network of a description, with the initial weights of its seed."""
        try:
            return cls(**description)
        except TypeError as error:
            article = "an" if cls.__name__[0] in "AEFILMNORSX" else "a"
            raise InputError(
                f"{cls.__name__} description: expected the settings of {article} {cls.__name__}, "
                f"got {description!r:.200}: {error}"
            ) from None

    def check(self, axes: Any) -> None:
        """Raise `InputError`, saying what would do, if fields on these axes cannot train it."""

    def on_device(self, name: str) -> Self:
        """Move the network to "cpu", "cuda" or "cuda:1", and return it.

        Raises `InputError` for a device that is not there.
        """
        kind, _, number = name.partition(":") if isinstance(name, str) else ("", "", "")
        if kind not in ("cpu", "cuda") or (number and not number.isdecimal()):
            raise InputError(f"expected a device like 'cpu', 'cuda' or 'cuda:1', got {name!r:.40}")
        there = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if kind == "cuda" and int(number or 0) >= there:
            built = "" if torch.version.cuda else ", which was built without CUDA,"
            raise InputError(
                f"expected a device that is there, got {name!r}, and PyTorch{built} sees "
                f"{there or 'no'} GPU{'' if there == 1 else 's'}; take 'cpu', or install PyTorch "
                "for your GPU"
            )
        return self.to(name)

    def require_fields(self, v: Any, axes: Any) -> None:
        """Raise `InputError` unless v is (batch, in_channels, *grid) on these axes."""
        name = type(self).__name__
        if not isinstance(v, Tensor):
            raise InputError(f"{name}: expected a tensor, got {type(v).__name__}")
        sizes = tuple(axis.size for axis in require_axes(axes, self.dimension, name))
        if v.ndim == 0 or not len(v) or tuple(v.shape[1:]) != (self.in_channels, *sizes):
            raise InputError(
                f"{name}: expected shape (batch, {self.in_channels}, grid of {self.dimension} "
                f"axes), batch > 0, on axes of the same sizes, got {tuple(v.shape)} on "
                f"{list(sizes)}"
            )
        weight = next(self.parameters(), None)
        if weight is not None and v.dtype != weight.dtype:
            raise InputError(
                f"{name}: expected {_plain(weight.dtype)}, the precision of its weights, got "
                f"{_plain(v.dtype)}; convert the fields, or the network by .double() or .float()"
            )


def _plain(dtype: Any) -> str:
    return str(dtype).removeprefix("torch.")

"""The factorized Fourier neural operator: one-dimensional convolutions along each axis."""

from collections.abc import Sequence
from typing import Any, cast

from torch import Tensor, nn
from torch.nn import functional

from nwidth.arguments import require_integer, require_number
from nwidth.meshes import Axis
from nwidth.operators.fused_layers import projected
from nwidth.operators.layered_network import LayeredNetwork
from nwidth.operators.seeded_weights import seeded_weights
from nwidth.operators.spectral.spectral_conv import SpectralConv
from nwidth.operators.spectral.spectral_transform import axis_bases


class FFNO(LayeredNetwork):
    """A Fourier neural operator whose kernels act along one axis at a time.

        v_{l+1} = v_l + gelu(W_2 gelu(W_1 K v_l + b_1) + b_2),     K v = sum_a K_a v

    K_a is a `SpectralConv` of one dimension along axis a: Tran et al. (2023), Factorized Fourier
    neural operators, arXiv:2111.13802. Its weights grow with the sum of the modes of all axes and
    not with their product, so that modes can be many, layers deep and dimensions three: at 12 x 12
    modes, equal width and as many layers it has a tenth of the parameters of `FNO`. What mixes the
    axes are the layers, one after the other.

    Coordinates, walls, padding, quadrature and shapes are those of `FNO`; the hidden layer of W_1
    and W_2 is `expansion` widths wide, the projection four.

    Good values: modes 16 to 32, width 32 to 64, 8 layers or more, expansion 2 to 4, learning_rate
    1e-3 to 2e-3.

    >>> import torch
    >>> from nwidth.meshes import Grid
    >>> model = FFNO(1, 1, modes=(4, 4), width=8, layers=2, dirichlet=True)
    >>> u = model(torch.ones(3, 1, 9, 11), Grid.uniform((9, 11)).axes)
    >>> u.shape, u[..., 0].abs().max().item()
    (torch.Size([3, 1, 9, 11]), 0.0)
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        modes: int | Sequence[int] = (16, 16),
        *,
        width: int = 32,
        layers: int = 8,
        expansion: int = 2,
        padding: float = 0.25,
        coordinates: bool = True,
        dirichlet: bool | Sequence[bool] = False,
        seed: int = 0,
    ):
        super().__init__(
            in_channels,
            out_channels,
            modes,
            width=width,
            layers=layers,
            coordinates=coordinates,
            dirichlet=dirichlet,
            seed=seed,
        )
        self.expansion = require_integer(expansion, "FFNO: expansion", 1)
        self.padding = require_number(padding, "FFNO: padding", "[0, inf)")
        self._bases = axis_bases("fourier", self.dimension, self.padding, 4)
        wide, count = self.expansion * self.width, range(self.layers)
        with seeded_weights(self.seed):
            self.lift = self._lifting()
            self.convolutions = nn.ModuleList(
                SpectralConv(self.width, self.width, (m,), padding=self.padding, quadrature=4)
                for _ in count
                for m in self.modes
            )
            self.inner = nn.ModuleList(nn.Linear(self.width, wide) for _ in count)
            self.outer = nn.ModuleList(nn.Linear(wide, self.width) for _ in count)
            self.hidden = nn.Linear(self.width, self.projection)
            self.output = nn.Linear(self.projection, self.out_channels)

    def _layer(self, k: int, x: Tensor, axes: tuple[Axis, ...]) -> Tensor:
        total: Any = 0
        for a, axis in enumerate(axes):
            convolution = self.convolutions[k * self.dimension + a]
            lines = x.movedim(a + 1, -2)  # all other axes count as samples
            along = convolution(lines.reshape(-1, axis.size, self.width).mT, (axis,)).mT
            total = total + along.reshape(lines.shape).movedim(-2, a + 1)
        inner, outer = cast(nn.Linear, self.inner[k]), cast(nn.Linear, self.outer[k])
        rows = total.reshape(-1, self.width)
        step = projected(rows, inner.weight, inner.bias, outer.weight, outer.bias)
        return x + functional.gelu(step).view(x.shape)

    def describe(self) -> dict[str, Any]:
        """Return a JSON-able description from which `from_description` builds the same network."""
        return {
            **self.settings(),
            "expansion": self.expansion,
            "padding": self.padding,
        }

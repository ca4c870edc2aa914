"""The tensorized Fourier neural operator: spectral weights of low Tucker rank."""

from collections.abc import Sequence
from math import ceil
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import register_parametrization

from nwidth.arguments import require_number
from nwidth.operators.layered_network import LayeredNetwork
from nwidth.operators.spectral.spectral_conv import SpectralConv
from nwidth.operators.spectral.spectral_transform import axis_bases


class TFNO(LayeredNetwork):
    """A Fourier neural operator whose spectral weights are Tucker products of small factors.

        v_{l+1} = gelu(W_l v_l + b_l + K_l v_l),     R = G x_1 U_1 ... x_d U_d x_in V x_out Z

    with R, of shape (2, frequencies, in, out), the weight of the `SpectralConv` K_l: Kossaifi et
    al. (2023), Multi-grid tensorized Fourier neural operator for high-resolution PDEs,
    arXiv:2310.00120. The core G keeps the share `rank` of each side, so that its numbers are fewer
    by rank^(d + 2); rank = 1 can be any `FNO`. Factors begin as the truncated higher-order
    singular value decomposition of an FNO's first weights (De Lathauwer, De Moor & Vandewalle
    2000, doi:10.1137/S0895479896305696), scaled to keep their norm.

    A step costs as much as one of `FNO`, plus the product: it saves memory of weights, of the
    optimizer, of files, and it regularizes where samples are few. Coordinates, walls, padding,
    quadrature and shapes are those of `FNO`; the projection is 4 width wide.

    Good values: rank 0.5 (a fourteenth of FNO's parameters in two dimensions) to 0.75 (a third).

    >>> from nwidth.operators import FNO
    >>> count = lambda model: sum(p.numel() for p in model.parameters())
    >>> count(FNO()), count(TFNO(rank=0.5))
    (2269697, 161649)
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        modes: int | Sequence[int] = (12, 12),
        *,
        rank: float = 0.5,
        width: int = 32,
        layers: int = 4,
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
        self.rank = require_number(rank, "TFNO: rank", "(0, 1]")
        self.padding = require_number(padding, "TFNO: padding", "[0, inf)")
        self._bases = axis_bases("fourier", self.dimension, self.padding, 4)
        self._assemble(self._convolution)

    def _convolution(self) -> nn.Module:
        """Return a spectral convolution whose weight is a Tucker product."""
        convolution = SpectralConv(
            self.width, self.width, self.modes, padding=self.padding, quadrature=4
        )
        register_parametrization(convolution, "weight", TuckerWeight(self.rank))
        return convolution

    def describe(self) -> dict[str, Any]:
        """Return a JSON-able description from which `from_description` builds the same network."""
        return {
            **self.settings(),
            "rank": self.rank,
            "padding": self.padding,
        }


class TuckerWeight(nn.Module):
    """A weight (part, n_1, n_2, ...) as a core times one factor for each axis but the first.

    For `torch.nn.utils.parametrize`: `forward` multiplies, `right_inverse` decomposes.

    >>> weight = torch.randn(2, 3, 4, 5)
    >>> whole = TuckerWeight(1.0)
    >>> torch.allclose(whole(*whole.right_inverse(weight)), weight, atol=1e-5)
    True
    """

    def __init__(self, rank: float):
        super().__init__()
        self.rank = rank

    def forward(self, core: Tensor, *factors: Tensor) -> Tensor:
        """Return G x_1 U_1 x_2 U_2 ..."""
        for factor in factors:  # the first axis behind the parts goes in and comes out last
            core = torch.tensordot(core, factor, dims=([1], [1]))
        return core

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, ...]:
        """Return core and factors (n_k, r_k) by truncated singular value decompositions."""
        factors, core = [], weight
        for k, n in enumerate(weight.shape[1:], start=1):
            unfolded = weight.movedim(k, 0).flatten(1)
            left, _, _ = torch.linalg.svd(unfolded @ unfolded.t())
            factors.append(left[:, : ceil(self.rank * n)].contiguous())
        for factor in factors:
            core = torch.tensordot(core, factor, dims=([1], [0]))
        return (core * (weight.norm() / core.norm()), *factors)

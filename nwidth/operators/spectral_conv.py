"""The spectral convolution of the Fourier neural operator, evaluated by matrix products."""

from collections.abc import Sequence
from functools import lru_cache
from math import prod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nwidth.errors import InputError
from nwidth.meshes import Axis
from nwidth.operators.fourier_basis import FourierModes
from nwidth.operators.fused_layers import Transforms, fourier_layer


class SpectralConv(nn.Module):
    """A convolution with a band-limited kernel, parametrized by its Fourier coefficients.

        (K v)(x) = Re sum_k W_k c_k exp(2 pi i k.s),     c_k = mean of v exp(-2 pi i k.s)

    Li et al. (2021), Fourier neural operator, arXiv:2010.08895, equations (4) and (5). The sum runs
    over |k_a| < modes_a on every axis; since v is real, the frequencies of the first axis are taken
    from zero upwards and the real part supplies their conjugates. No frequency lacks its mirror
    image, so the layer treats both directions of an axis alike.

    The coefficients are quadratures over the box at the coordinates of the grid, and the result
    is summed at the coordinates of any grid: the layer is one function, whatever the resolution. On
    band-limited input it is the same to round-off on uniform grids of every size; frequencies that
    a coarse grid cannot resolve are left out there, with the other weights unchanged.

    `padding` lengthens the period of axes that are not periodic to length (1 + padding): values
    near one end then reach less around to the other end, and from padding = 1 on not at all. It
    costs no additional points, because only the box itself is integrated and evaluated.

    Few modes beat fast Fourier transforms as plain matrix products, first axis by axis into
    coefficients, then a product with W per frequency, then back (timed in benchmarks/fno_small.py).

    Shapes: v (batch, in_channels, *grid) -> (batch, out_channels, *output grid). Tensors whose
    channels lie last in memory (`v.movedim(-1, 1)`) are used in place, others are copied.
    Good values: 12 to 16 modes per axis at 64 to 128 points.

    >>> layer = SpectralConv(1, 1, (3,))
    >>> coarse, fine = (Axis.uniform(n, periodic=True) for n in (8, 24))
    >>> wave = [torch.tensor(a.points * 2 * torch.pi).cos().float() for a in (coarse, fine)]
    >>> on = [layer(v[None, None], (a,)) for v, a in zip(wave, (coarse, fine))]
    >>> torch.allclose(on[0], on[1][..., ::3], atol=1e-6)
    True
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        modes: Sequence[int],
        *,
        padding: float = 0.0,
    ):
        super().__init__()
        if not 1 <= len(modes) <= 3 or min(modes) < 1:
            raise InputError(
                f"modes: expected one to three positive integers, got {tuple(modes)!r}"
            )
        if not 0 <= padding < float("inf"):
            raise InputError(f"padding: expected a fraction >= 0 of the length, got {padding}")
        self.in_channels, self.out_channels = in_channels, out_channels
        self.modes = tuple(int(m) for m in modes)
        self.padding = float(padding)
        # Small beside a pointwise product, which so carries the signal at first. The number was
        # chosen on held-out training samples of 16 x 16 Darcy flow: four times as much is worse.
        spread = (1 / (32 * in_channels * out_channels)) ** 0.5
        self.weight = nn.Parameter(
            spread * torch.randn(2, *_widths(self.modes), in_channels, out_channels)
        )

    def forward(
        self,
        v: Tensor,
        axes: tuple[Axis, ...],
        output_axes: tuple[Axis, ...] | None = None,
        *,
        bias: Tensor | None = None,
        pointwise: Tensor | None = None,
    ) -> Tensor:
        """Return K v on the output axes, plus a `bias` (out,) and `pointwise` v (out, in) if given.

        The pointwise product needs equal axes on both sides.
        """
        d, target = len(self.modes), axes if output_axes is None else output_axes
        sizes = tuple(axis.size for axis in axes)
        if tuple(v.shape[1:]) != (self.in_channels, *sizes) or not len(axes) == len(target) == d:
            raise InputError(
                f"spectral convolution: expected shape (batch, {self.in_channels}, grid of {d} "
                f"axes) with axes of the same sizes, got {tuple(v.shape)} and {list(sizes)}"
            )
        if pointwise is not None and target != axes:
            raise InputError(
                "spectral convolution: expected the output axes to be the input's when a pointwise "
                f"product is added, got {list(target)}; leave one of them out"
            )
        kept, analysis, synthesis = _transforms(
            axes, target, self.modes, self.padding, v.dtype, v.device
        )
        mean = prod(2 * m - 1 for m in kept[1:]) // 2
        out = fourier_layer(
            v.movedim(1, -1).contiguous(),
            self._kept_weight(kept),
            bias,
            pointwise,
            analysis,
            synthesis,
            mean,
        )
        return out.view(len(v), *(axis.size for axis in target), -1).movedim(-1, 1)

    def _kept_weight(self, kept: tuple[int, ...]) -> Tensor:
        """Return the weights of the frequencies in use, shape (2, frequency, in, out)."""
        weight: Tensor = self.weight
        if kept != self.modes:
            weight = weight[(slice(None), *_centre(self.modes, kept))]
        return weight.reshape(2, -1, self.in_channels, self.out_channels)

    def extra_repr(self) -> str:
        """Return the settings that `print(model)` shows."""
        return f"{self.in_channels} -> {self.out_channels}, modes={self.modes}"


def _widths(modes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the number of frequencies stored per axis: half the spectrum on the first."""
    return (modes[0], *(2 * m - 1 for m in modes[1:]))


def _centre(modes: tuple[int, ...], kept: tuple[int, ...]) -> tuple[slice, ...]:
    """Return the slices of the stored frequencies below `kept`."""
    rest = (slice(m - k, m + k - 1) for m, k in zip(modes[1:], kept[1:], strict=True))
    return (slice(0, kept[0]), *rest)


@lru_cache(maxsize=128)
@torch.inference_mode(False)  # a cached tensor must serve training too, whoever asks first
def _transforms(
    axes: tuple[Axis, ...],
    target: tuple[Axis, ...],
    modes: tuple[int, ...],
    padding: float,
    dtype: torch.dtype,
    device: torch.device,
) -> tuple[tuple[int, ...], Transforms, Transforms]:
    """Return the resolved modes, and analysis and synthesis matrices in order of use."""

    def tensor(matrix: NDArray) -> Tensor:
        return torch.tensor(np.ascontiguousarray(matrix), dtype=dtype, device=device)

    pairs, basis = zip(axes, modes, strict=True), FourierModes(padding)
    kept = tuple(basis.resolved_modes(axis, m) for axis, m in pairs)
    analysis: list[tuple[Tensor, int]] = []
    synthesis: list[tuple[Tensor, int]] = []
    for k, m in enumerate(kept):
        if k == 0:
            there = basis.analysis_matrix(axes[k], m)
            back = basis.synthesis_matrix(axes[k], m, target[k].points)
        else:
            there = basis.complex_analysis_matrix(axes[k], m)
            back = basis.complex_synthesis_matrix(axes[k], m, target[k].points)
        analysis.append((tensor(there), prod(axis.size for axis in axes[k + 1 :])))
        synthesis.insert(0, (tensor(back), prod(axis.size for axis in target[k + 1 :])))
    return kept, tuple(analysis), tuple(synthesis)

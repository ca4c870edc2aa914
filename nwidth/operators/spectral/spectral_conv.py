"""The spectral convolution of neural operators, over Fourier, cosine, sine and Chebyshev modes."""

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn

from nwidth.arguments import require_choice, require_integer, require_integers
from nwidth.errors import InputError
from nwidth.meshes import Axis
from nwidth.operators.fused_layers import spectral_layer
from nwidth.operators.spectral.axis_basis import require_axes
from nwidth.operators.spectral.spectral_transform import (
    ChannelsFirst,
    axis_bases,
    frequencies,
    require_resolved,
    resolved_modes,
)
from nwidth.operators.spectral.transform_choice import METHODS, spectral_transform
from nwidth.operators.training.mixed_precision import in_full_precision

# Points from which products on fields with channels first are cheaper than copies of these.
_MANY = 1024


class SpectralConv(nn.Module):
    """A linear map of functions that is diagonal in products of modes, one basis per axis.

        (K v)(x) = sum_k W_k c_k p_k(x),     v = sum_k c_k p_k

    With Fourier modes it is the convolution with a band-limited kernel of Li et al. (2021), Fourier
    neural operator, arXiv:2010.08895, equations (4) and (5):

        (K v)(x) = Re sum_k W_k c_k exp(2 pi i k.s),     c_k = mean of v exp(-2 pi i k.s)

    `bases` names the modes, once or per axis:

        "fourier"      periodic functions, or functions on a longer period (`padding`)
        "cosine"       slopes that vanish at both ends (Neumann)
        "sine"         values that vanish at both ends, exactly (Dirichlet)
        "chebyshev"    any smooth function; coefficients fall fastest

    Where all bases are real so are weights and arithmetic: half the numbers per mode. Of several
    Fourier axes the first has k >= 0 only, since v is real, and the others |k| < modes: every
    frequency has its mirror image, so the layer treats both directions of an axis alike.

    The coefficients are found from the coordinates of the points, exactly for functions of the
    modes wherever the points allow it (`AxisBasis`), and the result is summed at the coordinates of
    any grid or part of the box: the layer is one function, whatever the resolution, the number of
    points odd or even, at nodes or in cells. Modes that a coarse grid cannot resolve are left out
    there, with the other weights unchanged; `check` refuses such grids.

    `padding` lengthens the period of Fourier axes that are not periodic to length (1 + padding):
    values near one end then reach less around to the other end, and from padding = 1 on not at all.
    It costs no additional points, because only the box itself is integrated and evaluated, to
    second order in the spacing, or to order `quadrature` on uniform axes (see `gregory_weights`).

    `method`: few modes are transformed by matrix products, many modes of long periodic axes by
    fast Fourier transforms, which agree to round-off. "estimate" takes the faster one by counting
    operations, the same one in every process, so that a resumed training is the same bit by bit;
    "measure" times both once per process near the break-even; "matrices" and "fft" take that one.

    Shapes: v (batch, in_channels, *grid) -> (batch, out_channels, *output grid). Nothing is copied
    where channels lie last in memory (`v.movedim(-1, 1)`), nor, from a thousand points, where
    nothing but a bias is added.
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
        bases: str | Sequence[str] = "fourier",
        *,
        padding: float = 0.0,
        quadrature: int = 2,
        method: str = "estimate",
    ):
        super().__init__()
        self.in_channels = require_integer(in_channels, "in_channels", 1)
        self.out_channels = require_integer(out_channels, "out_channels", 1)
        self.modes = require_integers(modes, "modes", 1)
        if len(self.modes) > 3:
            raise InputError(f"modes: expected those of one to three axes, got {self.modes}")
        self.bases = axis_bases(bases, len(self.modes), padding, quadrature)
        self.method = require_choice(method, "method", METHODS)
        waves = any(basis.name == "fourier" for basis in self.bases)
        # Small beside a pointwise product, which so carries the signal at first. The number was
        # chosen on held-out training samples of 16 x 16 Darcy flow: four times as much is worse.
        spread = ((1 if waves else 2) / (32 * self.in_channels * self.out_channels)) ** 0.5
        shape = (2 if waves else 1, *frequencies(self.bases, self.modes))
        self.weight = nn.Parameter(
            spread * torch.randn(*shape, self.in_channels, self.out_channels)
        )

    def check(self, axes: tuple[Axis, ...]) -> None:
        """Raise `InputError` if the axes resolve fewer modes than the layer has.

        The weights of the others would take no part: fields on these axes cannot train them.
        """
        axes = require_axes(axes, len(self.modes), "spectral convolution")
        require_resolved(self.bases, axes, self.modes, "spectral convolution")

    @in_full_precision
    def forward(
        self,
        v: Tensor,
        axes: tuple[Axis, ...],
        output_axes: tuple[Axis, ...] | None = None,
        *,
        bias: Tensor | None = None,
        pointwise: Tensor | None = None,
        activated: bool = False,
    ) -> Tensor:
        """Return K v on the output axes, plus a `bias` (out,) and `pointwise` v (out, in) if given.

        The pointwise product needs equal axes on both sides. `activated` puts gelu(v) for v, which
        then is not stored for the gradient.
        """
        d, who = len(self.modes), "spectral convolution"
        axes = require_axes(axes, d, who)
        target = axes if output_axes is None else require_axes(output_axes, d, who)
        sizes = tuple(axis.size for axis in axes)
        got = tuple(v.shape) if isinstance(v, Tensor) else type(v).__name__
        if got[1:] != (self.in_channels, *sizes) or not len(v):
            raise InputError(
                f"{who}: expected shape (batch, {self.in_channels}, grid of {d} axes), batch > 0, "
                f"of a tensor on axes of the same sizes, got {got} and {list(sizes)}"
            )
        self._require_rest(bias, pointwise)
        weight: Tensor = self.weight  # asked for once: a low-rank weight is a product
        if v.dtype != weight.dtype:
            raise InputError(
                f"spectral convolution: expected {weight.dtype}, as its weights are, got "
                f"{v.dtype}; convert one of them with .to(...)"
            )
        if pointwise is not None and target != axes:
            raise InputError(
                "spectral convolution: expected the output axes to be the input's when a pointwise "
                f"product is added, got {list(target)}; leave one of them out"
            )
        kept = resolved_modes(self.bases, axes, self.modes)
        if min(kept) < 1:
            self.check(axes)
        channels, threads = max(self.in_channels, self.out_channels), torch.get_num_threads()
        transform = spectral_transform(
            self.bases, axes, target, kept, channels, self.method, v.dtype, v.device, threads
        )
        weight, points = self._kept(weight, kept), tuple(axis.size for axis in target)
        alone = pointwise is None and (bias is None or transform.constant is not None)
        if alone and v.is_contiguous() and self.in_channels > 1 and prod(sizes) >= _MANY:
            first = ChannelsFirst(transform, self.out_channels)
            out = spectral_layer(v, weight, bias, None, first, activated)
            return out.view(len(v), -1, *points)
        x = v.movedim(1, -1).contiguous()
        out = spectral_layer(x, weight, bias, pointwise, transform, activated)
        return out.view(len(v), *points, -1).movedim(-1, 1)

    def _require_rest(self, bias: Tensor | None, pointwise: Tensor | None) -> None:
        """Raise `InputError` for a bias or a pointwise product of another shape."""
        out, inside = self.out_channels, self.in_channels
        for name, rest, shape in (("bias", bias, (out,)), ("pointwise", pointwise, (out, inside))):
            if rest is not None and (not isinstance(rest, Tensor) or tuple(rest.shape) != shape):
                got = str(tuple(rest.shape)) if isinstance(rest, Tensor) else repr(rest)
                raise InputError(
                    f"spectral convolution: expected {name} to be a tensor of shape {shape}, got "
                    f"{got:.80}"
                )

    def _kept(self, weight: Tensor, kept: tuple[int, ...]) -> Tensor:
        """Return the weights of the frequencies in use, shape (part, frequency, in, out)."""
        stored, widths = frequencies(self.bases, self.modes), frequencies(self.bases, kept)
        for k, (m, now) in enumerate(zip(self.modes, kept, strict=True)):
            if now != m:
                # Frequencies of both signs are cut on both sides, others at their end.
                weight = weight.narrow(k + 1, 0 if stored[k] == m else m - now, widths[k])
        return weight.reshape(len(weight), -1, self.in_channels, self.out_channels)

    def extra_repr(self) -> str:
        """Return the settings that `print(model)` shows."""
        names = tuple(basis.name for basis in self.bases)
        return f"{self.in_channels} -> {self.out_channels}, modes={self.modes}, bases={names}"

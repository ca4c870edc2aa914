"""Fourier transforms to few frequencies and back by fast Fourier transforms."""

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

from nwidth.meshes import Axis
from nwidth.operators.spectral.axis_basis import AxisBasis
from nwidth.operators.spectral.spectral_transform import SpectralTransform


class PrunedFFT(SpectralTransform):
    """What `MatrixTransform` computes on uniform periodic axes, in O(n log n) per axis.

    Each axis is transformed as soon as the one before is cut to its few frequencies, and back in
    reverse order. On such axes the transposed maps are the maps themselves, but for factors:

        A^T = S D^-1 / N,    S^T = N D A,    D = 1 for frequency 0 of the first axis, else 2

    Faster than products with matrices where an axis has many points and not few of its frequencies
    are kept; `transform_choice` measures it.

    >>> from nwidth.operators.spectral.spectral_transform import axis_bases
    >>> axes = (Axis.uniform(8, periodic=True),)
    >>> transform = PrunedFFT(axis_bases("fourier", 1), axes, axes, (3,))
    >>> wave = torch.sin(2 * torch.pi * torch.arange(8) / 8).view(1, 8, 1)
    >>> transform.analyse(wave)[0, 1].flatten().round(decimals=6).tolist()
    [0.0, -0.5]
    """

    def __init__(
        self,
        bases: Sequence[AxisBasis],
        axes: Sequence[Axis],
        target: Sequence[Axis],
        modes: Sequence[int],
    ):
        super().__init__(bases, modes)
        self.sizes, self.target = tuple(a.size for a in axes), tuple(a.size for a in target)

    @staticmethod
    def serves(
        bases: Sequence[AxisBasis],
        axes: Sequence[Axis],
        target: Sequence[Axis],
        modes: Sequence[int],
    ) -> bool:
        """Whether all axes are uniform, periodic and of one box, and resolve the modes."""
        return all(
            basis.name == "fourier"
            and axis.periodic
            and other.periodic
            and axis.centering == other.centering == "node"
            and axis.is_uniform
            and other.is_uniform
            and (axis.lower, axis.upper) == (other.lower, other.upper)
            and m == basis.resolved_modes(axis, m) == basis.resolved_modes(other, m)
            for basis, axis, other, m in zip(bases, axes, target, modes, strict=True)
        )

    def analyse(self, x: Tensor) -> Tensor:
        """Return A x."""
        return self._analysed(x.view(len(x), *self.sizes, -1))

    def synthesise(self, z: Tensor, plus: Tensor | None = None) -> Tensor:
        """Return S z, plus what is given."""
        return self._synthesised(z, self.target, plus)

    def analyse_adjoint(self, d: Tensor, plus: Tensor | None = None) -> Tensor:
        """Return A^T d, plus what is given."""
        d = d * (0.5 / prod(self.sizes))
        d[:, : self._first] *= 2
        return self._synthesised(d, self.sizes, plus)

    def synthesise_adjoint(self, g: Tensor, batch: int) -> Tensor:
        """Return S^T g."""
        c = self._analysed(g.view(batch, *self.target, -1)).mul_(2 * prod(self.target))
        c[:, : self._first] *= 0.5
        return c

    @property
    def _first(self) -> int:
        """Number of frequencies with k = 0 on the first axis."""
        return prod(2 * m - 1 for m in self.modes[1:])

    def _analysed(self, x: Tensor) -> Tensor:
        c = torch.fft.rfft(x, dim=1, norm="forward").narrow(1, 0, self.modes[0])
        for k, m in enumerate(self.modes[1:], 2):
            c = torch.fft.fft(c, dim=k, norm="forward")
            n = c.shape[k]
            c = torch.cat([c.narrow(k, n - m + 1, m - 1), c.narrow(k, 0, m)], dim=k)
        c = c.reshape(len(x), -1, x.shape[-1])
        return torch.stack([c.real, c.imag], dim=2)

    def _synthesised(self, z: Tensor, sizes: tuple[int, ...], plus: Tensor | None) -> Tensor:
        widths = (self.modes[0], *(2 * m - 1 for m in self.modes[1:]))
        c = torch.complex(z[:, :, 0], z[:, :, 1]).view(len(z), *widths, -1)
        for k in range(len(sizes), 1, -1):
            m, n = self.modes[k - 1], sizes[k - 1]
            shape = (*c.shape[:k], n - 2 * m + 1, *c.shape[k + 1 :])
            c = torch.cat([c.narrow(k, m - 1, m), c.new_zeros(shape), c.narrow(k, 0, m - 1)], k)
            c = torch.fft.ifft(c, dim=k, norm="forward")
        u = torch.fft.irfft(c, n=sizes[0], dim=1, norm="forward")
        u = u.reshape(-1, u.shape[-1])
        return u if plus is None else plus.view(u.shape).add_(u)

"""Transforms of fields on tensor grids to few coefficients and back, as products with matrices."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import lru_cache
from math import prod

import numpy as np
import torch
from torch import Tensor

from nwidth.arguments import require_choice
from nwidth.errors import InputError
from nwidth.meshes import Axis
from nwidth.operators.spectral.axis_basis import AxisBasis, Matrix
from nwidth.operators.spectral.chebyshev_modes import ChebyshevModes
from nwidth.operators.spectral.cosine_sine_modes import CosineModes, SineModes
from nwidth.operators.spectral.fourier_basis import FourierModes

BASES: dict[str, type[AxisBasis]] = {
    basis.name: basis for basis in (FourierModes, CosineModes, SineModes, ChebyshevModes)
}

# Matrices in order of use, each with the number of points that lie behind its axis in memory.
Steps = tuple[tuple[Tensor, int], ...]


def axis_bases(
    bases: str | Sequence[str], dimension: int, padding: float = 0.0, order: int = 2
) -> tuple[AxisBasis, ...]:
    """Return the bases of so many axes by their names, one for all or one each.

    `padding` and `order` are those of `FourierModes`.

    >>> [basis.name for basis in axis_bases(("chebyshev", "fourier"), 2)]
    ['chebyshev', 'fourier']
    """
    names = (bases,) * dimension if isinstance(bases, str) else bases
    if not isinstance(names, Sequence) or len(names) != dimension:
        raise InputError(
            f"bases: expected one of {', '.join(BASES)}, or one for each of {dimension} axes, got "
            f"{bases!r:.80}"
        )
    fourier = FourierModes(padding, order)
    return tuple(
        fourier if require_choice(name, "bases", BASES) == "fourier" else BASES[name]()
        for name in names
    )


@lru_cache(maxsize=128)
def resolved_modes(
    bases: tuple[AxisBasis, ...], axes: tuple[Axis, ...], modes: tuple[int, ...]
) -> tuple[int, ...]:
    """Return how many of the modes the axes tell apart.

    >>> resolved_modes(axis_bases("cosine", 2), (Axis.uniform(9),) * 2, (12, 4))
    (9, 4)
    """
    triples = zip(bases, axes, modes, strict=True)
    return tuple(basis.resolved_modes(axis, m) for basis, axis, m in triples)


def require_resolved(
    bases: tuple[AxisBasis, ...], axes: tuple[Axis, ...], modes: tuple[int, ...], name: str
) -> None:
    """Raise `InputError`, which begins with `name`, if the axes do not tell all modes apart."""
    resolved = resolved_modes(bases, axes, modes)
    if resolved != modes:
        raise InputError(
            f"{name}: expected no more modes than {[axis.size for axis in axes]} points resolve, "
            f"got modes={modes}; use at most {resolved}, or finer data"
        )


class SpectralTransform(ABC):
    """Fields (batch, *grid, channel) to coefficients (batch, frequency, part, channel), and back.

        c = A v,    u = S z,    and the transposed A^T, S^T for gradients

    The first axis with Fourier modes has k >= 0, the others |k| < modes, and coefficients then have
    a real and an imaginary part; without one they are real, and there is one part.

    Attributes:
        modes: number of modes per axis.
        parts: 2, or 1 where no basis is complex.
        constant: number of the frequency of the constant function, or None without one.
    """

    def __init__(self, bases: Sequence[AxisBasis], modes: Sequence[int]):
        self.modes = tuple(modes)
        self.parts = 2 if any(basis.name == "fourier" for basis in bases) else 1
        self.constant = _constant(bases, modes)

    @abstractmethod
    def analyse(self, x: Tensor) -> Tensor:
        """Return A x of shape (batch, frequency, part, channel)."""

    @abstractmethod
    def synthesise(self, z: Tensor, plus: Tensor | None = None) -> Tensor:
        """Return S z of shape (batch * points, channel), added to `plus` in place if given."""

    @abstractmethod
    def analyse_adjoint(self, d: Tensor, plus: Tensor | None = None) -> Tensor:
        """Return A^T d of shape (batch * points, channel), added to `plus` in place if given."""

    @abstractmethod
    def synthesise_adjoint(self, g: Tensor, batch: int) -> Tensor:
        """Return S^T g of shape (batch, frequency, part, channel)."""


class MatrixTransform(SpectralTransform):
    """A and S as one matrix per axis, used one after the other.

    What lies in memory behind an axis is one long row, so every product is of the form
    matrix @ (columns, row), and its result is laid out for the next axis: nothing is transposed.
    Few modes beat fast transforms that way (timed in benchmarks/spectral_layer.py). Axes with real
    functions that follow one with Fourier modes act on both parts at once.

    >>> axes = (Axis.uniform(8, periodic=True), Axis.chebyshev(9))
    >>> bases = axis_bases(("fourier", "chebyshev"), 2)
    >>> transform = MatrixTransform(bases, axes, axes, (3, 4), torch.float64)
    >>> c = transform.analyse(torch.ones(1, 8, 9, 5, dtype=torch.float64))
    >>> tuple(c.shape), c[0, transform.constant, 0].round(decimals=12).tolist()
    ((1, 12, 2, 5), [1.0, 1.0, 1.0, 1.0, 1.0])
    """

    def __init__(
        self,
        bases: Sequence[AxisBasis],
        axes: Sequence[Axis],
        target: Sequence[Axis],
        modes: Sequence[int],
        dtype: torch.dtype,
        device: torch.device | None = None,
    ):
        super().__init__(bases, modes)

        def tensor(matrix: Matrix) -> Tensor:
            return torch.tensor(np.ascontiguousarray(matrix), dtype=dtype, device=device)

        analysis: list[tuple[Tensor, int]] = []
        synthesis: list[tuple[Tensor, int]] = []
        waves = False
        for k, (basis, axis, m) in enumerate(zip(bases, axes, modes, strict=True)):
            points = target[k].points
            if not waves:
                there = basis.analysis_matrix(axis, m)
                back = basis.synthesis_matrix(axis, m, points)
            elif isinstance(basis, FourierModes):
                there = basis.complex_analysis_matrix(axis, m)
                back = basis.complex_synthesis_matrix(axis, m, points)
            else:
                there = _on_both_parts(basis.analysis_matrix(axis, m))
                back = _on_both_parts(basis.synthesis_matrix(axis, m, points).T).T
            waves = waves or isinstance(basis, FourierModes)
            analysis.append((tensor(there), prod(a.size for a in axes[k + 1 :])))
            synthesis.insert(0, (tensor(back), prod(a.size for a in target[k + 1 :])))
        self.analysis: Steps = tuple(analysis)
        self.synthesis: Steps = tuple(synthesis)

    def analyse(self, x: Tensor) -> Tensor:
        """Return A x."""
        return transformed(x, self.analysis).view(len(x), -1, self.parts, x.shape[-1])

    def synthesise(self, z: Tensor, plus: Tensor | None = None) -> Tensor:
        """Return S z, plus what is given."""
        return transformed(z, self.synthesis, plus).view(-1, z.shape[-1])

    def analyse_adjoint(self, d: Tensor, plus: Tensor | None = None) -> Tensor:
        """Return A^T d, plus what is given."""
        return transformed(d, _adjoint(self.analysis), plus).view(-1, d.shape[-1])

    def synthesise_adjoint(self, g: Tensor, batch: int) -> Tensor:
        """Return S^T g."""
        c = transformed(g, _adjoint(self.synthesis))
        return c.view(batch, -1, self.parts, g.shape[-1])


class ChannelsFirst(SpectralTransform):
    """A transform of fields (batch, channel, *grid), of which only coefficients are rearranged.

    The channels count as samples of one channel each. For fields that are given like that it saves
    to copy them, and the copies of their gradients, for slightly slower products: worth it from
    about a thousand points.
    """

    def __init__(self, transform: SpectralTransform, out_channels: int):
        self.inner, self.modes, self.parts = transform, transform.modes, transform.parts
        self.constant, self.out_channels = transform.constant, out_channels

    def analyse(self, x: Tensor) -> Tensor:
        """Return A x for x (batch, channel, *grid)."""
        return self._last(self.inner.analyse(x.flatten(0, 1).unsqueeze(-1)), len(x))

    def synthesise(self, z: Tensor, plus: Tensor | None = None) -> Tensor:
        """Return S z, of shape (batch * channel * points, 1)."""
        return self.inner.synthesise(self._first(z), plus)

    def analyse_adjoint(self, d: Tensor, plus: Tensor | None = None) -> Tensor:
        """Return A^T d, of shape (batch * channel * points, 1)."""
        return self.inner.analyse_adjoint(self._first(d), plus)

    def synthesise_adjoint(self, g: Tensor, batch: int) -> Tensor:
        """Return S^T g for g (batch * channel * points, 1)."""
        return self._last(self.inner.synthesise_adjoint(g, batch * self.out_channels), batch)

    @staticmethod
    def _last(c: Tensor, batch: int) -> Tensor:
        return c.view(batch, -1, *c.shape[1:3]).permute(0, 2, 3, 1).contiguous()

    @staticmethod
    def _first(c: Tensor) -> Tensor:
        return c.permute(0, 3, 1, 2).flatten(0, 1).unsqueeze(-1)


def frequencies(bases: Sequence[AxisBasis], modes: Sequence[int]) -> tuple[int, ...]:
    """Return how many frequencies each axis has: 2 m - 1 for Fourier axes but the first.

    >>> frequencies(axis_bases(("cosine", "fourier", "fourier"), 3), (4, 3, 3))
    (4, 3, 5)
    """
    widths, waves = [], False
    for basis, m in zip(bases, modes, strict=True):
        is_fourier = basis.name == "fourier"
        widths.append(2 * m - 1 if is_fourier and waves else m)
        waves = waves or is_fourier
    return tuple(widths)


def _constant(bases: Sequence[AxisBasis], modes: Sequence[int]) -> int | None:
    """Return the number of the frequency of the constant function."""
    number = 0
    for basis, m, width in zip(bases, modes, frequencies(bases, modes), strict=True):
        if basis.constant is None:
            return None
        number = number * width + (basis.constant if width == m else m - 1)
    return number


def transformed(x: Tensor, steps: Steps, plus: Tensor | None = None) -> Tensor:
    """Apply one matrix per axis, in order, and add `plus` with the last one."""
    channels = x.shape[-1]
    for k, (matrix, behind) in enumerate(steps):
        if behind * channels == 1:  # one product from the right
            rows, last = x.reshape(-1, matrix.shape[1]), k == len(steps) - 1
            added = plus.view(len(rows), -1) if plus is not None and last else None
            x = rows @ matrix.t() if added is None else added.addmm_(rows, matrix.t())
            x = x.unsqueeze(-1)  # the channel
            continue
        x = x.reshape(-1, matrix.shape[1], behind * channels)
        matrices = matrix.expand(len(x), -1, -1)
        if plus is not None and k == len(steps) - 1:
            return plus.view(len(x), matrix.shape[0], -1).baddbmm_(matrices, x)
        x = torch.bmm(matrices, x)
    return x


def _adjoint(steps: Steps) -> Steps:
    """Return the transposed matrices in reverse order."""
    return tuple((matrix.t(), behind) for matrix, behind in reversed(steps))


def _on_both_parts(matrix: Matrix) -> Matrix:
    """Return a real analysis for complex values: columns (part, point), rows (k, part)."""
    m, n = matrix.shape
    both: Matrix = np.einsum("kj,pq->kpqj", matrix, np.eye(2)).reshape(2 * m, 2 * n)
    return both

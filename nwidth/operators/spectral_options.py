"""How the spectral layers of a network see functions: bases, period, quadrature, aliases."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from nwidth.arguments import require_integers
from nwidth.errors import InputError
from nwidth.operators.axis_basis import AxisBasis
from nwidth.operators.dealiasing import Dealiasing
from nwidth.operators.spectral_transform import axis_bases


@dataclass(frozen=True)
class SpectralOptions:
    """Settings of the spectral layers of a network; those of `SpectralConv`, and aliases.

    Args:
        bases: one of "fourier", "cosine", "sine", "chebyshev", or one per axis.
        padding: by what part of the length Fourier axes with walls have a longer period.
        quadrature: order between grids of padded layers on uniform axes.
        dealias: modes (a number, or one per axis, no fewer than the layers have) to which
            activations are cut after they were evaluated on a finer grid (`Dealiasing`), or None.
        method: "auto", "matrices" or "fft".

    >>> options = SpectralOptions(bases=("chebyshev", "fourier"), padding=0, dealias=6)
    >>> SpectralOptions.from_description(options.describe()) == options
    True
    >>> options.dealiasing((4, 4)).modes
    (6, 6)
    """

    bases: str | tuple[str, ...] = "fourier"
    padding: float = 0.25
    quadrature: int = 4
    dealias: int | tuple[int, ...] | None = None
    method: str = "auto"

    def __post_init__(self):
        for name in ("bases", "dealias"):
            if isinstance(getattr(self, name), list):
                object.__setattr__(self, name, tuple(getattr(self, name)))

    def axis_bases(self, dimension: int) -> tuple[AxisBasis, ...]:
        """Return the bases of so many axes."""
        return axis_bases(self.bases, dimension, self.padding, self.quadrature)

    def dealiasing(self, modes: tuple[int, ...]) -> Dealiasing | None:
        """Return what evaluates activations, or None where they are evaluated at the points."""
        if self.dealias is None:
            return None
        kept = require_integers(self.dealias, "dealias", 1)
        kept = kept * len(modes) if len(kept) == 1 else kept
        if len(kept) != len(modes) or any(k < m for k, m in zip(kept, modes, strict=True)):
            raise InputError(
                f"dealias: expected one number or {len(modes)}, no less than modes={modes}, "
                f"got {self.dealias!r:.80}"
            )
        return Dealiasing(self.axis_bases(len(modes)), kept)

    def describe(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> Self:
        """Return the options of a description."""
        known = {field.name for field in fields(cls)}
        if not isinstance(description, Mapping) or not {*description} <= known:
            raise InputError(
                f"spectral options: expected some of {', '.join(sorted(known))}, "
                f"got {description!r:.200}"
            )
        return cls(**description)

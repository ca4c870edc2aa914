"""Guaranteed lower bounds of coercivity and inf-sup constants."""

from nwidth.rom.stability.min_theta import MinTheta
from nwidth.rom.stability.stability_bound import (
    StabilityBound,
    require_stable,
    stability_from_archived,
)

__all__ = [
    "MinTheta",
    "StabilityBound",
    "require_stable",
    "stability_from_archived",
]

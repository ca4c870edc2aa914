"""Guaranteed lower bounds of coercivity and inf-sup constants."""

from nwidth.rom.stability.choose_stability import choose_stability
from nwidth.rom.stability.eigenvalue_interpolation import (
    EigenvalueInterpolation,
    eigenvalue_interpolation,
)
from nwidth.rom.stability.inf_sup_anchors import InfSupAnchors, inf_sup_anchors
from nwidth.rom.stability.min_theta import MinTheta, min_theta
from nwidth.rom.stability.stability_bound import (
    SearchStatus,
    StabilityBound,
    require_stable,
    stability_from_archived,
)
from nwidth.rom.stability.successive_constraints import (
    SuccessiveConstraints,
    successive_constraints,
)

__all__ = [
    "EigenvalueInterpolation",
    "InfSupAnchors",
    "MinTheta",
    "SearchStatus",
    "StabilityBound",
    "SuccessiveConstraints",
    "choose_stability",
    "eigenvalue_interpolation",
    "inf_sup_anchors",
    "min_theta",
    "require_stable",
    "stability_from_archived",
    "successive_constraints",
]

"""Rebuild a problem from the description in a file."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers.boundary import Boundary
from nwidth.solvers.equations.anisotropic_darcy import AnisotropicDarcy
from nwidth.solvers.equations.darcy import Darcy
from nwidth.solvers.equations.poisson import Poisson
from nwidth.solvers.problem import Problem

_KEYS = {
    "darcy": {"equation", "grid", "boundary", "source", "permeability", "unit", "output_unit"},
    "poisson": {"equation", "grid", "boundary", "source", "unit", "output_unit"},
    "anisotropic-darcy": {"equation", "grid", "boundary", "source", "unit", "output_unit"},
}


def problem_from_description(description: Mapping[str, Any]) -> Problem:
    """Return the problem whose `describe()` this is; nothing in it is executed.

    Raises `InputError` for unknown equations and missing or unknown keys.

    >>> problem = Darcy(Grid.uniform((5, 4)), source=2.0)
    >>> problem_from_description(problem.describe()).describe() == problem.describe()
    True
    """
    if not isinstance(description, Mapping) or description.get("equation") not in _KEYS:
        raise InputError(
            f"problem description: expected an equation among {', '.join(_KEYS)}, "
            f"got {description!r:.200}"
        )
    wanted = _KEYS[description["equation"]]
    if {*description} - {"reaction"} != wanted:
        raise InputError(
            f"problem description: expected the keys {', '.join(sorted(wanted))}, "
            f"got {', '.join(sorted(map(str, description)))}"
        )
    grid = Grid.from_description(description["grid"])
    boundary = Boundary.from_description(description["boundary"])
    rest = {"unit": description["unit"], "output_unit": description["output_unit"]}
    rest["reaction"] = _numbers(description.get("reaction", 0.0))
    if description["equation"] == "poisson":
        return Poisson(grid, boundary, _sampler(description["source"], grid), **rest)
    if description["equation"] == "anisotropic-darcy":
        return AnisotropicDarcy(grid, boundary, _numbers(description["source"]), **rest)
    sampler = _sampler(description["permeability"], grid)
    return Darcy(grid, boundary, _numbers(description["source"]), sampler, **rest)


def _numbers(value: Any) -> Any:
    return np.asarray(value, dtype=np.float64) if isinstance(value, list) else value


def _sampler(description: Mapping[str, Any] | None, grid: Grid) -> Any:
    """Rebuild a random field on the grid, or None."""
    from nwidth.meshes import random_field

    return None if description is None else random_field(description, grid)

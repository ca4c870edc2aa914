"""Rebuild a problem from the description in a file."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers.boundary import Boundary
from nwidth.solvers.cubic_poisson import CubicPoisson
from nwidth.solvers.equations.advection_diffusion import AdvectionDiffusion
from nwidth.solvers.equations.allen_cahn import AllenCahn
from nwidth.solvers.equations.anisotropic_darcy import AnisotropicDarcy
from nwidth.solvers.equations.burgers import Burgers
from nwidth.solvers.equations.channel_flow import ChannelFlow
from nwidth.solvers.equations.convection_diffusion import ConvectionDiffusion
from nwidth.solvers.equations.darcy import Darcy
from nwidth.solvers.equations.fisher import Fisher
from nwidth.solvers.equations.gray_scott import GrayScott
from nwidth.solvers.equations.helmholtz import Helmholtz
from nwidth.solvers.equations.korteweg_de_vries import KortewegDeVries
from nwidth.solvers.equations.kuramoto_sivashinsky import KuramotoSivashinsky
from nwidth.solvers.equations.navier_stokes import NavierStokes
from nwidth.solvers.equations.navier_stokes_3d import NavierStokes3D
from nwidth.solvers.equations.nonlinear_schroedinger import NonlinearSchroedinger
from nwidth.solvers.equations.poisson import Poisson
from nwidth.solvers.equations.rayleigh_benard import RayleighBenard
from nwidth.solvers.equations.shallow_water import ShallowWater
from nwidth.solvers.equations.wave import WaveEquation
from nwidth.solvers.evolution_problem import EvolutionProblem
from nwidth.solvers.fractional.fractional_diffusion import FractionalDiffusion
from nwidth.solvers.problem import LinearProblem

# What every description has; the diffusion problems may have a "reaction" on top.
_ALL = {"equation", "grid", "source", "unit", "output_unit"}
_KEYS = {
    "darcy": _ALL | {"boundary", "permeability"},
    "poisson": _ALL | {"boundary"},
    "anisotropic-darcy": _ALL | {"boundary"},
    "convection-diffusion": _ALL | {"boundary", "velocity", "diffusivity"},
    "helmholtz": _ALL | {"walls", "incoming", "wavenumber"},
}
_REACTIVE = {"darcy", "poisson", "anisotropic-darcy"}
# Equations in time, and nonlinear ones, read their own descriptions.
_OTHERS: dict[str, Any] = {
    kind.equation: kind
    for kind in (
        AdvectionDiffusion,
        AllenCahn,
        Burgers,
        ChannelFlow,
        CubicPoisson,
        Fisher,
        FractionalDiffusion,
        GrayScott,
        KortewegDeVries,
        KuramotoSivashinsky,
        NavierStokes,
        NavierStokes3D,
        NonlinearSchroedinger,
        ShallowWater,
        WaveEquation,
        RayleighBenard,
    )
}

# The equations whose descriptions are understood.
EQUATIONS = frozenset(_KEYS | _OTHERS)


def problem_from_description(
    description: Mapping[str, Any],
) -> LinearProblem | EvolutionProblem | CubicPoisson:
    """Return the problem whose `describe()` this is; nothing in it is executed.

    Raises `InputError` for unknown equations, missing or unknown keys, and values that the problem
    does not take.

    >>> problem = Darcy(Grid.uniform((5, 4)), source=2.0)
    >>> problem_from_description(problem.describe()).describe() == problem.describe()
    True
    """
    equation = description.get("equation") if isinstance(description, Mapping) else None
    if not isinstance(equation, str) or equation not in EQUATIONS:
        raise InputError(
            f"problem description: expected an equation among {', '.join(_KEYS | _OTHERS)}, "
            f"got {description!r:.200}"
        )
    if equation in _OTHERS:
        return _OTHERS[equation].from_description(description)
    wanted = _KEYS[equation]
    if {*description} - ({"reaction"} if equation in _REACTIVE else set()) != wanted:
        raise InputError(
            f"problem description: expected the keys {', '.join(sorted(wanted))}, "
            f"got {', '.join(sorted(map(str, description)))}"
        )
    grid = Grid.from_description(description["grid"])
    rest = {"unit": description["unit"], "output_unit": description["output_unit"]}
    if equation == "helmholtz":
        return _helmholtz(description, grid, rest)
    boundary = Boundary.from_description(description["boundary"])
    if equation == "convection-diffusion":
        return _convection_diffusion(description, grid, boundary, rest)
    rest["reaction"] = _numbers(description.get("reaction", 0.0))
    if equation == "poisson":
        return Poisson(grid, boundary, _sampler(description["source"], grid), **rest)
    source = _numbers(description["source"])
    if equation == "anisotropic-darcy":
        return AnisotropicDarcy(grid, boundary, source, **rest)
    return Darcy(grid, boundary, source, _sampler(description["permeability"], grid), **rest)


def _convection_diffusion(
    description: Mapping[str, Any], grid: Grid, boundary: Boundary, rest: dict[str, Any]
) -> ConvectionDiffusion:
    velocity = description["velocity"]
    if not isinstance(velocity, list):
        raise InputError(f"velocity: expected a list of one item per axis, got {velocity!r:.80}")
    return ConvectionDiffusion(
        grid,
        [_numbers(w) for w in velocity],
        boundary,
        _numbers(description["source"]),
        _sampler(description["diffusivity"], grid),
        **rest,
    )


def _helmholtz(description: Mapping[str, Any], grid: Grid, rest: dict[str, Any]) -> Helmholtz:
    incoming = description["incoming"]
    if not isinstance(incoming, Mapping):
        raise InputError(f"incoming: expected a mapping of sides, got {incoming!r:.80}")
    return Helmholtz(
        grid,
        _complex(description["source"], "source"),
        _sampler(description["wavenumber"], grid),
        walls=description["walls"],
        incoming={name: _complex(g, f"incoming {name}") for name, g in incoming.items()},
        **rest,
    )


def _numbers(value: Any) -> Any:
    """Return nested lists as an array, anything else as it is."""
    if not isinstance(value, list):
        return value
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(
            f"problem description: expected numbers in nested lists, got {value!r:.80}"
        ) from None


def _complex(pairs: Any, what: str) -> Any:
    """Return complex numbers from nested lists whose last level is [re, im]."""
    try:
        parts = np.asarray(pairs, dtype=np.float64)
    except (TypeError, ValueError):
        parts = np.zeros(0)
    if parts.shape[-1:] != (2,):
        raise InputError(f"{what}: expected pairs of re and im, got {pairs!r:.80}")
    return (parts[..., 0] + 1j * parts[..., 1])[()]


def _sampler(description: Mapping[str, Any] | None, grid: Grid) -> Any:
    """Rebuild a random field on the grid, or None."""
    from nwidth.meshes import random_field

    return None if description is None else random_field(description, grid)

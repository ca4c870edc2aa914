"""Equations: each file states one PDE as a `Problem`."""

from nwidth.solvers.equations.anisotropic_darcy import AnisotropicDarcy
from nwidth.solvers.equations.burgers import Burgers
from nwidth.solvers.equations.convection_diffusion import ConvectionDiffusion
from nwidth.solvers.equations.darcy import Darcy
from nwidth.solvers.equations.helmholtz import Helmholtz
from nwidth.solvers.equations.manufactured import Manufactured, manufactured
from nwidth.solvers.equations.navier_stokes import NavierStokes
from nwidth.solvers.equations.poisson import Poisson
from nwidth.solvers.equations.problem_from_description import problem_from_description
from nwidth.solvers.equations.thermal_block import ThermalBlock
from nwidth.solvers.equations.vorticity_forcing import VorticityForcing

__all__ = [
    "AnisotropicDarcy",
    "Burgers",
    "ConvectionDiffusion",
    "Darcy",
    "Helmholtz",
    "Manufactured",
    "NavierStokes",
    "Poisson",
    "ThermalBlock",
    "VorticityForcing",
    "manufactured",
    "problem_from_description",
]

"""Equations: each file states one PDE as a `Problem`."""

from nwidth.solvers.equations.advection_diffusion import AdvectionDiffusion
from nwidth.solvers.equations.allen_cahn import AllenCahn
from nwidth.solvers.equations.anisotropic_darcy import AnisotropicDarcy
from nwidth.solvers.equations.burgers import Burgers
from nwidth.solvers.equations.channel_flow import ChannelFlow
from nwidth.solvers.equations.cole_hopf import cole_hopf
from nwidth.solvers.equations.convection_diffusion import ConvectionDiffusion
from nwidth.solvers.equations.darcy import Darcy
from nwidth.solvers.equations.fisher import Fisher
from nwidth.solvers.equations.gray_scott import GrayScott
from nwidth.solvers.equations.helmholtz import Helmholtz
from nwidth.solvers.equations.korteweg_de_vries import KortewegDeVries
from nwidth.solvers.equations.kuramoto_sivashinsky import KuramotoSivashinsky
from nwidth.solvers.equations.manufactured import Manufactured, manufactured
from nwidth.solvers.equations.navier_stokes import NavierStokes
from nwidth.solvers.equations.navier_stokes_3d import NavierStokes3D
from nwidth.solvers.equations.nonlinear_schroedinger import NonlinearSchroedinger
from nwidth.solvers.equations.normal_modes import normal_modes
from nwidth.solvers.equations.poisson import Poisson
from nwidth.solvers.equations.problem_from_description import problem_from_description
from nwidth.solvers.equations.published_settings import (
    PublishedSetting,
    published_setting,
    published_settings,
)
from nwidth.solvers.equations.rayleigh_benard import RayleighBenard
from nwidth.solvers.equations.shallow_water import ShallowWater
from nwidth.solvers.equations.thermal_block import ThermalBlock
from nwidth.solvers.equations.velocity_waves import VelocityWaves
from nwidth.solvers.equations.vorticity_forcing import VorticityForcing
from nwidth.solvers.equations.wave import WaveEquation

__all__ = [
    "AdvectionDiffusion",
    "AllenCahn",
    "AnisotropicDarcy",
    "Burgers",
    "ChannelFlow",
    "ConvectionDiffusion",
    "Darcy",
    "Fisher",
    "GrayScott",
    "Helmholtz",
    "KortewegDeVries",
    "KuramotoSivashinsky",
    "Manufactured",
    "NavierStokes",
    "NavierStokes3D",
    "NonlinearSchroedinger",
    "Poisson",
    "PublishedSetting",
    "RayleighBenard",
    "ShallowWater",
    "ThermalBlock",
    "VelocityWaves",
    "VorticityForcing",
    "WaveEquation",
    "cole_hopf",
    "manufactured",
    "normal_modes",
    "problem_from_description",
    "published_setting",
    "published_settings",
]

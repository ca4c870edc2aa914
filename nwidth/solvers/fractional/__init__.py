"""Fractional equations, whose derivatives of order alpha see the whole domain."""

from nwidth.solvers.fractional.fractional_diffusion import FractionalDiffusion
from nwidth.solvers.fractional.polynomial_bump import PolynomialBump
from nwidth.solvers.fractional.riesz_diffusion import RieszDiffusion
from nwidth.solvers.fractional.riesz_inverse import RieszInverse
from nwidth.solvers.fractional.riesz_matrix import RieszMatrix
from nwidth.solvers.fractional.riesz_modes import RieszModes
from nwidth.solvers.fractional.riesz_multigrid import RieszMultigrid
from nwidth.solvers.fractional.riesz_part import RieszPart
from nwidth.solvers.fractional.riesz_preconditioner import RieszPreconditioner
from nwidth.solvers.fractional.riesz_rectangle import RieszRectangle
from nwidth.solvers.fractional.riesz_rectangle_operator import RieszRectangleOperator
from nwidth.solvers.fractional.riesz_solution import RieszSolution
from nwidth.solvers.fractional.riesz_symbol import RieszSymbol
from nwidth.solvers.fractional.sine_modes import SineModes

__all__ = [
    "FractionalDiffusion",
    "PolynomialBump",
    "RieszDiffusion",
    "RieszInverse",
    "RieszMatrix",
    "RieszModes",
    "RieszMultigrid",
    "RieszPart",
    "RieszPreconditioner",
    "RieszRectangle",
    "RieszRectangleOperator",
    "RieszSolution",
    "RieszSymbol",
    "SineModes",
]

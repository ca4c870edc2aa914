"""Fractional equations, whose derivatives of order alpha see the whole domain."""

from nwidth.solvers.fractional.polynomial_bump import PolynomialBump
from nwidth.solvers.fractional.riesz_matrix import RieszMatrix
from nwidth.solvers.fractional.riesz_modes import RieszModes
from nwidth.solvers.fractional.riesz_rectangle import RieszRectangle, RieszSolution
from nwidth.solvers.fractional.riesz_rectangle_operator import RieszRectangleOperator
from nwidth.solvers.fractional.riesz_symbol import RieszSymbol
from nwidth.solvers.fractional.sine_modes import SineModes

__all__ = [
    "PolynomialBump",
    "RieszMatrix",
    "RieszModes",
    "RieszRectangle",
    "RieszRectangleOperator",
    "RieszSolution",
    "RieszSymbol",
    "SineModes",
]

"""Fractional equations, whose derivatives of order alpha see the whole domain."""

from nwidth.solvers.fractional.riesz_matrix import RieszMatrix
from nwidth.solvers.fractional.riesz_symbol import RieszSymbol

__all__ = ["RieszMatrix", "RieszSymbol"]

"""Splines: bases, matrices, interpolation and what is solved with them."""

from nwidth.solvers.bsplines.bspline_basis import BasisValues, BSplineBasis
from nwidth.solvers.bsplines.knot_insertion import knot_insertion
from nwidth.solvers.bsplines.spline import Spline

__all__ = ["BSplineBasis", "BasisValues", "Spline", "knot_insertion"]

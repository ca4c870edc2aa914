"""Splines: bases, matrices, interpolation and what is solved with them."""

from nwidth.solvers.bsplines.bspline_basis import BasisValues, BSplineBasis
from nwidth.solvers.bsplines.collocation import Collocation
from nwidth.solvers.bsplines.collocation_evolution import (
    CollocationEvolution,
    CollocationPart,
)
from nwidth.solvers.bsplines.collocation_operator import CollocationOperator
from nwidth.solvers.bsplines.collocation_points import (
    collocation_points,
    superconvergent_points,
)
from nwidth.solvers.bsplines.collocation_preconditioner import CollocationPreconditioner
from nwidth.solvers.bsplines.collocation_solution import CollocationSolution
from nwidth.solvers.bsplines.collocation_space import CollocationSpace
from nwidth.solvers.bsplines.knot_insertion import knot_insertion
from nwidth.solvers.bsplines.spline import Spline

__all__ = [
    "BSplineBasis",
    "BasisValues",
    "Collocation",
    "CollocationEvolution",
    "CollocationOperator",
    "CollocationPart",
    "CollocationPreconditioner",
    "CollocationSolution",
    "CollocationSpace",
    "Spline",
    "collocation_points",
    "knot_insertion",
    "superconvergent_points",
]

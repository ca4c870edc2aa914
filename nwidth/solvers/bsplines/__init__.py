"""Splines: bases, matrices, interpolation and what is solved with them."""

from nwidth.solvers.bsplines.adaptive_spline import AdaptiveSpline, AdaptiveStatus
from nwidth.solvers.bsplines.auto_knots import auto_knots
from nwidth.solvers.bsplines.banded_matrix import BandedOperator
from nwidth.solvers.bsplines.bspline_basis import BasisValues, BSplineBasis
from nwidth.solvers.bsplines.collocation import Collocation
from nwidth.solvers.bsplines.collocation_elasticity import ElasticCollocation, ElasticSolution
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
from nwidth.solvers.bsplines.generalized_cross_validation import generalized_cross_validation
from nwidth.solvers.bsplines.interpolation import (
    interpolate,
    interpolating_spline,
    least_squares,
    penalty_matrix,
)
from nwidth.solvers.bsplines.knot_insertion import knot_insertion
from nwidth.solvers.bsplines.kronecker import KroneckerOperator, KroneckerSum
from nwidth.solvers.bsplines.nurbs import Nurbs, NurbsValues
from nwidth.solvers.bsplines.nurbs_shapes import (
    annulus,
    circular_arc,
    cylinder_shell,
    disc,
    disc_sector,
    plate_with_hole,
    quarter_annulus,
)
from nwidth.solvers.bsplines.point_inversion import InvertedPoints, point_inversion
from nwidth.solvers.bsplines.spline import Spline
from nwidth.solvers.bsplines.spline_matrices import (
    collocation_matrix,
    gauss_points,
    load_vector,
    mass_matrix,
    mixed_matrix,
    stiffness_matrix,
)
from nwidth.solvers.bsplines.table_knots import table_knots
from nwidth.solvers.bsplines.tensor_splines import TensorSpline, TensorSplineBasis

__all__ = [
    "AdaptiveSpline",
    "AdaptiveStatus",
    "BSplineBasis",
    "BandedOperator",
    "BasisValues",
    "Collocation",
    "CollocationEvolution",
    "CollocationOperator",
    "CollocationPart",
    "CollocationPreconditioner",
    "CollocationSolution",
    "CollocationSpace",
    "ElasticCollocation",
    "ElasticSolution",
    "InvertedPoints",
    "KroneckerOperator",
    "KroneckerSum",
    "Nurbs",
    "NurbsValues",
    "Spline",
    "TensorSpline",
    "TensorSplineBasis",
    "annulus",
    "auto_knots",
    "circular_arc",
    "collocation_matrix",
    "collocation_points",
    "cylinder_shell",
    "disc",
    "disc_sector",
    "gauss_points",
    "generalized_cross_validation",
    "interpolate",
    "interpolating_spline",
    "knot_insertion",
    "least_squares",
    "load_vector",
    "mass_matrix",
    "mixed_matrix",
    "penalty_matrix",
    "plate_with_hole",
    "point_inversion",
    "quarter_annulus",
    "stiffness_matrix",
    "superconvergent_points",
    "table_knots",
]

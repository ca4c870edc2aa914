"""Whatever comes through a door of matrices, interpolation and maps by splines is no accident."""

import numpy as np
import pytest

from nwidth import plotting
from nwidth.meshes import KnotVector
from nwidth.solvers import bsplines
from nwidth.solvers.bsplines import (
    BandedOperator,
    BSplineBasis,
    KroneckerOperator,
    KroneckerSum,
    Nurbs,
    TensorSpline,
    TensorSplineBasis,
)

KNOTS = KnotVector.uniform(3, 2)
BASIS = BSplineBasis(KNOTS)
MATRIX = np.diag([2.0] * 5) + np.diag([-1.0] * 4, 1)
BANDED = BandedOperator(MATRIX)
PRODUCT = KroneckerOperator([MATRIX, np.eye(3)])
SUM = KroneckerSum([MATRIX @ MATRIX.T, np.eye(3)])
TENSOR = TensorSplineBasis(KNOTS, KNOTS)
FIELD = np.ones(TENSOR.shape)
S = TensorSpline(TENSOR, FIELD)
PLATE = bsplines.plate_with_hole()
X = np.linspace(0, 1, 12)
SCATTERED = np.random.default_rng(0).uniform(0, 1, (60, 2))
GRID = [X, X]
SIDES = {"radius": 1.0, "angle": 1.0}

WRONG = [
    *(None, "strange", b"x", 3, -1, 0.5, np.nan, 1j, True, [], {}, [1, "a"], [np.nan], ...),
    *(np.zeros(0), np.zeros((3, 3)), np.full((5, 2), np.nan), np.ones((5, 2), complex)),
    *(np.array(["a"]), np.zeros((5, 2), object), np.ma.masked_array(np.eye(2), np.eye(2) > 0)),
    *(np.float64(2), (1, 2, 3), np.zeros((5, 0)), np.zeros((5, 5, 5)), np.inf, 1e308),
]

SMOOTH = {"smoothing": 1.0, "penalty": "derivative", "order": 2}

# What is called, and arguments that it takes.
DOORS = {
    "BandedOperator": (BandedOperator, {"matrix": MATRIX, "properties": ()}),
    "from_rows": (
        BandedOperator.from_rows,
        {"values": np.ones((2, 2)), "first": [0, 1], "columns": 3, "properties": ()},
    ),
    "banded solve": (BANDED.solve, {"b": np.ones((5, 2)), "axis": 0, "adjoint": True}),
    "banded along": (BANDED.apply_along, {"u": np.ones((2, 5)), "axis": 1}),
    "plus": (BANDED.plus, {"other": BANDED, "scale": 2.0}),
    "KroneckerOperator": (KroneckerOperator, {"factors": [MATRIX, MATRIX]}),
    "product solve": (PRODUCT.solve, {"b": np.ones((5, 3)), "adjoint": False}),
    "product multiply": (PRODUCT.multiply, {"u": np.ones((5, 3))}),
    "KroneckerSum": (
        KroneckerSum,
        {"terms": [MATRIX, MATRIX], "masses": [np.eye(5)] * 2, "shift": 1.0},
    ),
    "sum solve": (SUM.solve, {"b": np.ones((5, 3)), "adjoint": False}),
    "gauss_points": (bsplines.gauss_points, {"breakpoints": [0.0, 1.0], "count": 3}),
    "mass_matrix": (bsplines.mass_matrix, {"basis": BASIS, "coefficient": None, "points": 3}),
    "stiffness_matrix": (bsplines.stiffness_matrix, {"basis": BASIS, "coefficient": 2.0}),
    "mixed_matrix": (
        bsplines.mixed_matrix,
        {"test": BASIS, "trial": BASIS, "orders": (0, 1), "coefficient": 1.0, "points": None},
    ),
    "load_vector": (bsplines.load_vector, {"basis": BASIS, "source": np.sin, "order": 0}),
    "collocation_matrix": (
        bsplines.collocation_matrix,
        {"basis": BASIS, "points": None, "order": 0, "coefficient": None},
    ),
    "interpolate": (
        bsplines.interpolate,
        {"basis": BASIS, "values": np.ones(5), "points": BASIS.greville},
    ),
    "interpolating_spline": (
        bsplines.interpolating_spline,
        {"x": X, "y": X, "degree": 3, "boundary": "clamped", "lower": 0.0, "upper": 1.0},
    ),
    "least_squares": (
        bsplines.least_squares,
        {"basis": KNOTS, "points": X, "values": X, "weights": np.ones(12), **SMOOTH},
    ),
    "penalty_matrix": (
        bsplines.penalty_matrix,
        {"basis": BASIS, "penalty": "differences", "order": 1},
    ),
    "TensorSplineBasis": (lambda factor: TensorSplineBasis(KNOTS, factor), {"factor": KNOTS}),
    "evaluate": (TENSOR.evaluate, {"v": FIELD, "points": GRID, "orders": (0, 1)}),
    "evaluate_at": (TENSOR.evaluate_at, {"v": FIELD, "x": SCATTERED, "orders": None}),
    "tensor gradient": (TENSOR.gradient, {"v": FIELD, "x": SCATTERED}),
    "tensor matrix": (TENSOR.matrix, {"x": SCATTERED, "orders": 0}),
    "tensor interpolate": (
        TENSOR.interpolate,
        {"values": FIELD, "points": [BASIS.greville, BASIS.greville]},
    ),
    "tensor least squares": (
        TENSOR.least_squares,
        {"points": SCATTERED, "values": np.ones(60), "weights": np.ones(60), **SMOOTH},
    ),
    "least squares on a grid": (
        TENSOR.least_squares,
        {"points": GRID, "values": np.ones((12, 12)), "weights": GRID, "smoothing": 0.0},
    ),
    "refinement": (TENSOR.refinement, {"fine": TENSOR}),
    "tensor stiffness": (TENSOR.stiffness, {"shift": 1.0}),
    "TensorSpline": (TensorSpline, {"basis": TENSOR, "coefficients": FIELD}),
    "tensor inserted": (S.inserted, {"points": [[0.5], None]}),
    "Nurbs": (
        Nurbs,
        {"knots": KNOTS, "points": np.ones((5, 2)), "weights": np.ones(5)},
    ),
    "Nurbs.evaluate": (
        lambda first, derivatives: PLATE.evaluate(first, 0.5, derivatives=derivatives),
        {"first": X, "derivatives": 2},
    ),
    "Nurbs.on_grid": (PLATE.on_grid, {"parameters": GRID, "derivatives": 1}),
    "Nurbs.measure": (PLATE.measure, {"points": 3}),
    "Nurbs.integral": (PLATE.integral, {"function": lambda x, y: x, "points": 3}),
    "Nurbs.inserted": (PLATE.inserted, {"points": [[0.3], None]}),
    "Nurbs.refined": (PLATE.refined, {"times": 1}),
    "Nurbs.elevated": (PLATE.elevated, {"by": (0, 1)}),
    "Nurbs.side": (PLATE.side, {"parameter": 0, "end": "lower"}),
    "Nurbs.moved": (PLATE.moved, {"matrix": np.eye(2), "shift": [1.0, 2.0]}),
    "Nurbs.from_description": (Nurbs.from_description, {"description": PLATE.describe()}),
    "point_inversion": (
        bsplines.point_inversion,
        {"geometry": PLATE, "points": [-2.0, 1.0], "tolerance": 1e-12},
    ),
    "circular_arc": (bsplines.circular_arc, {**SIDES, "start": 0.0}),
    "annulus": (bsplines.annulus, {"inner": 1.0, "outer": 2.0, "angle": 1.0}),
    "disc_sector": (bsplines.disc_sector, SIDES),
    "disc": (bsplines.disc, {"radius": 1.0}),
    "plate_with_hole": (
        bsplines.plate_with_hole,
        {"radius": 1.0, "width": 4.0, "sharp": False},
    ),
    "cylinder_shell": (
        bsplines.cylinder_shell,
        {**SIDES, "length": 1.0, "thickness": 1.0},
    ),
    "nurbs_field": (
        plotting.nurbs_field,
        {"geometry": PLATE, "values": np.ones((12, 12)), "parameters": GRID, "points": 9},
    ),
    "spline_functions": (plotting.spline_functions, {"basis": BASIS, "order": 0}),
}
CASES = [(door, name) for door, (_, arguments) in DOORS.items() for name in arguments]


@pytest.mark.parametrize("door", DOORS)
def test_the_arguments_as_they_stand_are_taken(door):
    function, arguments = DOORS[door]
    function(**arguments)


@pytest.mark.parametrize(("door", "name"), CASES)
def test_wrong_arguments_are_taken_or_refused_in_words(door, name, refused_in_words):
    refused_in_words(*DOORS[door], name, WRONG)

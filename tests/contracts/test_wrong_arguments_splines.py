"""Whatever comes through a door of knots and splines is taken or refused in words."""

import numpy as np
import pytest
import scipy.interpolate

from nwidth.meshes import KnotVector
from nwidth.solvers.bsplines import BasisValues, BSplineBasis, Spline, knot_insertion

KNOTS = KnotVector.uniform_periodic(5, 2)
BASIS = BSplineBasis(KNOTS)
S = Spline(BASIS, np.arange(5.0))
POINTS = {"x": [0.2, 0.5], "wrap": True}
ROOM = BasisValues(np.zeros(2, np.int64), np.zeros((1, 2, 3)))

WRONG = [
    *(None, "strange", b"x", 3, -1, 0.5, np.nan, 1j, True, [], {}, [1, "a"], [np.nan], ...),
    *(np.zeros(0), np.zeros((3, 3)), np.full((3, 2), np.nan), np.ones((3, 2), complex)),
    *(np.array(["a"]), np.zeros((3, 2), object), np.ma.masked_array(np.eye(2), np.eye(2) > 0)),
    *(np.float64(2), (1, 2, 3), np.zeros((3, 0)), np.zeros((2, 3, 4)), np.inf, 1e308),
]

# What is called, and arguments that it takes.
DOORS = {
    "KnotVector": (KnotVector, {"values": KNOTS.values, "degree": 2, "periodic": True}),
    "open": (KnotVector.open, {"breakpoints": [0.0, 1.0], "degree": 2}),
    "closed": (KnotVector.closed, {"breakpoints": [0.0, 0.5, 1.0, 2.0], "degree": 2}),
    "uniform": (KnotVector.uniform, {"intervals": 3, "degree": 2, "lower": -1.0, "upper": 2.0}),
    "uniform_periodic": (
        KnotVector.uniform_periodic,
        {"intervals": 3, "degree": 2, "lower": -1.0, "upper": 2.0},
    ),
    "cardinal": (KnotVector.cardinal, {"intervals": 3, "degree": 2}),
    "KnotVector.inserted": (KNOTS.inserted, {"points": [0.1]}),
    "KnotVector.from_description": (
        KnotVector.from_description,
        {"description": KNOTS.describe()},
    ),
    "BSplineBasis": (BSplineBasis, {"knots": KNOTS}),
    "evaluate": (BASIS.evaluate, {**POINTS, "derivatives": 0, "out": ROOM}),
    "matrix": (BASIS.matrix, {**POINTS, "order": 1}),
    "Spline": (Spline, {"basis": BASIS, "coefficients": np.ones(5)}),
    "values": (S, {**POINTS, "order": 1}),
    "with_derivative": (S.with_derivative, POINTS),
    "derivative": (S.derivative, {"order": 1}),
    "integral": (S.integral, {"lower": 0.1, "upper": 0.9}),
    "inserted": (S.inserted, {"points": [0.1]}),
    "of_scipy": (
        Spline.of_scipy,
        {"spline": scipy.interpolate.make_interp_spline(np.arange(9.0), np.ones(9))},
    ),
    "knot_insertion": (knot_insertion, {"coarse": KNOTS, "fine": KNOTS.refined()}),
}
CASES = [(door, name) for door, (_, arguments) in DOORS.items() for name in arguments]


@pytest.mark.parametrize("door", DOORS)
def test_the_arguments_as_they_stand_are_taken(door):
    function, arguments = DOORS[door]
    function(**arguments)


@pytest.mark.parametrize(("door", "name"), CASES)
def test_wrong_arguments_are_taken_or_refused_in_words(door, name, refused_in_words):
    refused_in_words(*DOORS[door], name, WRONG)

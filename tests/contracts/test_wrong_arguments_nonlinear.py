"""Whatever comes through a door of nonlinear problems is taken or refused in words."""

import warnings

import numpy as np
import pytest

from nwidth import rom, solvers
from nwidth.errors import NwidthError
from nwidth.rom.stability import MinTheta

ONE = np.eye(2)
LINEAR = rom.AffineProblem(lambda mu: [1.0], [ONE], lambda mu: [mu[0]], [[1.0, 2.0]])
FORM = rom.QuadraticForm(ONE, ONE, ONE)
QUADRATIC = rom.QuadraticProblem(LINEAR, lambda mu: [1.0], [FORM])
CUBIC = rom.PointwiseProblem(LINEAR, lambda u, mu: u**3, lambda u, mu: 3 * u**2, [1.0, 1.0])
TRAINING = np.linspace(0.1, 1, 6)[:, None]
GROWING = rom.GrowingQuadraticBasis(QUADRATIC, ONE)
GROWING.extend([1.0], QUADRATIC.solve([1.0]).u)
MODEL = GROWING.model()
ALPHA = MinTheta([[1.0]], [1.0])
READ = rom.nonlinear_eim(CUBIC, TRAINING, 1e-6, stability=ALPHA, beyond=1)

WRONG = [
    *(None, "strange", b"x", 3, -1, 0.5, np.nan, 1j, True, [], {}, [1, "a"], [np.nan], ...),
    *(np.zeros(0), np.zeros((3, 3)), np.full((3, 8), np.nan), np.ones((3, 8), complex)),
    *(np.array(["a"]), np.zeros((3, 8), object), np.ma.masked_array(ONE, ONE > 0)),
    *(np.float64(2), (1, 2, 3), np.zeros((3, 0)), np.zeros((2, 3, 4))),
]

# What is called, and arguments that it takes.
DOORS = {
    "newton": (
        solvers.newton,
        {
            "residual": lambda u: u - 1,
            "direction": lambda u, F: -F,
            "initial": [2.0],
            "rtol": 1e-8,
            "max_iterations": 5,
        },
    ),
    "QuadraticForm": (rom.QuadraticForm, {"C": ONE, "D": ONE, "E": ONE}),
    "QuadraticForm.from_tensor": (
        rom.QuadraticForm.from_tensor,
        {"places": [[0, 1, 1]], "values": [2.0], "size": 2},
    ),
    "QuadraticForm.from_function": (
        rom.QuadraticForm.from_function,
        {"b": lambda u, v: u * v, "pattern": ONE},
    ),
    "QuadraticForm.apply": (FORM.apply, {"u": [1.0, 2.0], "v": [3.0, 4.0]}),
    "QuadraticForm.derivative": (FORM.derivative, {"u": [1.0, 2.0]}),
    "quadratic_continuity": (rom.quadratic_continuity, {"form": FORM, "inner_product": ONE}),
    "QuadraticProblem": (
        rom.QuadraticProblem,
        {"linear": LINEAR, "psi": lambda mu: [1.0], "forms": [FORM]},
    ),
    "QuadraticProblem.solve": (
        QUADRATIC.solve,
        {"mu": [1.0], "start": None, "rtol": 1e-8, "max_iterations": 9},
    ),
    "GrowingQuadraticBasis": (
        rom.GrowingQuadraticBasis,
        {"problem": QUADRATIC, "inner_product": ONE, "box": None, "continuity": [1.0]},
    ),
    "GrowingQuadraticBasis.extend": (
        lambda mu, u: rom.GrowingQuadraticBasis(QUADRATIC, ONE).extend(mu, u),
        {"mu": [1.0], "u": [0.5, 1.0]},
    ),
    "QuadraticBasis.solve": (MODEL.solve, {"mu": [1.0]}),
    "QuadraticBasis.solve_many": (MODEL.solve_many, {"mus": [[1.0], [2.0]]}),
    "QuadraticBasis.lift": (MODEL.lift, {"x": [1.0]}),
    "QuadraticBasis.predict": (MODEL.predict, {"inputs": {"mu": [[1.0]]}}),
    "QuadraticBasis.truncated": (MODEL.truncated, {"N": 1}),
    "quadratic_greedy": (
        rom.quadratic_greedy,
        {
            "problem": QUADRATIC,
            "training": TRAINING,
            "rtol": 1e-3,
            "inner_product": ONE,
            "atol": 0.0,
            "max_size": 2,
            "max_anchors": 3,
            "box": None,
            "continuity": [1.0],
        },
    ),
    "PointwiseProblem": (
        rom.PointwiseProblem,
        {
            "linear": LINEAR,
            "g": lambda u, mu: u,
            "slope": lambda u, mu: 1 + 0 * u,
            "weights": [1.0, 1.0],
            "evaluation": ONE,
        },
    ),
    "PointwiseProblem.solve": (
        CUBIC.solve,
        {"mu": [1.0], "start": None, "rtol": 1e-8, "max_iterations": 9},
    ),
    "nonlinear_eim": (
        rom.nonlinear_eim,
        {
            "problem": CUBIC,
            "training": TRAINING,
            "rtol": 1e-3,
            "stability": ALPHA,
            "inner_product": ONE,
            "beyond": 1,
            "max_size": 2,
            "box": None,
        },
    ),
    "PointwiseBasis.solve": (READ.solve, {"mu": [0.5]}),
    "PointwiseBasis.solve_many": (READ.solve_many, {"mus": TRAINING}),
    "PointwiseBasis.lift": (READ.lift, {"x": np.ones(READ.size)}),
    "PointwiseBasis.predict": (READ.predict, {"inputs": {"mu": TRAINING}}),
}
CASES = [(door, name) for door, (_, arguments) in DOORS.items() for name in arguments]


@pytest.mark.parametrize("door", DOORS)
def test_the_arguments_as_they_stand_are_taken(door):
    function, arguments = DOORS[door]
    function(**arguments)


@pytest.mark.parametrize(("door", "name"), CASES, ids=str)
def test_wrong_arguments_are_taken_or_refused_in_words(door, name):
    function, arguments = DOORS[door]
    for wrong in WRONG:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of parameters outside of the box
            try:
                function(**{**arguments, name: wrong})
            except NwidthError as error:
                assert len(str(error)) > 20

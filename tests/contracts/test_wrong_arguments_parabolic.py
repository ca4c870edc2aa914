"""Whatever comes through a door of parabolic models and of outputs is taken or refused in words."""

import warnings

import numpy as np
import pytest

from nwidth import rom
from nwidth.errors import NwidthError
from nwidth.rom.stability import MinTheta

ONE, X = rom.ParameterExpressions(("1",)), np.diag([1.0, 2.0, 3.0])
ELLIPTIC = rom.AffineProblem(rom.ParameterExpressions(("mu[0]",)), [X], ONE, np.ones((1, 3)))
STABILITY, TIMES = MinTheta([[1.0]], [1.0]), [0.0, 0.5, 1.0]
PROBLEM = rom.ParabolicProblem(ELLIPTIC, np.eye(3), TIMES)


def grown(problem, kind=rom.GrowingBasis):
    """A basis of one vector."""
    growing = kind(problem, X, STABILITY)
    growing.extend(np.ones(3))
    return growing


GROWING = grown(PROBLEM, rom.GrowingParabolicBasis)
MODEL = GROWING.model()
BASES = {"primal": grown(ELLIPTIC), "dual": grown(rom.dual_problem(ELLIPTIC, np.eye(3)[:1], ONE))}
OUTPUT = rom.DualWeightedOutput.of(**BASES)
TRAJECTORY = rom.ParabolicOutput.of(GROWING, np.ones(3))

WRONG = [
    *(None, "strange", b"x", 3, -1, 0.5, np.nan, 1j, True, [], {}, [1, "a"], [np.nan], ...),
    *(np.zeros(0), np.zeros((3, 3)), np.full((3, 8), np.nan), np.ones((3, 8), complex)),
    *(np.array(["a"]), np.zeros((3, 8), object), np.ma.masked_array(np.eye(3), np.eye(3) > 0)),
    *(np.float64(2), (1, 2, 3), np.zeros((3, 0)), np.zeros((2, 3, 4)), object()),
    *(np.array([np.inf]), lambda *given: "a", lambda *given: None),
]


def fields(model):
    """The fields of a model by their names."""
    return {name: getattr(model, name) for name in model.__dataclass_fields__}


# What is called, and arguments that it takes.
DOORS = {
    "ParabolicProblem": (
        rom.ParabolicProblem,
        {"problem": ELLIPTIC, "mass": np.eye(3), "times": TIMES, "signals": None, "initial": None,
         "scheme": "implicit-euler", "mass_coefficients": None, "initial_coefficients": None},
    ),
    "coefficients": (PROBLEM.coefficients, {"mus": [[1.0]]}),
    "trajectory": (PROBLEM.trajectory, {"mu": [1.0]}),
    "GrowingParabolicBasis": (
        rom.GrowingParabolicBasis,
        {"problem": PROBLEM, "inner_product": X, "stability": STABILITY, "box": None},
    ),
    "extend": (lambda u: grown(PROBLEM, rom.GrowingParabolicBasis).extend(u), {"u": np.ones(3)}),
    "remainder": (GROWING.remainder, {"trajectory": np.ones((3, 3))}),
    "ParabolicBasis": (rom.ParabolicBasis, fields(MODEL)),
    "solve": (MODEL.solve, {"mu": 1.0}),
    "solve_many": (MODEL.solve_many, {"mus": [[1.0]]}),
    "lift": (MODEL.lift, {"x": np.ones(1)}),
    "predict": (MODEL.predict, {"inputs": {"mu": [[1.0]]}}),
    "truncated": (MODEL.truncated, {"N": 1}),
    "pod_greedy": (
        rom.pod_greedy,
        {"problem": PROBLEM, "training": [1.0, 2.0], "rtol": 0.1, "stability": STABILITY,
         "inner_product": X, "atol": 0.0, "modes": 1, "max_size": 3, "box": None, "solve": None,
         "progress": None, "start": None},
    ),
    "ParabolicOutput.of": (
        rom.ParabolicOutput.of, {"growing": GROWING, "functional": np.ones(3)}
    ),
    "ParabolicOutput": (rom.ParabolicOutput, fields(TRAJECTORY)),
    "ParabolicOutput.evaluate": (TRAJECTORY.evaluate, {"mu": 1.0}),
    "ParabolicOutput.evaluate_many": (TRAJECTORY.evaluate_many, {"mus": [[1.0]]}),
    "DualWeightedOutput.of": (rom.DualWeightedOutput.of, BASES),
    "DualWeightedOutput": (rom.DualWeightedOutput, fields(OUTPUT)),
    "evaluate": (OUTPUT.evaluate, {"mu": 1.0}),
    "evaluate_many": (OUTPUT.evaluate_many, {"mus": [[1.0]]}),
    "DualWeightedOutput.truncated": (OUTPUT.truncated, {"N": 1, "M": 1}),
    "dual_problem": (
        rom.dual_problem, {"problem": ELLIPTIC, "outputs": np.ones(3), "coefficients": ONE}
    ),
}  # fmt: skip
CASES = [(door, name) for door, (_, arguments) in DOORS.items() for name in arguments]


@pytest.mark.parametrize("door", DOORS)
def test_the_arguments_as_they_stand_are_taken(door):
    function, arguments = DOORS[door]
    function(**arguments)


@pytest.mark.parametrize(("door", "name"), CASES, ids="-".join)
def test_wrong_arguments_are_taken_or_refused_in_words(door, name):
    function, arguments = DOORS[door]
    for wrong in WRONG:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                function(**{**arguments, name: wrong})
            except NwidthError as error:
                assert len(str(error)) > 20

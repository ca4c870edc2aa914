"""Whatever comes through a door of reduced bases is taken or refused in words."""

import warnings
from dataclasses import fields

import numpy as np
import pytest

from nwidth import rom
from nwidth.errors import NwidthError
from nwidth.rom.stability import MinTheta

A = np.random.default_rng(0).standard_normal((3, 8))
MATRICES = np.stack([np.diag(np.linspace(1.0, 2.0, 8)), np.eye(8)])
PROBLEM = rom.AffineProblem(lambda mu: mu, MATRICES, lambda mu: [1.0], np.ones((1, 8)))
STABILITY, BOX = MinTheta([[1.0, 1.0]], [0.5]), rom.ParameterBox([0.1, 0.1], [4.0, 4.0])
GROWING = rom.GrowingBasis(PROBLEM, MATRICES[0], STABILITY, BOX)
GROWING.extend(np.linalg.inv(MATRICES[0] + MATRICES[1])[:, :3])
MODEL = GROWING.model()


def growing():
    return rom.GrowingBasis(PROBLEM, MATRICES[0], STABILITY, BOX)


WRONG = [
    *(None, "strange", b"x", 3, -1, 0.5, np.nan, 1j, True, [], {}, [1, "a"], [np.nan], ...),
    *(np.zeros(0), np.zeros((3, 3)), np.full((3, 8), np.nan), np.ones((3, 8), complex)),
    *(np.array(["a"]), np.zeros((3, 8), object), np.ma.masked_array(A, A > 1)),
    *(np.float64(2), (1, 2, 3), np.zeros((3, 0)), np.zeros((2, 3, 4))),
]

# What is called, and arguments that it takes.
DOORS = {
    "GrowingBasis": (
        rom.GrowingBasis,
        {
            "problem": PROBLEM,
            "inner_product": MATRICES[0],
            "stability": STABILITY,
            "box": BOX,
            "test": "galerkin",
        },
    ),
    "GrowingBasis.extend": (lambda u: growing().extend(u), {"u": np.ones((8, 2))}),
    "ReducedBasis": (
        rom.ReducedBasis,
        {part.name: getattr(MODEL, part.name) for part in fields(MODEL)},
    ),
    "ReducedBasis.solve": (MODEL.solve, {"mu": [1.0, 2.0]}),
    "ReducedBasis.solve_many": (MODEL.solve_many, {"mus": [[1.0, 2.0], [1.0, 3.0]]}),
    "ReducedBasis.lift": (MODEL.lift, {"x": np.ones((2, 3))}),
    "ReducedBasis.truncated": (MODEL.truncated, {"N": 2}),
    "ReducedBasis.predict": (MODEL.predict, {"inputs": {"mu": [[1.0, 2.0]]}}),
    "what theta gives": (
        lambda theta: rom.ReducedBasis(
            rom.AffineProblem(
                lambda mu: theta, MODEL.problem.matrices, lambda mu: [1.0], MODEL.problem.sources
            ),
            MODEL.residual,
            MODEL.allowance,
            STABILITY,
        ).solve([1.0, 2.0]),
        {"theta": [1.0, 2.0]},
    ),
    "AffineProblem.coefficients": (PROBLEM.coefficients, {"mus": [[1.0, 2.0]]}),
}
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
            # Parameters outside of the box are taken, with a warning.
            warnings.filterwarnings("ignore", "mu lies outside")
            try:
                function(**{**arguments, name: wrong})
            except NwidthError as error:
                assert len(str(error)) > 20


def test_rows_of_different_lengths_are_refused_in_words():
    for door in (
        "GrowingBasis.extend",
        "ReducedBasis.solve",
        "ReducedBasis.solve_many",
        "ReducedBasis.lift",
        "what theta gives",
        "AffineProblem.coefficients",
    ):
        with pytest.raises(NwidthError, match="expected"):
            DOORS[door][0]([[1, 2], [3]])

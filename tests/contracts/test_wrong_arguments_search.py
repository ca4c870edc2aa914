"""Whatever comes through a door of parameters and greedy searches is taken or refused in words."""

import warnings

import numpy as np
import pytest

from nwidth import rom
from nwidth.errors import NwidthError

BOX = rom.ParameterBox([0.5, 1.0], [2.0, 3.0], names=["k", "s"])
THETA = rom.ParameterExpressions(["1", "mu[0] + mu[1]"])
PROBLEM = rom.AffineProblem(
    THETA, [np.diag([2.0, 1.0, 1.0]), np.diag([1.0, 2.0, 3.0])], lambda mu: [1.0], np.ones((1, 3))
)
STABILITY = rom.MinTheta([[1.0, 1.0]], [3.0])
SEARCH = {"stability": STABILITY, "rtol": 0.1, "atol": 0.1, "max_size": 3, "inner_product": None}
TREE = rom.hp_partition(PROBLEM, BOX, 0.5, stability=STABILITY, samples=2)

WRONG = [
    *(None, "strange", b"x", 3, -1, 0.5, np.nan, 1j, True, [], {}, [1, "a"], [np.nan], ...),
    *(np.zeros(0), np.zeros((3, 3)), np.full((3, 2), np.nan), np.ones((3, 2), complex)),
    *(np.array(["a"]), np.zeros((3, 2), object), np.ma.masked_array(np.eye(2), np.eye(2) > 0)),
    *(np.float64(2), (1, 2, 3), np.zeros((3, 0)), np.zeros((2, 3, 4))),
]

# What is called, and arguments that it takes.
DOORS = {
    "ParameterBox": (
        rom.ParameterBox,
        {"lower": [0.5, 1.0], "upper": [2.0, 3.0], "names": ["k", "s"], "log": [True, False]},
    ),
    "contains": (BOX.contains, {"mus": np.ones((4, 2))}),
    "at": (BOX.at, {"t": np.ones((4, 2)) / 2}),
    "grid": (BOX.grid, {"counts": [2, 3]}),
    "random": (BOX.random, {"count": 3, "seed": 0}),
    "sobol": (BOX.sobol, {"count": 3, "seed": 0}),
    "halves": (BOX.halves, {"axis": 1}),
    "ParameterExpressions": (
        rom.ParameterExpressions,
        {"expressions": ["1", "k"], "names": ["k", "s"]},
    ),
    "theta": (THETA, {"mu": np.ones((4, 2))}),
    "greedy": (
        lambda **given: rom.greedy(PROBLEM, **given),
        SEARCH
        | {"training": BOX.grid(2), "box": BOX, "test": "galerkin", "solve": None,
           "saturation": 2.0, "progress": None, "start": None},
    ),
    "solve of greedy": (
        lambda u: rom.greedy(PROBLEM, BOX.grid(2), **(SEARCH | {"solve": lambda mu: u})),
        {"u": np.ones(3)},
    ),
    "adaptive_training": (
        lambda **given: rom.adaptive_training(PROBLEM, **given),
        SEARCH
        | {"box": BOX, "validation": 5, "overfitting": 1.5, "refined": 0.5, "max_training": 9,
           "seed": 0},
    ),
    "hp_partition": (
        lambda **given: rom.hp_partition(PROBLEM, **given),
        SEARCH | {"box": BOX, "max_leaves": 2, "samples": 3, "seed": 0, "solve": None},
    ),
    "HpReducedBasis.solve": (TREE.solve, {"mu": np.ones(2)}),
    "HpReducedBasis.solve_many": (TREE.solve_many, {"mus": np.ones((4, 2))}),
    "HpReducedBasis.lift": (TREE.lift, {"x": np.ones((2, TREE.size)), "leaf": [0, 0]}),
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
            # Parameters outside of the box are taken, with a warning.
            warnings.filterwarnings("ignore", "mu lies outside")
            try:
                function(**{**arguments, name: wrong})
            except NwidthError as error:
                assert len(str(error)) > 20

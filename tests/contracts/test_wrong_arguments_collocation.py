"""Whatever comes through a door of collocation is taken or refused in words."""

import numpy as np
import pytest

from nwidth.meshes import Grid, KnotVector
from nwidth.solvers import Boundary, Dirichlet, Neumann, bsplines
from nwidth.solvers.bsplines.nurbs_shapes import annulus, quarter_annulus

KNOTS = [KnotVector.uniform(4, 3), KnotVector.uniform(5, 2)]
SHAPE = (7, 7)
MASKED = np.ma.masked_array(np.ones(SHAPE), np.eye(7))
WRONG = [
    *(None, "strange", b"x", 3, -1, 0.5, np.nan, 1j, True, [], {}, [1, "a"], [np.nan], ...),
    *(np.zeros(0), np.zeros((3, 3)), np.full(SHAPE, np.nan), np.ones(SHAPE, complex)),
    *(np.array(["a"]), np.zeros(SHAPE, object), MASKED, np.float64(2), (1, 2, 3)),
    *(lambda: 1, lambda *x: None, lambda *x: "a", lambda *x: x[0] * np.nan, KNOTS, annulus()),
    *(Boundary({"w_lower": Neumann()}), Boundary(default=Dirichlet(np.ones(3)))),
]
HELD = Boundary({"x_lower": Dirichlet()}, default=Neumann())
PROBLEM = bsplines.Collocation(KNOTS, source=1.0)
SYSTEM = bsplines.CollocationEvolution(PROBLEM)
BODY = bsplines.ElasticCollocation(KNOTS, [HELD, HELD], 1.0, 0.3, [1.0, 0.0])
ELASTIC = BODY.solve()
LIMITS = {"rtol": 1e-8, "method": "auto", "max_iterations": 20}

DOORS = {
    "Collocation": (
        lambda **given: bsplines.Collocation(**given).solve(),
        {
            "knots": KNOTS,
            "diffusion": 1.0,
            "convection": [1.0, 0.0],
            "reaction": 0.5,
            "source": lambda x, y: x + y,
            "boundary": HELD,
            "geometry": quarter_annulus(),
            "points": "greville",
            "conservative": False,
            "names": ("x", "y"),
            "dtype": "float64",
        },
    ),
    "Collocation.solve": (PROBLEM.solve, LIMITS),
    "Collocation.preconditioner": (PROBLEM.preconditioner, {"shift": 1.0, "scale": 2.0}),
    "CollocationSolution": (
        lambda x, y, orders: PROBLEM.solve()(x, y, orders=orders),
        {"x": [0.5, 0.7], "y": [0.1, 0.2], "orders": (0, 1)},
    ),
    "CollocationSolution.on": (PROBLEM.solve().on, {"grid": Grid.uniform((3, 4))}),
    "CollocationSolution.gradient": (
        lambda x, y: PROBLEM.solve().gradient(x, y),
        {"x": [0.5], "y": [0.1, 0.2]},
    ),
    "CollocationSolution.error": (
        PROBLEM.solve().error,
        {"exact": lambda x, y: x + y, "gradient": lambda x, y: [1.0 + 0 * x, 1.0]},
    ),
    "collocation_points": (
        bsplines.collocation_points,
        {"knots": KNOTS[0], "kind": "superconvergent"},
    ),
    "superconvergent_points": (bsplines.superconvergent_points, {"knots": KNOTS[0]}),
    "CollocationEvolution": (
        lambda **given: bsplines.CollocationEvolution(**given).nonlinear(
            0.0, np.zeros((5, 5)), np.zeros((5, 5))
        ),
        {
            "problem": PROBLEM,
            "source": lambda t, x, y: t * x,
            "boundary": lambda t: Boundary(default=Dirichlet(t)),
            "reaction": lambda t, u: u * (1 - u),
            "step": 1e-3,
        },
    ),
    "CollocationEvolution.state": (SYSTEM.state, {"values": 1.0, "t": 0.0}),
    "CollocationEvolution.at": (SYSTEM.at, {"t": 0.0, "w": np.zeros((5, 5))}),
    "CollocationPart": (bsplines.CollocationPart, {"problem": PROBLEM}),
    "ElasticCollocation": (
        lambda **given: bsplines.ElasticCollocation(**given).solve(),
        {
            "knots": KNOTS,
            "boundaries": [HELD, HELD],
            "young": 1.0,
            "poisson": 0.3,
            "force": [1.0, 0.0],
            "plane": "stress",
            "geometry": None,
            "points": "greville",
        },
    ),
    "ElasticCollocation.solve": (BODY.solve, LIMITS),
    "ElasticSolution.stress": (
        lambda x, y: ELASTIC.stress(x, y),
        {"x": [0.5], "y": [0.1, 0.2]},
    ),
}
CASES = [(door, name) for door, (_, good) in DOORS.items() for name in good]


@pytest.mark.parametrize("door", DOORS)
def test_good_arguments_are_taken(door):
    call, good = DOORS[door]
    call(**good)


@pytest.mark.parametrize(("door", "name"), CASES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_wrong_arguments_are_refused_in_words(door, name, refused_in_words):
    refused_in_words(*DOORS[door], name, WRONG)

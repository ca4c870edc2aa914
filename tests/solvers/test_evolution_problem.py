"""What every evolution problem has to be, whatever its equation."""

import numpy as np
import pytest

from nwidth.meshes import Grid
from nwidth.solvers import EvolutionProblem, equations, simulate

PROBLEMS = [
    problem
    for name in equations.__all__
    if isinstance(problem := getattr(equations, name), type)
    and issubclass(problem, EvolutionProblem)
]


def example(kind):
    """Return a problem and smooth inputs."""
    dimension = kind.dimensions[0]
    problem = kind(Grid.periodic((24,) * dimension))
    x = np.meshgrid(*(a.points for a in problem.grid.axes), indexing="ij")
    u = 0.3 + 0.1 * np.sin(2 * np.pi * sum(x))
    return problem, {item.name: u for item in problem.inputs}


@pytest.mark.parametrize("kind", PROBLEMS, ids=lambda p: p.__name__)
def test_states_and_fields_go_back_and_forth(kind):
    problem, inputs = example(kind)
    v = problem.state(inputs)
    fields = problem.fields(v)
    assert fields.keys() == problem.outputs.keys()
    for name in fields.keys() & inputs.keys():
        assert np.allclose(fields[name], inputs[name], atol=1e-14)
    both = problem.fields(np.stack([v, v]))
    assert all(np.array_equal(both[name][1], fields[name]) for name in fields)
    for values in problem.invariants(np.stack([v, v])).values():
        assert values.shape == (2,)


@pytest.mark.parametrize("kind", PROBLEMS, ids=lambda p: p.__name__)
def test_the_right_hand_side_writes_only_to_its_output(kind):
    problem, inputs = example(kind)
    system, v = problem.system(inputs), problem.state(inputs)
    before, out = v.copy(), np.full_like(v, np.nan)
    system.nonlinear(0.0, v, out)
    assert np.array_equal(v, before) and np.isfinite(out).all()
    again = np.full_like(v, np.nan)
    system.nonlinear(0.0, v, again)
    assert np.array_equal(out, again)


@pytest.mark.parametrize("kind", PROBLEMS, ids=lambda p: p.__name__)
def test_it_moves_and_stays_finite(kind):
    problem, inputs = example(kind)
    found = simulate(problem, inputs, [0.0, 1e-3]).checked()
    for field in found.fields.values():
        assert np.isfinite(field).all() and not np.array_equal(field[0], field[1])

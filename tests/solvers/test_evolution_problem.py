"""What every evolution problem has to be, whatever its equation."""

import json

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers import EvolutionProblem, equations, problem_from_description, simulate

PROBLEMS = [
    problem
    for name in equations.__all__
    if isinstance(problem := getattr(equations, name), type)
    and issubclass(problem, EvolutionProblem)
]


LAYERS = {"ChannelFlow", "RayleighBenard"}


def grid_for(kind, n=24):
    """Return a torus of the problem's dimension, or a layer between two plates."""
    if kind.__name__ in LAYERS:
        return Grid.chebyshev((n, n), periodic=(True, False))
    return Grid.periodic((n,) * getattr(kind, "dimensions", (2,))[0])


def smooth(problem, name):
    """Return an initial field, complex where it may be, without divergence where it has to."""
    x = np.meshgrid(*(a.points for a in problem.grid.axes), indexing="ij")
    wave = np.sin(2 * np.pi * sum(x))
    if name == "buoyancy":
        return 1 - x[1] + 0.1 * np.sin(2 * np.pi * x[0]) * x[1] * (1 - x[1])
    if name == "velocity" and type(problem).__name__ in LAYERS:  # psi = s(x) (z (1 - z))^2
        z, y = x[1], x[1] * (1 - x[1])
        turn = 2 * np.pi * x[0]
        along = 2 * y * (1 - 2 * z) * (1 + np.sin(turn))
        return np.stack([along, -2 * np.pi * np.cos(turn) * y**2])
    if name == "velocity" and len(x) == 3:
        return 0.3 + 0.1 * np.stack(
            [np.sin(2 * np.pi * (y + z)) for y, z in zip(x[1:] + x[:1], x[2:] + x[:2], strict=True)]
        )
    mean = 0.0 if name == "vorticity" else 0.3
    u = mean + 0.1 * wave
    return u if getattr(problem, "real", True) else u * np.exp(2j * np.pi * sum(x))


def example(kind):
    """Return a problem and smooth inputs."""
    problem = kind(grid_for(kind))
    return problem, {
        item.name: (1 + i) * smooth(problem, item.name) for i, item in enumerate(problem.inputs)
    }


@pytest.mark.parametrize("kind", PROBLEMS, ids=lambda p: p.__name__)
def test_states_and_fields_go_back_and_forth(kind):
    problem, inputs = example(kind)
    v = problem.state(inputs)
    fields = problem.fields(v)
    assert fields.keys() == problem.outputs.keys()
    for name, u in inputs.items():
        if np.iscomplexobj(u):
            assert np.allclose(fields[f"{name}_real"] + 1j * fields[f"{name}_imag"], u, atol=1e-14)
        elif name in fields:
            assert np.allclose(fields[name], u, atol=1e-14)
    d = problem.grid.dimension
    assert all(field.shape[-d:] == problem.grid.shape for field in fields.values())
    assert sum(u.size for u in fields.values()) == problem.numbers * problem.grid.size
    both = problem.fields(np.stack([v, v]))
    assert all(np.array_equal(both[name][1], fields[name]) for name in fields)
    for values in problem.invariants(np.stack([v, v])).values():
        assert values.shape == (2,) and values[0] == values[1]
    tail = problem.tail(np.stack([v, v]))
    assert tail is None or (tail.shape == (2,) and (tail < 1e-12).all())


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


@pytest.mark.parametrize("kind", PROBLEMS, ids=lambda p: p.__name__)
def test_descriptions_lead_back_to_the_problem(kind):
    problem, inputs = example(kind)
    text = json.dumps(problem.describe())
    again = problem_from_description(json.loads(text))
    assert type(again) is kind and json.dumps(again.describe()) == text
    one, other = (p.system(inputs) for p in (problem, again))
    v = problem.state(inputs)
    outs = np.empty_like(v), np.empty_like(v)
    one.nonlinear(0.0, v, outs[0])
    other.nonlinear(0.0, v, outs[1])
    assert np.array_equal(*outs)
    with pytest.raises(InputError, match=r"problem description: expected .*the keys"):
        problem_from_description({**problem.describe(), "colour": 1.0})
    for key, value in (("grid", None), ("dtype", "int32"), ("sampler", {"kind": "none"})):
        with pytest.raises(InputError):
            problem_from_description({**problem.describe(), key: value})


@pytest.mark.parametrize("kind", PROBLEMS, ids=lambda p: p.__name__)
def test_other_grids_make_the_same_problem(kind):
    problem, _ = example(kind)
    finer = problem.on(grid_for(kind, 30))
    assert type(finer) is kind and set(finer.grid.shape) == {30}
    one, other = problem.describe(), finer.describe()
    assert {k for k in one if one[k] != other[k]} == {"grid"}


@pytest.mark.parametrize("kind", PROBLEMS, ids=lambda p: p.__name__)
def test_the_rate_bounds_how_fast_the_nonlinear_term_changes(kind):
    """Power iteration with differences of N finds no eigenvalue far beyond the rate."""
    problem, inputs = example(kind)
    system, v = problem.system(inputs), problem.state(inputs)
    rate = system.rate(0.0, v)
    if rate is None:
        return
    base, out = np.empty_like(v), np.empty_like(v)
    system.nonlinear(0.0, v, base)
    noise = {name: np.random.default_rng(0).normal(size=u.shape) for name, u in inputs.items()}
    noise = {name: u - u.mean() for name, u in noise.items()}
    if isinstance(problem, equations.NavierStokes3D):
        noise = {name: problem.solenoidal(u) for name, u in noise.items()}
    w, growth = problem.state(noise), []
    for _ in range(40):
        w *= 1e-6 / np.linalg.norm(w)
        system.nonlinear(0.0, v + w, out)
        w = out - base
        growth.append(np.linalg.norm(w) / 1e-6)
        if growth[-1] < 1e-9:  # nothing but round-off is left
            break
    grown = np.exp(np.mean(np.log(np.maximum(growth[10:], 1e-9)))) if len(growth) > 10 else 0.0
    assert grown <= 1.2 * rate + 1e-6

"""What the door of all equations on a torus says."""

import sys
from pathlib import Path

import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.meshes import GaussianRandomField, Grid
from nwidth.solvers import (
    AdvectionDiffusion,
    AllenCahn,
    Burgers,
    ChannelFlow,
    NavierStokes,
    NavierStokes3D,
    RayleighBenard,
    WaveEquation,
    equations,
)
from nwidth.solvers.equations.periodic_evolution import PeriodicEvolution


def test_states_have_the_modes_of_the_two_thirds_rule():
    problem = Burgers(Grid.periodic(24))
    u = np.random.default_rng(0).normal(size=24)
    v = problem.state({"velocity": u})
    assert (v[8:] == 0).all() and (v[:8] != 0).all()
    again = problem.fields(v)["velocity"]
    assert np.allclose(problem.state({"velocity": again}), v, atol=1e-16)
    assert problem.fields(np.stack([v, v]))["velocity"].shape == (2, 24)


@pytest.mark.parametrize(
    ("u", "words"),
    [
        (np.ones(23), r"velocity: expected real numbers of shape \(24,\)"),
        (np.ones(24) * 1j, "velocity: expected real numbers"),
        (["a"], "velocity: expected an array of numbers|velocity"),
    ],
)
def test_fields_that_do_not_fit_are_refused(u, words):
    with pytest.raises(InputError, match=words):
        Burgers(Grid.periodic(24)).state({"velocity": u})


def test_inputs_are_finite_and_named():
    problem = Burgers(Grid.periodic(24))
    with pytest.raises(NonFiniteError, match="velocity"):
        problem.state({"velocity": np.full(24, np.nan)})
    with pytest.raises(InputError, match="inputs: expected a mapping with velocity, got speed"):
        problem.state({"speed": np.ones(24)})


def test_grids_and_samplers_have_to_fit():
    with pytest.raises(InputError, match="not periodic"):
        Burgers(Grid.uniform(24))
    with pytest.raises(InputError, match="expected 1 dimensions for burgers, got 2"):
        Burgers(Grid.periodic((8, 8)))
    other = GaussianRandomField(Grid.periodic(12), alpha=2.0, tau=3.0, boundary="periodic")
    with pytest.raises(InputError, match="random field on the problem's grid"):
        Burgers(Grid.periodic(24), sampler=other)
    with pytest.raises(InputError, match="dtype"):
        Burgers(Grid.periodic(24), dtype="int32")


LAYER = Grid.chebyshev((8, 17), upper=(4.0, 1.0), names="xz", periodic=(True, False))


@pytest.mark.parametrize(
    "problem",
    [
        Burgers(Grid.periodic(24)),
        NavierStokes(Grid.periodic((8, 6))),
        NavierStokes3D(Grid.periodic((8, 6, 4))),
        WaveEquation(Grid.periodic(8)),
        RayleighBenard(LAYER),
        ChannelFlow(LAYER, 0.01),
    ],
    ids=lambda problem: problem.equation,
)
def test_other_boxes_are_other_problems(problem):
    first, *rest = problem.grid.describe()["axes"]
    longer = Grid.from_description({"axes": [{**first, "upper": first["upper"] + 1}, *rest]})
    for other in (longer, Grid.periodic((8, 8) if problem.grid.dimension == 1 else 8)):
        with pytest.raises(InputError, match="grid: expected one of the same box"):
            problem.on(other)
    with pytest.raises(InputError, match="grid: expected a Grid"):
        problem.on(24)


@pytest.mark.parametrize(("kind", "least"), [(Burgers, 4), (AllenCahn, 5), (AdvectionDiffusion, 3)])
def test_grids_of_which_the_mean_alone_is_left_are_refused(kind, least):
    with pytest.raises(InputError, match=f"at least {least} points along an axis"):
        kind(Grid.periodic(least - 1))
    assert kind(Grid.periodic(least)).kept.sum() == 2


def test_descriptions_that_do_not_fit_are_refused():
    told = Burgers(Grid.periodic(24)).describe()
    with pytest.raises(InputError, match="expected the equation burgers, got 'burger'"):
        Burgers.from_description({**told, "equation": "burger"})
    del told["viscosity"]
    with pytest.raises(InputError, match="expected the keys dtype, equation, grid, sampler, unit"):
        Burgers.from_description(told)


KINDS = [
    kind
    for name in equations.__all__
    if isinstance(kind := getattr(equations, name), type) and issubclass(kind, PeriodicEvolution)
]


@pytest.mark.parametrize(
    ("kind", "dimension"),
    [(kind, d) for kind in KINDS for d in kind.dimensions if d < 3],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
@pytest.mark.parametrize("n", [13, 16])
def test_nonlinear_terms_have_no_aliases(kind, dimension, n):
    """On a grid three times finer they have the same modes, as far as those are kept."""
    problem = kind(Grid.periodic((n,) * dimension))
    finer = problem.on(Grid.periodic((3 * n,) * dimension))
    generator = np.random.default_rng(n)
    shape = problem.grid.shape
    inputs = {item.name: generator.normal(size=shape) for item in problem.inputs}
    if not kind.real:
        inputs = {name: u + 1j * generator.normal(size=shape) for name, u in inputs.items()}
    v = problem.state(inputs)
    w = problem.space.resampled(v, finer.space)
    outs = np.empty_like(v), np.empty_like(w)
    for each, state, out in zip((problem, finer), (v, w), outs, strict=True):
        each.system(inputs).nonlinear(0.0, state, out)
    exact = finer.space.resampled(outs[1], problem.space) * problem.kept
    assert np.abs(outs[0] - exact).max() <= 1e-13 * max(1.0, np.abs(exact).max())
    assert (outs[0][..., ~problem.kept] == 0).all()


def run_on_device_arrays():
    """Compare all equations with those on the host; called in a process of its own, below."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    import simulated_cupy as cupy

    cupy.install()

    from nwidth.solvers import simulate

    for kind in KINDS:
        problem = kind(Grid.periodic((15,) * kind.dimensions[-1]))
        x = sum(np.meshgrid(*(a.points for a in problem.grid.axes), indexing="ij"))
        u = 0.3 + 0.1 * np.sin(2 * np.pi * x) * (1 if kind.real else 1j)
        host = {item.name: u for item in problem.inputs}
        device = {name: cupy.asarray(u) for name, u in host.items()}
        one, other = (
            simulate(problem, inputs, [0.0, 1e-3], dt=5e-4).checked() for inputs in (host, device)
        )
        for name, field in one.fields.items():
            assert isinstance(other.fields[name], cupy.ndarray)
            np.testing.assert_allclose(other.fields[name].get(), field, atol=1e-14)
        for name, values in one.invariants.items():
            np.testing.assert_allclose(np.array(other.invariants[name]), values, atol=1e-13)
        v = other.evolution.states[-1]
        assert problem.system(device).rate(0.0, v) > 0 or kind is equations.AdvectionDiffusion
    return f"agreed on {len(KINDS)}"


def test_equations_on_a_device_are_those_on_the_host(in_simulator):
    assert in_simulator(__file__, "run_on_device_arrays") == f"agreed on {len(KINDS)}"

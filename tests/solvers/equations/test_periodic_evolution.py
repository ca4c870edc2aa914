"""What the door of all equations on a torus says."""

import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.meshes import GaussianRandomField, Grid
from nwidth.solvers import Burgers


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


def test_descriptions_that_do_not_fit_are_refused():
    told = Burgers(Grid.periodic(24)).describe()
    with pytest.raises(InputError, match="expected the equation burgers, got 'burger'"):
        Burgers.from_description({**told, "equation": "burger"})
    del told["viscosity"]
    with pytest.raises(InputError, match="expected the keys dtype, equation, grid, sampler, unit"):
        Burgers.from_description(told)

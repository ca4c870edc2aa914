"""Every public random field: seeds, descriptions, moving between grids."""

import inspect
import json

import numpy as np
import pytest

from nwidth import meshes
from nwidth.errors import InputError
from nwidth.meshes import (
    DampedNoise,
    GaussianClusters,
    GaussianRandomField,
    Grid,
    LogNormalField,
    PeriodicKernelField,
    RandomField,
    RandomSines,
    RandomSineSeries,
    TwoPhaseField,
    random_field,
)

GRID = Grid.uniform((9, 7))
GAUSSIAN = GaussianRandomField(GRID, 2.0, 3.0, modes=5)
FIELDS = {
    "DampedNoise": DampedNoise(
        Grid.chebyshev((8, 10), periodic=(True, False)), scale=0.1, modes=(6, 5)
    ),
    "GaussianRandomField": GAUSSIAN,
    "TwoPhaseField": TwoPhaseField(GAUSSIAN, 3.0, 12.0, threshold=0.1),
    "LogNormalField": LogNormalField(GAUSSIAN, scale=2.0),
    "GaussianClusters": GaussianClusters(Grid.periodic((12, 12), upper=2.0), (2, 5)),
    "RandomSineSeries": RandomSineSeries(GRID, modes=3),
    "PeriodicKernelField": PeriodicKernelField(Grid.periodic(12), length=0.7, modes=5),
    "RandomSines": RandomSines(Grid.periodic(12), waves=3),
}
COARSER = {2: (4, 3), 1: (2,)}
each_field = pytest.mark.parametrize("field", FIELDS.values(), ids=FIELDS)


def test_all_public_fields_are_tested_here():
    public = {
        name
        for name in meshes.__all__
        if inspect.isclass(kind := getattr(meshes, name))
        and issubclass(kind, RandomField)
        and not inspect.isabstract(kind)
    }
    assert public == {*FIELDS}


@each_field
def test_samples_are_numbered(field):
    together = field.samples(3, 4)
    assert together.shape == (4, *field.grid.shape)
    assert together.dtype == np.float64
    np.testing.assert_array_equal(field.samples(3, [2, 0]), together[[2, 0]])


@each_field
def test_description_rebuilds_the_field(field):
    described = json.loads(json.dumps(field.describe()))
    assert random_field(described, field.grid) == field
    coarse = field.grid.coarsen(COARSER[field.grid.dimension])
    again, moved = random_field(described, coarse), field.on(coarse)
    assert again == moved
    assert moved.grid == coarse
    np.testing.assert_array_equal(again.samples(0, 2), moved.samples(0, 2))


@each_field
def test_one_seed_is_one_function(field):
    """Two-phase fields too: rounding does not flip a phase here."""
    factors = COARSER[field.grid.dimension]
    coarse = field.on(field.grid.coarsen(factors))
    picked = field.grid.restrict(field.samples(1, 3), factors)
    np.testing.assert_allclose(coarse.samples(1, 3), picked, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "description",
    [
        {},
        {"kind": "Grid"},
        {"kind": "RandomField"},
        {"kind": ["TwoPhaseField"]},
        "GaussianRandomField",
        {"kind": "GaussianRandomField"},
        {"kind": "GaussianRandomField", "alpha": 2.0, "tau": 3.0, "beta": 1},
        {"kind": "TwoPhaseField", "low": 1.0, "high": 2.0},
        {"kind": "LogNormalField", "gaussian": {"kind": "os"}},
    ],
)
def test_unknown_descriptions_are_refused(description):
    with pytest.raises(InputError, match="random field: expected"):
        random_field(description, GRID)

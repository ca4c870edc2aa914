import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import KnotVector
from nwidth.solvers.bsplines import CollocationSpace

KNOTS = [KnotVector.uniform(5, 3, 0.0, 2.0), KnotVector.uniform_periodic(8, 4)]


def test_values_integrals_and_interpolants():
    space = CollocationSpace(KNOTS)
    rng = np.random.default_rng(0)
    c = rng.standard_normal(space.shape)
    points = rng.random((20, 2)) * [2.0, 1.0]
    scattered = space.evaluate_at(c, points, (1, 2))
    for x, value in zip(points, scattered, strict=True):
        assert np.isclose(space.evaluate(c, x[:, None], (1, 2)).item(), value, rtol=1e-12)
    x, w = space.quadrature()
    assert np.isclose((space.integrals * c).sum(), (w * space.evaluate(c, x, (0, 0))).sum())
    assert np.isclose(space.integrals.sum(), 2.0)
    values = rng.standard_normal(space.shape[1])
    line = space.interpolant(values, [1])
    found = space.bases[1].matrix(space.greville(KNOTS[1])) @ line
    assert np.allclose(found, values, atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([],), "one to three KnotVectors"),
        ((KNOTS * 2,), "one to three KnotVectors"),
        ((5,), "one to three KnotVectors"),
        ((KNOTS, "gauss"), "points"),
        ((KNOTS, "greville", object()), "geometry"),
        ((KNOTS, "greville", None, ["x", "x"]), "names"),
    ],
)
def test_wrong_spaces_are_refused(arguments, words):
    with pytest.raises(InputError, match=words):
        CollocationSpace(*arguments)


def test_wrong_points_are_refused():
    with pytest.raises(InputError, match="2 axes"):
        CollocationSpace(KNOTS).parameters([[0.5]])

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import KnotVector
from nwidth.solvers.bsplines import BSplineBasis, collocation_points, superconvergent_points


def test_superconvergent_points_are_the_published_ones():
    """Degree 3: -+ 1/sqrt(3), degree 5: -+ sqrt(225 - 30 sqrt(30)) / 15 of an interval [-1, 1]."""
    for p, wanted in ((3, 3**-0.5), (5, np.sqrt(225 - 30 * np.sqrt(30)) / 15)):
        points = superconvergent_points(KnotVector.uniform(9, p))[1:3]
        assert np.allclose(18 * points - 1, [-wanted, wanted], rtol=0, atol=1e-13)


@pytest.mark.parametrize("p", [2, 3, 4, 5, 6, 7])
@pytest.mark.parametrize("kind", ["greville", "superconvergent"])
def test_second_derivatives_there_determine_a_spline(p, kind):
    """Inner points and end values: the matrix is regular for any number of intervals."""
    for n in range(p, p + 5):
        knots = KnotVector.uniform(n, p, -1.0, 2.0)
        points, basis = collocation_points(knots, kind), BSplineBasis(knots)
        assert len(points) == knots.size and (np.diff(points) > 0).all()
        assert points[0] == -1.0 and points[-1] == 2.0
        rows = basis.matrix(points, 2).toarray() / n**2
        rows[[0, -1]] = basis.matrix([-1.0, 2.0]).toarray()
        assert np.linalg.cond(rows) < 2e4


def test_even_degrees_and_periodic_knots():
    even = KnotVector.uniform(5, 4)
    assert (collocation_points(even, "superconvergent") == even.greville).all()
    periodic = superconvergent_points(KnotVector.uniform_periodic(6, 3))
    assert len(periodic) == 6 and (periodic < 5 / 6).all()


@pytest.mark.parametrize(
    ("knots", "kind", "words"),
    [
        (KnotVector.uniform(4, 1), "greville", "expected 2 or more"),
        (KnotVector.cardinal(6, 3), "greville", "KnotVector.open"),
        (KnotVector.cardinal(6, 3), "superconvergent", "take points='greville'"),
        (KnotVector.open([0, 1, 1, 1, 2], 3), "greville", "second derivative"),
        (KnotVector.open([0, 1, 1, 2], 3), "superconvergent", "take points='greville'"),
        (KnotVector.uniform_periodic(7, 3), "superconvergent", "even number"),
        (KnotVector.uniform(1, 5), "superconvergent", "take more intervals"),
        (KnotVector.uniform(4, 3), "gauss", "points: expected"),
        ([0, 1], "greville", "knots: expected"),
    ],
)
def test_what_cannot_be_collocated_is_refused(knots, kind, words):
    with pytest.raises(InputError, match=words):
        collocation_points(knots, kind)


def test_superconvergent_points_of_even_degree_are_refused():
    with pytest.raises(InputError, match="even degrees"):
        superconvergent_points(KnotVector.uniform(4, 4))

"""Concave minorants: below the eigenvalue whatever the vertices are, best by linear programs."""

import numpy as np
import pytest

from nwidth.errors import NotConvergedError
from nwidth.rom.stability.eigenvalue_minorant import EigenvalueMinorant


@pytest.fixture
def family():
    """Three random symmetric matrices, their ranges, and samples with their eigenvalues."""
    rng = np.random.default_rng(9)
    A = rng.standard_normal((3, 12, 12))
    A = A + A.transpose(0, 2, 1)
    A[0] = A[0] @ A[0]
    ranges = np.array([np.linalg.eigvalsh(B)[[0, -1]] for B in A])
    alpha = lambda theta: np.linalg.eigvalsh(np.tensordot(theta, A, 1))[:, 0]  # noqa: E731
    points = rng.uniform([0.5, -1, -1], [2, 1, 1], (8, 3))
    return ranges, points, alpha


def grown(ranges, points, values):
    minorant = EigenvalueMinorant.of(ranges)
    for point, value in zip(points, values, strict=True):
        minorant = minorant.with_sample(point, value)
    return minorant


def test_it_is_below_the_eigenvalue_and_exact_at_samples(family):
    ranges, points, alpha = family
    minorant = grown(ranges, points, alpha(points))
    theta = np.random.default_rng(1).uniform([0.5, -1, -1], [2, 1, 1], (3000, 3))
    assert (minorant.lower(theta) <= alpha(theta)).all()
    size = np.abs(alpha(points)).max()
    assert np.abs(minorant.lower(3 * points) - 3 * alpha(points)).max() < 1e-11 * size
    assert (minorant.lower(points) <= alpha(points)).all()


def test_without_samples_it_knows_the_ranges_alone(family):
    ranges, points, _ = family
    expected = np.minimum(points * ranges[:, 0], points * ranges[:, 1]).sum(axis=1)
    assert np.allclose(EigenvalueMinorant.of(ranges).lower(points), expected, rtol=1e-13)


def test_it_holds_for_any_vertices(family):
    """Maps of random numbers are admissible: the remainder is computed and paid for."""
    ranges, points, alpha = family
    rng = np.random.default_rng(2)
    minorant = grown(ranges, points, alpha(points))
    wild = EigenvalueMinorant(
        ranges,
        points,
        alpha(points),
        rng.integers(-1, 8, (40, 3)),
        rng.standard_normal((40, 3, 3)),
    )
    theta = rng.uniform([0.1, -2, -2], [3, 2, 2], (1000, 3))
    assert (wild.lower(theta) <= alpha(theta)).all()
    both = minorant.joined(wild).lower(theta)
    assert (both >= np.maximum(minorant.lower(theta), wild.lower(theta)) - 1e-11).all()


def test_programs_give_the_optimum(family):
    """Against the primal program of the successive constraint method."""
    from scipy.optimize import linprog

    ranges, points, alpha = family
    minorant = grown(ranges, points, alpha(points))
    for theta in np.random.default_rng(3).uniform([0.5, -1, -1], [2, 1, 1], (40, 3)):
        primal = linprog(theta, -points, -alpha(points), bounds=ranges)
        vertex = minorant.optimal(theta)
        assert abs(vertex.lower(theta[None])[0] - primal.fun) < 1e-7 * abs(ranges).max()
        assert minorant.lower(theta[None])[0] <= primal.fun + 1e-9


def plain(minorant, theta):
    """Return the bound of each vertex, the larger one of both factors."""
    best = []
    low, high = minorant.ranges.T
    for support, T in zip(minorant.supports, minorant.maps, strict=True):
        used = support >= 0
        w = np.maximum((T @ theta)[used], 0)
        taken, gain = w @ minorant.points[support[used]], w @ minorant.values[support[used]]
        t = min([1.0, *(theta[taken > 0] / taken[taken > 0])])
        r = [theta - factor * taken for factor in (1.0, max(t, 0.0))]
        sums = [np.minimum(s * low, s * high).sum() for s in r]
        best.append(max(gain + sums[0], max(t, 0.0) * gain + sums[1]))
    return np.array(best)


def test_the_kernel_does_what_the_formula_says(family):
    ranges, points, alpha = family
    minorant = grown(ranges, points, alpha(points))
    minorant = minorant.joined(minorant.optimal(points[:3].mean(axis=0)))
    theta = np.random.default_rng(4).uniform(-1, 2, (101, 3))
    bounds, vertices = minorant.evaluate(theta)
    wanted = [plain(minorant, one) for one in theta]
    best = np.array([each.max() for each in wanted])
    assert np.allclose(bounds, best, rtol=0, atol=2e-11)
    assert (bounds < best).all()  # what rounding may add is taken off
    chosen = [each[vertex] for each, vertex in zip(wanted, vertices, strict=True)]
    assert np.allclose(chosen, best, rtol=0, atol=2e-11)
    assert np.array_equal(minorant.lower(np.asfortranarray(theta)), bounds)
    assert minorant.lower(theta[:0]).shape == (0,)
    alone = EigenvalueMinorant.of(ranges)
    assert np.allclose(alone.lower(theta), [plain(alone, one).max() for one in theta], atol=2e-11)


def test_vertices_can_be_dropped(family):
    ranges, points, alpha = family
    minorant = grown(ranges, points, alpha(points))
    bounds, used = minorant.evaluate(points)
    fewer = minorant.kept(np.unique(used))
    assert len(fewer.maps) < len(minorant.maps)
    assert np.allclose(fewer.lower(points), bounds, rtol=1e-13)


def test_a_program_that_fails_is_told(family):
    ranges, points, alpha = family
    minorant = grown(np.array(ranges)[:, ::-1], points, alpha(points))  # unbounded
    with pytest.raises(NotConvergedError, match="linear program"):
        minorant.optimal(points[0])

import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.meshes import Grid, PointCloud


def cloud_of(n, seed=0, **options):
    rng = np.random.default_rng(seed)
    return PointCloud(rng.random((n, 2)), rng.uniform(0.5, 2, n), **options)


def test_a_grid_becomes_its_points_and_weights():
    grid = Grid.uniform((4, 3), upper=(1.0, 2.0))
    cloud = PointCloud.of_grid(grid)
    x, y = grid.coordinates()
    assert np.array_equal(cloud.points, np.stack([x.ravel(), y.ravel()], -1))
    assert cloud.mean((x * y).ravel()) == pytest.approx(float(grid.integrate(x * y)) / 2)
    assert cloud.unit.max() == 1 and cloud.lengths.tolist() == [1.0, 2.0]


def test_samples_are_unbiased():
    cloud = cloud_of(60)
    field = np.cos(5 * cloud.points[:, 0]) + cloud.points[:, 1]
    exact = cloud.weights @ field
    sums = []
    for seed in range(400):
        few, chosen = cloud.sampled(9, seed)
        assert np.array_equal(few.points, cloud.points[chosen])
        assert few.weights.sum() == pytest.approx(cloud.weights.sum())
        sums.append(few.weights @ field[chosen])
    spread = np.std(sums) / len(sums) ** 0.5
    assert abs(np.mean(sums) - exact) < 4 * spread
    # Strata help: plain sampling of as many points varies more.
    rng = np.random.default_rng(0)
    p = cloud.weights / cloud.weights.sum()
    plain = [cloud.weights.sum() * field[rng.choice(60, 9, p=p)].mean() for _ in range(400)]
    assert np.std(sums) < 0.6 * np.std(plain)


def test_equal_seeds_draw_equal_points_and_others_do_not():
    cloud = cloud_of(200)
    first, again, other = (cloud.sampled(16, seed)[1] for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert len({*first}) == len(first)


@pytest.mark.parametrize("periodic", [False, True])
def test_centres_settle_under_refinement(periodic):
    make = Grid.periodic if periodic else Grid.uniform
    coarse, fine = (
        PointCloud.of_grid(make((n, n))).coarsened(9) for n in (24 + (not periodic), 60)
    )
    assert len(coarse) == len(fine) == 9
    distance = coarse.points - fine.points
    distance -= periodic * np.round(distance)
    assert abs(distance).max() < 1e-2
    assert abs(coarse.weights - 1 / 9).max() < 3e-3


def test_centres_keep_the_mean_of_linear_functions_and_leave_holes_empty():
    points = cloud_of(3000).points
    points = points[np.hypot(*(points - 0.5).T) > 0.3]
    cloud = PointCloud(points)
    few = cloud.coarsened(100)
    assert len(few) < 90
    slope = np.array([2.0, -1.0])
    assert few.mean(few.points @ slope) == pytest.approx(cloud.mean(points @ slope))


@pytest.mark.parametrize("lengths", [(1.0, 1e-4), (1e-200, 1e-200), (1e200, 2e200, 1e190)])
def test_thin_tiny_and_huge_boxes_have_about_as_many_cells_as_asked_for(lengths):
    points = np.random.default_rng(0).random((3000, len(lengths))) * lengths
    cloud = PointCloud(points, None, 0.0, lengths)
    assert 80 <= len(cloud.sampled(100, 0)[0]) <= 125
    assert 80 <= len(cloud.coarsened(100)) <= 125


def test_shares_of_weights_of_any_size_sum_to_one():
    for size in (1e-310, 1.0, 1.7e308):
        assert PointCloud([[0.1], [0.2]], [size, size]).shares.tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[0.5, 2.0]],), r"box from \[0.0, 0.0\] to \[1.0, 1.0\].*give lower= and upper="),
        (([0.1, 0.2],), r"shape \(n, d\)"),
        ((np.zeros((0, 2)),), "n >= 1"),
        (([[0.1], [0.2]], [1.0, 0.0]), "weights > 0"),
        (([[0.1], [0.2]], [1.0]), "2 weights > 0"),
        (([[0.1]], None, 1.0, 0.0), "lower < upper"),
        (([[0.1]], None, [0, 0]), "one number or 1"),
        (("points",), "expected numbers"),
        ((np.full((2, 1), 0.5 + 1j),), "expected numbers"),
        (([[10**400]],), "expected numbers"),
        (([[0.0]], None, -1e308, 1e308), "finite lengths"),
    ],
)
def test_bad_clouds_are_told(arguments, message):
    with pytest.raises(InputError, match=message):
        PointCloud(*arguments)


def test_means_of_words_are_told():
    with pytest.raises(InputError, match="fields of numbers"):
        PointCloud([[0.1]]).mean(["a"])


def test_nan_points_are_told():
    with pytest.raises(NonFiniteError, match="points"):
        PointCloud([[0.1], [np.nan]])


@pytest.mark.parametrize("d", [1, 2, 3])
def test_cells_without_points_cost_nothing(d):
    """10^9 cells would be 40 GB; of so small ones each point is its own centre."""
    cloud = PointCloud(np.random.default_rng(d).random((50, d)), np.arange(1.0, 51.0))
    for count in (10**9, 2**48):
        fine = cloud.coarsened(count)
        distances = np.abs(fine.points[:, None] - cloud.points).max(axis=2)
        assert distances.min(axis=1).max() < 2 * count ** (-1 / d)
        assert distances.min(axis=0).max() < 2 * count ** (-1 / d)
        np.testing.assert_allclose(
            fine.weights @ fine.points, cloud.weights @ cloud.points, rtol=1e-6
        )
    for count in (2**48 + 1, 10**300):
        for few in (cloud.coarsened, lambda count: cloud.sampled(count, 0)):
            with pytest.raises(InputError, match=r"at most 2\*\*48 cells, got .*take fewer"):
                few(count)

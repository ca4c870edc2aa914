import numpy as np
import pytest

from nwidth.arrays import generator
from nwidth.errors import InputError
from nwidth.meshes import GaussianClusters, Grid

SQUARE = Grid.periodic((24, 20), lower=(-1.0, -1.0), upper=(1.0, 1.0))


def plain(field, rng, points):
    """The sum of Gaussians as it is written, with all 3^d images, and before it is scaled."""
    d = field.grid.dimension
    m = rng.integers(*field.clusters, endpoint=True)
    a, s = rng.uniform(*field.amplitude, m), rng.uniform(*field.sharpness, m)
    lower = np.array([axis.lower for axis in field.grid.axes])
    length = np.array([axis.length for axis in field.grid.axes])
    g = 0.0
    for size, sharp, c in zip(a, s, lower + length * rng.random((m, d)), strict=True):
        for turn in np.ndindex(*(3,) * d):
            gaps = points - (c + (np.array(turn) - 1) * length)
            g = g + size * np.exp(-sharp * (gaps**2).sum(axis=-1))
    return g


@pytest.mark.parametrize(
    "grid",
    [
        Grid.periodic(30, -1.0, 1.0),
        SQUARE,
        Grid.periodic((9, 12), upper=(1.0, 3.0)),
        Grid.periodic((7, 8, 9), upper=2.0),
    ],
    ids=["line", "square", "rectangle", "box"],
)
def test_it_is_the_sum_of_gaussians_up_to_a_scale(grid):
    field = GaussianClusters(grid, (3, 8), (0.5, 2.0), (20.0, 60.0), low=0.3, high=-1.2)
    points = np.stack(np.meshgrid(*grid.points, indexing="ij"), axis=-1)
    for k in range(3):
        u, g = field.sample(generator(5, k)), plain(field, generator(5, k), points)
        slope, offset = np.polyfit(g.ravel(), u.ravel(), 1)
        np.testing.assert_allclose(u, offset + slope * g, atol=1e-12)
        assert slope < 0 and -1.2 - 1e-6 < u.min() < u.max() < 0.3 + 0.01


def test_values_are_between_low_and_high_and_reach_them():
    """On 512 points per axis a peak is missed by at most s (dx^2 / 2) = 300 / 512^2."""
    fine = GaussianClusters(Grid.periodic((512, 512), upper=2.0), (10, 60))
    for u in fine.samples(2, 3):
        assert 1 - 300 * (2 / 512) ** 2 / 2 < u.max() < 1 + 1e-6
        assert abs(u.min()) < 1e-3
    turned = GaussianClusters(fine.grid, (10, 60), low=1.0, high=0.0)
    np.testing.assert_allclose(turned.samples(2, 1), 1 - fine.samples(2, 1), atol=1e-14)


def test_numbers_of_clusters_are_those_of_the_range():
    """Peaks of narrow clusters are counted; two of them rarely meet."""
    field = GaussianClusters(Grid.periodic((64, 64)), (1, 3), (1.0, 1.0), (4000.0, 4000.0))
    counts = []
    for u in field.samples(0, 60):
        peak = u > 0.3
        for axis in (0, 1):
            for shift in (1, -1):
                peak &= u >= np.roll(u, shift, axis)
        counts.append(int(peak.sum()))
    assert {1, 2, 3} <= {*counts} and max(counts) == 3 and min(counts) == 1


def test_wide_gaussians_are_periodic_too():
    """A sum of so many images that it is nearly constant: no jump at the end of the box."""
    u = GaussianClusters(Grid.periodic(64), (1, 1), (1.0, 1.0), (5.0, 5.0)).sample(generator(0, 1))
    modes = abs(np.fft.rfft(u)) / 64
    assert modes[3] < 1e-6 * modes[1] and modes[1] > 0.2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"grid": Grid.uniform((5, 5))}, "clusters: expected a grid of one to three periodic axes"),
        ({"grid": None}, "clusters: expected a grid"),
        ({"clusters": 10}, "clusters: expected two numbers"),
        ({"clusters": (0, 3)}, "clusters: expected an integer >= 1"),
        ({"clusters": (4, 3)}, "clusters: expected two numbers"),
        ({"clusters": (1.0, 3.0)}, "clusters: expected an integer"),
        ({"amplitude": (0.0, 1.0)}, "amplitude: expected a number"),
        ({"amplitude": "ab"}, "amplitude: expected two numbers"),
        ({"sharpness": (1.0, np.inf)}, "sharpness: expected a number"),
        ({"sharpness": (1.0, 2.0, 3.0)}, "sharpness: expected two numbers"),
        ({"sharpness": (0.2, 300.0)}, r"sharpness: expected at least 1 / length\^2 = 0.25"),
        ({"low": 1.0}, "low and high to differ"),
        ({"high": np.nan}, "high: expected a number"),
    ],
)
def test_bad_parameters(change, message):
    with pytest.raises(InputError, match=message):
        GaussianClusters(**{"grid": SQUARE, **change})


def test_samples_want_a_generator_and_grids_the_same_box():
    field = GaussianClusters(SQUARE)
    with pytest.raises(InputError, match="Generator"):
        field.sample(0)
    with pytest.raises(InputError, match="same box"):
        field.on(Grid.periodic((8, 8)))

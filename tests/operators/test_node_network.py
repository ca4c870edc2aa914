import numpy as np
import pytest
import torch

from nwidth.errors import InputError
from nwidth.meshes import Grid, PointCloud
from nwidth.operators import GNO, LNO, MGNO

NETWORKS = {
    "GNO": lambda **o: GNO(radius=0.45, width=4, layers=2, functions=3, hidden=8, **o),
    "MGNO": lambda **o: MGNO(
        levels=(9,), radii=(0.3, 0.5), between=(0.5,), width=4, layers=2, functions=3, hidden=8, **o
    ),
    "LNO": lambda **o: LNO(width=4, layers=2, functions=6, **o),
}
CLOUD = PointCloud(np.random.default_rng(0).random((50, 2)))


@pytest.fixture(params=[*NETWORKS])
def build(request):
    return NETWORKS[request.param]


def test_grids_and_clouds_of_their_points_are_the_same(build):
    model = build(projection=8).double()
    grid = Grid.uniform((7, 8))
    v = torch.randn(2, 1, 7, 8, dtype=torch.float64)
    u = model(v, grid.axes)
    flat = model(v.flatten(2), PointCloud.of_grid(grid))
    assert torch.equal(u.flatten(2), flat) and u.shape == v.shape


def test_the_order_of_points_does_not_matter(build):
    model = build().double()
    v = torch.randn(1, 1, 50, dtype=torch.float64)
    order = np.random.default_rng(1).permutation(50)
    turned = model(v[..., torch.as_tensor(order)], CLOUD.take(order))
    assert torch.allclose(turned, model(v, CLOUD)[..., torch.as_tensor(order)], atol=1e-12)


def test_a_common_factor_of_the_weights_does_not_matter(build):
    model = build().double()
    v = torch.randn(1, 1, 50, dtype=torch.float64)
    heavier = PointCloud(CLOUD.points, np.full(50, 7.0))
    assert torch.allclose(model(v, heavier), model(v, CLOUD), atol=1e-12)


def test_without_coordinates_it_commutes_with_shifts(build):
    model = build(coordinates=False).double()
    grid = Grid.periodic((9, 9))
    v = torch.randn(1, 1, 9, 9, dtype=torch.float64)
    shifted = model(v.roll(3, -1), grid.axes)
    assert torch.allclose(shifted, model(v, grid.axes).roll(3, -1), atol=1e-12)


def test_walls_are_exact(build):
    model = build(dirichlet=[True, False])
    u = model(torch.randn(1, 1, 7, 7), Grid.uniform((7, 7)).axes)
    assert u[..., 0, :].abs().max() == u[..., -1, :].abs().max() == 0 < u[..., 0].abs().max()


def test_descriptions_and_seeds_rebuild(build):
    model = build(seed=3, in_channels=2)
    same = type(model).from_description(model.describe())
    other = build(seed=4, in_channels=2)
    assert all(map(torch.equal, model.parameters(), same.parameters()))
    assert not all(map(torch.equal, model.parameters(), other.parameters()))


def test_gradients_reach_every_weight(build):
    model = build()
    model(torch.randn(2, 1, 50), CLOUD).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in model.parameters())


def test_what_does_not_fit_is_told(build):
    model = build()
    with pytest.raises(InputError, match=r"\(batch, 1, 50\) on a cloud of 50 points"):
        model(torch.ones(1, 1, 49), CLOUD)
    with pytest.raises(InputError, match=r"points of 2 coordinates, got 1.*dimension=1"):
        model(torch.ones(1, 1, 3), PointCloud([[0.1], [0.2], [0.3]]))
    with pytest.raises(InputError, match="precision of its weights"):
        model(torch.ones(1, 1, 50).double(), CLOUD)
    with pytest.raises(InputError, match="on axes of the same sizes"):
        model(torch.ones(1, 1, 5), Grid.uniform((5, 5)).axes)
    with pytest.raises(InputError, match="dimension of 1, 2 or 3"):
        build(dimension=4)
    with pytest.raises(InputError, match="width: expected an integer"):
        type(model)(width=0)

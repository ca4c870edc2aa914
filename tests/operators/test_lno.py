import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional

from nwidth.errors import InputError
from nwidth.meshes import Grid, PointCloud
from nwidth.operators import LNO


@pytest.mark.parametrize("waves", [False, True])
@pytest.mark.parametrize("kernel", ["fields", "positions"])
def test_it_is_the_published_formula(kernel, waves):
    """phi and psi at every point, and the kernel of every pair, entry by entry."""
    settings = {"rank": 2, "width": 3, "layers": 2, "functions": 5, "kernel": kernel}
    model = LNO(1, 2, waves=waves, **settings).double()
    rng = np.random.default_rng(0)
    cloud = PointCloud(rng.random((11, 2)), rng.random(11) + 0.5)
    a = torch.randn(2, 1, 11, dtype=torch.float64)
    x0 = torch.tensor(cloud.points)
    if waves:
        x0 = torch.cat([(np.pi * x0).cos(), (np.pi * x0).sin()], 1)
    shares = torch.tensor(cloud.weights / cloud.weights.sum())
    for b in range(2):
        both = torch.cat([a[b].t(), x0], 1)
        features = torch.cat([x0, a[b].t()], 1) if kernel == "fields" else x0
        x = model.lift(both)
        for k in range(2):
            shape = (5, 3, 3, 2)  # functions, out, in, rank
            phi = torch.einsum("np,poir->noir", model.outer[k](features), model.phi[k].view(shape))
            psi = torch.einsum("nq,qoir->noir", model.inner[k](features), model.psi[k].view(shape))
            kappa = torch.einsum("noir,moir->nmoi", phi, psi) / (3 * 2) ** 0.5
            y = model.skips[k](x) + torch.einsum("nmoi,m,mi->no", kappa, shares, x)
            x = functional.gelu(y) if k == 0 else y
        u = model.output(functional.gelu(model.hidden(x)))
        assert torch.allclose(model(a, cloud)[b], u.t(), atol=1e-12)


def test_it_converges_under_refinement_to_second_order():
    model = LNO(1, 1, width=6, layers=2, functions=8).double()
    fields = []
    for n in (9, 17, 33):
        grid = Grid.uniform((n, n))
        x, y = grid.coordinates()
        v = torch.tensor(np.sin(2 * x + 1) * np.cos(3 * y) + x * y)[None, None]
        with torch.no_grad():
            fields.append(model(v, grid.axes)[0, 0, :: (n - 1) // 8, :: (n - 1) // 8])
    errors = [(a - b).norm() for a, b in itertools.pairwise(fields)]
    assert errors[0] / errors[1] > 3.5


def test_one_network_serves_clouds_of_all_sizes():
    model = LNO(1, 1, dimension=3, width=4, layers=2, functions=4)
    for n in (1, 7, 30):
        cloud = PointCloud(np.random.default_rng(n).random((n, 3)))
        assert model(torch.ones(2, 1, n), cloud).shape == (2, 1, n)


def test_waves_tell_both_halves_of_a_period_apart():
    grid, v = Grid.periodic((8, 8)), torch.ones(1, 1, 8, 8)
    for waves in (False, True):
        model = LNO(width=4, layers=2, functions=6, waves=waves)
        u = LNO.from_description(model.describe())(v, grid.axes)
        mirrored = torch.roll(u.flip(-1), 1, -1)
        assert torch.allclose(u, mirrored, atol=1e-6) != waves


def test_bad_settings_are_told():
    with pytest.raises(InputError, match="rank: expected an integer >= 1"):
        LNO(rank=0)
    with pytest.raises(InputError, match="kernel: expected one of positions, fields"):
        LNO(kernel="none")

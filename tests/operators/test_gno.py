import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional

from nwidth.errors import InputError
from nwidth.meshes import Grid, PointCloud
from nwidth.operators import GNO


def test_it_is_the_published_formula():
    """All pairs of points, and the kernel matrix of each of them."""
    torch.manual_seed(0)
    options = {"width": 4, "layers": 2, "functions": 3, "hidden": 8, "window": "ball"}
    model = GNO(1, 1, 0.4, kernel="fields", coordinates=False, **options).double()
    cloud = PointCloud(np.random.default_rng(0).random((15, 2)))
    a = torch.randn(15, 1, dtype=torch.float64)
    x = model.lift(a)
    points = torch.tensor(cloud.points)
    for k in range(2):
        K = torch.zeros(15, 4, dtype=torch.float64)
        for i in range(15):
            near = [j for j in range(15) if (points[i] - points[j]).norm() < 0.4]
            for j in near:
                z = (points[j] - points[i]) / 0.4
                e = torch.cat([z, 1 - z.square().sum()[None], a[i], a[j]])
                h = torch.cat([torch.ones(1), model.edges._perceptron(e)])
                kappa = (h[:, None, None] * model.matrices[k]).sum(0)
                K[i] += x[j] @ kappa / len(near)
        y = model.skips[k](x) + K
        x = functional.gelu(y) if k == 0 else y
    u = model.output(functional.gelu(model.hidden(x)))
    assert torch.allclose(model(a.t()[None], cloud)[0], u.t(), atol=1e-12)


@pytest.mark.parametrize(
    ("window", "waves", "radius", "least"),
    [("smooth", False, 0.3, 3.5), ("ball", False, 0.3, 1.5), ("smooth", True, 0.5, 3.5)],
)
def test_it_converges_under_refinement_with_a_fixed_radius(window, waves, radius, least):
    options = {"width": 6, "layers": 2, "functions": 3, "hidden": 8, "window": window}
    model = GNO(1, 1, radius, waves=waves, **options).double()
    fields = []
    for n in (9, 17, 33):
        grid = Grid.uniform((n, n))
        x, y = grid.coordinates()
        v = torch.tensor(np.sin(2 * x + 1) * np.cos(3 * y) + x * y)[None, None]
        with torch.no_grad():
            u = model(v, grid.axes)[0, 0]
        fields.append(u[:: (n - 1) // 8, :: (n - 1) // 8])
    errors = [(a - b).norm() for a, b in itertools.pairwise(fields)]
    assert errors[0] / errors[1] > least


def test_samples_of_senders_come_near_to_all_of_them():
    grid = Grid.uniform((41, 41))
    x, y = grid.coordinates()
    v = torch.tensor(np.sin(3 * x) + y, dtype=torch.float32)[None, None]
    options = {"width": 8, "layers": 2, "functions": 4, "hidden": 16}
    errors = []
    with torch.no_grad():
        exact = GNO(1, 1, 0.3, **options)(v, grid.axes)
        for count in (50, 800):
            few = GNO(1, 1, 0.3, samples=count, **options)
            u = few(v, grid.axes)
            assert torch.equal(u, few(v, grid.axes))
            errors.append(float((u - exact).norm() / exact.norm()))
    assert errors[1] < 0.4 * errors[0] < 0.1


def test_sampled_training_and_empty_neighbourhoods():
    grid = Grid.uniform((21, 21))
    model = GNO(1, 1, 0.2, width=4, layers=2, functions=3, hidden=8, samples=100)
    model(torch.randn(2, 1, 21, 21), grid.axes).sum().backward()
    assert model.lift.weight.grad.abs().max() > 0
    model.check(grid.axes)
    with pytest.raises(InputError, match="use a radius of at least 0"):
        GNO(1, 1, 0.05, samples=4).check(grid.axes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"radius": 0}, "radius: expected a number"),
        ({"functions": 1}, "functions: expected an integer >= 2"),
        ({"kernel": "both"}, "kernel: expected one of positions, fields"),
        ({"window": "hat"}, "window: expected one of smooth, ball"),
    ],
)
def test_bad_settings_are_told(options, message):
    with pytest.raises(InputError, match=message):
        GNO(**options)

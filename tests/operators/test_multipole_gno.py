import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional

from nwidth.errors import InputError
from nwidth.meshes import Grid, PointCloud
from nwidth.operators import MGNO

SMALL = {"width": 4, "layers": 2, "functions": 3, "hidden": 8}


def integral(kernel, matrices, to, of, radius, v):
    """Return the average of kappa v over the ball by all pairs of points."""
    out = []
    for x in to.points:
        z = torch.tensor((of.points - x) / radius)
        window = torch.tensor(of.weights) * (1 - z.square().sum(1)).clamp(min=0) ** 2
        e = torch.cat([z, 1 - z.square().sum(1, keepdim=True)], 1)
        h = torch.cat([torch.ones(len(e), 1), kernel._perceptron(e)], 1)
        terms = torch.einsum("jm,mio,ji->jo", h, matrices, v)
        out.append((window[:, None] * terms).sum(0) / window.sum())
    return torch.stack(out)


@pytest.mark.parametrize("nodes", ["centres", "random"])
def test_it_is_the_v_cycle_of_the_paper(nodes):
    model = MGNO(
        1, 1, (9, 4), (0.4, 0.6, 0.9), (0.5, 0.9), nodes=nodes, coordinates=False, **SMALL
    ).double()
    cloud = PointCloud(np.random.default_rng(0).random((25, 2)))
    clouds = model._levels(cloud)
    assert [len(c) for c in clouds] == [25, 9, 4]
    a = torch.randn(25, 1, dtype=torch.float64)
    v = [model.lift(a), *(torch.zeros(len(c), 4, dtype=torch.float64) for c in clouds[1:])]
    for t, cycle in enumerate(model.cycles):

        def K(name, to, of, radius, u, cycle=cycle):
            matrices = cycle["matrices"][name]
            return integral(model.edges[name], matrices, clouds[to], clouds[of], radius, u)

        for k in (0, 1):
            v[k + 1] = functional.gelu(v[k + 1] + K(f"down{k}", k + 1, k, model.between[k], v[k]))
        for k in (2, 1, 0):
            y = cycle["skips"][k](v[k]) + K(f"within{k}", k, k, model.radii[k], v[k])
            if k < 2:
                y = y + K(f"up{k}", k, k + 1, model.between[k], v[k + 1])
            v[k] = y if (t, k) == (1, 0) else functional.gelu(y)
    u = model.output(functional.gelu(model.hidden(v[0])))
    assert torch.allclose(model(a.t()[None], cloud)[0], u.t(), atol=1e-12)


def test_it_converges_under_refinement():
    model = MGNO(1, 1, (16, 4), (0.2, 0.5, 1.0), (0.4, 0.8), **SMALL).double()
    fields = []
    for n in (9, 17, 33):
        grid = Grid.uniform((n, n))
        x, y = grid.coordinates()
        v = torch.tensor(np.sin(2 * x + 1) * np.cos(3 * y) + x * y)[None, None]
        with torch.no_grad():
            fields.append(model(v, grid.axes)[0, 0, :: (n - 1) // 8, :: (n - 1) // 8])
    errors = [(a - b).norm() for a, b in itertools.pairwise(fields)]
    assert errors[0] / errors[1] > 3


def test_long_range_costs_no_more_than_points():
    """The whole domain reaches each point in one layer, and edges grow like the points."""
    model = MGNO(1, 1, (16, 4), (0.12, 0.5, 1.0), (0.4, 0.8), **(SMALL | {"layers": 1}))
    grid = Grid.uniform((17, 17))
    v = torch.zeros(1, 1, 17, 17)
    with torch.no_grad():
        change = model(v.index_fill(2, torch.tensor([0]), 1.0), grid.axes) - model(v, grid.axes)
    assert (change.abs() > 0).all()


def test_senders_of_the_first_level_can_be_sampled():
    grid = Grid.uniform((21, 21))
    model = MGNO(1, 1, (16, 4), (0.3, 0.5, 1.0), (0.4, 0.8), samples=100, **SMALL)
    u = model(torch.randn(1, 1, 21, 21), grid.axes)
    u.sum().backward()
    assert torch.isfinite(u).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"levels": (4, 9)}, "less and less nodes"),
        ({"radii": (0.1, 0.2)}, "expected 4 radii"),
        ({"between": (0.1, 0.2, 0)}, "between: expected a number"),
        ({"nodes": "all"}, "nodes: expected one of centres, random"),
    ],
)
def test_bad_settings_are_told(options, message):
    with pytest.raises(InputError, match=message):
        MGNO(**options)


def test_empty_neighbourhoods_name_the_radius_that_would_work():
    with pytest.raises(InputError, match="use a radius of at least"):
        MGNO(1, 1, (16,), (0.1, 0.1), (0.05,)).check(Grid.uniform((9, 9)).axes)

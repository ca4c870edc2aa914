import json
from itertools import pairwise

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

from torch.nn import functional  # noqa: E402

from nwidth.errors import InputError  # noqa: E402
from nwidth.meshes import Axis, Grid  # noqa: E402
from nwidth.operators import FNO  # noqa: E402

SMALL = {"width": 6, "layers": 3, "projection": 10}


def small(modes=(4, 3), **options):
    return FNO(2, 1, modes, **{**SMALL, "padding": 0.0, **options}).double()


def smooth(grid, channels=2):
    x = grid.coordinates()
    fields = [np.cos(np.pi * x[0]) + sum(x) ** 2, np.exp(-x[-1])]
    return torch.tensor(np.stack(fields[:channels]))[None]


def plainly(model, v, axes):
    """The formula of the docstring, channels first and without fusing anything."""
    unit = [(a.points - a.lower) / a.length for a in axes]
    x = [
        (1 - np.cos(2 * np.pi * s)) / 2 if a.periodic else s
        for s, a in zip(unit, axes, strict=True)
    ]
    if model.coordinates:
        channels = torch.tensor(np.stack(np.meshgrid(*x, indexing="ij"))).expand(
            len(v), *[-1] * (1 + len(axes))
        )
        v = torch.cat([v, channels], 1)

    def pointwise(linear, f):
        return linear(f.movedim(1, -1)).movedim(-1, 1)

    h = pointwise(model.lift, v)
    for k, (convolution, skip) in enumerate(zip(model.convolutions, model.skips, strict=True)):
        h = convolution(h, axes) + pointwise(skip, h)
        h = functional.gelu(h) if k < len(model.skips) - 1 else h
    u = pointwise(model.output, functional.gelu(pointwise(model.hidden, h)))
    for k, wall in enumerate(model.dirichlet):
        if wall:
            s = torch.tensor(unit[k]).view(-1, *[1] * (len(axes) - 1 - k))
            u = u * 4 * s * (1 - s)
    return u


@pytest.mark.parametrize(
    "options",
    [{}, {"coordinates": False}, {"dirichlet": (True, False)}, {"padding": 0.5}, {"layers": 1}],
)
@pytest.mark.parametrize("periodic", [False, True])
def test_agrees_with_the_formula(options, periodic):
    grid = Grid.uniform((8, 9), 1.0, (2.0, 4.0), periodic=periodic)
    model, v = small(**options), smooth(grid).expand(3, -1, -1, -1) * torch.rand(3, 1, 1, 1)
    out = model(v, grid.axes)
    assert out.shape == (3, 1, 8, 9)
    assert torch.allclose(out, plainly(model, v, grid.axes), atol=1e-13)


def test_long_fields_are_projected_in_pieces():
    grid = Grid.uniform((70, 71))
    model, v = small(), smooth(grid)
    assert torch.allclose(model(v, grid.axes), plainly(model, v, grid.axes), atol=1e-13)


@pytest.mark.parametrize("sizes", [(9,), (8, 9), (5, 6, 7)])
def test_every_dimension(sizes):
    grid = Grid.uniform(sizes)
    v = torch.rand(2, 2, *sizes).double()
    model = small((3,) * len(sizes), dirichlet=True)
    out = model(v, grid.axes)
    assert torch.allclose(out, plainly(model, v, grid.axes), atol=1e-13)
    assert not out[..., 0].any() and not out[..., -1].any()


@pytest.mark.parametrize(
    ("kind", "order"), [("periodic", 4.0), ("node", 2.0), ("cell", 2.0), ("padded", 4.0)]
)
def test_converges_under_refinement(kind, order):
    """Output at common points: second order with walls, fourth if corrected, fast on a torus."""
    model = FNO(1, 1, (3, 3), **SMALL, padding=0.5 if kind == "padded" else 0.0).double()

    def output(n):
        if kind == "periodic":
            axes = (Axis.uniform(n, periodic=True),) * 2
            f = [np.exp(np.sin(2 * np.pi * a.points)) for a in axes]
        else:
            axes = (
                Axis.uniform(
                    n if kind == "cell" else n + 1, centering="cell" if kind == "cell" else "node"
                ),
            ) * 2
            f = [np.exp(-(a.points**2)) for a in axes]
        out = model(torch.tensor(np.outer(*f))[None, None], axes)
        pick = slice(n // 18, None, n // 9) if kind == "cell" else slice(None, None, n // 9)
        return out[0, 0, pick, pick].detach()

    sizes = [27, 81, 243] if kind == "cell" else [18, 36, 72, 144]
    fields = [output(n) for n in sizes]
    differences = [(a - b).abs().max().item() for a, b in pairwise(fields)]
    if kind == "periodic":
        assert differences[-1] < 1e-12
        return
    slope = -np.polyfit(np.log(sizes[:-1]), np.log(differences), 1)[0]
    assert abs(slope - order) < 0.15


def test_odd_and_even_grids_agree():
    model = FNO(1, 1, (4, 4), **SMALL).double()
    points = np.linspace(0, 1, 5)
    fields = []
    for n in (61, 65):  # 60 and 64 intervals, so every fifth point is shared
        grid = Grid.uniform((n, n))
        x, y = grid.coordinates()
        out = model(torch.tensor(np.exp(-x * y))[None, None], grid.axes)[0, 0]
        step = (n - 1) // 4
        np.testing.assert_allclose(grid.points[0][::step], points, atol=1e-15)
        fields.append(out[::step, ::step])
    assert (fields[0] - fields[1]).abs().max() < 2e-3 * fields[0].abs().max()


def test_standard_darcy_network_has_the_documented_size():
    assert sum(p.numel() for p in FNO(1, 1, (12, 12)).parameters()) == 2_269_697


def test_dirichlet_walls_are_exactly_zero_on_any_box():
    grid = Grid.uniform((9, 12), -0.3, 0.7)
    out = small(dirichlet=True)(smooth(grid), grid.axes)
    for side in (out[..., 0, :], out[..., -1, :], out[..., 0], out[..., -1]):
        assert not side.any()
    assert out.abs().max() > 0


def test_description_rebuilds_the_same_network():
    model = FNO(2, 1, (4, 3), **SMALL, padding=0.25, dirichlet=(True, False), seed=5)
    again = FNO.from_description(json.loads(json.dumps(model.describe())))
    assert again.describe() == model.describe()
    for ours, theirs in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_numbers_of_numpy_are_numbers():
    n = np.int64(2)
    model = FNO(n, n, (n, n), width=n, layers=n, projection=n, padding=np.float32(0.5), seed=n)
    described = json.loads(json.dumps(model.describe()))
    assert described == FNO.from_description(described).describe()


def test_seed_decides_the_weights_and_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    one, same, other = (FNO(1, 1, (2,), seed=s, **SMALL) for s in (1, 1, 2))
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(one.lift.weight, same.lift.weight)
    assert not torch.equal(one.lift.weight, other.lift.weight)


def test_precision_follows_the_parameters():
    grid = Grid.uniform((8, 9))
    model, v = small(), smooth(grid)
    exact = model(v, grid.axes)
    single = model.float()(v.float(), grid.axes)
    assert single.dtype == torch.float32
    assert torch.allclose(single.double(), exact, atol=1e-5)


@pytest.mark.parametrize(
    "settings",
    [
        {"width": 0},
        {"layers": 2.0},
        {"modes": (3, 0)},
        {"modes": (2, 2, 2, 2)},
        {"modes": ()},
        {"in_channels": True},
        {"dirichlet": (True,)},
        {"dirichlet": ("yes", "no")},
        {"padding": -0.5},
        {"padding": float("nan")},
        {"padding": float("inf")},
        {"padding": "a"},
        {"padding": None},
        {"padding": True},
        {"dirichlet": 3},
        {"dirichlet": None},
        {"coordinates": "x"},
        {"coordinates": 1},
        {"modes": None},
        {"modes": "ab"},
        {"seed": "a"},
        {"seed": -1},
    ],
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(InputError, match="expected"):
        FNO(**{"modes": (3, 3), **settings})


@pytest.mark.parametrize(
    ("axis", "padding", "most"),
    [
        (Axis.uniform(17), 0.0, 8),
        (Axis.uniform(17), 0.25, 10),
        (Axis.uniform(16, periodic=True), 0.25, 8),
        (Axis.uniform(17, periodic=True), 0.25, 9),
        (Axis.uniform(16, centering="cell"), 0.0, 8),
    ],
)
def test_modes_that_the_points_cannot_resolve_are_refused(axis, padding, most):
    wide = Axis.uniform(64)
    axes = (wide, axis)
    FNO(1, 1, (3, most), padding=padding, **SMALL).check(axes)
    with pytest.raises(InputError, match=rf"use at most \(3, {most}\)"):
        FNO(1, 1, (3, most + 1), padding=padding, **SMALL).check(axes)


def test_modes_beyond_those_that_pass_the_check_would_not_matter():
    """The check draws the line exactly where weights stop to take part."""
    axis = Axis.uniform(17)
    for modes, used in ((10, True), (11, False)):
        model = FNO(1, 1, (modes,), padding=0.25, **SMALL)
        model(torch.rand(2, 1, 17), (axis,)).sum().backward()
        assert bool(model.convolutions[0].weight.grad[:, -1].any()) is used


def test_foreign_descriptions_are_refused():
    with pytest.raises(InputError, match="settings of an FNO"):
        FNO.from_description({"modes": [2], "colour": "red"})
    for other in (None, [1], "FNO", {1: 2}):
        with pytest.raises(InputError, match="settings of an FNO"):
            FNO.from_description(other)


@pytest.mark.parametrize("shape", [(1, 2, 9, 8), (1, 1, 8, 9), (2, 8, 9), (1, 2, 8)])
def test_wrong_shapes_are_refused(shape):
    with pytest.raises(InputError, match="FNO: expected shape"):
        small()(torch.zeros(shape).double(), Grid.uniform((8, 9)).axes)


def test_a_grid_first_seen_in_inference_mode_can_be_trained_on():
    axes = Grid.uniform((11, 14), upper=1.25).axes  # a box that no other test has
    model = FNO(1, 1, (3, 3), width=4, layers=1, dirichlet=True)
    v = torch.ones(1, 1, 11, 14)
    with torch.inference_mode():
        model(v, axes)
    model(v, axes).sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())


def test_a_second_derivative_is_refused_not_wrong():
    model = FNO(1, 1, (3,), width=4, layers=1)
    v = torch.ones(1, 1, 8, requires_grad=True)
    u = model(v, (Axis.uniform(8),)).sum()
    with pytest.raises(InputError, match="no second derivatives"):
        torch.autograd.grad(u, v, create_graph=True)

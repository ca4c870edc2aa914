import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

from nwidth.errors import InputError  # noqa: E402
from nwidth.meshes import Axis, Grid  # noqa: E402
from nwidth.operators import SpectralLoss, relative_h1, relative_l2  # noqa: E402
from nwidth.operators.training.losses import LOSSES  # noqa: E402


def on(grid, function):
    return torch.tensor(function(*grid.coordinates()))[None, None]


@pytest.mark.parametrize("kind", [{}, {"centering": "cell"}, {"periodic": True}])
def test_l2_is_the_norm_of_the_grid(kind):
    grid = Grid.uniform((7, 6), 0.0, (1.0, 3.0), **kind)
    p, u = torch.rand(2, 3, 2, 7, 6, dtype=torch.float64)
    norm = [np.sqrt((grid.norm(v.numpy()) ** 2).sum(1)) for v in (p - u, u)]
    np.testing.assert_allclose(relative_l2(p, u, grid.axes), norm[0] / norm[1], rtol=1e-13)


def test_weights_count_volumes_and_not_points():
    """A grid refined in one half gives nearly the norm of a uniform one."""
    bent = Axis(np.concatenate([np.linspace(0, 0.5, 200)[:-1], np.linspace(0.5, 1, 50)]), 0.0, 1.0)
    error = [
        relative_l2(on(g, lambda x: x + x**2), on(g, lambda x: x), g.axes).item()
        for g in (Grid((bent,)), Grid.uniform(400))
    ]
    assert error[0] == pytest.approx(error[1], rel=1e-4)


@pytest.mark.parametrize("kind", ["node", "cell", "periodic"])
def test_h1_converges_to_the_integral(kind):
    """u = cos 2 pi x sin 2 pi y on [0, 2] x [0, 1]: error 0.5 u plus a constant in one part."""
    errors, sizes = [], [16, 32, 64]
    for n in sizes:
        options = {"periodic": True} if kind == "periodic" else {"centering": kind}
        grid = Grid.uniform((2 * n, n), 0.0, (2.0, 1.0), **options)
        u = on(grid, lambda x, y: np.cos(2 * np.pi * x) * np.sin(2 * np.pi * y))
        p = 1.5 * u + 1.0
        wave = 0.5  # the integral of u^2
        gradient = wave * 4 * np.pi**2 * (2.0**2 + 1.0**2)
        exact = np.sqrt((0.25 * (wave + gradient) + 2.0) / (wave + gradient))
        errors.append(abs(relative_h1(p, u, grid.axes).item() - exact))
    assert errors[-1] < 1e-3
    assert errors[-1] < 0.6 * errors[0]


def test_h1_steps_across_a_periodic_seam():
    grid = Grid.periodic((10,))
    u = torch.ones(1, 1, 10, dtype=torch.float64)
    p = u.clone()
    p[..., 0] = 2.0
    rolled = torch.roll(p, 5, -1)
    assert relative_h1(p, u, grid.axes).item() == pytest.approx(
        relative_h1(rolled, u, grid.axes).item()
    )


def test_gradient_weight_mixes_the_norms():
    grid = Grid.uniform((5, 6))
    p, u = torch.rand(2, 2, 1, 5, 6, dtype=torch.float64)
    assert torch.equal(relative_h1(p, u, grid.axes, gradient=0.0), relative_l2(p, u, grid.axes))
    small, half, full = (relative_h1(p, u, grid.axes, gradient=g) for g in (1e-6, 0.5, 1.0))
    assert torch.allclose(small, relative_l2(p, u, grid.axes), rtol=1e-3)
    assert not torch.allclose(half, full)
    with pytest.raises(InputError, match=r"gradient: expected a number in \[0, inf\)"):
        relative_h1(p, u, grid.axes, gradient=-1.0)


@pytest.mark.parametrize("loss", [relative_l2, relative_h1])
def test_units_do_not_matter(loss):
    small, large = Grid.uniform((5, 6)), Grid.uniform((5, 6), upper=1e4)
    p, u = torch.rand(2, 2, 1, 5, 6, dtype=torch.float64)
    assert torch.allclose(loss(p, u, small.axes), loss(1e9 * p, 1e9 * u, large.axes), rtol=1e-12)


@pytest.mark.parametrize(
    "level", [1e7, torch.tensor([1e7, 0.0]).view(2, 1, 1)], ids=["one", "each"]
)
@pytest.mark.parametrize("loss", [*LOSSES.values(), SpectralLoss(0.0, (0.0, 1.0))], ids=str)
def test_a_level_costs_no_digits(loss, level):
    """Fields of 1e7 +- 1 are those of a level: in single precision as those in double."""
    axes = Grid.periodic((8, 6)).axes
    p, u = torch.rand(2, 3, 2, 8, 6)
    p = u + 1e-3 * p
    exact = loss(p.double() + level, u.double() + level, axes)
    np.testing.assert_allclose(loss(p, u, axes, level), exact, rtol=1e-4)
    assert (loss(u, u, axes, level) == 0).all()


def test_fields_that_vanish_at_a_level_have_absolute_errors():
    axes = Grid.uniform((5, 6)).axes
    u = torch.full((1, 1, 5, 6), -123456.789)
    assert relative_l2(u + 1, u, axes, 123456.789).item() == pytest.approx(1.0)


@pytest.mark.parametrize("loss", [relative_l2, relative_h1])
def test_zero_reference_and_zero_error_are_safe(loss):
    axes = Grid.uniform((5, 6)).axes
    u = torch.zeros(2, 1, 5, 6)
    u[1] = 1.0
    p = torch.zeros(2, 1, 5, 6, requires_grad=True)
    value = loss(p, u, axes)
    assert value.tolist() == pytest.approx([0.0, 1.0])
    value.sum().backward()
    assert torch.isfinite(p.grad).all()
    assert loss(torch.ones(1, 1, 5, 6), torch.zeros(1, 1, 5, 6), axes).item() == pytest.approx(1.0)


@pytest.mark.parametrize("loss", [relative_l2, relative_h1])
def test_wrong_shapes_are_refused(loss):
    axes = Grid.uniform((5, 6)).axes
    with pytest.raises(InputError, match="two fields of shape"):
        loss(torch.zeros(1, 1, 5, 6), torch.zeros(1, 5, 6), axes)
    with pytest.raises(InputError, match="two fields of shape"):
        loss(torch.zeros(1, 5, 6), torch.zeros(1, 5, 6), axes)


@pytest.mark.parametrize("loss", [relative_l2, relative_h1])
def test_a_grid_first_seen_in_inference_mode_can_be_trained_on(loss):
    axes = Grid.uniform((5, 6), upper=1.25 + (loss is relative_h1)).axes
    p, u = torch.rand(2, 2, 1, 5, 6)
    with torch.inference_mode():
        loss(p, u, axes)
    p.requires_grad_()
    loss(p, u, axes).sum().backward()
    assert torch.isfinite(p.grad).all()

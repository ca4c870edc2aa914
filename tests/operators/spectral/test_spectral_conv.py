import re
from itertools import product

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

from nwidth.errors import InputError  # noqa: E402
from nwidth.meshes import Axis, Grid  # noqa: E402
from nwidth.operators import SpectralConv  # noqa: E402
from nwidth.operators.spectral.fourier_basis import resolvable_modes  # noqa: E402

MODES = {1: (5,), 2: (4, 3), 3: (3, 2, 3)}
KINDS = [{"periodic": True}, {"centering": "node"}, {"centering": "cell"}]


def layer_of(d, channels=(2, 3), **options):
    torch.manual_seed(d)
    return SpectralConv(*channels, MODES[d], **options).double()


def axes_of(sizes, **kind):
    return tuple(Axis.uniform(n, 1.0, 3.0 + k, **kind) for k, n in enumerate(sizes))


def band_limited(axes, channels=2, seed=0, highest=3):
    """Random trigonometric polynomials of period one box at the points of the axes."""
    rng = np.random.default_rng(seed)
    s = np.meshgrid(*[(a.points - a.lower) / a.length for a in axes], indexing="ij")
    fields = []
    for _ in range(channels):
        waves = rng.integers(-highest, highest + 1, (7, len(axes)))
        fields.append(
            sum(
                rng.standard_normal()
                * np.cos(
                    2 * np.pi * (sum(k * x for k, x in zip(wave, s, strict=True)) + rng.random())
                )
                for wave in waves
            )
        )
    return torch.tensor(np.stack(fields))[None]


def by_fft(layer, v):
    """The layer by NumPy's complex FFT on a periodic grid, mode by mode."""
    d, w = len(layer.modes), layer.weight.detach().numpy()
    w = w[0] + 1j * w[1]
    grid = v.shape[2:]
    c = np.fft.fftn(v.numpy(), axes=range(2, 2 + d), norm="forward")
    out = np.zeros((len(v), layer.out_channels, *grid), complex)
    kept = [
        resolvable_modes(Axis.uniform(n, periodic=True), m)
        for n, m in zip(grid, layer.modes, strict=True)
    ]
    ranges = [range(kept[0]), *(range(1 - m, m) for m in kept[1:])]
    for k in product(*ranges):
        stored = (k[0], *(j + m - 1 for j, m in zip(k[1:], layer.modes[1:], strict=True)))
        out[(..., *k)] = c[(..., *k)] @ w[stored] * (1 if k[0] == 0 else 2)
    return np.fft.ifftn(out, axes=range(2, 2 + d), norm="forward").real


@pytest.mark.parametrize("sizes", [(11,), (12,), (9, 8), (8, 9), (3, 20), (6, 5, 7), (5, 6, 4)])
def test_agrees_with_the_fft(sizes):
    layer = layer_of(len(sizes))
    v = torch.tensor(np.random.default_rng(0).standard_normal((2, 2, *sizes)))
    out = layer(v, axes_of(sizes, periodic=True)).detach().numpy()
    np.testing.assert_allclose(out, by_fft(layer, v), atol=1e-14, rtol=1e-13)


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_is_one_function_on_every_grid(d, kind):
    layer, bias = layer_of(d), torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    target = axes_of([5, 7, 6][:d], periodic=True)
    wanted = None
    for n in (9, 10, 13, 20, 21):
        axes = axes_of([n + k for k in range(d)], **kind)
        out = layer(band_limited(axes), axes, target, bias=bias)
        wanted = out if wanted is None else wanted
        assert (out - wanted).abs().max() <= 1e-13 * wanted.abs().max()


@pytest.mark.parametrize("coarse", [9, 10])
@pytest.mark.parametrize("kind", KINDS[:2])
def test_nested_grids_agree_at_shared_points(coarse, kind):
    layer = layer_of(2)
    fine = 3 * coarse if "periodic" in kind else 3 * (coarse - 1) + 1
    on = {}
    for n in (coarse, fine):
        axes = axes_of((n, n), **kind)
        on[n] = layer(band_limited(axes), axes)
    difference = on[coarse] - on[fine][..., ::3, ::3]
    assert difference.abs().max() <= 1e-13 * on[coarse].abs().max()


@pytest.mark.parametrize("kind", KINDS[:2])
def test_output_axes_only_choose_the_points(kind):
    layer = layer_of(2)
    fine = axes_of((25, 13), **kind)
    last = 25 if "periodic" in kind else 24
    coarse = (
        Axis(fine[0].points[: last : last // 4], fine[0].lower, fine[0].upper, periodic=True),
        Axis(fine[1].points[:12:4], fine[1].lower, fine[1].upper, periodic=True),
    )
    v = torch.randn(1, 2, 25, 13, dtype=torch.float64)
    whole = layer(v, fine)[..., : last : last // 4, :12:4]
    assert torch.allclose(layer(v, fine, coarse), whole, atol=1e-14)


def test_a_coarse_grid_uses_the_modes_it_resolves():
    layer = layer_of(1)
    coarse, fine = axes_of((6,), periodic=True), axes_of((24,), periodic=True)
    low = [band_limited(axes, highest=2) for axes in (coarse, fine)]
    difference = layer(low[0], coarse) - layer(low[1], fine)[..., ::4]
    assert difference.abs().max() < 1e-13
    nyquist = torch.cos(torch.pi * torch.arange(6)).double().expand(1, 2, 6)
    assert layer(nyquist, coarse).abs().max() < 1e-13


def test_treats_both_directions_alike():
    layer = layer_of(2)
    mirrored = layer_of(2)
    with torch.no_grad():
        mirrored.weight.copy_(torch.flip(layer.weight, [2]))
    for n in (8, 9):
        axes = axes_of((n, n + 1), centering="cell")
        v = torch.randn(1, 2, n, n + 1, dtype=torch.float64)
        difference = mirrored(v.flip(-1), axes).flip(-1) - layer(v, axes)
        assert difference.abs().max() < 1e-13


@pytest.mark.parametrize("padding", [0.0, 0.4])
@pytest.mark.parametrize("sizes", [(10,), (7, 8), (4, 5, 6)])
def test_is_linear_and_its_gradient_is_the_adjoint(sizes, padding):
    layer = layer_of(len(sizes), padding=padding)
    axes = axes_of(sizes)
    u, v = torch.randn(2, 1, 2, *sizes, dtype=torch.float64)
    u.requires_grad_()
    w = torch.randn(1, 3, *sizes, dtype=torch.float64)
    both = layer(2 * u - 3 * v, axes)
    assert torch.allclose(both, 2 * layer(u, axes) - 3 * layer(v, axes), atol=1e-12)
    (adjoint,) = torch.autograd.grad((layer(u, axes) * w).sum(), u)
    assert torch.isclose((layer(v, axes) * w).sum(), (v * adjoint).sum(), rtol=1e-12)


def test_full_padding_does_not_wrap_around():
    """With period two boxes the kernel is free: a shift of the input shifts the output."""
    layer = layer_of(1, (1, 1), padding=1.0)
    axes = (Axis.uniform(33),)
    v = torch.zeros(1, 1, 33, dtype=torch.float64)
    v[..., 4:9] = torch.randn(5, dtype=torch.float64)
    moved = torch.roll(v, 20, -1)
    assert torch.allclose(layer(v, axes)[..., :13], layer(moved, axes)[..., 20:], atol=1e-13)


@pytest.mark.parametrize("method", ["matrices", "fft"])
@pytest.mark.parametrize(
    ("sizes", "modes"), [((8, 9), (4, 3)), ((1100,), (5,)), ((9, 10, 13), (2, 3, 2))]
)
def test_fields_with_channels_first_and_last_are_the_same(sizes, modes, method):
    torch.manual_seed(0)
    layer = SpectralConv(2, 3, modes, method=method).double()
    axes = axes_of(sizes, periodic=True)
    target = axes_of([n + 1 for n in sizes], periodic=True)
    v, bias = torch.randn(2, 2, *sizes, dtype=torch.float64), torch.ones(3).double()
    results = []
    for x in (v.clone(), v.movedim(1, -1).contiguous().movedim(-1, 1)):
        x.requires_grad_()
        out = layer(x, axes, target, bias=bias, activated=True)
        results.append((out, *torch.autograd.grad(out.square().sum(), (x, layer.weight))))
    for first, last in zip(*results, strict=True):
        assert torch.allclose(first, last, atol=1e-12, rtol=1e-12)


def test_keeps_the_precision_of_the_input():
    layer, axes = SpectralConv(2, 2, (3,)), axes_of((8,))
    assert layer(torch.ones(1, 2, 8), axes).dtype == torch.float32
    assert layer.double()(torch.ones(1, 2, 8).double(), axes).dtype == torch.float64


@pytest.mark.parametrize("shape", [(1, 3, 8, 9), (1, 2, 9, 8), (1, 2, 8), (2, 8, 9)])
def test_wrong_shapes_are_refused(shape):
    with pytest.raises(InputError, match=r"expected shape \(batch, 2"):
        layer_of(2)(torch.zeros(shape).double(), axes_of((8, 9)))


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        ((torch.zeros(1, 2, 8, 9), Grid.uniform((8, 9))), {}, r"2 axes, as `grid.axes`"),
        ((torch.zeros(1, 2, 8, 9), (8, 9)), {}, r"2 axes, as `grid.axes`"),
        ((torch.zeros(1, 2, 8, 9), axes_of((8, 9)), axes_of((8,))), {}, r"2 axes, as `grid.axes`"),
        ((torch.zeros(0, 2, 8, 9), axes_of((8, 9))), {}, r"batch > 0"),
        ((np.zeros((1, 2, 8, 9)), axes_of((8, 9))), {}, r"got ndarray"),
        ((torch.zeros(1, 2, 8, 9), axes_of((8, 9))), {"bias": torch.ones(2)}, r"bias .* \(3,\)"),
        ((torch.zeros(1, 2, 8, 9), axes_of((8, 9))), {"bias": 1.0}, r"bias .* got 1.0"),
        (
            (torch.zeros(1, 2, 8, 9), axes_of((8, 9))),
            {"pointwise": torch.ones(2, 3)},
            r"pointwise .* \(3, 2\), got \(2, 3\)",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_words(arguments, options, words):
    with pytest.raises(InputError, match=words):
        layer_of(2).float()(*arguments, **options)


def test_too_few_points_for_any_mode_are_refused():
    """The one sine on two nodes is zero at both."""
    layer, axis = SpectralConv(1, 1, (1,), "sine"), Axis.uniform(2)
    with pytest.raises(InputError, match=r"use at most \(0,\)"):
        layer(torch.zeros(1, 1, 2), (axis,))
    with pytest.raises(InputError, match=r"at most 0 modes .* use another basis"):
        layer.bases[0].analysis_matrix(axis, 1)


@pytest.mark.parametrize("bases", [None, 5, ("cosine",), ("cosine", "waves")])
def test_wrong_bases_are_refused(bases):
    with pytest.raises(InputError, match="bases: expected one of fourier"):
        SpectralConv(1, 1, (2, 2), bases)
    with pytest.raises(InputError, match="order: expected 2 to 8"):
        SpectralConv(1, 1, (2, 2), quadrature=9)


def test_part_of_the_box_as_output():
    layer, axes = layer_of(1), (Axis.uniform(12, 1.0, 3.0, periodic=True),)
    v = band_limited(axes)
    part = Axis.uniform(5, 1.5, 2.5)
    fine = Axis.uniform(16, 1.0, 3.0, periodic=True)
    wanted = layer(v, axes, (fine,))[..., 4:13:2]
    assert torch.allclose(layer(v, axes, (part,)), wanted, atol=1e-14)
    with pytest.raises(InputError, match="within"):
        layer(v[..., :9], axes_of((9,)), (Axis.uniform(5, 0.0, 2.0),))


@pytest.mark.parametrize("bases", ["fourier", ("cosine", "fourier"), "chebyshev"])
def test_both_methods_and_grids_that_resolve_less(bases):
    torch.manual_seed(0)
    layers = [
        SpectralConv(2, 3, (5, 6), bases, method=m).double() for m in ("estimate", "matrices")
    ]
    layers[1].load_state_dict(layers[0].state_dict())
    axes = (
        Axis.uniform(5, periodic=bases == "fourier"),
        Axis.uniform(6, periodic="fourier" in bases),
    )
    v = torch.randn(1, 2, 5, 6, dtype=torch.float64)
    outs = [layer(v, axes) for layer in layers]
    assert torch.allclose(*outs, atol=1e-14)
    kept = tuple(
        basis.resolved_modes(axis, m)
        for basis, axis, m in zip(layers[0].bases, axes, (5, 6), strict=True)
    )
    if kept == (5, 6):
        layers[0].check(axes)
    else:
        with pytest.raises(InputError, match=re.escape(f"use at most {kept}")):
            layers[0].check(axes)


def test_fast_transforms_train_like_matrices():
    axes, gradients = axes_of((9, 8), periodic=True), []
    v = torch.randn(2, 2, 9, 8, dtype=torch.float64)
    for method in ("fft", "matrices"):
        layer, x = layer_of(2, method=method), v.clone().requires_grad_()
        out = layer(x, axes, bias=torch.ones(3).double(), pointwise=torch.ones(3, 2).double())
        gradients.append(torch.autograd.grad(out.square().sum(), (x, layer.weight)))
    for fast, slow in zip(*gradients, strict=True):
        assert torch.allclose(fast, slow, atol=1e-13)


def test_end_corrections_raise_the_order_between_grids():
    def difference(quadrature, n):
        torch.manual_seed(0)
        layer = SpectralConv(1, 1, (5,), padding=0.5, quadrature=quadrature).double()
        out = [
            layer(torch.exp(torch.tensor(axis.points))[None, None], (axis,), (Axis.uniform(9),))
            for axis in (Axis.uniform(n), Axis.uniform(4 * n))
        ]
        return float((out[0] - out[1]).abs().max().detach() / out[1].abs().max().detach())

    for order in (2, 4):
        rate = np.log2(difference(order, 21) / difference(order, 41))
        assert rate == pytest.approx(order, abs=0.4)


def test_precisions_are_not_mixed():
    with pytest.raises(InputError, match=r"expected torch.float64, .* got torch.float32"):
        layer_of(1)(torch.zeros(1, 2, 9), axes_of((9,)))


@pytest.mark.parametrize("modes", [(), (0,), (2, 2, 2, 2)])
def test_wrong_modes_are_refused(modes):
    with pytest.raises(InputError, match="modes"):
        SpectralConv(1, 1, modes)
    with pytest.raises(InputError, match="padding"):
        SpectralConv(1, 1, (2,), padding=-1.0)


def test_pointwise_products_need_equal_axes():
    axes, target = axes_of((8, 9)), axes_of((9, 9))
    v, pointwise = torch.zeros(1, 2, 8, 9).double(), torch.zeros(3, 2).double()
    with pytest.raises(InputError, match="pointwise"):
        layer_of(2)(v, axes, target, pointwise=pointwise)


def test_a_grid_first_seen_in_inference_mode_can_be_trained_on():
    layer, axes = SpectralConv(1, 1, (3,)), (Axis.uniform(8, 0.0, 1.25),)
    with torch.inference_mode():
        layer(torch.ones(1, 1, 8), axes)
    layer(torch.ones(1, 1, 8), axes).sum().backward()
    assert torch.isfinite(layer.weight.grad).all()


def test_initial_weights_are_small_beside_a_pointwise_product():
    torch.manual_seed(0)
    weight = SpectralConv(24, 16, (6, 6)).weight
    variance = float(weight.detach().square().mean())
    assert variance == pytest.approx(1 / (32 * 24 * 16), rel=0.02)

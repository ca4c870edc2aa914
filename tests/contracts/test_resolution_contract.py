"""Layers that claim to be functions: a band-limited input on any grid gives one output function."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

from nwidth.errors import InputError  # noqa: E402
from nwidth.meshes import Axis  # noqa: E402
from nwidth.operators import FNO, SpectralConv  # noqa: E402

MIXES = [
    *((name,) * d for d in (1, 2, 3) for name in ("fourier", "cosine", "sine", "chebyshev")),
    ("chebyshev", "fourier"),
    ("fourier", "sine"),
    ("fourier", "chebyshev", "fourier"),
    ("sine", "fourier", "cosine"),
]
# Nested (13 and 25 nodes, 8 and 24 periodic points or cells) and not, odd and even.
SIZES = {"node": (13, 16, 25), "periodic": (8, 9, 24), "cell": (12, 15, 24), "chebyshev": (8, 9)}
KINDS = {
    "fourier": ("periodic", "node", "cell"),
    "cosine": ("node", "cell", "chebyshev"),
    "sine": ("node", "cell", "chebyshev"),
    "chebyshev": ("chebyshev", "node", "cell"),
}
MODES = 4


def axis_of(kind, n, lower=1.0, upper=3.0):
    if kind == "chebyshev":
        return Axis.chebyshev(n, lower, upper)
    options = {"periodic": True} if kind == "periodic" else {"centering": kind}
    return Axis.uniform(n, lower, upper, **options)


def band_limited(layer, axes, channels, seed=0):
    """Random sums of products of the modes of a layer, at the points of the axes."""
    rng = np.random.default_rng(seed)
    fields = np.zeros((channels, *(axis.size for axis in axes)))
    for channel in range(channels):
        for _ in range(3):
            term = np.ones(())
            for basis, axis in zip(layer.bases, axes, strict=True):
                c = rng.standard_normal(basis.coefficients(MODES))
                term = np.multiply.outer(term, basis.synthesis_matrix(axis, MODES) @ c)
            fields[channel] += term
    return torch.tensor(fields)[None]


@pytest.mark.parametrize("names", MIXES, ids="-".join)
def test_one_function_from_every_grid_to_any_grid(names):
    torch.manual_seed(0)
    d = len(names)
    layer = SpectralConv(2, 3, (MODES,) * d, names).double()
    bias = torch.tensor([1.0, -2.0, 0.5]).double()
    target = tuple(axis_of("node", n, 1.25, 2.5) for n in (5, 6, 4)[:d])  # a part of the box
    wanted = None
    for trial in range(3):
        # Each axis goes through its kinds at its own pace.
        kinds = [KINDS[name][(trial + k) % 3] for k, name in enumerate(names)]
        for size in range(3 if d < 3 else 2):
            sizes = [SIZES[kind][(size + k) % len(SIZES[kind])] for k, kind in enumerate(kinds)]
            axes = tuple(axis_of(kind, n) for kind, n in zip(kinds, sizes, strict=True))
            layer.check(axes)
            v = band_limited(layer, axes, 2)
            out = layer(v, axes, target, bias=bias).detach()
            wanted = out if wanted is None else wanted
            assert (out - wanted).abs().max() <= 1e-12 * wanted.abs().max()


@pytest.mark.parametrize("names", MIXES[:8], ids="-".join)
def test_smooth_input_converges_at_the_rate_of_its_smoothness(names):
    """|x - a|^3 per axis: coefficients are found ever better, to at least the trapezoid rule."""
    torch.manual_seed(1)
    layer = SpectralConv(1, 1, (MODES,) * len(names), names).double()
    (kind, *_), errors = KINDS[names[0]], []
    target = tuple(axis_of("node", 7) for _ in names)

    def on(n):
        axes = tuple(axis_of(kind, n) for _ in names)
        s = np.meshgrid(*[axis.points for axis in axes], indexing="ij")
        v = np.prod([np.abs(np.sin(np.pi * (x - 1.6) / 2)) ** 3 for x in s], axis=0)
        return layer(torch.tensor(v)[None, None], axes, target).detach()

    exact = on(200)
    errors = [float((on(n) - exact).abs().max()) for n in (15, 30)]
    assert np.log2(errors[0] / errors[1]) > 1.7


@pytest.mark.parametrize("dealias", [None, 6])
@pytest.mark.parametrize("smoothness", [1, 3])
def test_networks_settle_at_the_rate_of_the_smoothness_of_their_input(smoothness, dealias):
    """|sin|^s has coefficients k^-(s + 1): outputs at common points differ by no more than h^s."""
    model = FNO(
        1,
        1,
        (4,),
        width=6,
        layers=3,
        projection=8,
        padding=0.0,
        coordinates=False,
        dealias=dealias,
    ).double()
    outs = []
    for n in (16, 32, 64, 128, 256):
        axis = axis_of("periodic", n)
        v = np.abs(np.sin(np.pi * (axis.points - 1.3) / 2)) ** smoothness
        outs.append(model(torch.tensor(v)[None, None], (axis,)).detach()[..., :: n // 16])
    errors = [float((out - outs[-1]).abs().max()) for out in outs[:-1]]
    rates = np.log2(np.array(errors[:-1]) / errors[1:])
    assert rates.mean() > smoothness
    assert errors[-1] < errors[0] / 8**smoothness


@pytest.mark.parametrize("name", ["sine", "cosine", "fourier"])
def test_boundary_conditions_hold_exactly(name):
    torch.manual_seed(2)
    layer = SpectralConv(1, 1, (5, 4), (name, "cosine")).double()
    axes = (Axis.uniform(11, periodic=name == "fourier"), Axis.uniform(9))
    v = torch.randn(1, 1, 11, 9, dtype=torch.float64)  # which satisfies none
    if name == "sine":
        out = layer(v, axes, (Axis.uniform(4), axes[1]))
        assert not out[:, :, [0, -1]].any()
        assert out.abs().max() > 0
    elif name == "cosine":
        h = 1e-4
        near = Axis(np.array([0.0, h, 2 * h]), 0.0, 2 * h)
        out = layer(v, axes, (near, axes[1]))
        slope = (4 * out[:, :, 1] - 3 * out[:, :, 0] - out[:, :, 2]) / (2 * h)
        assert slope.abs().max() < 1e-8 * out.abs().max()
    else:
        ends = Axis(np.array([0.0, 0.5, 1.0]), 0.0, 1.0)
        out = layer(v, axes, (ends, axes[1]))
        assert torch.allclose(out[:, :, 0], out[:, :, -1], atol=1e-15)


@pytest.mark.parametrize(
    "names", [("fourier",), ("fourier", "fourier"), ("cosine", "fourier"), ("chebyshev",) * 2]
)
def test_a_network_without_aliases_is_one_function_on_every_grid(names):
    d = len(names)
    model = FNO(
        1,
        1,
        (4,) * d,
        width=6,
        layers=3,
        projection=8,
        padding=0.0,
        bases=names,
        dealias=6,
        seed=1,
    ).double()
    with torch.no_grad():
        for convolution in model.convolutions:
            convolution.weight *= 20  # so that nothing is linear
    wanted = None
    for n in (24, 33, 48):
        axes = tuple(axis_of("periodic" if name == "fourier" else "node", n) for name in names)
        model.check(axes)
        v = band_limited(model.convolutions[0], axes, 1)
        # The lower corner is a point of every grid.
        out = model(v, axes).detach().flatten()[0]
        wanted = out if wanted is None else wanted
        assert abs(out - wanted) <= 1e-11 * abs(wanted)
    with pytest.raises(InputError, match=r"use at most|keep at most"):
        model.check(tuple(axis_of("periodic" if k == "fourier" else "node", 5) for k in names))

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

from torch.nn import functional  # noqa: E402

from nwidth.errors import InputError  # noqa: E402
from nwidth.meshes import Axis  # noqa: E402
from nwidth.operators import SpectralConv  # noqa: E402
from nwidth.operators.spectral.dealiasing import Dealiasing  # noqa: E402
from nwidth.operators.spectral.spectral_transform import axis_bases  # noqa: E402

MIXES = [("fourier",), ("cosine", "fourier"), ("chebyshev", "chebyshev")]


def grid(names, n):
    return tuple(
        Axis.uniform(n + k, 1.0, 3.0, periodic=name == "fourier") for k, name in enumerate(names)
    )


def field(axes, bases, m, channels=2):
    """Random fields of m modes per axis, decaying, of size one."""
    rng = np.random.default_rng(0)
    v = np.ones(channels)
    for basis, axis in zip(bases, axes, strict=True):
        decay = np.exp(-np.repeat(np.arange(m), basis.coefficients(m) // m))[:, None]
        c = rng.standard_normal((basis.coefficients(m), channels)) * decay
        values = basis.synthesis_matrix(axis, m) @ c
        v = v[..., None, :] * values
    return torch.tensor(v)[None]


@pytest.mark.parametrize("names", MIXES, ids="-".join)
def test_a_network_is_one_function_on_every_grid(names):
    torch.manual_seed(0)
    d = len(names)
    bases = axis_bases(names, d)
    dealiasing = Dealiasing(bases, (6,) * d)
    layers = [SpectralConv(2, 2, (4,) * d, names).double() for _ in range(3)]
    pointwise = torch.randn(2, 2, dtype=torch.float64)

    def network(axes, target):
        x = field(axes, bases, 4)
        for layer in layers:
            v = x.movedim(-1, 1)
            y = 3 * layer(v, axes, pointwise=pointwise).movedim(1, -1)
            x = dealiasing(functional.gelu, y, axes)
        return layers[0](x.movedim(-1, 1), axes, target).detach()

    target, wanted = grid(names, 7), None
    for n in (20, 27, 33):
        out = network(grid(names, n), target)
        wanted = out if wanted is None else wanted
        assert (out - wanted).abs().max() <= 1e-12 * wanted.abs().max()


@pytest.mark.parametrize("names", MIXES, ids="-".join)
def test_aliases_vanish_exponentially_with_the_points(names):
    bases, axes = axis_bases(names, len(names)), grid(names, 60 if "chebyshev" in names else 31)
    x = field(axes, bases, 4)
    outs = [Dealiasing(bases, (5,) * len(names), q)(torch.sin, x, axes) for q in (1, 2, 4, 16)]
    errors = [float((out - outs[-1]).abs().max()) for out in outs[:-1]]
    assert errors[1] < errors[0] / 5
    assert errors[2] < 1e-9 * float(outs[-1].abs().max())


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("names", MIXES, ids="-".join)
def test_nothing_is_lost_of_fields_of_the_modes(names, channels):
    bases, axes = axis_bases(names, len(names)), grid(names, 20)
    x = field(axes, bases, 4, channels)
    out = Dealiasing(bases, (5,) * len(names))(torch.clone, x, axes)
    assert torch.allclose(out, x, atol=1e-13)


def test_gradients():
    bases, axes = axis_bases(MIXES[1], 2), grid(MIXES[1], 7)
    dealiasing = Dealiasing(bases, (3, 3))
    x = torch.randn(1, 7, 8, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: dealiasing(functional.gelu, x, axes), (x,))


def test_what_is_refused():
    bases, axes = axis_bases("fourier", 1), grid(("fourier",), 9)
    with pytest.raises(InputError, match=r"keep at most \(5,\)"):
        Dealiasing(bases, (6,))(torch.sin, torch.zeros(1, 9, 1), axes)
    with pytest.raises(InputError, match="expected a tensor"):
        Dealiasing(bases, (3,))(torch.sin, torch.zeros(1, 8, 1), axes)
    with pytest.raises(InputError, match="modes of 1 axes"):
        Dealiasing(bases, (3, 3))
    for other in (axis_bases("sine", 1), axis_bases("fourier", 1, 0.5)):
        with pytest.raises(InputError, match="'chebyshev' between walls"):
            Dealiasing(other, (3,))

import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

from torch.nn import functional  # noqa: E402

from nwidth.meshes import Grid  # noqa: E402
from nwidth.operators import SpectralConv, fused_layers  # noqa: E402
from nwidth.operators.fused_layers import projected  # noqa: E402


def drawn(*shape):
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("with_rest", [True, False])
@pytest.mark.parametrize(
    "bases",
    [
        ("fourier",),
        ("sine",),
        ("chebyshev", "fourier"),
        ("fourier", "cosine"),
        ("cosine", "sine"),
        ("fourier", "fourier"),
        ("fourier", "chebyshev", "fourier"),
    ],
    ids="-".join,
)
def test_gradients_of_the_spectral_layer(bases, with_rest):
    torch.manual_seed(0)
    d = len(bases)
    layer, sizes = SpectralConv(2, 3, (2,) * d, bases).double(), (6, 5, 4)[:d]
    axes = Grid.uniform(sizes).axes
    v, bias, pointwise = drawn(1, 2, *sizes), drawn(3), drawn(3, 2)
    parameters = (v, layer.weight, *((bias, pointwise) if with_rest else ()))

    def function(v, weight, bias=None, pointwise=None):
        return torch.func.functional_call(
            layer, {"weight": weight}, (v, axes), {"bias": bias, "pointwise": pointwise}
        )

    assert torch.autograd.gradcheck(function, parameters, fast_mode=d == 3)
    if with_rest:
        plain = function(v, layer.weight) + bias.view(-1, *[1] * d)
        plain = plain + torch.einsum("oi,bi...->bo...", pointwise, v)
        assert torch.allclose(function(*parameters), plain, atol=1e-13)


def test_gradients_stop_where_none_are_asked_for():
    layer = SpectralConv(2, 2, (2,))
    axes = Grid.uniform((7,)).axes
    layer(torch.randn(1, 2, 7), axes).sum().backward()
    assert layer.weight.grad is not None
    layer.weight.requires_grad_(False)
    v = torch.randn(1, 2, 7, requires_grad=True)
    layer(v, axes).sum().backward()
    assert v.grad is not None


@pytest.mark.parametrize("rows", [1, 7, 8, 9, 20])
def test_projection_in_pieces_agrees_with_the_plain_formula(monkeypatch, rows):
    monkeypatch.setattr(fused_layers, "_ROWS", 8)
    torch.manual_seed(0)
    parameters = drawn(rows, 3), drawn(5, 3), drawn(5), drawn(2, 5), drawn(2)

    def plain(x, w1, b1, w2, b2):
        return functional.linear(functional.gelu(functional.linear(x, w1, b1)), w2, b2)

    assert torch.allclose(projected(*parameters), plain(*parameters), atol=1e-14)
    g = torch.randn(rows, 2, dtype=torch.float64)
    ours = torch.autograd.grad(projected(*parameters), parameters, g)
    theirs = torch.autograd.grad(plain(*parameters), parameters, g)
    for a, b in zip(ours, theirs, strict=True):
        assert torch.allclose(a, b, atol=1e-13)


def test_activation_inside_the_layer_is_that_before_it():
    torch.manual_seed(0)
    layer, axes = SpectralConv(3, 3, (2, 2)).double(), Grid.uniform((5, 6)).axes
    x, bias, pointwise = drawn(2, 3, 5, 6), drawn(3), drawn(3, 3)
    parameters = (x, layer.weight, bias, pointwise)

    def gradients(x, activated):
        out = layer(x, axes, bias=bias, pointwise=pointwise, activated=activated)
        return out, torch.autograd.grad(out.square().sum(), parameters)

    (ours, d_ours), (wanted, d_wanted) = gradients(x, True), gradients(functional.gelu(x), False)
    assert torch.allclose(ours, wanted, atol=1e-14)
    for a, b in zip(d_ours, d_wanted, strict=True):
        assert torch.allclose(a, b, atol=1e-12)

import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

from nwidth.meshes import Axis  # noqa: E402
from nwidth.operators.spectral.pruned_fft import PrunedFFT  # noqa: E402
from nwidth.operators.spectral.spectral_transform import MatrixTransform, axis_bases  # noqa: E402


def periodic(sizes, lower=1.0):
    return tuple(Axis.uniform(n, lower, 3.0 + k, periodic=True) for k, n in enumerate(sizes))


@pytest.mark.parametrize(
    ("sizes", "modes"),
    [((9,), (5,)), ((10,), (5,)), ((9, 8), (3, 4)), ((8, 9), (4, 5)), ((6, 5, 7), (3, 2, 4))],
)
def test_both_ways_agree_to_round_off(sizes, modes):
    bases, axes, target = axis_bases("fourier", len(sizes)), periodic(sizes), periodic((11, 12, 13))
    arguments = (bases, axes, target[: len(sizes)], modes)
    assert PrunedFFT.serves(*arguments)
    ours, plain = PrunedFFT(*arguments), MatrixTransform(*arguments, torch.float64)
    assert ours.constant == plain.constant
    torch.manual_seed(0)
    x = torch.randn(2, *sizes, 3, dtype=torch.float64)
    c = plain.analyse(x)
    assert torch.allclose(ours.analyse(x), c, atol=1e-15)
    d = torch.randn_like(c)
    u = plain.synthesise(d)
    assert torch.allclose(ours.synthesise(d), u, atol=1e-14)
    g, h = torch.randn_like(u), torch.randn(2 * x[0, ..., 0].numel(), 3, dtype=torch.float64)
    assert torch.allclose(ours.synthesise(d, g.clone()), u + g, atol=1e-14)
    adjoint = plain.synthesise_adjoint(g, 2)
    assert torch.allclose(ours.synthesise_adjoint(g, 2), adjoint, atol=1e-13)
    adjoint = plain.analyse_adjoint(d, h.clone())
    assert torch.allclose(ours.analyse_adjoint(d, h.clone()), adjoint, atol=1e-14)


@pytest.mark.parametrize(
    ("bases", "axis", "other", "modes"),
    [
        ("cosine", Axis.uniform(9), Axis.uniform(9), 3),
        ("fourier", Axis.uniform(9), Axis.uniform(9), 3),
        ("fourier", *periodic((9,)), *periodic((9,), 1.5), 3),
        ("fourier", *periodic((9,)), *periodic((5,)), 4),
        ("fourier", Axis.uniform(8, periodic=True, centering="cell"), *periodic((9,)), 3),
    ],
)
def test_other_axes_are_left_to_matrices(bases, axis, other, modes):
    assert not PrunedFFT.serves(axis_bases(bases, 1), (axis,), (other,), (modes,))

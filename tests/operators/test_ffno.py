import json

import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

import numpy as np  # noqa: E402
from torch.nn import functional  # noqa: E402

from nwidth.errors import InputError  # noqa: E402
from nwidth.meshes import Grid  # noqa: E402
from nwidth.operators import FFNO  # noqa: E402


def plainly(model, v, axes):
    """The formula of the docstring: every line of the grid on its own, then a small network."""
    d = model.dimension
    grids = torch.meshgrid(*[torch.tensor(a.points / a.length) for a in axes], indexing="ij")
    x = torch.cat([v, torch.stack(grids).expand(len(v), *[-1] * (d + 1))], 1).movedim(1, -1)
    h = model.lift(x)
    for k in range(model.layers):
        total = torch.zeros_like(h)
        for a, axis in enumerate(axes):
            convolution = model.convolutions[k * d + a]
            lines = h.movedim(a + 1, 1)
            out = torch.empty_like(lines)
            for at in np.ndindex(*lines.shape[2:-1]):
                index = (slice(None), slice(None), *at)
                out[index] = convolution(lines[index].mT, (axis,)).mT
            total += out.movedim(1, a + 1)
        h = h + functional.gelu(model.outer[k](functional.gelu(model.inner[k](total))))
    u = model.output(functional.gelu(model.hidden(h))).movedim(-1, 1)
    for k, wall in enumerate(model.dirichlet):
        s = torch.tensor(axes[k].points).view(-1, *[1] * (d - 1 - k))
        u = u * 4 * s * (1 - s) if wall else u
    return u


@pytest.mark.parametrize(
    ("sizes", "options"),
    [((9,), {}), ((5, 6), {"dirichlet": (True, False)}), ((3, 4, 5), {"padding": 1.0})],
)
def test_agrees_with_the_formula(sizes, options):
    model = FFNO(2, 1, (2,) * len(sizes), width=4, layers=2, **options).double()
    axes, v = Grid.uniform(sizes).axes, torch.randn(2, 2, *sizes).double()
    with torch.no_grad():
        for convolution in model.convolutions:
            convolution.weight *= 20
        wanted = plainly(model, v, axes)
        assert torch.allclose(model(v, axes), wanted, atol=1e-13)
        single = model.float()(v.float(), axes)
    assert single.dtype == torch.float32 and torch.allclose(single.double(), wanted, atol=1e-5)


def test_weights_grow_with_the_sum_of_the_modes():
    def numbers(m):
        return sum(p.numel() for p in FFNO(modes=(m, m, m), width=4, layers=1).parameters())

    assert numbers(9) - numbers(8) == 3 * 2 * 4 * 4


def test_is_rebuilt_from_its_description():
    model = FFNO(1, 2, (3, 2), width=6, layers=2, seed=4, dirichlet=(True, False))
    again = FFNO.from_description(json.loads(json.dumps(model.describe())))
    assert again.describe() == model.describe()
    for ours, theirs in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_settings_and_grids_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="FFNO: expansion: expected"):
        FFNO(expansion=0)
    with pytest.raises(InputError, match=r"FFNO: expected no more modes .* use at most \(5, 5\)"):
        FFNO(modes=(6, 5), padding=0.0).check(Grid.uniform((10, 11)).axes)

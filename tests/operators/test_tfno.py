import json

import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

from nwidth.errors import InputError  # noqa: E402
from nwidth.meshes import Grid  # noqa: E402
from nwidth.operators import FNO, TFNO  # noqa: E402
from nwidth.operators.tfno import TuckerWeight  # noqa: E402


@pytest.mark.parametrize("sizes", [(9,), (8, 9), (5, 6, 7)])
def test_is_the_fno_of_its_products(sizes):
    """Weights multiplied out, letter by letter, and put into a plain network."""
    settings = {"width": 4, "layers": 2, "dirichlet": True}
    model = TFNO(2, 1, (2,) * len(sizes), rank=0.6, **settings).double()
    plain = FNO(2, 1, (2,) * len(sizes), projection=16, **settings).double()
    letters, small = "klmio"[3 - len(sizes) :], "KLMIO"[3 - len(sizes) :]
    pairs = ",".join(a + b for a, b in zip(letters, small, strict=True))
    state = {n: w for n, w in model.state_dict().items() if "parametrizations" not in n}
    for k, convolution in enumerate(model.convolutions):
        core, *factors = convolution.parametrizations.weight.parameters()
        whole = torch.einsum(f"p{small},{pairs}->p{letters}", core, *factors)
        state[f"convolutions.{k}.weight"] = whole
    plain.load_state_dict(state)
    axes, v = Grid.uniform(sizes).axes, torch.randn(2, 2, *sizes).double()
    wanted = plain(v, axes)
    assert torch.allclose(model(v, axes), wanted, atol=1e-13)
    single = model.float()(v.float(), axes)
    assert single.dtype == torch.float32 and torch.allclose(single.double(), wanted, atol=1e-5)


def test_decomposition_keeps_the_norm_and_weights_of_low_rank():
    torch.manual_seed(0)
    weight = torch.randn(2, 6, 11, 8, 8).double()
    half = TuckerWeight(0.5)
    core, *factors = half.right_inverse(weight)
    assert core.shape == (2, 3, 6, 4, 4)
    product = half(core, *factors)
    assert abs(product.norm() / weight.norm() - 1) < 1e-12
    assert torch.allclose(half(*half.right_inverse(product)), product, atol=1e-10)


def test_learns_and_is_rebuilt_from_its_description():
    model = TFNO(1, 1, (3, 3), rank=0.5, width=6, layers=2, seed=4)
    again = TFNO.from_description(json.loads(json.dumps(model.describe())))
    assert again.describe() == model.describe()
    for ours, theirs in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    model(torch.randn(2, 1, 9, 8), Grid.uniform((9, 8)).axes).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_settings_and_grids_that_do_not_fit_are_refused():
    for rank in (0.0, 1.5, "half"):
        with pytest.raises(InputError, match="TFNO: rank: expected"):
            TFNO(rank=rank)
    with pytest.raises(InputError, match=r"TFNO: expected no more modes .* use at most \(5, 5\)"):
        TFNO(modes=(6, 5), padding=0.0).check(Grid.uniform((10, 11)).axes)

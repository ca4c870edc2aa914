import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

from nwidth.errors import InputError  # noqa: E402
from nwidth.meshes import Grid  # noqa: E402
from nwidth.operators import FNO  # noqa: E402
from nwidth.operators.training.mixed_precision import (  # noqa: E402
    has_bf16,
    in_full_precision,
    mixed,
    require_precision,
)

CPU = torch.device("cpu")
HOME = "nwidth.operators.training.mixed_precision"


def gradients(precision):
    network = FNO(1, 1, (3, 3), width=8, layers=2, projection=8)
    axes = Grid.uniform((9, 9)).axes
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        v = torch.randn(2, 1, 9, 9)
    with mixed(precision, CPU):
        u = network(v, axes)
        loss = u.float().square().mean()
    loss.backward()
    return loss.item(), [p.grad for p in network.parameters()]


def test_gradients_in_mixed_precision_are_close():
    """Whatever the processor: products are emulated where it has none."""
    (full, exact), (half, rounded) = gradients("full"), gradients("bf16")
    assert half == pytest.approx(full, rel=0.05) and half != full
    for a, b in zip(exact, rounded, strict=True):
        assert a.dtype == b.dtype == torch.float32
        assert torch.linalg.vector_norm(a - b) < 0.05 * torch.linalg.vector_norm(a)


def test_what_is_kept_out_is_exact():
    @in_full_precision
    def product(a, *, b):
        return a @ b

    a, b = torch.full((2, 2), 1 / 3), torch.full((2, 2), 0.7)
    exact = a @ b
    with mixed("bf16", CPU):
        assert torch.equal(product(a, b=b), exact) and not torch.equal((a @ b).float(), exact)
        assert product(a.bfloat16(), b=b).dtype == torch.float32
        assert (a @ b).dtype == torch.bfloat16
    assert product(a.double(), b=b.double()).dtype == torch.float64


def test_precisions_that_are_not_there_are_refused(monkeypatch):
    assert require_precision("full", torch.float64, CPU) == "full"
    with pytest.raises(InputError, match=r"expected a network in float32.*got float64"):
        require_precision("bf16", torch.float64, CPU)
    with pytest.raises(InputError, match="expected precision to be one of full, bf16"):
        require_precision("half", torch.float32, CPU)
    monkeypatch.setattr(f"{HOME}._processor", lambda: "flags: sse2")
    assert not has_bf16(CPU)
    with pytest.raises(InputError, match="expected a device with bfloat16 products"):
        require_precision("bf16", torch.float32, CPU)
    monkeypatch.setattr(f"{HOME}._processor", lambda: "flags: avx512_bf16")
    assert require_precision("bf16", torch.float32, CPU) == "bf16"

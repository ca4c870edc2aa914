import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

from nwidth.errors import InputError  # noqa: E402
from nwidth.meshes import Grid  # noqa: E402
from nwidth.operators import OperatorNetwork  # noqa: E402


class Doubling(OperatorNetwork):
    """The smallest network there can be."""

    def __init__(self, channels=1):
        super().__init__()
        self.in_channels = self.out_channels = channels
        self.dimension = 2
        self.factor = torch.nn.Parameter(torch.tensor(2.0))

    def forward(self, v, axes, /):
        self.require_fields(v, axes)
        return self.factor * v

    def describe(self):
        return {"channels": self.in_channels}


AXES = Grid.uniform((4, 5)).axes


def test_a_network_is_rebuilt_from_its_description():
    again = Doubling.from_description(Doubling(3).describe())
    assert (again.in_channels, again.dirichlet, again.resolution_invariant) == (3, (), True)
    again.check(AXES)
    assert torch.equal(again(torch.ones(2, 3, 4, 5), AXES), torch.full((2, 3, 4, 5), 2.0))


def test_descriptions_of_others_are_refused():
    with pytest.raises(InputError, match=r"the settings of a Doubling.*colour"):
        Doubling.from_description({"colour": 1})


@pytest.mark.parametrize(
    ("v", "axes", "what"),
    [
        (torch.ones(2, 2, 4, 5), AXES, r"\(batch, 1, grid of 2 axes\).*got \(2, 2, 4, 5\)"),
        (torch.ones(2, 1, 5, 4), AXES, r"got \(2, 1, 5, 4\) on \[4, 5\]"),
        (torch.ones(2, 1, 4), AXES[:1], "expected 2 axes"),
        (torch.ones(2, 1, 4, 5).double(), AXES, "expected float32.*got float64; convert"),
        ([[1.0]], AXES, "expected a tensor, got list"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(v, axes, what):
    with pytest.raises(InputError, match=f"Doubling: .*{what}"):
        Doubling()(v, axes)


def test_devices_that_are_not_there_are_told(monkeypatch):
    network = Doubling()
    assert network.on_device("cpu") is network
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match=r"got 'cuda', and PyTorch.* sees no GPUs; take 'cpu'"):
        network.on_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(InputError, match=r"got 'cuda:1', and PyTorch.* sees 1 GPU;"):
        network.on_device("cuda:1")
    for wrong in ("tpu", "cuda:x", "", None, 0):
        with pytest.raises(InputError, match="expected a device like 'cpu'"):
            network.on_device(wrong)

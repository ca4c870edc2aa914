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
        (torch.ones(2, 1, 4), AXES[:1], "grid of 2 axes"),
        (torch.ones(2, 1, 4, 5).double(), AXES, "expected float32.*got float64; convert"),
        ([[1.0]], AXES, "expected a tensor, got list"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(v, axes, what):
    with pytest.raises(InputError, match=f"Doubling: .*{what}"):
        Doubling()(v, axes)

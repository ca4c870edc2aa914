import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

import numpy as np  # noqa: E402

from nwidth.errors import InputError  # noqa: E402
from nwidth.meshes import Grid  # noqa: E402
from nwidth.operators import TFNO  # noqa: E402
from nwidth.operators.layered_network import LayeredNetwork  # noqa: E402


class Identity(LayeredNetwork):
    """Layers that do nothing: what is left are lifting, coordinates, projection and walls."""

    def __init__(self, **options):
        settings = {"width": 4, "layers": 2, "projection": 5, "coordinates": True, "seed": 3}
        super().__init__(1, 1, (2, 2), **{**settings, "dirichlet": False, **options})
        self._assemble(torch.nn.Identity)

    def _layer(self, k, x, axes):
        return x

    def describe(self):
        return {}


@pytest.mark.parametrize("periodic", [False, True])
def test_lifts_coordinates_that_are_functions_of_the_box(periodic):
    """One point of two grids has one value, whatever lies around it."""
    network = Identity(dirichlet=(True, False)).double()
    fields = []
    for n in (8, 24):
        axes = Grid.uniform((n + (not periodic),) * 2, 1.0, 3.0, periodic=periodic).axes
        v = torch.tensor(np.add.outer(axes[0].points, axes[1].points ** 2))[None, None]
        fields.append(network(v, axes)[0, 0, :: n // 8, :: n // 8])
    assert torch.allclose(*fields, atol=1e-14) and fields[0].std() > 1e-3
    assert not fields[0][0].any()


def test_the_seed_is_all_that_decides():
    before = torch.get_rng_state()
    one, other = Identity(), Identity()
    assert torch.equal(before, torch.get_rng_state())
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize(
    "settings",
    [{"width": 0}, {"dirichlet": (True,)}, {"coordinates": 1}, {"layers": 1.5}, {"seed": -1}],
)
def test_settings_out_of_range_name_the_network(settings):
    with pytest.raises(InputError, match=f"Identity: {next(iter(settings))}: expected"):
        Identity(**settings)


@pytest.mark.parametrize("kind", [int, np.int64])
def test_the_projection_is_four_times_as_wide_if_nothing_is_said(kind):
    for network in (Identity(width=kind(6), projection=None), TFNO(width=kind(6), modes=(2,))):
        assert network.projection == network.hidden.out_features == 24
        assert network.describe().get("width", 6) == 6


def test_settings_are_those_that_rebuild_it():
    network = Identity(dirichlet=(True, False))
    assert network.settings() == {
        "in_channels": 1,
        "out_channels": 1,
        "modes": [2, 2],
        "width": 4,
        "layers": 2,
        "coordinates": True,
        "dirichlet": [True, False],
        "seed": 3,
    }

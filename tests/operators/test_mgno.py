import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

from nwidth.errors import InputError  # noqa: E402
from nwidth.meshes import Axis, Grid  # noqa: E402
from nwidth.operators import LearnedCycle, MgNO, NeuralOperator, TrainingOptions  # noqa: E402
from nwidth.operators.training.augmentation import Augmentation  # noqa: E402

SMALL = {"width": 4, "layers": 2}


def count(network):
    return sum(p.numel() for p in network.parameters())


def test_parameters_of_the_published_networks():
    """MgNO_DC_smooth and MgNO_DC of the authors' models.py, github.com/xlliu2017/MgNO.

    Settings of their README: 24 channels, iterations [1, 0] on five levels and [2, 0] on the last.
    """
    smooth = MgNO(cycle=LearnedCycle(levels=6, prolongation=(3, 4, 3, 3, 4)), width=24, layers=5)
    rough = MgNO(cycle=LearnedCycle(levels=6, prolongation=4), width=24, layers=4)
    assert count(smooth) == 678_093
    assert count(rough) == 572_661


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("sizes", "boundary"),
    [
        ((21,), "dirichlet"),
        ((13, 10), ("dirichlet", "neumann")),
        ((16, 9), ("periodic", "zeros")),
        ((7, 6, 5), ("neumann", "periodic", "dirichlet")),
        ((421, 3), "dirichlet"),
    ],
    ids=str,
)
def test_any_grid_and_boundary(sizes, boundary, dtype):
    words = (boundary,) * len(sizes) if isinstance(boundary, str) else boundary
    axes = tuple(
        Axis.uniform(n, periodic=word == "periodic") for n, word in zip(sizes, words, strict=True)
    )
    cycle = LearnedCycle(levels=3)
    network = MgNO(2, 3, cycle, dimension=len(sizes), boundary=boundary, **SMALL).to(dtype)
    u = network(torch.randn(2, 2, *sizes, dtype=dtype), axes)
    assert u.shape == (2, 3, *sizes)
    assert u.dtype == dtype
    for k, word in enumerate(words):
        ends = u.movedim(k + 2, -1)[..., [0, -1]]
        assert (ends == 0).all() == (word == "dirichlet")
    u.square().mean().backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)


def test_periodic_networks_commute_with_shifts_of_the_coarsest_spacing():
    axes = Grid.periodic((16, 16)).axes
    network = MgNO(cycle=LearnedCycle(levels=4), boundary="periodic", **SMALL).double()
    v = torch.randn(2, 1, 16, 16, dtype=torch.float64)
    shifted = network(v.roll((8, 8), (2, 3)), axes)
    torch.testing.assert_close(shifted, network(v, axes).roll((8, 8), (2, 3)))


@pytest.mark.parametrize(("centering", "levels"), [("node", 2), ("cell", 1)])
def test_even_continuation_is_that_of_the_axis(centering, levels):
    """With even stencils, a network on an interval is the periodic one on it and its image."""
    cycle = LearnedCycle(levels=levels, counted_from="finest")
    settings = {"dimension": 1, "cycle": cycle, **SMALL}
    network = MgNO(boundary="neumann", **settings).double()
    periodic = MgNO(boundary="periodic", **settings).double()
    with torch.no_grad():
        for p in network.parameters():
            p.copy_((p + p.flip(-1)) / 2 if p.ndim == 3 else p)
    periodic.load_state_dict(network.state_dict())
    n = 5
    v = torch.randn(2, 1, n, dtype=torch.float64)
    image = v.flip(-1)[..., 1:-1] if centering == "node" else v.flip(-1)
    twice = torch.cat([v, image], -1)
    u = network(v, (Axis.uniform(n, centering=centering),))
    w = periodic(twice, (Axis.uniform(twice.shape[-1], periodic=True, centering=centering),))
    torch.testing.assert_close(u, w[..., :n])


def test_training_on_half_the_points_is_training_on_all():
    """The finest level begins as interpolation: a grid twice as fine has the same values."""
    coarse, fine = Grid.uniform((9, 9)), Grid.uniform((17, 17))
    network = MgNO(cycle=LearnedCycle(levels=3), **SMALL).double()
    network.check(fine.axes)
    a = torch.randn(2, 1, 17, 17, dtype=torch.float64)
    torch.testing.assert_close(
        network(a, fine.axes)[..., ::2, ::2], network(a[..., ::2, ::2], coarse.axes)
    )


def test_grids_that_do_not_halve_to_the_own_are_carried_over():
    network = MgNO(cycle=LearnedCycle(levels=3), points=17, **SMALL).double()
    plain = MgNO(cycle=LearnedCycle(levels=3), **SMALL).double()
    for n in (9, 17, 33):
        axes = Grid.uniform((n, n)).axes
        a = torch.randn(1, 1, n, n, dtype=torch.float64)
        assert torch.equal(network(a, axes), plain(a, axes))
    own, other = Grid.uniform((17, 17)), Grid.uniform((25, 20))
    a = np.random.default_rng(0).normal(size=(2, 1, 25, 20))
    u = network(torch.tensor(a), other.axes)
    there = plain(torch.tensor(other.interpolate(a, own)), own.axes).detach().numpy()
    np.testing.assert_allclose(u.detach(), own.interpolate(there, other), atol=1e-12)
    assert (u[..., [0, -1]] == 0).all()
    network.check(other.axes)


def test_half_precision_is_near_and_ends_in_full():
    axes = Grid.uniform((12, 11)).axes
    network = MgNO(cycle=LearnedCycle(levels=2), points=(9, 9), **SMALL)
    a = torch.randn(2, 1, 12, 11)
    known = network(a, axes)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        u = network(a, axes)
    assert u.dtype == torch.float32
    assert 0 < (u - known).norm() < 0.03 * known.norm()
    u.sum().backward()
    assert all(p.grad is None or p.grad.dtype == torch.float32 for p in network.parameters())


def test_learns_and_survives_its_file(tiny_data, tmp_path):
    data = tiny_data(Grid.uniform((9, 9)), samples=16, dtype="float32")
    network = MgNO(cycle=LearnedCycle(levels=2, guess="zero"), width=8, layers=2)
    model = NeuralOperator(network, inputs="permeability", output="pressure")
    options = TrainingOptions(epochs=12, batch_size=4, learning_rate=5e-3, loss="h1")
    model.fit(data, options, augmentation=Augmentation(coarse=0.5, symmetries=True))
    history = model.history
    assert history[-1]["training_loss"] < 0.5 * history[0]["training_loss"]
    model.save(tmp_path / "model.h5")
    again = NeuralOperator.load(tmp_path / "model.h5")
    a = np.asarray(data["permeability"][:2])
    np.testing.assert_array_equal(
        again.predict({"permeability": a}), model.predict({"permeability": a})
    )
    assert again.model.describe() == network.describe()


def test_description_and_seed():
    network = MgNO(
        2, 1, LearnedCycle(levels=2), boundary=("periodic", "zeros"), points=(8, 9), seed=3, **SMALL
    )
    again = MgNO.from_description(json.loads(json.dumps(network.describe())))
    for a, b in zip(network.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)
    assert again.cycle == network.cycle


def test_bad_input_is_told():
    axes = Grid.uniform((9, 9)).axes
    network = MgNO(cycle=LearnedCycle(levels=2), **SMALL)
    network.check(axes)
    with pytest.raises(InputError, match="levels=2; use at most 1"):
        network.check(Grid.uniform((6, 6)).axes)
    with pytest.raises(InputError, match="suits the boundary 'dirichlet', but x is periodic"):
        network(torch.zeros(1, 1, 8, 8), Grid.periodic((8, 8)).axes)
    with pytest.raises(InputError, match="between the walls"):
        network(torch.zeros(1, 1, 2, 9), Grid.uniform((2, 9)).axes)
    with pytest.raises(InputError, match="expected shape"):
        network(torch.zeros(1, 2, 9, 9), axes)
    for settings, message in (
        ({"boundary": "robin"}, "dirichlet, zeros, neumann, periodic"),
        ({"boundary": ("zeros",)}, "one word or one for each of 2 axes"),
        ({"boundary": None}, "one word or one for each of 2 axes"),
        ({"dimension": 4}, "1, 2 or 3"),
        ({"width": 0}, "width"),
        ({"layers": 1.5}, "layers"),
        ({"cycle": 6}, "cycle"),
        ({"seed": -1}, "seed"),
        ({"points": 2}, "points"),
        ({"points": (9,)}, "one for each of 2 axes"),
    ):
        with pytest.raises(InputError, match=message):
            MgNO(**settings)

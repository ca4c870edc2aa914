"""What every network owes, whatever its layers: files, seeds, precisions, refinement, words."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

from nwidth import certify  # noqa: E402
from nwidth.errors import InputError  # noqa: E402
from nwidth.fields import FieldDataset  # noqa: E402
from nwidth.meshes import Axis, Grid  # noqa: E402
from nwidth.operators import (  # noqa: E402
    AutoregressiveOperator,
    LearningTask,
    NeuralOperator,
    OperatorNetwork,
    Rollout,
    SpaceTimeOperator,
    Trainer,
    TrainingOptions,
    relative_l2,
)
from nwidth.operators.architectures import ARCHITECTURES, architecture  # noqa: E402
from nwidth.operators.model_file import load_model, save_model  # noqa: E402
from nwidth.operators.training.mixed_precision import mixed  # noqa: E402
from nwidth.solvers import Darcy, solve  # noqa: E402


def box(k):
    """Nested grids of the unit square: 9, 17, 33 points per axis."""
    return Grid.uniform((8 * 2**k + 1, 8 * 2**k + 1)).axes


def strip(k):
    """Nested grids of an axis with ends and a periodic one."""
    n = 8 * 2**k
    return (Axis.uniform(n + 1), Axis.uniform(n, name="y", periodic=True))


# A small network of each kind, as arguments by name, and the grids it is tried on.
EXAMPLES = {
    "FNO": ({"modes": (3, 3), "width": 6, "layers": 2, "projection": 8}, box),
    "FFNO": ({"modes": (3, 3), "width": 6, "layers": 2}, box),
    "TFNO": ({"modes": (3, 3), "rank": 0.6, "width": 6, "layers": 2}, box),
    "GNO": ({"radius": 0.4, "width": 6, "layers": 2, "functions": 4, "hidden": 8}, box),
    "LNO": ({"rank": 2, "width": 6, "layers": 2, "functions": 8}, box),
    "MGNO": (
        {
            "levels": (40, 10),
            "radii": (0.3, 0.5, 1.5),
            "between": (0.5, 1.0),
            "width": 6,
            "layers": 2,
            "hidden": 8,
        },
        box,
    ),
    "MgNO": ({"cycle": {"levels": 2}, "width": 6, "layers": 2}, box),
    "NeuralSpectralNetwork": (
        {"points": (8, 8), "modes": (4, 3), "width": 6, "layers": 2, "projection": 8},
        strip,
    ),
    "T1": ({"modes": (4, 4), "width": 6, "layers": 2}, box),
}


def build(name, **changes):
    return architecture(name)(**{**EXAMPLES[name][0], **changes})


def functions(axes, samples=2, channels=1, dtype=torch.float32):
    """Smooth fields, the same functions on every grid."""
    x, y = np.meshgrid(*[axis.points for axis in axes], indexing="ij")
    y = 2 * np.pi * y if axes[1].periodic else y
    fields = [
        [np.sin(2 * x + k + c) * np.cos(y if axes[1].periodic else 2 * y) + 0.3 * k]
        for k in range(samples)
        for c in range(channels)
    ]
    v = np.array(fields).reshape(samples, channels, *x.shape)
    return torch.tensor(v, dtype=dtype)


def test_every_network_has_its_example():
    assert {*EXAMPLES} == {*ARCHITECTURES}


@pytest.fixture(params=[*ARCHITECTURES])
def name(request):
    return request.param


def test_files_and_descriptions_give_the_same_network(name, tmp_path):
    network, axes = build(name, in_channels=2, seed=5), EXAMPLES[name][1](0)
    assert (network.in_channels, network.out_channels, network.dimension) == (2, 1, 2)
    described = json.loads(json.dumps(network.describe()))
    again = type(network).from_description(described)
    assert again.describe() == network.describe()
    v = functions(axes, channels=2)
    with torch.no_grad():
        assert torch.equal(again(v, axes), network(v, axes))
        for p in network.parameters():
            p.mul_(1.01)
        save_model(tmp_path / "m.h5", "some-operator", network, {}, {})
        loaded, _, _ = load_model(tmp_path / "m.h5", "some-operator")
        assert torch.equal(loaded(v, axes), network(v, axes))
    with pytest.raises(InputError, match=f"settings of an? {name}"):
        type(network).from_description({**described, "colour": 1})


def test_seeds_decide_the_weights_and_nothing_else(name):
    before = torch.get_rng_state()
    one, same, other = build(name, seed=1), build(name, seed=1), build(name, seed=2)
    assert torch.equal(before, torch.get_rng_state())
    pairs = [*zip(one.parameters(), same.parameters(), other.parameters(), strict=True)]
    assert all(torch.equal(a, b) for a, b, _ in pairs)
    assert any(not torch.equal(a, c) for a, _, c in pairs)


def test_samples_do_not_influence_each_other(name):
    network, axes = build(name), EXAMPLES[name][1](0)
    v = functions(axes, samples=3)
    with torch.no_grad():
        together = network(v, axes)
        alone = torch.cat([network(v[k : k + 1], axes) for k in range(3)])
    assert together.shape == (3, 1, *v.shape[2:])
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-6)
    assert not torch.equal(together[0], together[1])


def test_what_are_no_fields_on_axes_is_refused_in_words(name):
    network, axes = build(name), EXAMPLES[name][1](0)
    v = functions(axes)
    for other in (Grid(axes), axes[:1], [axis.size for axis in axes], None):
        with pytest.raises(InputError, match=f"{name}: expected 2 axes, as `grid.axes`"):
            network(v, other)
    for other in (v[:0], v[:, :, 1:], v[0, 0], v.sum()):
        with pytest.raises(InputError, match=f"{name}: expected shape"):
            network(other, axes)
    with pytest.raises(InputError, match=f"{name}: expected a tensor, got ndarray"):
        network(v.numpy(), axes)


def test_both_precisions_agree(name):
    network, axes = build(name), EXAMPLES[name][1](0)
    v = functions(axes, dtype=torch.float64)
    with torch.no_grad():
        single = network(v.float(), axes)
        double = network.double()(v, axes)
    assert (single.dtype, double.dtype) == (torch.float32, torch.float64)
    torch.testing.assert_close(single.double(), double, rtol=1e-3, atol=1e-4 * float(v.abs().max()))


def test_mixed_precision_is_close_to_full(name):
    """Products in bfloat16 have errors of some 1e-2; transforms must not."""
    network, axes = build(name), EXAMPLES[name][1](0)
    v, found = functions(axes), []
    for precision in ("full", "bf16"):
        network.zero_grad()
        with mixed(precision, torch.device("cpu")):
            u = network(v, axes)
        u.float().square().sum().backward()
        found.append([u.detach().float(), *(p.grad.clone() for p in network.parameters())])
    for full, half in zip(*found, strict=True):
        assert half.dtype == torch.float32
        assert (half - full).norm() <= 0.1 * full.norm() + 1e-6


def test_refinement_settles_where_it_is_claimed(name):
    network, grids = build(name).double(), EXAMPLES[name][1]
    if not network.resolution_invariant:
        pytest.skip(f"{name} claims no resolution invariance")
    with torch.no_grad():
        outputs = [
            network(functions(grids(k), dtype=torch.float64), grids(k))[..., :: 2**k, :: 2**k]
            for k in range(3)
        ]
    size = outputs[2].norm()
    first = float((outputs[1] - outputs[0]).norm() / size)
    second = float((outputs[2] - outputs[1]).norm() / size)
    assert second < 1e-10 or second < 0.7 * first, (first, second)
    assert second < 0.1


class Smoothing(LearningTask):
    """Two functions and what shall become of them."""

    def __init__(self, axes):
        self.axes, self.v = axes, functions(axes, samples=4)
        self.u = 0.5 * self.v.flip(0) ** 2

    def __len__(self):
        return 4

    def losses(self, model, positions, when):
        return self.errors(model, positions)

    def errors(self, model, positions):
        return relative_l2(model(self.v[positions], self.axes), self.u[positions], self.axes)

    def describe(self):
        return {}


def test_a_short_training_lowers_the_loss(name):
    network = build(name)
    task = Smoothing(EXAMPLES[name][1](0))
    task.losses(network, np.arange(4), None).mean().backward()
    gradients = [p.grad for p in network.parameters()]
    assert all(g is not None and torch.isfinite(g).all() for g in gradients)
    options = TrainingOptions(epochs=15, batch_size=2, learning_rate=5e-3)
    history = Trainer(network, options, task).run().history
    assert history[-1]["training_loss"] < 0.9 * history[0]["training_loss"]


def test_tensors_that_do_not_fit_are_refused_in_words(name):
    network, axes = build(name), EXAMPLES[name][1](0)
    v = functions(axes)
    for wrong, grid in (
        (torch.cat([v, v], 1), axes),
        (v[..., :-1, :], axes),
        (v[..., 0], axes[:1]),
        (v[0], axes),
        (v.double(), axes),
        (v.numpy(), axes),
    ):
        with pytest.raises(InputError, match="expected"):
            network(wrong, grid)


def test_settings_that_make_no_sense_are_refused_in_words(name):
    for argument in ("in_channels", "out_channels", "width", "layers", "seed"):
        for wrong in (0, -1, 1.5, "x", None, True, [1]):
            if (argument, wrong) == ("seed", 0):
                continue
            with pytest.raises(InputError, match="expected"):
                build(name, **{argument: wrong})


def test_it_is_a_network(name):
    assert isinstance(build(name), OperatorNetwork)
    build(name).check(EXAMPLES[name][1](0))


def test_the_bound_is_at_least_the_error_of_every_network(name, tmp_path):
    problem = Darcy(Grid(EXAMPLES[name][1](0)))
    rng = np.random.default_rng(0)
    a = np.exp(rng.standard_normal((6, *problem.grid.shape)))
    u = np.stack([solve(problem, {"permeability": k}, 1e-11).checked().u for k in a])
    fields = {"permeability": "1", "pressure": "1"}
    with FieldDataset.create(tmp_path / "darcy.h5", problem.grid, fields) as data:
        data.extend({"permeability": a, "pressure": u})
        data.finish()
        model = NeuralOperator(build(name), inputs="permeability", output="pressure")
        model.fit(data, TrainingOptions(epochs=1, batch_size=6, validation=0.0))
    raw = model.predict({"permeability": a})
    found = certify(model, problem).predict({"permeability": a}, rtol=1e-4).checked()
    for i in range(len(a)):
        operator = problem.operator({"permeability": a[i]})
        size, before, after = (
            np.sqrt(operator.energy(problem.unknowns(e)))
            for e in (u[i], u[i] - raw[i], u[i] - found.u[i])
        )
        assert before <= found.bound_before[i] * size * (1 + 1e-9)
        assert after <= found.bound[i] * size * (1 + 1e-9) and found.bound[i] <= 1e-4


IN_TIME = TrainingOptions(epochs=1, batch_size=2, validation=0.34)


@pytest.fixture
def flow(tmp_path):
    """A function that writes waves that move and fade, on a grid, at some times."""

    def write(grid, times):
        t = np.asarray(times).reshape(-1, *[1] * grid.dimension)
        x = sum(grid.coordinates())
        u = [np.exp(-t) * np.sin(2 * np.pi * (x - t) + k) for k in range(3)]
        data = FieldDataset.create(tmp_path / "flow.h5", grid, {"u": "1"}, times=times)
        data.extend({"u": np.stack(u)})
        return data

    return write


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_map_from_state_to_state_can_be_learned(name, flow, tmp_path):
    grid = Grid(EXAMPLES[name][1](0))
    with flow(grid, np.arange(5) / 8) as data:
        model = AutoregressiveOperator(build(name), fields="u")
        model.fit(data, IN_TIME, rollout=Rollout("pushforward", steps=2, windows=1))
        first = {"u": data["u"][:, :1]}
        found = model.predict(first, steps=3)["u"]
    assert found.shape == (3, 3, *grid.shape) and np.isfinite(found).all()
    model.save(tmp_path / "m.h5")
    again = AutoregressiveOperator.load(tmp_path / "m.h5").predict(first, steps=3)["u"]
    np.testing.assert_array_equal(found, again)


@pytest.mark.parametrize("name", EXAMPLES)
def test_time_can_be_an_axis(name, flow, tmp_path):
    time, x = EXAMPLES[name][1](0)
    grid = Grid((x,))
    with flow(grid, np.arange(time.size + 1) / 8) as data:
        model = SpaceTimeOperator(build(name), fields="u").fit(data, IN_TIME)
        first = {"u": data["u"][:, :1]}
        found = model.predict(first)["u"]
    assert found.shape == (3, time.size, *grid.shape) and np.isfinite(found).all()
    model.save(tmp_path / "m.h5")
    np.testing.assert_array_equal(
        found, SpaceTimeOperator.load(tmp_path / "m.h5").predict(first)["u"]
    )

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

from torch.nn import functional  # noqa: E402

from nwidth.errors import InputError  # noqa: E402
from nwidth.meshes import Axis, Grid  # noqa: E402
from nwidth.operators import T1, NeuralOperator, TrainingOptions  # noqa: E402

CASES = [
    ((7,), (4,), "cosine", False),
    ((8, 9), (3, 2), ("fourier", "fourier"), True),
    ((7, 8, 6), (3, 2, 2), "cosine", False),
]


def started(*arguments, **options):
    """A network whose last layer does not begin at zero."""
    model = T1(*arguments, **{"width": 5, "layers": 3, **options}).double()
    torch.manual_seed(1)
    torch.nn.init.normal_(model.head)
    torch.nn.init.normal_(model.shift)
    return model


def plainly(model, v, axes):
    """The formula of the docstring, transforms by sums over points, mode by mode."""
    d = model.dimension
    unit = [(a.points - a.lower) / a.length for a in axes]
    functions = []
    for s, m, word in zip(unit, model.modes, model.bases, strict=True):
        waves = [np.ones_like(s)]
        for k in range(1, m):
            if word == "cosine":
                waves.append(np.sqrt(2) * np.cos(np.pi * k * s))
            else:
                waves += [
                    np.sqrt(2) * np.cos(2 * np.pi * k * s),
                    -np.sqrt(2) * np.sin(2 * np.pi * k * s),
                ]
        functions.append(torch.tensor(np.array(waves)))
    points, modes = "xyz"[:d], "klm"[:d]
    pairs = ",".join(f"{k}{x}" for k, x in zip(modes, points, strict=True))
    weighted = [f * torch.tensor(a.widths / a.length) for f, a in zip(functions, axes, strict=True)]
    c = torch.einsum(f"{pairs},bc{points}->bc{modes}", *weighted, v)
    root = np.prod(model.sizes) ** 0.5
    z = torch.einsum(f"bc{modes},cw->bw{modes}", c, model.lift)
    z = root * (z + model.shift[:, 0].t().reshape(-1, *model.sizes))
    for mixer, bias, exchange in zip(model.mixers, model.biases, model.exchanges, strict=True):
        r = mixer.view(*model.sizes, model.width, model.width)
        y = torch.einsum(f"bw{modes},{modes}wv->bv{modes}", z, r)
        y = functional.gelu(y + bias[:, 0].t().reshape(-1, *model.sizes))
        for k, matrix in zip(modes, exchange, strict=True):
            y = torch.einsum(f"bw{modes},wn{k}->bw{modes.replace(k, 'n')}", y, matrix)
        z = z + y
    u = torch.einsum(f"bw{modes},wo->bo{modes}", z, model.head) / root
    return torch.einsum(f"{pairs},bo{modes}->bo{points}", *functions, u)


@pytest.mark.parametrize(("sizes", "modes", "bases", "periodic"), CASES)
def test_agrees_with_the_formula(sizes, modes, bases, periodic):
    axes = Grid.uniform(sizes, 1.0, 3.0, periodic=periodic).axes
    model = started(2, 3, modes, bases=bases)
    v = torch.randn(4, 2, *sizes).double()
    wanted = plainly(model, v, axes)
    assert torch.allclose(model(v, axes), wanted, atol=1e-12 * wanted.abs().max().item())
    single = model.float()(v.float(), axes)
    assert single.dtype == torch.float32
    assert torch.allclose(single.double(), wanted, atol=1e-4 * wanted.abs().max().item())


@pytest.mark.parametrize("kind", ["fourier", "cosine", "sine"])
def test_is_one_function_on_every_grid(kind):
    """On band-limited input to round-off: 12 and 25 points, odd and even, and cells."""
    model = started(1, 1, (4,), bases=kind)
    options = {"periodic": True} if kind == "fourier" else {}
    axes = [Axis.uniform(n, 1.0, 3.0, **options) for n in (12, 25)]
    if kind != "fourier":
        axes.append(Axis.uniform(11, 1.0, 3.0, centering="cell"))
    coefficients = torch.randn(2, 1, *model.sizes).double()
    found = []
    for axis in axes:
        out = model(model.synthesis(coefficients, (axis,)), (axis,))
        found.append(model.analysis(out, (axis,)))
    for other in found[1:]:
        assert torch.allclose(found[0], other, atol=1e-12 * found[0].abs().max().item())


def test_sines_vanish_at_walls():
    axes = Grid.uniform((9, 12), -0.3, 0.7).axes
    model = started(1, 1, (3, 4), bases="cosine", output_bases=("cosine", "sine"))
    u = model(torch.rand(2, 1, 9, 12).double(), axes)
    assert model.dirichlet == (False, True)
    assert not u[..., 0].any() and not u[..., -1].any() and u[..., 0, 1:-1].abs().min() > 0


def test_variance_is_kept_through_all_layers_at_the_start():
    for layers in (2, 12):
        model = T1(3, 1, (12, 12), width=48, layers=layers)
        grid = Grid.uniform((32, 32), centering="cell")
        white = torch.randn(40, 3, 12, 12) / 12  # all energy within the modes, variance 1
        v = model.synthesis(white, grid.axes)
        assert abs(v.square().mean() - 1) < 0.05
        z = 12 * torch.matmul(model.analysis(v, grid.axes).flatten(2).permute(2, 0, 1), model.lift)
        variances = [z.square().mean().item()]
        for mixer, bias, exchange in zip(model.mixers, model.biases, model.exchanges, strict=True):
            y = functional.gelu(torch.baddbmm(bias, z, mixer))
            z = z + model._exchanged(y, exchange)
            variances.append(z.square().mean().item())
        assert 0.6 < variances[0] < 1.5
        assert 1.2 < variances[-1] / variances[0] < 2.2


def test_starts_at_zero_and_learns_without_any_transform_of_a_batch(tiny_data, monkeypatch):
    dataset = tiny_data(samples=12)
    model = T1(1, 1, (2, 2), output_bases="sine", width=8, layers=2)
    assert model(torch.rand(1, 1, 9, 9), dataset.grid.axes).abs().max() < 1e-6
    calls = []
    analysis = T1.analysis
    monkeypatch.setattr(T1, "analysis", lambda *a, **k: calls.append(1) or analysis(*a, **k))
    monkeypatch.setattr(T1, "synthesis", lambda *a, **k: pytest.fail("an inverse transform"))
    operator = NeuralOperator(model, inputs="permeability", output="pressure")
    options = TrainingOptions(epochs=60, batch_size=4, learning_rate=2e-2, validation=0.25)
    operator.fit(dataset, options)
    assert len(calls) == 4  # input and target, of the samples to learn from and of those held out
    monkeypatch.undo()
    assert operator.evaluate(dataset)["relative_l2_mean"] < 0.15


def test_description_rebuilds_the_same_network():
    model = T1(2, 1, (4, 3), bases="cosine", output_bases=("sine", "cosine"), width=6, seed=5)
    described = json.loads(json.dumps(model.describe()))
    again = T1.from_description(described)
    assert again.describe() == described
    for ours, theirs in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize(
    "settings",
    [
        {"modes": ()},
        {"modes": (0,)},
        {"modes": "ab"},
        {"modes": (2, 2, 2, 2)},
        {"bases": "chebyshev"},
        {"bases": ("cosine",)},
        {"bases": "cosine", "output_bases": "fourier"},
        {"width": 0},
        {"layers": 0},
        {"in_channels": True},
        {"seed": -1},
    ],
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(InputError, match="expected"):
        T1(**{"modes": (3, 3), **settings})


def test_grids_that_resolve_too_few_modes_are_refused():
    with pytest.raises(InputError, match="at most 9 modes"):
        T1(modes=(4, 12)).check(Grid.uniform((9, 9)).axes)
    with pytest.raises(InputError, match="use 'fourier' on periodic axes"):
        T1(modes=(2, 2)).check(Grid.periodic((9, 9)).axes)
    with pytest.raises(InputError, match="T1: expected shape"):
        T1(modes=(2, 2))(torch.zeros(1, 2, 9, 9), Grid.uniform((9, 9)).axes)


def test_values_of_other_shapes_are_refused():
    model, axes = T1(modes=(2, 3), width=4, layers=1), Grid.uniform((9, 8)).axes
    with pytest.raises(InputError, match=r"functions .* 9, 8\), got \(1, 9, 8\)"):
        model.analysis(torch.zeros(1, 9, 8), axes)
    with pytest.raises(InputError, match=r"coefficients .* \(batch, channels, 2, 3\)"):
        model.synthesis(torch.zeros(1, 1, 3, 3), axes)
    with pytest.raises(InputError, match=r"coefficients .* \(batch, 1, 2, 3\), got \(1, 2, 2, 3\)"):
        model.coefficients(torch.zeros(1, 2, 2, 3))
    with pytest.raises(InputError, match=r"T1: expected 2 axes"):
        model.check(axes[:1])

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

from nwidth.errors import InputError, NonFiniteError  # noqa: E402
from nwidth.fields import Field  # noqa: E402
from nwidth.meshes import Grid  # noqa: E402
from nwidth.operators.in_time import state_windows  # noqa: E402
from nwidth.operators.in_time.state_windows import StateWindows  # noqa: E402
from nwidth.operators.training.normalizer import Normalizer  # noqa: E402

NORMALIZERS = {
    "tracer": Normalizer(1.0, 2.0),
    "velocity": Normalizer(0.0, 4.0),
    "depth": Normalizer(3.0, 1.0),
    "force": Normalizer(0.0, 2.0),
}
FORCE = np.arange(8.0 * 6).reshape(8, 6)


@pytest.fixture
def mixed(flow_data):
    """A scalar, a vector and a constant field on a plane, at seven times."""
    rng = np.random.default_rng(0)
    fields = {
        "tracer": rng.normal(size=(5, 7, 8, 6)),
        "velocity": rng.normal(size=(5, 7, 8, 6, 2)),
        "depth": rng.normal(size=(5, 8, 6)),
    }
    layout = {"tracer": "kg", "velocity": Field("m/s", (2,)), "depth": Field("m", constant=True)}
    grid = Grid.periodic((8, 6))
    return flow_data(times=np.arange(7.0), fields=fields, layout=layout, grid=grid)


def windows_of(dataset, budget=1 << 31, samples=(0, 2, 3), **options):
    return StateWindows(
        dataset,
        ("tracer", "velocity"),
        ("depth",),
        np.array(samples),
        NORMALIZERS,
        torch.zeros(1, dtype=torch.float64),
        shared={"force": FORCE},
        budget=budget,
        **options,
    )


def test_windows_hold_the_normalized_states_in_order(mixed):
    data = windows_of(mixed)
    states = data.states(np.array([2, 0]), np.array([1, 4]), 3, 1)
    assert states.shape == (2, 3, 3, 8, 6) and len(data) == 3 and data.length == 7
    for row, (sample, first) in enumerate(((3, 1), (0, 4))):
        when = slice(first, first + 3)
        tracer, velocity = mixed["tracer"][sample, when], mixed["velocity"][sample, when]
        np.testing.assert_allclose(states[row, :, 0], (tracer - 1) / 2)
        np.testing.assert_allclose(states[row, :, 1:], np.moveaxis(velocity, -1, 1) / 4)
    constants = data.unchanging(np.array([2, 0]), 1)
    np.testing.assert_allclose(constants[:, 0], mixed["depth"][[3, 0]] - 3)
    np.testing.assert_allclose(constants[:, 1], np.stack([FORCE / 2] * 2))
    np.testing.assert_allclose(data.shift.flatten(), [0.5, 0.0, 0.0])
    assert torch.equal(data.near, data.shift) and data.level == 0.0


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("factor", [1, 2])
def test_windows_from_the_file_are_those_from_memory(mixed, monkeypatch, stride, factor):
    monkeypatch.setattr(state_windows, "_BLOCK_BYTES", 1)
    held, read = (windows_of(mixed, b, stride=stride) for b in (1 << 31, 0))
    positions, starts = np.array([1, 2, 1]), np.array([0, 1, 2])
    for one, other in (
        (held.states(positions, starts, 2, factor), read.states(positions, starts, 2, factor)),
        (held.unchanging(positions, factor), read.unchanging(positions, factor)),
    ):
        assert torch.equal(one, other)
    assert not read._cache
    assert held.describe() == read.describe()


def test_windows_of_a_file_read_no_more_than_they_need(mixed, monkeypatch):
    asked = []
    original = type(mixed["tracer"]).__getitem__

    def watched(view, key):
        found = original(view, key)
        asked.append(found.size)
        return found

    monkeypatch.setattr(type(mixed["tracer"]), "__getitem__", watched)
    windows_of(mixed, budget=0).states(np.array([1]), np.array([3]), 2, 1)
    assert sorted(asked) == [2 * 48, 2 * 96]


def test_coarse_states_are_restricted_and_strided_ones_thinned_out(mixed):
    fine, coarse = (windows_of(mixed).states([0], [0], 7, factor) for factor in (1, 2))
    assert torch.equal(fine[..., ::2, ::2], coarse)
    thinned = windows_of(mixed, stride=3)
    assert thinned.length == 3 and thinned.times.tolist() == [0.0, 3.0, 6.0]
    assert torch.equal(thinned.states([0], [0], 3, 1), fine[:, ::3])


def test_what_is_described_identifies_the_data(mixed):
    one = windows_of(mixed).describe()
    assert one["trajectories"] == 3
    for other in (windows_of(mixed, samples=(0, 2, 4)), windows_of(mixed, stride=2)):
        assert other.describe() != one
    changed = windows_of(mixed)
    changed.shared["force"] = FORCE + 1e-9
    assert changed.describe()["digest"] != one["digest"]


def test_nan_and_wrong_strides_are_refused(flow_data):
    fields = {"tracer": np.zeros((2, 9, 16))}
    dataset = flow_data(fields=fields)
    fields["tracer"][1, 4, 3] = np.nan
    with pytest.raises(InputError, match="stride: expected an integer >= 1"):
        StateWindows(dataset, ("tracer",), (), [0], NORMALIZERS, torch.zeros(1), stride=0)
    dataset.layout.__dict__["allow_nonfinite"] = frozenset({"tracer"})
    dataset.extend(fields)
    data = StateWindows(dataset, ("tracer",), (), [3], NORMALIZERS, torch.zeros(1), budget=0)
    data.states(np.array([0]), np.array([5]), 2, 1)
    with pytest.raises(NonFiniteError, match="tracer of"):
        data.states(np.array([0]), np.array([3]), 2, 1)

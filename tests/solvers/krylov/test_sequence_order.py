import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nwidth.errors import InputError, NonFiniteError
from nwidth.meshes import GaussianRandomField, Grid
from nwidth.solvers.krylov import sequence_order
from nwidth.solvers.krylov.sequence_order import METHODS, _hilbert_index, path_length


@given(st.integers(1, 40), st.integers(1, 6), st.sampled_from(METHODS), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_a_permutation_that_is_never_longer(samples, length, method, seed):
    points = np.random.default_rng(seed).standard_normal((samples, length))
    order = sequence_order(points, method)
    assert sorted(order) == list(range(samples))
    assert path_length(points[order]) <= path_length(points) * (1 + 1e-12)


def test_greedy_goes_to_the_nearest_that_is_left():
    points = np.random.default_rng(0).standard_normal((60, 3))
    order, left, at = [0], set(range(1, 60)), 0
    while left:
        at = min(left, key=lambda j: np.linalg.norm(points[j] - points[at]))
        left.remove(at)
        order.append(at)
    assert sequence_order(points, "greedy").tolist() == order


@pytest.mark.parametrize("method", METHODS)
def test_random_fields_are_ordered(method):
    """Fields with few strong modes: paths are at least a fifth shorter."""
    field = GaussianRandomField(Grid.uniform((16, 16)), alpha=4.0, tau=3.0)
    rng = np.random.default_rng(1)
    fields = np.stack([field.sample(rng) for _ in range(400)])
    order = sequence_order(fields, method)
    flat = fields.reshape(400, -1)
    assert path_length(flat[order]) < 0.8 * path_length(flat)


@pytest.mark.parametrize("axes", [1, 2, 3, 4])
def test_the_curve_goes_from_cell_to_neighbouring_cell(axes):
    bits = 3 if axes < 4 else 2
    cells = np.stack(np.meshgrid(*[np.arange(2**bits)] * axes, indexing="ij"), -1).reshape(-1, axes)
    index = _hilbert_index(cells, bits)
    assert sorted(index) == list(range(len(cells)))
    steps = np.abs(np.diff(cells[np.argsort(index)], axis=0)).sum(axis=1)
    assert np.all(steps == 1)


def test_long_sequences_are_sorted_in_groups(monkeypatch):
    import importlib

    module = importlib.import_module("nwidth.solvers.krylov.sequence_order")
    monkeypatch.setattr(module, "GROUP", 100)
    points = np.random.default_rng(0).random((950, 2))
    auto, curve = sequence_order(points), sequence_order(points, "hilbert")
    assert sorted(auto) == list(range(950))
    lengths = [path_length(points[o]) for o in (auto, curve, np.arange(950))]
    assert lengths[0] < 1.05 * lengths[1] and lengths[1] < 0.1 * lengths[2]


def test_an_order_that_is_good_already_is_kept():
    points = np.arange(20.0)
    for method in METHODS:
        assert sequence_order(points, method).tolist() == list(range(20))


def test_equal_complex_and_integer_parameters():
    assert sequence_order(np.ones((5, 3)), "hilbert").tolist() == [0, 1, 2, 3, 4]
    assert sequence_order(np.array([0, 5, 1])).tolist() == [0, 2, 1]
    assert sequence_order(np.array([0, 5j, 1j])).tolist() == [0, 2, 1]


@pytest.mark.parametrize(
    ("parameters", "method"),
    [
        (np.ones(3), "random"),
        (np.zeros((0, 2)), "auto"),
        (np.array(1.0), "auto"),
        (["a"], "auto"),
        ([[1.0], [2.0, 3.0]], "auto"),
    ],
)
def test_what_cannot_be_ordered(parameters, method):
    with pytest.raises(InputError):
        sequence_order(parameters, method)


def test_non_finite_parameters():
    with pytest.raises(NonFiniteError):
        sequence_order(np.array([1.0, np.nan]))

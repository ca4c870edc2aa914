import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

from nwidth.errors import InputError, NonFiniteError  # noqa: E402
from nwidth.meshes import Grid  # noqa: E402
from nwidth.operators.training import training_data  # noqa: E402
from nwidth.operators.training.normalizer import Normalizer  # noqa: E402
from nwidth.operators.training.training_data import TrainingData, as_channels, channels_of  # noqa: E402

NORMALIZERS = {"permeability": Normalizer(2.0, 0.5), "pressure": Normalizer(1.0, 4.0)}


def data_of(dataset, samples=(0, 2, 3, 7), dtype=torch.float64):
    arguments = (("permeability",), "pressure", np.array(samples), NORMALIZERS)
    return TrainingData(dataset, *arguments, torch.zeros(1, dtype=dtype))


@pytest.mark.parametrize("cached", [True, False])
def test_batches_hold_the_samples_in_order(tiny_data, monkeypatch, cached):
    monkeypatch.setattr(training_data, "_CACHE_BYTES", 1 << 31 if cached else 0)
    monkeypatch.setattr(training_data, "_BLOCK_BYTES", 1)
    dataset = tiny_data()
    data = data_of(dataset)
    v, u = data.batch(np.array([3, 0]))
    assert v.shape == u.shape == (2, 1, 9, 9)
    np.testing.assert_allclose(v[:, 0], (dataset["permeability"][[7, 0]] - 2.0) / 0.5)
    np.testing.assert_allclose(u[:, 0] * 4.0, dataset["pressure"][[7, 0]])
    assert data.shift == 0.25


@pytest.mark.parametrize("cached", [True, False])
def test_coarse_batches_are_restricted(tiny_data, monkeypatch, cached):
    monkeypatch.setattr(training_data, "_CACHE_BYTES", 1 << 31 if cached else 0)
    data = data_of(tiny_data())
    fine, coarse = data.batch(np.array([1])), data.batch(np.array([1]), factor=2)
    for a, b in zip(fine, coarse, strict=True):
        assert torch.equal(a[..., ::2, ::2], b)
    assert torch.equal(data.batch(np.array([1]))[0], fine[0])


def test_precision_is_that_of_the_network(tiny_data):
    v, u = data_of(tiny_data(), dtype=torch.float32).batch(np.array([0]))
    assert v.dtype == u.dtype == torch.float32


def test_vector_fields_become_channels():
    field = np.random.default_rng(0).random((3, 4, 5, 2))
    assert as_channels(field, 2).shape == (3, 2, 4, 5)
    assert as_channels(field[..., 0], 2).shape == (3, 1, 4, 5)


def test_what_is_described_identifies_the_data(tiny_data):
    dataset = tiny_data()
    one = data_of(dataset).describe()
    assert one == data_of(dataset).describe()
    assert one["samples"] == 4
    assert data_of(dataset, (0, 2, 3, 8)).describe()["digest"] != one["digest"]
    assert data_of(tiny_data(seed=1)).describe()["digest"] != one["digest"]
    assert one["normalizers"] == {"permeability": [2.0, 0.5], "pressure": [1.0, 4.0]}


@pytest.mark.parametrize("block", [1, 1 << 26])
@pytest.mark.parametrize("name", ["permeability", "pressure"])
def test_every_number_of_every_sample_counts(tiny_data, monkeypatch, name, block):
    fields = {name: view[:] for name, view in dict(tiny_data()).items()}
    one = data_of(tiny_data(fields=fields)).describe()["digest"]
    monkeypatch.setattr(training_data, "_BLOCK_BYTES", block)
    assert data_of(tiny_data(fields=fields)).describe()["digest"] == one
    for sample in (0, 2, 3, 7):
        changed = {n: a.copy() for n, a in fields.items()}
        changed[name][sample, 4, 5] = np.nextafter(changed[name][sample, 4, 5], np.inf)
        assert data_of(tiny_data(fields=changed)).describe()["digest"] != one
    unseen = {n: a.copy() for n, a in fields.items()}
    unseen[name][1] += 1.0
    assert data_of(tiny_data(fields=unseen)).describe()["digest"] == one


def test_unusable_fields_are_refused(tiny_data):
    dataset = tiny_data()
    assert channels_of(dataset, "pressure") == 1
    with pytest.raises(InputError, match=r"expected a field 'saturation'.*permeability, pressure"):
        channels_of(dataset, "saturation")


def test_numbers_that_are_not_finite_are_refused(tiny_data):
    class Damaged:
        def __init__(self, dataset):
            self.grid, self.path, self._dataset = dataset.grid, dataset.path, dataset

        def __getitem__(self, name):
            field = np.array(self._dataset[name])
            field[3, 2, 1] = np.nan
            return field

    with pytest.raises(
        NonFiniteError, match=r"permeability of.*got nan in sample 3 at index \(0, 2, 1\)"
    ):
        data_of(Damaged(tiny_data())).batch(np.array([0]))


def test_time_series_are_refused(tmp_path):
    from nwidth.fields import FieldDataset

    with FieldDataset.create(
        tmp_path / "t.h5", Grid.uniform((5,)), {"u": "1"}, times=[0.0, 1.0]
    ) as dataset:
        dataset.append({"u": np.zeros((2, 5))})
        with pytest.raises(InputError, match="time series"):
            channels_of(dataset, "u")


def test_one_coarsening_is_kept_at_a_time(tiny_data):
    data = data_of(tiny_data())
    for factor in (1, 2, 1):
        data.batch(np.arange(2), factor)
        assert {*data._cache} == {factor}

import numpy as np
import pytest

pytest.importorskip("torch", reason="the neural operators need PyTorch")

from nwidth.errors import InputError
from nwidth.operators import Normalizer


@pytest.mark.parametrize("pieces", [1, 3, 50])
def test_blocks_give_mean_and_deviation_of_the_whole(pieces):
    values = np.random.default_rng(0).standard_normal(1000) * 3 + 1e6
    normalizer = Normalizer.of(np.array_split(values, pieces))
    assert normalizer.mean == pytest.approx(values.mean(), rel=1e-14)
    assert normalizer.scale == pytest.approx(values.std(), rel=1e-9)


def test_large_means_do_not_cancel_in_single_precision():
    rng = np.random.default_rng(1)
    values = (1e4 + rng.standard_normal(100_000)).astype(np.float32)
    normalizer = Normalizer.of(np.split(values, 10))
    assert normalizer.scale == pytest.approx(values.astype(np.float64).std(), rel=1e-6)


def test_round_trip_keeps_precision():
    normalizer = Normalizer(2.0, 3.0)
    for dtype in (np.float32, np.float64):
        v = np.linspace(-1, 1, 7, dtype=dtype)
        assert normalizer.encode(v).dtype == dtype
        np.testing.assert_allclose(normalizer.decode(normalizer.encode(v)), v, rtol=1e-6)


@pytest.mark.parametrize("size", [1e-290, 1e-200, 1e200, 1e300])
@pytest.mark.parametrize("centred", [True, False])
def test_no_unit_is_too_large_or_too_small(size, centred):
    values = np.random.default_rng(2).standard_normal(60) + 1
    usual = Normalizer.of([values], centred=centred)
    found = Normalizer.of([np.zeros(0), size * values[:7], size * values[7:]], centred=centred)
    assert found.mean / size == pytest.approx(usual.mean, rel=1e-12)
    assert found.scale / size == pytest.approx(usual.scale, rel=1e-12)


def test_blocks_of_very_different_size():
    found = Normalizer.of([np.zeros(2), np.full(2, 1e-200), np.array([1e200, -1e200])])
    assert found.scale / 1e200 == pytest.approx(np.sqrt(1 / 3), rel=1e-12)
    assert Normalizer.of([np.zeros(2), np.full(2, 2e-200)]).scale == pytest.approx(1e-200)


@pytest.mark.parametrize("value", [0.0, 7.0, 0.1, -1e-30])
def test_constant_fields_keep_scale_one(value):
    normalizer = Normalizer.of([np.full(5, value)] * 3)
    assert normalizer.scale == 1.0
    np.testing.assert_allclose(normalizer.encode(np.array([value])), 0.0, atol=1e-15)


def test_uncentred_keeps_zero_at_zero():
    values = np.array([1.0, 2.0, 3.0, 6.0])
    normalizer = Normalizer.of([values[:1], values[1:]], centred=False)
    assert normalizer.encode(np.array(0.0)) == 0.0
    assert normalizer.scale == pytest.approx(np.sqrt(np.mean(values**2)))


@pytest.mark.parametrize("numbers", [(np.nan, 1.0), (0.0, 0.0), (0.0, -1.0), (0.0, np.inf)])
def test_unusable_statistics_are_refused(numbers):
    with pytest.raises(InputError, match="finite mean and a scale > 0"):
        Normalizer(*numbers)


def test_no_samples_are_refused():
    with pytest.raises(InputError, match="no samples"):
        Normalizer.of([np.empty((0, 3))])


def test_reads_only_the_given_samples(tiny_data):
    data = tiny_data(samples=9)
    picked = np.array([1, 4, 7])
    normalizer = Normalizer.of_field(data["pressure"], picked)
    assert normalizer.mean == pytest.approx(data["pressure"][picked].mean())
    assert normalizer.scale == pytest.approx(data["pressure"][picked].std())

import numpy as np
import pytest

from nwidth.arrays import generator
from nwidth.errors import InputError
from nwidth.rom.gaussian_prior import GaussianPrior
from nwidth.rom.row_source import RowSource


def rows(unit=0.0, *, count=200):
    """Rows of shape (5, 7) of four modes and a rest, and the readings of three points."""
    rng = generator(0)
    mix = rng.standard_normal((9, 35)) + unit * rng.standard_normal((9, 35))
    data = rng.standard_normal((count, 9)) @ mix + 0.1 * rng.standard_normal((count, 35)) + 5
    return data.reshape(count, 5, 7), data[:, [3, 20, 33]]


@pytest.mark.parametrize("unit", [0.0, 1j])
def test_the_estimate_is_that_of_the_normal_equations(unit):
    data, values = rows(unit)
    prior, G = GaussianPrior.of(data, values), np.diag([0.3, 0.2])
    field, deviation = prior.posterior(values[:4, [2, 0]], [2, 0], G)
    f, v = data.reshape(200, 35), values[:, [2, 0]]
    f0, v0 = f - f.mean(axis=0), v - v.mean(axis=0)
    own, cross = v0.T @ v0.conj() / 199 + G**2, f0.T @ v0.conj() / 199
    K = cross @ np.linalg.inv(own)
    np.testing.assert_allclose(field.reshape(4, 35), f.mean(axis=0) + v0[:4] @ K.T, atol=1e-10)
    told = (K @ cross.conj().T).diagonal().real
    variance = (np.abs(f0) ** 2).sum(axis=0) / 199 - told
    seen = (np.abs(K @ G) ** 2).sum(axis=1)
    finite = 199 / 197 * (1 + 1 / 200) * 198 / 196  # 200 rows, two sensors
    raised = finite * (variance - seen) + seen
    np.testing.assert_allclose(deviation.ravel() ** 2, raised, rtol=1e-10)


def test_rows_in_a_span_need_no_data():
    rng = generator(1)
    functions, c = rng.standard_normal((3, 5, 7)), rng.standard_normal((150, 3)) + 2
    data = np.tensordot(c, functions, axes=1)
    values = data.reshape(150, -1)[:, [0, 9, 33]]
    one, other = GaussianPrior.of(data, values), GaussianPrior.of_span(functions, c, values)
    for each in (one, other):
        field, deviation = each.posterior(values, [0, 1, 2], np.zeros((0, 3)))
        np.testing.assert_allclose(field, data, atol=1e-10)
        assert deviation.max() < 1e-10
    G = 0.1 * np.eye(2)
    for a, b in zip(*(p.posterior(values[:, :2], [0, 1], G) for p in (one, other)), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-10)


def test_readings_that_repeat_one_another_add_no_direction():
    data, values = rows()
    prior = GaussianPrior.of(data, np.concatenate([values, values[:, :1]], axis=1))
    assert prior.readings.shape == (3, 4)
    single = GaussianPrior.of(data, values)
    one = prior.posterior(values[:, [0, 1, 2, 0]], [0, 1, 2, 3], 0.2 * np.eye(4))
    other = single.posterior(values, [0, 1, 2], 0.2 * np.diag([0.5**0.5, 1, 1]))
    np.testing.assert_allclose(one.field, other.field, rtol=1e-8)
    np.testing.assert_allclose(one.deviation, other.deviation, rtol=1e-8)


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_few_rows_make_wide_error_bars(noise):
    """Over many trainings with 15 rows each, errors are as large as the error bars say."""
    rng = generator(5)
    mix = rng.standard_normal((6, 12))
    errors, bars = [], []
    for _ in range(1500):
        data, new = rng.standard_normal((15, 6)) @ mix, rng.standard_normal((20, 6)) @ mix
        seen = new[:, :4] + noise * rng.standard_normal((20, 4))
        prior = GaussianPrior.of(data, data[:, :4])
        field, deviation = prior.posterior(seen, range(4), noise * np.eye(4))
        errors.append(((field - new) ** 2).mean(axis=0))
        bars.append(deviation**2)
    ratio = (np.mean(errors, axis=0) / np.mean(bars, axis=0))[4:]
    assert ratio.min() > 0.85 and ratio.max() < 1.15


def test_rows_that_pass_by_in_blocks_give_the_same(monkeypatch):
    data, values = rows()
    whole = GaussianPrior.of(data, values)
    monkeypatch.setattr("nwidth.rom.row_source._BLOCK", 7 * data[0].nbytes + 1)
    assert max(len(block) for _, block in RowSource(data).blocks()) == 7
    parts = GaussianPrior.of(data, values)
    for name in ("fields", "mean_field", "spread"):
        np.testing.assert_allclose(
            getattr(parts, name), getattr(whole, name), rtol=1e-10, atol=1e-12
        )


def test_a_single_row_is_its_own_mean():
    prior = GaussianPrior.of(np.ones((1, 4)), np.ones((1, 2)))
    field, deviation = prior.posterior(np.array([3.0, 4.0]), [0, 1], np.eye(2))
    assert np.array_equal(field, np.ones(4)) and not deviation.any()


def test_data_that_are_not_those_of_the_readings():
    with pytest.raises(InputError, match="expected the 5 rows that the readings are of, got 4"):
        GaussianPrior.of(np.ones((4, 6)), np.ones((5, 1)))


def test_single_precision_stays():
    data, values = (a.astype(np.float32) for a in rows())
    prior = GaussianPrior.of(data, values)
    found = prior.posterior(values[:, :2], [0, 1], np.eye(2, dtype=np.float32))
    arrays = [a for a in (*vars(prior).values(), *found) if isinstance(a, np.ndarray)]
    assert len(arrays) == 7 and {a.dtype for a in arrays} == {np.dtype("f4")}

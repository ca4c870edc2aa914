import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nwidth import rom
from nwidth.archive import save_archive
from nwidth.arrays import generator
from nwidth.errors import FileFormatError, InputError
from nwidth.rom import PointInterpolation, SampledFunction, eim, pod
from nwidth.rom.rectangular_eim import RectangularEIM


@pytest.fixture(scope="module")
def reference():
    """Data and interpolation of the published check: 400 x 500 values, 12 fields and points."""
    x, y = np.linspace(0, 1, 400)[:, None], np.linspace(0, 1, 500)
    data = 1 / np.sqrt(4 * (x - 0.5) ** 2 + 9 * (y - x) ** 2 + 0.02)
    return data, eim(data, 0, max_rank=12)


def relative(difference, data):
    return np.linalg.norm(difference) / np.linalg.norm(data)


def test_rows_may_be_read_from_anywhere(reference):
    data, chosen = reference
    x, y = np.linspace(0, 1, 400), np.linspace(0, 1, 500)
    sampled = SampledFunction(
        lambda x, y: 1 / np.sqrt(4 * (x - 0.5) ** 2 + 9 * (y - x) ** 2 + 0.02), x, y
    )
    one, other = (RectangularEIM.of(chosen, rows).without_sensor(1) for rows in (data, sampled))
    readings = np.delete(chosen.values[:5], 1, axis=1)
    for a, b in zip(one.reconstruct(readings), other.reconstruct(readings), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)


def test_all_sensors_give_the_interpolation_of_the_greedy_choice(reference):
    data, chosen = reference
    model = RectangularEIM.of(chosen)
    found = model.interpolate(chosen.values)
    assert relative(found - chosen.interpolate(chosen.values), data) < 1e-13
    assert relative(found - data, data) == pytest.approx(1.5e-2, rel=0.02)


def test_each_sensor_lost_as_in_the_reference(reference):
    """Errors with each sensor lost in turn: Casenave, Ern & Lelievre (2016), arXiv:1508.05330."""
    data, chosen = reference
    model, errors = RectangularEIM.of(chosen, data), []
    for i in range(12):
        left = model.without_sensor(i)
        readings = np.delete(chosen.values, i, axis=1)
        square = left.without_field(i).interpolate(readings)
        fields = (square, left.interpolate(readings), left.reconstruct(readings).field)
        errors.append([relative(field - data, data) for field in fields])
    dropped, rectangular, weighted = np.transpose(errors)
    assert np.median(dropped) == pytest.approx(2.4e-2, rel=0.02)
    assert dropped.max() == pytest.approx(9.1e-2, rel=0.02)
    assert np.median(rectangular) == pytest.approx(1.9e-2, rel=0.02)
    assert rectangular.max() == pytest.approx(6.5e-2, rel=0.02)
    # Weighted by second moments it is 1.9e-2 and 6.0e-2; the mean is taken out here.
    assert np.median(weighted) < 1.5e-2 and weighted.max() < 2.8e-2


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_any_failures_leave_the_pseudo_inverse(data):
    n, p = data.draw(st.integers(1, 7)), data.draw(st.integers(1, 7))
    dtype = np.dtype(data.draw(st.sampled_from(["f8", "c16", "f4", "c8"])))
    rng = generator(data.draw(st.integers(0, 1000)))
    F = rng.standard_normal((n, p)) + 1j * rng.standard_normal((n, p))
    F = (F if dtype.kind == "c" else F.real).astype(dtype)
    model = RectangularEIM(F[:, :, None], F, np.arange(p), None)
    for _ in range(data.draw(st.integers(0, n + p - 2))):
        sensor = data.draw(st.booleans())
        numbers = model.sensors if sensor else model.fields
        if len(numbers) == 1:
            continue
        number = data.draw(st.sampled_from(numbers))
        model = model.without_sensor(number) if sensor else model.without_field(number)
    left = F[np.ix_(model.fields, model.sensors)]
    direct = np.linalg.pinv(left).T
    D = model.coefficients(np.eye(len(model.sensors), dtype=dtype)).T
    assert D.dtype == dtype and D.shape == left.shape
    size = np.linalg.norm(direct, 2)
    assert np.linalg.norm(D - direct) <= 50 * np.finfo(dtype).eps * size**2 * np.linalg.norm(F)


def test_objects_do_not_change(reference):
    chosen = reference[1]
    model = RectangularEIM.of(chosen)
    before = model.coefficients(chosen.values[7])
    left = model.without_sensor(3).without_field(5).without_sensor(0)
    assert left.sensors == (1, 2, 4, 5, 6, 7, 8, 9, 10, 11) and left.failed == (0, 3)
    assert left.fields == (0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11)
    assert left.functions is model.functions
    np.testing.assert_array_equal(model.coefficients(chosen.values[7]), before)


def test_more_sensors_than_fields_fit_in_the_least_squares_sense():
    rng = generator(0)
    data = rng.standard_normal((30, 4, 5))
    model = RectangularEIM.chosen(data, [3, 8], [0, 7, 19, 4])
    readings = rng.standard_normal((2, 3, 4))
    F = data.reshape(30, -1)[[3, 8]][:, [0, 7, 19, 4]]
    beta = np.linalg.lstsq(F.T, readings.reshape(-1, 4).T, rcond=None)[0].T
    field = np.tensordot(beta, data[[3, 8]], axes=1).reshape(2, 3, 4, 5)
    np.testing.assert_allclose(model.interpolate(readings), field, atol=1e-12)
    less = model.without_sensor(2).without_sensor(0).without_sensor(3)
    beta = np.linalg.pinv(F[:, 1:2].T) @ readings[..., 1:2].reshape(-1, 1).T
    np.testing.assert_allclose(less.coefficients(readings[0, 0, 1:2]), beta[:, 0], atol=1e-12)


@pytest.mark.parametrize("method", ["deim", "qdeim", "s_opt", "gnat"])
def test_sensors_of_any_method_may_fail(method, reference):
    data = reference[0]
    basis = pod(data, 0.0, max_rank=8).modes
    chosen = getattr(rom, method)(basis, *([11] if method in ("s_opt", "gnat") else []))
    model = RectangularEIM.of(chosen, data)
    assert isinstance(model, PointInterpolation) and model.rank == 8
    assert model.lebesgue_constant() == pytest.approx(chosen.lebesgue_constant())
    readings = data[:, chosen.points]
    for lead in ((), (3,), (0,)):
        assert model.interpolate(np.zeros((*lead, len(chosen.points)))).shape == (*lead, 500)
    np.testing.assert_allclose(model.interpolate(readings), chosen.interpolate(readings), atol=1e-9)
    left = model.without_sensor(3)
    np.testing.assert_array_equal(left.points, np.delete(chosen.points, 3))
    field, _ = left.reconstruct(data[:, left.points])
    assert relative(field - data, data) < 0.2 and left.lebesgue_constant() > 0


def test_a_matrix_that_loses_its_rank_is_cut():
    """Of the identity, field 1 and sensor 0 share nothing."""
    model = RectangularEIM.chosen(np.eye(3), [0, 1, 2], [0, 1, 2])
    left = model.without_sensor(0).without_field(1)
    np.testing.assert_allclose(left.coefficients([5.0, 7.0]), [0.0, 7.0], atol=1e-14)


def drawn(rng, count):
    """Fields of three modes and a rest, with a mean."""
    y = np.linspace(0, 1, 40)
    modes = np.array([np.cos(np.pi * k * y) / (k + 1) for k in range(6)])
    return 3 + rng.standard_normal((count, 6)) * [1, 1, 1, 0.1, 0.1, 0.1] @ modes


@pytest.mark.parametrize("failing", [(), (0,), (0, 2)])
@pytest.mark.parametrize("fields", [6, 4])
def test_error_bars_are_calibrated(failing, fields):
    """Of many new fields with noise, the errors are as large as the error bars say."""
    rng = generator(1)
    data = drawn(rng, 4000)
    chosen = eim(data, 1e-12, max_rank=fields)
    model, sigma = RectangularEIM.of(chosen, data), np.linspace(0.05, 0.2, fields)
    for i in failing:
        model = model.without_sensor(i)
    new, left = drawn(generator(2), 4000), list(model.sensors)
    noise = generator(3).standard_normal((4000, len(left))) * sigma[left]
    readings = new[:, chosen.points[left]] + noise
    found = model.reconstruct(readings, sigma[left])
    errors = (found.field - new) / found.deviation
    assert np.abs(errors.mean(axis=0)).max() < 0.1
    squares = (errors**2).mean(axis=0)
    assert squares.min() > 0.85 and squares.max() < 1.15
    assert np.mean(np.abs(errors) < 1) == pytest.approx(0.683, abs=0.02)
    assert np.mean(np.abs(errors) < 2) == pytest.approx(0.954, abs=0.01)
    full = model.reconstruct(readings, np.diag(sigma[left] ** 2))
    np.testing.assert_allclose(full.field, found.field, rtol=1e-10)
    np.testing.assert_allclose(full.deviation, found.deviation, rtol=1e-10)


def test_noise_that_is_correlated_counts_as_such():
    rng = generator(4)
    data = drawn(rng, 4000)
    chosen = eim(data, 1e-12, max_rank=6)
    model = RectangularEIM.of(chosen, data)
    common = 0.5 * np.ones((6, 6)) + 0.01 * np.eye(6)  # sensors drift together
    new = drawn(generator(5), 4000)
    readings = new[:, chosen.points] + generator(6).multivariate_normal(np.zeros(6), common, 4000)
    found = model.reconstruct(readings, common)
    squares = (((found.field - new) / found.deviation) ** 2).mean(axis=0)
    assert squares.min() > 0.85 and squares.max() < 1.15
    alone = model.reconstruct(readings, np.sqrt(np.diag(common)))
    assert np.linalg.norm(found.field - new) < 0.9 * np.linalg.norm(alone.field - new)


def test_without_data_error_bars_are_those_of_the_fields(reference):
    chosen = reference[1]
    found = RectangularEIM.of(chosen).reconstruct(chosen.values[5])
    np.testing.assert_allclose(found.field, chosen.interpolate(chosen.values[5]), rtol=1e-8)
    assert found.deviation.max() < 1e-8


@pytest.mark.parametrize("dtype", ["f4", "c8", "c16"])
def test_precision_is_kept(dtype):
    rng = generator(9)
    data = rng.standard_normal((50, 30)) + 1j * rng.standard_normal((50, 30))
    data = (data if dtype[0] == "c" else data.real).astype(dtype)
    chosen = eim(data, max_rank=5)
    model = RectangularEIM.of(chosen, data).without_sensor(2)
    readings = np.delete(chosen.values, 2, axis=1)
    field, deviation = model.reconstruct(readings, 0.1)
    assert model.interpolate(readings).dtype == field.dtype == np.dtype(dtype)
    assert deviation.dtype == data.real.dtype
    squares = (np.abs(field - data) ** 2).mean(axis=0) / deviation**2
    assert 0.7 < squares.mean() < 1.1


def test_file_gives_back_what_was_saved(tmp_path, reference):
    data, chosen = reference
    model = RectangularEIM.of(chosen, data, about={"field": "temperature"})
    model = model.without_sensor(4).without_field(1)
    model.save(tmp_path / "model.h5")
    found = RectangularEIM.load(tmp_path / "model.h5")
    assert found.about == {"field": "temperature"}
    assert (found.fields, found.sensors) == (model.fields, model.sensors)
    readings = np.delete(chosen.values[9], 4)
    np.testing.assert_allclose(found.interpolate(readings), model.interpolate(readings), rtol=1e-9)
    for one, other in zip(
        found.reconstruct(readings, 0.1), model.reconstruct(readings, 0.1), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-9)


def test_files_of_others(tmp_path):
    save_archive(tmp_path / "a.h5", "rectangular-eim", {"functions": np.ones((2, 3))}, {})
    with pytest.raises(FileFormatError, match="not a rectangular interpolation"):
        RectangularEIM.load(tmp_path / "a.h5")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda m: m.without_sensor(1), "sensor: expected one of those left, 0, 2, got 1"),
        (lambda m: m.without_sensor(9), "sensor: expected one of those left, 0, 2, got 9"),
        (lambda m: m.without_field(-1), "field: expected one of those left, 0, 1, 2, got -1"),
        (lambda m: m.without_sensor(0).without_sensor(2), "2 is the only one left"),
        (
            lambda m: m.without_field(0).without_field(1).without_field(2),
            "field: expected one that can be spared, but 2 is the only one left",
        ),
        (lambda m: m.interpolate([1.0, 2.0, 3.0]), "the 2 sensors left, 0, 2, got shape"),
        (lambda m: m.interpolate(["a", "b"]), "readings: expected numbers"),
        (lambda m: m.interpolate(1.0), "readings: expected numbers"),
        (lambda m: m.reconstruct([1.0, np.nan]), "infinity from sensor 2; take it out with"),
        (lambda m: m.reconstruct([1.0, 2.0], -1), "standard deviations >= 0, got -1"),
        (lambda m: m.reconstruct([1.0, 2.0], [1, 2, 3]), "noise: expected a standard deviation, 2"),
        (lambda m: m.reconstruct([1.0, 2.0], [[1, 2], [2, 1]]), "smallest eigenvalue -1"),
        (lambda m: m.reconstruct([1.0, 2.0], np.inf), "noise"),
        (
            lambda m: RectangularEIM.of(eim(np.eye(3), max_rank=2), np.eye(4)),
            r"expected the 3 rows that the model was made from, of shape \(3,\), got shape",
        ),
        (lambda m: RectangularEIM.of(m), "model: expected an EmpiricalInterpolation or Basis"),
        (lambda m: RectangularEIM.of(rom.qdeim(np.eye(4)[:2])), "data: expected rows like those"),
        (lambda m: RectangularEIM.of(rom.qdeim(np.eye(4)[:2]), np.eye(3)), "rows of shape"),
        (lambda m: RectangularEIM.of(eim(np.zeros((2, 3)))), "got rank 0"),
        (lambda m: RectangularEIM.chosen(np.eye(3), [0, 0], [1]), "rows: expected different"),
        (lambda m: RectangularEIM.chosen(np.eye(3), [0], [3]), "points: expected different"),
        (lambda m: RectangularEIM.chosen([1.0], [0], [0]), "rows of fields"),
        (lambda m: RectangularEIM.chosen(np.full((2, 2), np.nan), [0], [0]), "data"),
    ],
)
def test_what_is_wrong_is_said(wrong, words):
    model = RectangularEIM.chosen(np.eye(3), [0, 1, 2], [0, 1, 2]).without_sensor(1)
    with pytest.raises(InputError, match=words):
        wrong(model)

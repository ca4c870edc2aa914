import sys

import numpy as np
import pytest

from nwidth.archive import load_archive, save_archive
from nwidth.errors import FileFormatError, InputError, NonFiniteError
from nwidth.rom.dynamic_modes import (
    METHODS,
    DynamicModes,
    DynamicModesStatus,
    dynamic_modes,
    require_pydmd,
)

# The linear system du/dt = A u with these eigenvalues, known exactly.
RATES = np.array([-0.5, -0.1 - 2j, -0.1 + 2j])
X = np.linspace(0, 1, 24).reshape(6, 4)
SHAPES = np.stack([np.cos(X), np.sin(3 * X) - 1j * X, np.sin(3 * X) + 1j * X])
TIMES = 1.5 + 0.1 * np.arange(40)


def exact(times):
    powers = np.exp(np.multiply.outer(np.asarray(times) - 1.5, RATES))
    return np.tensordot(powers, SHAPES, axes=1).real


@pytest.fixture(autouse=True)
def _pydmd():
    pytest.importorskip("pydmd", reason="dynamic modes need PyDMD: pip install nwidth[dmd]")


def ordered(rates):
    return rates[np.lexsort((rates.imag, rates.real.round(6)))]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_rates_of_a_linear_system_are_found(method, dtype):
    single = dtype == np.float32
    rtol, atol = (1e-5, 1e-3) if single else (1e-10, 1e-9)
    model = dynamic_modes(exact(TIMES).astype(dtype), TIMES, method=method, rtol=rtol, held_out=8)
    np.testing.assert_allclose(ordered(model.rates), ordered(RATES), atol=atol)
    assert model.error < atol and model.held_out_error < atol
    between = np.array([1.5, 2.22, 7.0])
    found = model.predict(between)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, exact(between), atol=10 * atol)
    assert model.predict(2.0).shape == (6, 4)


def test_modes_are_those_of_the_system_up_to_a_factor():
    model = dynamic_modes(exact(TIMES), TIMES, rank=3)
    for rate, shape in zip(RATES, SHAPES, strict=True):
        k = int(np.argmin(abs(model.rates - rate)))
        np.testing.assert_allclose(model.amplitudes[k] * model.modes[k], shape, atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [2.0**600, 2.0**-600])
def test_data_whose_squares_leave_the_range(method, size):
    plain = dynamic_modes(exact(TIMES), TIMES, method=method, rank=2)
    model = dynamic_modes(size * exact(TIMES), TIMES, method=method, rank=2)
    np.testing.assert_allclose(ordered(model.rates), ordered(plain.rates), rtol=1e-5)
    assert plain.error > 0.01
    assert abs(model.error - plain.error) < 1e-5 * plain.error
    np.testing.assert_allclose(
        model.predict(TIMES) / size, plain.predict(TIMES), atol=1e-4 * abs(exact(TIMES)).max()
    )


def test_constant_data_are_fitted_to_the_tolerance():
    model = dynamic_modes(np.ones((9, 4)), method="optimized")
    assert model.error < 1e-12 and model.status is DynamicModesStatus.CONVERGED


def test_complex_data_stay_complex():
    u = np.tensordot(np.exp(np.multiply.outer(TIMES, [1j, -0.2 + 3j])), SHAPES[:2], axes=1)
    model = dynamic_modes(u, TIMES)
    np.testing.assert_allclose(ordered(model.rates), ordered(np.array([1j, -0.2 + 3j])), atol=1e-9)
    np.testing.assert_allclose(model.predict(TIMES), u, atol=1e-9)


def test_unequal_times_are_for_the_optimized_method():
    times = np.sort(np.random.default_rng(0).uniform(1.5, 6, 50))
    times[0] = 1.5
    model = dynamic_modes(exact(times), times, method="optimized", rank=3)
    np.testing.assert_allclose(ordered(model.rates), ordered(RATES), atol=1e-7)
    with pytest.raises(InputError, match="method='optimized'"):
        dynamic_modes(exact(times), times)


def test_noise_biases_the_exact_method_more_than_the_optimized_one():
    u = exact(TIMES) + 0.05 * np.random.default_rng(4).standard_normal((40, 6, 4))
    errors = {}
    for method in METHODS:
        model = dynamic_modes(u, TIMES, method=method, rank=3, rtol=0)
        errors[method] = abs(ordered(model.rates) - ordered(RATES)).max()
    assert errors["optimized"] < 0.5 * errors["exact"]
    assert model.status is DynamicModesStatus.STALLED and 0.01 < model.error < 0.1


def test_trials_give_deviations_and_leave_the_global_state_alone():
    u = exact(TIMES) + 0.02 * np.random.default_rng(4).standard_normal((40, 6, 4))
    options = {"method": "optimized", "rank": 3, "rtol": 0, "trials": 20}
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    model, again = (dynamic_modes(u, TIMES, seed=1, **options) for _ in range(2))
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    np.testing.assert_array_equal(model.rates, again.rates)
    assert model.deviations.shape == (3,) and (model.deviations < 0.1).all()
    nearest = [int(np.argmin(abs(RATES - rate))) for rate in model.rates]
    assert (abs(model.rates - RATES[nearest]) < 5 * model.deviations + 1e-3).all()
    assert dynamic_modes(u, TIMES, **{**options, "trials": 0}).deviations is None


def test_a_file_gives_the_modes_back(tmp_path):
    model = dynamic_modes(exact(TIMES), TIMES, method="optimized", trials=3, held_out=5)
    model.save(tmp_path / "m.h5")
    again = DynamicModes.load(tmp_path / "m.h5")
    np.testing.assert_array_equal(again.predict(TIMES), model.predict(TIMES))
    for name in ("error", "held_out_error", "status", "method", "is_real", "start"):
        assert getattr(again, name) == getattr(model, name)


def test_files_whose_parts_do_not_fit_are_refused(tmp_path):
    dynamic_modes(exact(TIMES), TIMES).save(tmp_path / "m.h5")
    arrays, told = load_archive(tmp_path / "m.h5", "dynamic-modes")
    for wrong_arrays, wrong_told in (
        ({"rates": arrays["rates"][:2]}, {}),
        ({"modes": arrays["modes"].real}, {}),
        ({"modes": arrays["modes"][:, 0, 0]}, {}),
        ({"modes": arrays["modes"][:0], "rates": arrays["rates"][:0]}, {}),
        ({"amplitudes": np.nan * arrays["amplitudes"]}, {}),
        ({"deviations": np.ones(2)}, {}),
        ({}, {"method": "magic"}),
        ({}, {"status": "GOOD"}),
        ({}, {"start": "now"}),
        ({}, {"is_real": 1}),
        ({"rates": arrays["rates"].real}, {}),
        ({"deviations": -np.ones(len(arrays["rates"]))}, {}),
        ({}, {"error": "small"}),
        ({}, {"error": -1.0}),
        ({}, {"held_out_error": []}),
    ):
        save_archive(
            tmp_path / "w.h5", "dynamic-modes", {**arrays, **wrong_arrays}, {**told, **wrong_told}
        )
        with pytest.raises(FileFormatError):
            DynamicModes.load(tmp_path / "w.h5")
    del told["error"]
    save_archive(tmp_path / "w.h5", "dynamic-modes", arrays, told)
    with pytest.raises(FileFormatError, match="error"):
        DynamicModes.load(tmp_path / "w.h5")


def test_wrong_data_and_arguments_are_told():
    u = exact(TIMES)
    for options, match in (
        ({"method": "magic"}, "method"),
        ({"rank": 0}, "rank"),
        ({"rank": 40}, "at most 39"),
        ({"rank": 5}, "the data have 3 modes"),
        ({"trials": 5}, "trials"),
        ({"held_out": 38}, "held_out"),
        ({"seed": -1}, "seed"),
        ({"rtol": 2}, "rtol"),
    ):
        with pytest.raises(InputError, match=match):
            dynamic_modes(u, TIMES, **options)
    with pytest.raises(InputError, match="all vanish"):
        dynamic_modes(0 * u, TIMES)
    with pytest.raises(NonFiniteError, match="data"):
        dynamic_modes(np.where(u > 1, np.nan, u), TIMES)


def test_predictions_beyond_the_range_are_told():
    model = dynamic_modes(np.exp(np.multiply.outer(np.arange(9.0), np.ones(3))))
    assert model.rates[0] == pytest.approx(1.0)
    with pytest.raises(NonFiniteError, match="growing"):
        model.predict([1000.0])
    with pytest.raises(InputError, match="times"):
        model.predict([[1.0]])


def test_without_pydmd_the_remedy_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydmd", None)
    monkeypatch.delitem(sys.modules, "pydmd")

    class Missing:
        def find_spec(self, name, *_):
            if name == "pydmd":
                raise ModuleNotFoundError("No module named 'pydmd'", name="pydmd")

    monkeypatch.setattr(sys, "meta_path", [Missing(), *sys.meta_path])
    with pytest.raises(ModuleNotFoundError, match=r"pip install nwidth\[dmd\]"):
        require_pydmd()

import numpy as np
import pytest

from nwidth.rom import device_online_stage as module
from nwidth.rom.device_online_stage import device_online_stage

# Agreement with the compiled stage, singular matrices included, is tested beside that.
RNG = np.random.default_rng(2)


@pytest.mark.parametrize("least_squares", [False, True])
def test_parts_that_fit_into_memory(monkeypatch, least_squares):
    tables = (RNG.standard_normal((3, 4, 4)), RNG.standard_normal((2, 4)),
              RNG.standard_normal((14, 14)), RNG.uniform(0, 1, 14))  # fmt: skip
    theta, phi = RNG.standard_normal((7, 3)), RNG.standard_normal((7, 2))

    def lower(theta):
        return 1 + np.abs(theta[:, 0])

    options = {"least_squares": least_squares}
    whole = device_online_stage(theta, (theta, phi), tables, lower, **options)
    monkeypatch.setattr(module, "TOGETHER", 2 * 8 * (14 if least_squares else 4) * 4)
    parts = device_online_stage(theta, (theta, phi), tables, lower, **options)
    assert [values.shape for values in whole] == [(7, 4), (7,), (7,), (7,), (7,)]
    for a, b in zip(whole, parts, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    np.testing.assert_array_equal(whole[2], lower(theta))
    empty = device_online_stage(theta, (theta[:0], phi[:0]), tables, lower, **options)
    assert [len(values) for values in empty] == [0] * 5


def test_fewer_residuals_than_unknowns_are_singular():
    tables = np.ones((1, 3, 3)), np.ones((1, 3)), np.ones((1, 4)), np.zeros(4)
    theta = np.ones((2, 1))
    found = device_online_stage(
        theta, (theta, theta), tables, lambda theta: theta[:, 0], least_squares=True
    )
    assert found[3].tolist() == [2, 2]
    assert np.isinf(found[1]).all()


def test_answers_without_stability_have_no_bound():
    tables = np.eye(2)[None], np.ones((1, 2)), np.ones((1, 3)), np.zeros(3)
    theta = np.ones((3, 1))
    found = device_online_stage(
        theta, (theta, theta), tables, lambda theta: np.array([-1.0, np.nan, 0.5])
    )
    assert found[3].tolist() == [1, 1, 0]
    assert np.isinf(found[1]).tolist() == [True, True, False]
    assert np.isfinite(found[0]).all()

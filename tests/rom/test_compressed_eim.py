import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError, NotConvergedError
from nwidth.rom import EmpiricalInterpolation, SelectionStatus, compressed_eim, eim

RNG = np.random.default_rng(0)


def field(rows=90, points=70, dtype="f8"):
    x, y = np.linspace(0, 1, rows)[:, None], np.linspace(0, 1, points)
    f = np.exp(-((x - 0.7 * y**2) ** 2) * 20) * (1 + 0.3 * x)
    return (f * np.exp(3j * x * y) if np.dtype(dtype).kind == "c" else f).astype(dtype)


def largest_row(f):
    return np.linalg.norm(f.reshape(len(f), -1), axis=1).max()


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16"])
@pytest.mark.parametrize("shape", [(90, 70), (31, 200), (200, 31)])
def test_error_is_that_of_the_data_and_the_choice_that_of_eim(dtype, shape):
    f, rtol = field(*shape, dtype), 1e-3 if dtype in ("f4", "c8") else 1e-8
    model = compressed_eim(f, rtol)
    assert isinstance(model, EmpiricalInterpolation)
    assert model.status is SelectionStatus.CONVERGED
    error = largest_row(f - model.interpolate(model.values))
    assert model.errors[-1] == pytest.approx(error, rel=1e-2)
    assert error <= rtol * largest_row(f)
    assert model.functions.dtype == model.values.dtype == dtype
    np.testing.assert_array_equal(model.functions, f[model.rows])
    np.testing.assert_array_equal(model.values, f[:, model.points])
    wanted = eim(f, rtol, norm="l2")
    assert abs(model.rank - wanted.rank) <= 1
    assert model.rows[:5].tolist() == wanted.rows[:5].tolist()
    assert model.points[:5].tolist() == wanted.points[:5].tolist()


def test_shape_of_fields_and_seeds():
    f = field().reshape(90, 7, 10)
    model, again = compressed_eim(f, 1e-6, seed=3), compressed_eim(f, 1e-6, seed=3)
    assert model.shape == (7, 10)
    np.testing.assert_array_equal(model.points, again.points)
    assert model.errors == again.errors


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_scales(scale):
    model, wanted = compressed_eim(scale * field(), 1e-6), compressed_eim(field(), 1e-6)
    assert model.points.tolist() == wanted.points.tolist()
    assert model.reached == pytest.approx(wanted.reached, rel=1e-3)


def test_rank_that_is_reached_is_told():
    model = compressed_eim(field(), 1e-10, max_rank=4)
    assert (model.rank, model.status) == (4, SelectionStatus.MAX_RANK)
    error = largest_row(field() - model.interpolate(model.values))
    assert model.errors[-1] == pytest.approx(error)


def test_error_above_the_tolerance_is_refused():
    with pytest.raises(NotConvergedError, match="above the tolerance 1e-08; loosen it"):
        compressed_eim(field(dtype="f4"), 1e-8)


def test_zero_data():
    model = compressed_eim(np.zeros((3, 4)))
    assert (model.rank, model.errors) == (0, (0.0,))


def test_bad_input():
    with pytest.raises(InputError, match="rtol"):
        compressed_eim(field(), 0.0)
    with pytest.raises(InputError, match="max_rank"):
        compressed_eim(field(), max_rank=0)
    bad = field()
    bad[3, 7] = np.nan
    with pytest.raises(NonFiniteError, match="row 3, column 7"):
        compressed_eim(bad)

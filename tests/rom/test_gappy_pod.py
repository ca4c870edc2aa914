import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.rom import gappy_pod

RNG = np.random.default_rng(14)


def basis(r=4, shape=(6, 8), dtype=np.float64):
    n = int(np.prod(shape))
    rows = RNG.standard_normal((n, r))
    if np.issubdtype(dtype, np.complexfloating):
        rows = rows + 1j * RNG.standard_normal((n, r))
    return np.linalg.qr(rows)[0].T.reshape(r, *shape).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.complex128, np.float32])
def test_each_field_is_the_least_squares_fit_of_its_mask(dtype):
    U = basis(dtype=dtype)
    fields = RNG.standard_normal((5, 6, 8)).astype(dtype)
    known = RNG.random((5, 6, 8)) < 0.4
    known[3] = known[1]
    found = gappy_pod(U, fields, known)
    atol = 100 * np.finfo(dtype).eps
    assert found.fields.dtype == dtype
    for j in range(5):
        sampled = U[:, known[j]].T
        c = np.linalg.lstsq(sampled, fields[j][known[j]])[0]
        np.testing.assert_allclose(found.coefficients[j], c, atol=100 * atol)
        fit = np.tensordot(c, U, 1)
        wanted = np.where(known[j], fields[j], fit)
        np.testing.assert_allclose(found.fields[j], wanted, atol=100 * atol)
        assert found.condition[j] == pytest.approx(np.linalg.cond(sampled), rel=1e-3)
        misfit = np.sqrt((abs(fit - fields[j])[known[j]] ** 2).mean())
        assert found.misfits[j] == pytest.approx(misfit, rel=1e-3)


@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_fields_of_the_span_come_back_whatever_the_gaps_hold(dtype):
    U = basis(dtype=dtype)
    exact = np.tensordot(RNG.standard_normal((3, 2, 4)), U, 1)
    known = RNG.random((6, 8)) < 0.5
    holed = np.where(known, exact, np.nan)
    for found in (gappy_pod(U, holed), gappy_pod(U, holed, known)):
        np.testing.assert_allclose(found.fields, exact, atol=1e-12)
        assert found.coefficients.shape == (3, 2, 4)
        assert found.ranks.shape == found.condition.shape == found.misfits.shape == (3, 2)
        assert (found.ranks == 4).all()


def test_one_field_and_no_gaps():
    U = basis()
    f = RNG.standard_normal((6, 8))
    found = gappy_pod(U, f)
    np.testing.assert_array_equal(found.fields, f)
    np.testing.assert_allclose(found.coefficients, np.tensordot(U, f, 2), atol=1e-13)
    assert found.condition == pytest.approx(1)


def test_too_few_values_give_the_least_coefficients_and_say_so():
    U = basis()
    f = np.full((6, 8), np.nan)
    f[2, 3], f[5, 5] = 1.0, -2.0
    found = gappy_pod(U, f)
    assert (found.ranks, found.condition) == (2, np.inf)
    sampled = U[:, [2, 5], [3, 5]].T
    np.testing.assert_allclose(
        found.coefficients, np.linalg.lstsq(sampled, [1.0, -2.0])[0], atol=1e-12
    )
    assert found.misfits < 1e-13


def test_bad_input_is_told():
    U = basis()
    f = np.zeros((2, 6, 8))
    with pytest.raises(InputError, match="last axes are"):
        gappy_pod(U, np.zeros(7))
    with pytest.raises(InputError, match="known: expected true and false"):
        gappy_pod(U, f, np.ones((6, 8)))
    with pytest.raises(InputError, match="known: expected true and false"):
        gappy_pod(U, f, np.ones((3, 6, 8), bool))
    f[1] = np.nan
    with pytest.raises(InputError, match="field 1 has none"):
        gappy_pod(U, f)
    with pytest.raises(NonFiniteError, match="fields"):
        gappy_pod(U, f, np.ones((6, 8), bool))

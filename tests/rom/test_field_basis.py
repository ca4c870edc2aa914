import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.rom.field_basis import field_rows, first_largest, orthonormal

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
def test_orthonormal_rows_span_the_same_nested_spaces(dtype):
    rows = RNG.standard_normal((7, 30)).astype(dtype)
    if np.iscomplexobj(rows):
        rows = rows + 1j * RNG.standard_normal((7, 30)).astype(rows.real.dtype)
    q = orthonormal(rows)
    eps = np.finfo(dtype).eps
    assert q.dtype == dtype
    np.testing.assert_allclose(q @ q.conj().T, np.eye(7), atol=20 * eps)
    coefficients = rows @ q.conj().T
    np.testing.assert_allclose(coefficients, np.tril(coefficients), atol=100 * eps)
    np.testing.assert_allclose(coefficients @ q, rows, atol=100 * eps)


def test_orthonormal_rows_are_left_alone():
    rows = np.linalg.qr(RNG.standard_normal((30, 5)))[0].T
    assert orthonormal(rows) is rows


def test_dependent_fields_are_named():
    rows = RNG.standard_normal((4, 9))
    rows[2] = rows[0] - 3 * rows[1]
    with pytest.raises(InputError, match="field 2 is a combination"):
        orthonormal(rows)
    with pytest.raises(InputError, match="at most as many fields as points, got 3 and 2"):
        orthonormal(np.ones((3, 2)))


def test_of_equal_values_the_first_counts():
    assert first_largest(np.array([0.0, 2.0, 2.0 + 1e-14, 1.0])) == 1
    assert first_largest(np.array([0.0, 2.0, 2.0 + 1e-9, 1.0])) == 2
    assert first_largest(np.zeros(3, np.float32)) == 0


def test_rows_are_checked():
    assert field_rows(np.ones((2, 3, 4), int), "basis").dtype == np.float64
    with pytest.raises(InputError, match=r"basis: expected fields as rows"):
        field_rows(np.ones(3), "basis")
    with pytest.raises(InputError, match=r"data: expected fields as rows"):
        field_rows(np.ones((0, 3)), "data")
    with pytest.raises(NonFiniteError, match=r"data: .* nan at index \(1, 0\)"):
        field_rows([[1.0], [np.nan]], "data")


def test_scales_do_not_matter():
    rows = RNG.standard_normal((4, 9))
    q = orthonormal(rows)
    for scale in (1e-250, 1e250, 10.0 ** np.array([[-250], [0], [250], [3]])):
        np.testing.assert_allclose(abs(orthonormal(rows * scale) @ q.T), np.eye(4), atol=1e-13)
    with pytest.raises(InputError, match="field 1 is a combination"):
        orthonormal(np.array([[1.0, 2.0], [0.0, 0.0]]))

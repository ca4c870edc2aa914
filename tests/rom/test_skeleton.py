import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.archive import save_archive
from nwidth.errors import FileFormatError, InputError
from nwidth.rom import Skeleton, eim

RNG = np.random.default_rng(10)


def low_rank(m, n, k, dtype=np.float64):
    A = RNG.standard_normal((m, k)) @ RNG.standard_normal((k, n))
    if np.issubdtype(dtype, np.complexfloating):
        A = A + 1j * RNG.standard_normal((m, k)) @ RNG.standard_normal((k, n))
    return A.astype(dtype)


def cross(A, rows, cols, **given):
    core = A[np.ix_(rows, cols)]
    return Skeleton(A[:, cols], core, A[rows], row_indices=rows, column_indices=cols, **given)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_a_matrix_of_that_rank_is_its_skeleton(dtype):
    A = low_rank(30, 20, 2, dtype)
    found = cross(A, [3, 4, 5, 20], [0, 7, 8, 10])
    atol = 1e4 * np.finfo(dtype).eps
    assert found.dtype == dtype
    np.testing.assert_allclose(found.to_dense(), A, atol=atol)
    np.testing.assert_allclose(
        found.to_dense(),
        found.columns @ np.linalg.pinv(found.core, rcond=1e-5) @ found.rows,
        atol=atol,
    )
    u, v = RNG.standard_normal((2, 5, 30))
    np.testing.assert_allclose(found @ u[0, :20].astype(dtype), A @ u[0, :20], atol=10 * atol)
    np.testing.assert_allclose(found.H @ v[0].astype(dtype), A.conj().T @ v[0], atol=10 * atol)


def test_singular_values_below_round_off_are_left_out():
    A = low_rank(30, 20, 2)
    assert cross(A, [1, 2, 3, 4, 5], [1, 2, 3, 4, 5]).rank == 2


def test_a_core_as_bad_as_the_matrix_does_no_harm():
    """The core has a condition of 1e15, the skeleton an error of round-off."""
    x, y = np.linspace(0, 1, 60)[:, None], np.linspace(0, 1, 90)
    data = np.exp(-(((x - y) / 0.2) ** 2))
    model = eim(data, 1e-14)
    found = Skeleton.of(model)
    assert np.linalg.cond(found.core) > 1e10
    np.testing.assert_allclose(found.to_dense(), data, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_empirical_interpolation_is_a_skeleton(dtype):
    x, y = np.linspace(1, 5, 40)[:, None], np.linspace(0, 1, 60)
    data = np.exp(1j * x * y) if dtype == np.complex128 else np.cos(x * y)
    model = eim(data.reshape(40, 6, 10), 1e-6)
    found = Skeleton.of(model)
    wanted = model.interpolate(model.values).reshape(40, 60)
    np.testing.assert_allclose(found.to_dense(), wanted, atol=1e-12)
    assert (found.domain_shape, found.range_shape) == ((6, 10), (40,))
    np.testing.assert_array_equal(found.columns, data[:, found.column_indices])
    np.testing.assert_array_equal(found.rows, data[found.row_indices])


def test_error_estimate_is_the_error():
    A = low_rank(80, 70, 40) + 5 * low_rank(80, 70, 3)
    found = cross(A, [3, 4, 5, 20], [0, 7, 8, 10])
    true = np.linalg.norm(A - found.to_dense()) / np.linalg.norm(A)
    for kind in (A, sp.csr_array(A)):
        assert found.error_estimate(kind) == pytest.approx(true, rel=0.4)
    assert found.error_estimate(A, samples=2000) == pytest.approx(true, rel=0.05)
    assert found.error_estimate(found) < 1e-13
    with pytest.raises(InputError, match=r"A: expected shape \(80, 70\)"):
        found.error_estimate(A.T)


def test_nothing_is_a_skeleton_too():
    found = Skeleton(np.zeros((4, 0)), np.zeros((0, 0)), np.zeros((0, 3)))
    assert found.rank == 0
    np.testing.assert_array_equal(found.to_dense(), np.zeros((4, 3)))
    assert found.error_estimate(np.zeros((4, 3))) == 0


def test_file_round_trip(tmp_path):
    A = low_rank(12, 20, 2, np.complex128)
    found = cross(A, [1, 5], [2, 3], error=1e-3, domain_shape=(4, 5))
    found.save(tmp_path / "s.h5")
    again = Skeleton.load(tmp_path / "s.h5")
    np.testing.assert_array_equal(again.to_dense(), found.to_dense())
    assert again.row_indices.tolist() == [1, 5]
    assert (again.error, again.status, again.domain_shape) == (1e-3, found.status, (4, 5))
    Skeleton(found.columns, found.core, found.rows).save(tmp_path / "s.h5")
    again = Skeleton.load(tmp_path / "s.h5")
    assert again.row_indices is again.error is None
    save_archive(tmp_path / "bad.h5", "skeleton", {"columns": A}, {"error": None})
    with pytest.raises(FileFormatError, match="not a skeleton"):
        Skeleton.load(tmp_path / "bad.h5")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"columns": np.ones(3)}, "columns: expected a matrix"),
        ({"core": np.ones((2, 3))}, r"core: expected shape \(2, 2\)"),
        ({"rows": np.full((2, 4), np.nan)}, "rows: expected finite"),
        ({"row_indices": [0]}, "row_indices: expected 2 integers"),
        ({"row_indices": [0.0, 1.0]}, "row_indices: expected 2 integers"),
        ({"column_indices": [0, 4]}, "column_indices: expected indices from 0 to 3"),
        ({"domain_shape": (5,)}, "expected shapes of 3 and 4 numbers"),
    ],
)
def test_arguments_are_checked(given, words):
    parts = {"columns": np.ones((3, 2)), "core": np.eye(2), "rows": np.ones((2, 4)), **given}
    with pytest.raises(InputError, match=words):
        Skeleton(**parts)

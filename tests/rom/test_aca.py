import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.rom import SelectionStatus, aca

RNG = np.random.default_rng(11)


def points(n, centre):
    return RNG.uniform(-0.5, 0.5, (n, 3)) + np.array([centre, 0, 0])


def kernel(x, y, wave=0.0):
    def entries(i, j):
        r = np.linalg.norm(x[i] - y[j], axis=-1)
        return np.exp(1j * wave * r) / r if wave else 1 / r

    return entries


def whole(entries, m, n):
    return entries(np.arange(m)[:, None], np.arange(n))


class Counted:
    def __init__(self, entries):
        self.entries, self.number = entries, 0

    def __call__(self, i, j):
        self.number += np.broadcast(i, j).size
        return self.entries(i, j)


@pytest.mark.parametrize("wave", [0.0, 3.0])
@pytest.mark.parametrize("rtol", [1e-3, 1e-6, 1e-10])
def test_kernels_of_distant_clouds(rtol, wave):
    f = Counted(kernel(points(400, 0), points(300, 2), wave))
    found = aca(f, (400, 300), rtol)
    assert f.number == 700 * found.rank + 500 or f.number == 700 * found.rank + 500 + 300
    A = whole(f, 400, 300)
    true = np.linalg.norm(A - found.to_dense()) / np.linalg.norm(A)
    assert found.status is SelectionStatus.CONVERGED
    assert found.error <= rtol
    assert true < 2 * rtol
    sigma = np.linalg.svd(A, compute_uv=False)
    best = (np.sqrt(np.cumsum(sigma[::-1] ** 2))[::-1] > rtol * np.linalg.norm(sigma)).sum()
    assert best <= found.rank <= 2 * best + 2


def test_pivots_are_those_of_the_published_algorithm():
    x, y = points(60, 0), points(50, 1.5)
    found = aca(kernel(x, y), (60, 50), 1e-8)
    E = whole(kernel(x, y), 60, 50)
    row, rows, cols = 0, [], []
    for _ in range(found.rank):
        col = int(np.abs(np.where(np.isin(np.arange(50), cols), 0, E[row])).argmax())
        rows.append(row)
        cols.append(col)
        column = E[:, col].copy()
        E = E - np.outer(column, E[row] / E[row, col])
        row = int(np.where(np.isin(np.arange(60), rows), -1, np.abs(column)).argmax())
    assert found.row_indices.tolist() == rows
    assert found.column_indices.tolist() == cols


def test_blocks_that_the_pivots_do_not_see_are_found():
    """Textbook partial pivoting ends after the first block."""
    A = np.zeros((120, 100))
    A[:60, :50] = 1 / (1 + np.add.outer(np.arange(60.0), np.arange(50.0)))
    A[60:, 50:] = 1 / (2 + np.add.outer(np.arange(60.0), np.arange(50.0)))
    found = aca(lambda i, j: A[i, j], A.shape, 1e-6)
    assert found.status is SelectionStatus.CONVERGED
    assert np.linalg.norm(A - found.to_dense()) < 1e-5 * np.linalg.norm(A)


def test_zero_rows_and_the_zero_matrix():
    A = np.outer(np.arange(40.0), np.arange(30.0))
    found = aca(lambda i, j: A[i, j], A.shape, 1e-8)
    assert found.rank == 1
    np.testing.assert_allclose(found.to_dense(), A, atol=1e-12)
    found = aca(lambda i, j: 0.0 * (i + j), (5, 4))
    assert (found.rank, found.error) == (0, 0.0)


def test_limit_and_round_off_are_told():
    f = kernel(points(90, 0), points(80, 1.2))
    found = aca(f, (90, 80), 1e-12, max_rank=4)
    assert (found.rank, found.status) == (4, SelectionStatus.MAX_RANK)
    A = whole(f, 90, 80)
    true = np.linalg.norm(A - found.to_dense()) / np.linalg.norm(A)
    assert found.error == pytest.approx(true, rel=0.5)
    f = kernel(points(90, 0), points(80, 4))
    A = whole(f, 90, 80)
    found = aca(f, (90, 80), 0.0)
    assert found.status is SelectionStatus.EXHAUSTED
    assert np.linalg.norm(A - found.to_dense()) < 1e-12 * np.linalg.norm(A)


def test_full_rank_is_reached():
    A = RNG.standard_normal((20, 12))
    found = aca(lambda i, j: A[i, j], A.shape, 0.0)
    np.testing.assert_allclose(found.to_dense(), A, atol=1e-10)
    assert found.rank == 12


def test_float32_stays():
    A = (1 / (1 + np.add.outer(np.arange(60.0), np.arange(50.0)))).astype(np.float32)
    found = aca(lambda i, j: A[i, j], A.shape, 1e-4)
    assert found.dtype == np.float32
    assert np.linalg.norm(A - found.to_dense()) < 1e-3 * np.linalg.norm(A)


@pytest.mark.parametrize(
    ("entries", "shape", "words"),
    [
        (np.eye(3), (3, 3), "expected a function of row and column indices"),
        (lambda i, j: 1.0, (3, 3), "expected shape"),
        (lambda i, j: i + j, (3,), "shape: expected numbers of rows and columns"),
        (lambda i, j: i + j, (3, 0), "shape"),
        (lambda i, j: i + j, None, "shape"),
    ],
)
def test_arguments_are_checked(entries, shape, words):
    with pytest.raises(InputError, match=words):
        aca(entries, shape)


def test_entries_that_are_not_finite_are_told():
    with pytest.raises(NonFiniteError, match="entries of"):
        aca(lambda i, j: np.full(np.broadcast(i, j).shape, np.inf), (3, 3))


@pytest.mark.parametrize(
    ("dtype", "size"), [(np.float64, 1e-250), (np.float64, 1e250), (np.complex64, 1e30)]
)
def test_very_large_and_very_small_entries(dtype, size):
    A = (1 / (1 + np.add.outer(np.arange(60.0), np.arange(50.0)))).astype(dtype)
    wanted = aca(lambda i, j: A[i, j], A.shape, 1e-4)
    found = aca(lambda i, j: A[i, j] * dtype(size), A.shape, 1e-4)
    assert found.row_indices.tolist() == wanted.row_indices.tolist()
    assert found.error == pytest.approx(wanted.error, rel=1e-2)
    np.testing.assert_allclose(found.to_dense() / size, A, atol=1e-3)

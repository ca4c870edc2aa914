import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.solvers.spectral import AlmostBanded, almost_banded


def assembled(bands, lower, rows):
    """The matrix as the docstring places it."""
    count, width = bands.shape
    k = 0 if rows is None else len(rows)
    n = count + k
    a = np.zeros((n, n))
    if k:
        a[:k] = rows
    for i in range(count):
        for d in range(width):
            j = k + i - lower + d
            if 0 <= j < n:
                a[k + i, j] = bands[i, d]
    return a


def random_system(n, k, lower, upper, systems, seed=0):
    generator = np.random.default_rng(seed)
    bands = generator.normal(size=(systems, n - k, lower + upper + 1))
    bands[..., lower] += 4.0
    rows = generator.normal(size=(systems, k, n)) if k else None
    return bands, rows


CASES = [(1, 0, 0, 0), (6, 0, 1, 1), (9, 0, 2, 4), (17, 0, 3, 0), (12, 1, 0, 2), (20, 2, 0, 3),
         (15, 2, 3, 1), (8, 3, 1, 1), (5, 2, 2, 4), (30, 4, 2, 2)]  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize(("n", "k", "lower", "upper"), CASES)
def test_dense_algebra_agrees(n, k, lower, upper, dtype, monkeypatch):
    bands, rows = random_system(n, k, lower, upper, 3)
    dense = np.stack([assembled(bands[s], lower, None if rows is None else rows[s])
                      for s in range(3)])  # fmt: skip
    generator = np.random.default_rng(1)
    x = generator.normal(size=(2, 3, n)) + 1j * generator.normal(size=(2, 3, n))
    x = x.astype(dtype) if np.dtype(dtype).kind == "c" else x.real.astype(dtype)
    f = np.einsum("sij,bsj->bsi", dense, x).astype(dtype)
    system, kept = AlmostBanded(bands, lower, rows), f.copy()
    limit = 100 * np.finfo(dtype).eps * np.linalg.cond(dense).max()
    found = system.solve(f)
    assert found.dtype == dtype and np.array_equal(f, kept)
    assert abs(found - x).max() < limit
    one = AlmostBanded(bands[1], lower, None if rows is None else rows[1])
    assert np.allclose(one.solve(f[:, 1]), found[:, 1], rtol=0, atol=limit)
    monkeypatch.setattr(almost_banded, "lives_on_gpu", lambda f: True)
    arrays = system.solve(f)
    assert arrays.dtype == dtype and abs(arrays - x).max() < limit


def test_factors_take_numbers_in_proportion_to_n():
    counts = []
    for n in (100, 200, 400):
        bands, rows = random_system(n, 2, 2, 3, 1)
        counts.append(AlmostBanded(bands, 2, rows).nonzeros)
    assert counts[2] - counts[1] == 2 * (counts[1] - counts[0]) and counts[2] < 20 * 400


def test_no_pivot_is_needed():
    """A zero in the corner, and a system that grows under elimination without pivots."""
    bands = np.array([[0.0, 1e-12, 1.0]] + [[1.0, 1e-12, 1.0]] * 7)
    a, f = assembled(bands, 1, None), np.arange(8.0)
    x = AlmostBanded(bands, 1).solve(f)
    assert abs(a @ x - f).max() < 1e-13


def test_what_does_not_fit_is_refused():
    with pytest.raises(InputError, match="bands: expected shape"):
        AlmostBanded(np.ones((4, 1)), 1)
    with pytest.raises(InputError, match="rows: expected shape"):
        AlmostBanded(np.ones((4, 3)), 1, np.ones((2, 5)))
    for rows in (3.0, "a", 1j * np.ones((1, 5)), np.ones((2, 1, 5)), [[1.0], [1.0, 2.0]]):
        with pytest.raises(InputError, match="rows: expected"):
            AlmostBanded(np.ones((4, 3)), 1, rows)
    with pytest.raises(InputError, match="system 0 is singular"):
        AlmostBanded(np.zeros((4, 3)), 1)
    with pytest.raises(InputError, match="f: expected a shape that ends"):
        AlmostBanded(np.eye(3)[:, :1] + 1.0, 0).solve(np.ones(4))
    with pytest.raises(InputError, match="finite"):
        AlmostBanded(np.full((4, 1), np.nan), 0)
    with pytest.raises(InputError, match="real"):
        AlmostBanded(np.ones((4, 1), complex), 0)

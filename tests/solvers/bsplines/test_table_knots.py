import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.solvers.bsplines import table_knots

X = np.sort(np.random.default_rng(0).uniform(size=800))


@pytest.mark.parametrize("degree", [3, 4, 5, 7])
def test_few_rows_represent_all(degree):
    f = np.stack([np.tanh(30 * (X - 0.4)), 1e3 * np.cos(9 * X)], axis=1)
    s = table_knots(X, f, degree=degree, rtol=1e-5)
    assert len(s.sites) < 200
    assert set(s.sites) <= set(X)
    gap = np.abs(s(X) - f)
    assert (gap <= 1e-5 * (np.abs(f) + np.abs(f).max(axis=0))).all()
    assert s.error <= 1
    assert len(s.errors) == len(s.sites) - 1


def test_sites_gather_in_the_layer():
    s = table_knots(X, np.tanh(200 * (X - 0.4)), rtol=1e-4)
    assert (np.abs(s.sites - 0.4) < 0.05).mean() > 0.4


def test_noise_is_taken_row_by_row():
    f = np.random.default_rng(1).normal(size=60)
    s = table_knots(np.arange(60.0), f, rtol=1e-12)
    assert len(s.sites) == 60
    assert len(table_knots(np.arange(60.0), f, atol=20.0).sites) == 9


def test_short_tables_and_complex_values():
    s = table_knots([0.0, 1.0, 2.0, 3.0], [0, 1j, 8, 27j])
    np.testing.assert_allclose(s([1.0, 3.0]), [1j, 27j], atol=1e-12)


@pytest.mark.parametrize(
    ("x", "f", "match"),
    [
        ([0.0, 2.0, 1.0, 3.0], np.ones(4), "got 2 before 1 at row 1; sort"),
        ([0.0, 1.0, 1.0, 3.0], np.ones(4), "repeat"),
        ([0.0, 1.0, 2.0], np.ones(3), "more than 3 points"),
        (np.arange(5.0), np.ones(4), "5 rows"),
        (np.arange(5.0), 1.0, "5 rows"),
        (np.zeros((4, 4)), np.ones(4), "more than 3 points"),
        ("abcd", np.ones(4), "x"),
    ],
)
def test_bad_tables(x, f, match):
    with pytest.raises(InputError, match=match):
        table_knots(x, f)


def test_nan_and_degrees():
    with pytest.raises(NonFiniteError, match="values"):
        table_knots(np.arange(5.0), [0, 1, np.nan, 2, 3])
    with pytest.raises(InputError, match="from 3 to 7"):
        table_knots(np.arange(5.0), np.ones(5), degree=1)

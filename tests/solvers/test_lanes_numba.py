"""The vector type of the batched kernels against NumPy, whatever version of Numba compiles it."""

import numba
import numpy as np
import pytest

from nwidth.solvers._lanes_numba import LANES, fill, load, narrow, spread, store, total, widen

RNG = np.random.default_rng(0)


@numba.njit(error_model="numpy")
def arithmetic(a, b, k, out):
    x, y = load(a, k), load(b, k)
    store(out, 0, x + y)
    store(out, LANES, x - y)
    store(out, 2 * LANES, x * y)
    store(out, 3 * LANES, x / y)
    x += y
    store(out, 4 * LANES, x)


@numba.njit
def change(single, double, wide, short, number, filled):
    store(wide, 0, widen(load(single, 0)))
    store(short, 0, narrow(load(double, 0)))
    store(filled, 0, fill(number))


@numba.njit
def spread_out(a, k, out):
    store(out, 0, spread(a, k))


@numba.njit
def sum_of_lanes(a, k):
    return total(load(a, k))


@numba.njit
def column_sums(a, count):
    out = fill(0.0)
    for k in range(count):
        out += load(a, k * LANES)
    return out


@numba.njit
def totals(a, count, out):
    store(out, 0, column_sums(a, count))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("k", [0, 1, 3, LANES])
def test_arithmetic_is_that_of_arrays_from_any_index(dtype, k):
    a, b = RNG.standard_normal((2, 3 * LANES)).astype(dtype)
    out = np.full((6, LANES), 7, dtype)
    arithmetic(a, b, k, out.reshape(-1))
    x, y = a[k : k + LANES], b[k : k + LANES]
    np.testing.assert_array_equal(out[:5], [x + y, x - y, x * y, x / y, x + y])
    np.testing.assert_array_equal(out[5], 7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_not_finite_stays_in_its_lane(dtype):
    a, b = np.ones((2, LANES), dtype)
    a[1], a[2], a[3], b[3], b[4] = np.nan, np.inf, 0, 0, 0
    out = np.empty((5, LANES), dtype)
    arithmetic(a, b, 0, out.reshape(-1))
    with np.errstate(invalid="ignore", divide="ignore"):
        np.testing.assert_array_equal(out, [a + b, a - b, a * b, a / b, a + b])


def test_precisions_and_equal_lanes():
    double = RNG.standard_normal(LANES)
    single = double.astype(np.float32)
    wide, short, filled = np.empty(LANES), np.empty(LANES, np.float32), np.empty(LANES)
    change(single, double, wide, short, 0.1, filled)
    np.testing.assert_array_equal(wide, single.astype(np.float64))
    np.testing.assert_array_equal(short, single)
    np.testing.assert_array_equal(filled, 0.1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_of_lanes(dtype):
    a = RNG.standard_normal(LANES + 1).astype(dtype)
    for k in (0, 1):
        found = sum_of_lanes(a, k)
        part = a[k : k + LANES]
        assert abs(found - part.sum()) <= LANES * np.finfo(dtype).eps * abs(part).sum()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_entry_in_all_lanes(dtype):
    a, out = RNG.standard_normal(3).astype(dtype), np.empty(LANES, dtype)
    for k in range(3):
        spread_out(a, k, out)
        np.testing.assert_array_equal(out, a[k])


def test_lanes_go_through_loops_and_functions():
    a, out = RNG.standard_normal((5, LANES)), np.empty(LANES)
    totals(a.reshape(-1), 5, out)
    np.testing.assert_allclose(out, a.sum(axis=0), rtol=1e-14)


@pytest.mark.parametrize(
    "a",
    [np.ones(LANES, np.int64), np.ones((1, LANES)), np.ones(2 * LANES)[::2], np.ones(LANES, "c16")],
)
def test_other_arrays_are_refused(a):
    with pytest.raises(numba.TypingError):
        totals(a, 1, np.empty(LANES))


def test_precisions_do_not_mix():
    with pytest.raises(numba.TypingError):
        arithmetic(np.ones(LANES), np.ones(LANES, np.float32), 0, np.empty(5 * LANES))
    with pytest.raises(numba.TypingError):
        totals(np.ones(LANES), 1, np.empty(LANES, np.float32))

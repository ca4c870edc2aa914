"""Passes of multigrid for constant coefficients, held against the textbook."""

from functools import reduce

import numpy as np
import pytest

from nwidth.solvers.multigrid import PoissonMultigrid
from nwidth.solvers.multigrid import _poisson_2d_numba as plane
from nwidth.solvers.multigrid._poisson_levels import BETWEEN, GAP, NESTED, RESIDUAL, ZERO, Levels

RNG = np.random.default_rng(0)


def product_with(u, t, c):
    """A u, the textbook way."""
    out = (2 * sum(t) + c) * u
    for k, coupling in enumerate(t):
        v, w = np.moveaxis(u, k, 0), np.moveaxis(out, k, 0)
        w[1:] -= coupling * v[:-1]
        w[:-1] -= coupling * v[1:]
    return out


def relaxed(u, g, t, c, order, factors=(1, 1)):
    """Red-black relaxation, colour after colour, each with a factor."""
    colour = sum(np.indices(u.shape)) + u.ndim
    for turn, factor in zip(order, factors, strict=True):
        r = g - product_with(u, t, c)
        u = np.where(colour % 2 == turn, u + factor * r / (2 * sum(t) + c), u)
    return u


def factors_of(t, c, turn):
    """Factors of relaxation before and after a correction, and of the latter."""
    rho = 2 * (sum(t) - min(t)) / (2 * sum(t) + c)
    omega = 1 + 2.5 * rho**4
    return (omega if turn == 0 else 1, 1), (1, omega if turn == 1 else 1), 1 + rho**2 / 3


def along(matrix, u, k):
    return np.moveaxis(np.tensordot(matrix, u, (1, k)), 0, k)


def linear(n):
    """Linear interpolation from n / 2 - 1 to n - 1 interior nodes."""
    p = np.zeros((n - 1, n // 2 - 1))
    for c in range(n // 2 - 1):
        p[2 * c : 2 * c + 3, c] = 0.5, 1, 0.5
    return p


def prolonged(e):
    return reduce(lambda u, k: along(linear(2 * (e.shape[k] + 1)), u, k), range(e.ndim), e)


def restricted(r):
    return reduce(lambda u, k: along(linear(r.shape[k] + 1).T, u, k), range(r.ndim), r)


def cycled(g, t, c, turn, last, solves=True):
    """One V(1,1)-cycle from zero, on `last` a direct solution."""
    if g.shape == last:
        matrix = np.stack([product_with(e.reshape(last), t, c).ravel() for e in np.eye(g.size)])
        return np.linalg.solve(matrix, g.ravel()).reshape(last)
    order, d = (turn, 1 - turn), g.ndim
    before, after, alpha = factors_of(t, c, turn)
    u = relaxed(np.zeros_like(g), g, t, c, order, before)
    coarse = restricted(g - product_with(u, t, c))
    e = cycled(coarse, [s * 2 ** (d - 2) for s in t], c * 2**d, turn, last, False)
    alpha = alpha if solves and d == 3 else 1  # in the plane only where another cycle follows
    return relaxed(u + alpha * prolonged(e), g, t, c, order, after)


def halves(b):
    """A right-hand side with columns of even and odd number apart."""
    out = np.zeros((2, *(n + 1 for n in b.shape[:-1]), (b.shape[-1] + 1) // 2 + 1), b.dtype)
    inner = (slice(1, None),) * (b.ndim - 1)
    even, odd = b[..., 1::2], b[..., 0::2]
    out[(0, *inner, slice(1, 1 + even.shape[-1]))] = even
    out[(1, *inner, slice(0, odd.shape[-1]))] = odd
    return out


def cubic(n):
    """Cubic interpolation on nodes with walls, at the walls quadratic."""
    p = np.zeros((n + 1, n // 2 + 1))
    for i in range(n + 1):
        c = i // 2
        if i % 2 == 0:
            p[i, c] = 1
        elif c == 0:
            p[i, :3] = 3 / 8, 3 / 4, -1 / 8
        elif c == n // 2 - 1:
            p[i, -3:] = -1 / 8, 3 / 4, 3 / 8
        else:
            p[i, c - 1 : c + 3] = np.array([-1, 9, 9, -1]) / 16
    return p


def filter_matrix(n):
    """Weights (-1, 4, 10, 4, -1) / 8 with f = 3 f_1 - 3 f_2 + f_3 on the walls."""
    extended = np.zeros((n + 1, n - 1))
    extended[1:-1] = np.eye(n - 1)
    extended[0, :3], extended[-1, -3:] = (3, -3, 1), (1, -3, 3)
    rows = [np.zeros(n + 1) for _ in range(n // 2 - 1)]
    for c, row in enumerate(rows):
        row[2 * c : 2 * c + 5] = np.array([-1, 4, 10, 4, -1]) / 8
    return np.array(rows) @ extended


SHAPES = [(7, 7), (11, 31), (63, 35), (7, 7, 7), (11, 7, 15), (15, 23, 11)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("turn", [0, 1])
def test_passes_agree_with_the_textbook(shape, dtype, turn):
    t, c = (1.1, 0.8, 1.3)[: len(shape)], 0.3
    levels = Levels(shape, t, c, (np.dtype(dtype), np.dtype(dtype)))
    g = RNG.standard_normal(shape).astype(dtype)
    e = RNG.standard_normal([(n - 1) // 2 for n in shape]).astype(dtype)
    x, order = np.full(shape, np.nan, dtype), (turn, 1 - turn)
    before, after, alpha = factors_of(t, c, turn)
    inner = (slice(1, -1),) * len(shape)
    close = {"rtol": 0, "atol": 1e-13 if dtype == np.float64 else 2e-5}

    def check_coarse(u):
        coarse = restricted(g - product_with(u, t, c))
        inside = halves(coarse)
        np.testing.assert_allclose(levels.g[inside != 0], inside[inside != 0], **close)

    def norm(u):
        return np.linalg.norm(g.astype(np.float64) - product_with(u, t, c))

    assert levels.begin(g) == pytest.approx(np.linalg.norm(g), rel=1e-6)
    levels.e[inner] = e
    u = relaxed(0 * g.astype(np.float64), g, t, c, order, before)
    levels.sweep(ZERO, before=1, restricts=True, turn=turn)
    check_coarse(u)
    last = alpha if len(shape) == 3 else 1  # in the plane only where another cycle follows
    u = relaxed(u + last * prolonged(e), g, t, c, order, after)
    levels.sweep(ZERO, before=1, corrects=True, after=1, into=x, measures=RESIDUAL, turn=turn)
    np.testing.assert_allclose(x, u, **close)
    assert levels.norm() == pytest.approx(norm(u), rel=1e-5)
    levels.sweep(corrects=True, after=2, restricts=True, measures=BETWEEN, turn=turn)
    u = relaxed(u + alpha * prolonged(e), g, t, c, order, after)
    if turn == 0:  # the adjoint cycle measures nothing
        assert levels.norm() == pytest.approx(norm(u), rel=1e-5)
    u = relaxed(u, g, t, c, order, before)
    check_coarse(u)
    levels.sweep(after=1, into=x, turn=turn)
    np.testing.assert_allclose(x, relaxed(u, g, t, c, order), **close)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_nested_passes_agree_with_the_textbook(shape, dtype):
    t, d = (1.0, 1.2, 1.5)[: len(shape)], len(shape)
    levels = Levels(shape, t, 0.0, (np.dtype(dtype), np.dtype(dtype)))
    g, x = RNG.standard_normal(shape).astype(dtype), np.empty(shape, dtype)
    inner, every = (slice(1, -1),) * d, (slice(1, None, 2),) * d
    close = {"rtol": 0, "atol": 1e-13 if dtype == np.float64 else 2e-5}
    levels.begin(g, restricts=True)
    coarse = reduce(lambda u, k: along(filter_matrix(shape[k] + 1), u, k), range(d), g)
    inside = halves(coarse)
    np.testing.assert_allclose(levels.g[inside != 0], inside[inside != 0], **close)
    v = RNG.standard_normal([(n - 1) // 2 for n in shape]).astype(dtype)
    levels.v[inner] = v
    u = reduce(lambda u, k: along(cubic(shape[k] + 1), u, k), range(d), np.pad(v, 1))[inner]
    u = relaxed(u, g, t, 0.0, (0, 1))
    levels.sweep(NESTED, before=1, into=x, measures=GAP)
    np.testing.assert_allclose(x, u, **close)
    assert levels.norm() == pytest.approx(np.linalg.norm(g - product_with(u, t, 0.0)), rel=1e-4)
    assert levels.norm(1) == pytest.approx(np.linalg.norm(u[every] - v), rel=1e-5)


def test_filter_keeps_cubics_and_removes_the_highest_frequency():
    n = 12
    i, c = np.arange(1, n), np.arange(2, n, 2)
    np.testing.assert_allclose(filter_matrix(n)[1:-1] @ i**3, 2.0 * c[1:-1] ** 3)
    np.testing.assert_allclose(filter_matrix(n) @ i**2, 2.0 * c**2)
    np.testing.assert_allclose(filter_matrix(n)[1:-1] @ (-1.0) ** i, 0, atol=1e-14)


@pytest.mark.parametrize("shape", [(31, 47), (39, 31), (15, 11, 23)])
@pytest.mark.parametrize("turn", [0, 1])
def test_cycle_agrees_with_the_textbook(shape, turn):
    t, c = (1.0, 1.4, 1.9)[: len(shape)], 0.1
    M = PoissonMultigrid(shape, t, c)
    g = RNG.standard_normal(shape)
    last = tuple(n - 1 for n in M._levels.levels[-1])
    expected = cycled(g, t, c, turn, last)
    found = M.adjoint(g) if turn else M.apply(g)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_window_and_halo_cover_the_largest_lag():
    largest = 2 * 2  # half-sweeps of the longest plan
    assert largest + 4 <= plane.RING
    assert largest + 2 <= plane.HALO
    assert plane.HALO % 2 == 0

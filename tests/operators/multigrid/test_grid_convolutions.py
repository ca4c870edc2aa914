from itertools import product

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

from nwidth.operators.multigrid.grid_convolutions import (  # noqa: E402
    ENDS,
    coarse_sizes,
    hierarchy,
    injected,
    interpolated,
    linear_stencil,
    prolonged,
    restricted,
    smoothed,
)
from nwidth.solvers import DiffusionOperator  # noqa: E402
from nwidth.solvers.multigrid import coarsen  # noqa: E402

PAIRS = [
    (("walls", "walls"), (9, 8)),
    (("zeros", "mirrored"), (7, 10)),
    (("periodic", "doubled"), (8, 7)),
    (("periodic", "walls"), (7, 3)),
    (("mirrored", "zeros"), (2, 6)),
]


def beyond(i, n, end):
    """The point whose value stands at i, or None for zero."""
    if 0 <= i < n:
        return i
    if end in ("walls", "zeros"):
        return None
    if end == "periodic":
        return i % n
    about = 0 if end == "mirrored" else 1
    return beyond(-i - about if i < 0 else 2 * (n - 1) - i + about, n, end)


def by_loops(v, w, ends, centres):
    """Convolution at the given centres per axis, a loop over all that it sums."""
    out = np.zeros((len(v), w.shape[0], *map(len, centres)))
    for at in product(*(range(len(c)) for c in centres)):
        for tap in product(range(3), repeat=len(ends)):
            where = [
                beyond(c[k] + t - 1, n, end)
                for c, k, t, n, end in zip(centres, at, tap, v.shape[2:], ends, strict=True)
            ]
            if None not in where:
                values = v[(slice(None), slice(None), *where)]
                weights = w[(slice(None), slice(None), *tap)]
                out[(slice(None), slice(None), *at)] += values @ weights.T
    return out


def coarse_points(n, end):
    if coarse_sizes((n,), (end,)) == (n,):
        return range(n)
    return range(1, n - 1, 2) if end == "walls" else range(0, n, 2)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("ends", "sizes"), PAIRS, ids=str)
def test_convolutions_agree_with_loops(ends, sizes, dtype):
    rng = np.random.default_rng(0)
    v, w = rng.normal(size=(2, 3, *sizes)), rng.normal(size=(2, 3, 3, 3))
    a, b = (torch.tensor(x, dtype=getattr(torch, dtype)) for x in (v, w))
    close = {"rtol": 0, "atol": 1e-12 if dtype == "float64" else 2e-5}
    every = [range(n) for n in sizes]
    coarse = [coarse_points(n, end) for n, end in zip(sizes, ends, strict=True)]
    np.testing.assert_allclose(smoothed(a, b, ends), by_loops(v, w, ends, every), **close)
    r = restricted(a, b, ends)
    np.testing.assert_allclose(r, by_loops(v, w, ends, coarse), **close)
    np.testing.assert_array_equal(injected(a, ends), a[:, :, coarse[0]][..., coarse[1]])
    assert r.shape[2:] == coarse_sizes(sizes, ends)


def prolonged_by_loops(e, w, ends, sizes):
    """Interpolation, a loop over all pairs of a fine point and a coarse one or its image."""
    m, out = e.shape[2:], np.zeros((len(e), w.shape[1], *sizes))
    for fine in np.ndindex(*sizes):
        for coarse in product(*(range(-2, n + 2) for n in m)):
            from_where, tap = [], []
            for i, j, n, c, end in zip(fine, coarse, sizes, m, ends, strict=True):
                half = end == "mirrored" and n != c and n % 2 == 0 and j >= c
                from_where.append(beyond(j, c, "doubled" if half else end))
                tap.append(i - (j if n == c else 2 * j + (end == "walls")) + 1)
            if None not in from_where and all(0 <= t < w.shape[2] for t in tap):
                values = e[(slice(None), slice(None), *from_where)]
                out[(slice(None), slice(None), *fine)] += values @ w[(..., *tap)]
    return out


@pytest.mark.parametrize("size", [3, 4])
@pytest.mark.parametrize(("ends", "sizes"), [*PAIRS, (("periodic", "doubled"), (6, 2))], ids=str)
def test_prolongation_agrees_with_loops(ends, sizes, size):
    rng = np.random.default_rng(2)
    e, w = rng.normal(size=(2, 3, *coarse_sizes(sizes, ends))), rng.normal(size=(3, 2, size, size))
    found = prolonged(torch.tensor(e), torch.tensor(w), ends, sizes)
    np.testing.assert_allclose(found, prolonged_by_loops(e, w, ends, sizes), atol=1e-12)


def test_prolongation_on_a_ring_commutes_with_turns():
    e, w = torch.randn(1, 2, 5), torch.randn(2, 3, 4)
    turned = prolonged(e.roll(2, -1), w, ("periodic",), (10,))
    torch.testing.assert_close(turned, prolonged(e, w, ("periodic",), (10,)).roll(4, -1))


@pytest.mark.parametrize("n", [7, 8])
@pytest.mark.parametrize("end", ENDS)
def test_prolongation_is_the_adjoint_of_restriction(n, end):
    """... where no stencil reaches beyond the ends, and exactly everywhere beside zeros."""
    v = torch.randn(1, 1, n, 5, dtype=torch.float64)
    w = torch.randn(1, 1, 3, 3, dtype=torch.float64)
    ends = (end, "walls")
    if end not in ("walls", "zeros"):
        v[:, :, [0, 1, n - 2, n - 1]] = 0.0
    r = restricted(v, w, ends)
    e = torch.randn_like(r)
    p = prolonged(e, w, ends, (n, 5))
    torch.testing.assert_close((r * e).sum(), (v * p).sum())


@pytest.mark.parametrize("n", [2, 6, 7, 9, 12])
@pytest.mark.parametrize("end", ["mirrored", "doubled", "periodic"])
def test_interpolation_keeps_constants_and_coarse_values(end, n):
    ends, sizes = (end, end), (n, 2)
    coarse = coarse_sizes(sizes, ends)
    e = torch.randn(2, 3, *coarse)
    assert torch.equal(injected(interpolated(e, ends, sizes), ends), e)
    assert torch.equal(interpolated(torch.ones_like(e), ends, sizes), torch.ones(2, 3, *sizes))
    weighting = linear_stencil([c != m for c, m in zip(coarse, sizes, strict=True)])
    v = restricted(torch.ones(1, 1, *sizes), (weighting / weighting.sum())[None, None], ends)
    torch.testing.assert_close(v, torch.ones_like(v))


@pytest.mark.parametrize("n", [7, 8, 11, 12])
@pytest.mark.parametrize("end", ["walls", "mirrored", "periodic"])
def test_coarse_points_are_those_of_the_solver(end, n):
    faces = np.ones(n + 1)
    if end == "mirrored":
        faces[[0, -1]] = 0.0
    operator = DiffusionOperator((faces,), periodic=(end == "periodic",))
    _, transfer = coarsen(operator, 0)
    without = int(end == "walls" and n % 2 == 0)  # the last point, beside the wall
    size = transfer.coarse_shape[0] - without
    assert coarse_sizes((n,), (end,)) == (size,)
    assert transfer.offset == coarse_points(n, end)[0]
    e = np.random.default_rng(1).normal(size=size)
    ours = interpolated(torch.tensor(e)[None, None], (end,), (n,))[0, 0].numpy()
    theirs = transfer.prolong(np.append(e, np.zeros(without)))
    np.testing.assert_allclose(ours, theirs, rtol=1e-14)


def test_hierarchies_of_a_grid_and_of_one_twice_as_fine_share_their_coarse_grids():
    for end, n in (("walls", 41), ("mirrored", 43), ("periodic", 64), ("zeros", 27)):
        fine = 2 * n + {"walls": 1, "mirrored": -1, "periodic": 0, "zeros": -1}[end]
        assert hierarchy((fine, fine), (end, end))[1:] == hierarchy((n, n), (end, end))

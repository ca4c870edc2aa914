import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.solvers.batched_thomas import BatchedThomas

RNG = np.random.default_rng(0)
WALLS = [(1, 1), (1, 0), (0, 1), (0, 0)]


def system(n, ring, walls, reaction, contrast=1.0, width=16):
    """Return random faces, reaction, right-hand side, and whether constants are in the kernel."""
    faces = np.exp(contrast * RNG.standard_normal((n + 1, width)))
    if ring:
        faces[-1] = faces[0]
    else:
        faces[0] *= walls[0]
        faces[-1] *= walls[1]
    c = RNG.random((n, width)) if reaction else None
    singular = c is None and (ring or walls == (0, 0))
    f = RNG.standard_normal((n, width))
    return faces, c, f - f.mean(axis=0) * singular, singular


def dense(t, c, ring):
    """Return the matrix of one line, as in the docstring."""
    n = len(t) - 1
    A = np.diag(np.zeros(n) if c is None else c)
    for k in range(n if ring else n + 1):
        e = np.zeros(n)
        if k < n:
            e[k] += 1
        if k > 0 or ring:
            e[k - 1] -= 1
        A += t[k] * np.outer(e, e)
    return A


@pytest.mark.parametrize("n", [2, 3, 8, 31])
@pytest.mark.parametrize("reaction", [False, True])
@pytest.mark.parametrize(("ring", "walls"), [(True, None), *((False, walls) for walls in WALLS)])
def test_agrees_with_dense_matrices(n, reaction, ring, walls):
    faces, c, f, singular = system(n, ring, walls, reaction)
    x, residuals = BatchedThomas(n, 16, ring).solve(faces, c, f)
    for s in range(16):
        A = dense(faces[:, s], None if c is None else c[:, s], ring)
        wanted = np.linalg.lstsq(A, f[:, s], rcond=1e-13)[0]
        found = x[:, s] - x[:, s].mean() if singular else x[:, s]
        assert np.abs(found - wanted).max() <= 1e-10 * np.abs(wanted).max()
        rest = np.linalg.norm(f[:, s] - A @ x[:, s]) / np.linalg.norm(f[:, s])
        assert abs(residuals[s] - rest) <= 1e-13 and rest <= 1e-12


def test_one_point():
    x, _ = BatchedThomas(1, 8).solve(np.full((2, 8), 2.0), np.ones((1, 8)), np.full((1, 8), 10.0))
    np.testing.assert_array_equal(x, 2.0)
    x, _ = BatchedThomas(1, 8).solve(np.zeros((2, 8)), None, np.zeros((1, 8)))
    np.testing.assert_array_equal(x, 0.0)


@pytest.mark.parametrize("ring", [False, True])
def test_positive_sources_keep_all_digits_whatever_the_contrast(ring):
    """Everything is positive, so that rounding is all: compare with rational arithmetic."""
    from fractions import Fraction

    n = 12
    faces, _, _, _ = system(n, ring, (0, 1), False)
    faces *= 10.0 ** RNG.integers(-12, 12, faces.shape)
    faces[-1] = faces[0] if ring else faces[-1]
    c = 1e-14 * RNG.random((n, 16)) * ring
    f = RNG.random((n, 16))
    x, _ = BatchedThomas(n, 16, ring).solve(faces, c, f)
    for s in (0, 7):
        A = [[Fraction(0)] * (n + 1) for _ in range(n)]
        for k in range(n if ring else n + 1):
            t, ends = Fraction(faces[k, s]), [i % n if ring else i for i in (k - 1, k)]
            inside = [i for i in ends if 0 <= i < n]
            for i in inside:
                A[i][i] += t
            if len(inside) == 2:
                A[inside[0]][inside[1]] -= t
                A[inside[1]][inside[0]] -= t
        for i in range(n):
            A[i][i] += Fraction(c[i, s])
            A[i][n] = Fraction(f[i, s])
        for i in range(n):  # Gauss-Jordan
            A[i] = [entry / A[i][i] for entry in A[i]]
            for j in range(n):
                if j != i and A[j][i]:
                    A[j] = [p - A[j][i] * q for p, q in zip(A[j], A[i], strict=True)]
        exact = np.array([float(row[n]) for row in A])
        np.testing.assert_allclose(x[:, s], exact, rtol=1e-13)


def test_a_line_does_not_feel_its_neighbours():
    faces, c, f, _ = system(20, True, None, True)
    lines = BatchedThomas(20, 16, True)
    together, residuals = (part.copy() for part in lines.solve(faces, c, f))
    f[:, 3] = np.nan
    faces[:, 5], f[:, 6] = np.inf, 0.0
    again, told = lines.solve(faces, c, f)
    others = [s for s in range(16) if s not in (3, 5, 6)]
    np.testing.assert_array_equal(again[:, others], together[:, others])
    np.testing.assert_array_equal(told[others], residuals[others])
    assert not np.isfinite(told[[3, 5]]).any()
    assert not again[:, 6].any() and told[6] == 0.0
    alone, _ = BatchedThomas(20, 8, True).solve(
        *(np.repeat(v[:, 1:2], 8, 1) for v in (faces, c, f))
    )
    np.testing.assert_array_equal(alone[:, 0], together[:, 1])


@pytest.mark.parametrize("wrong", [(0, 8), (1, 8, True), (5, 12), (5, 0)])
def test_sizes_are_checked(wrong):
    with pytest.raises(InputError, match=r"points: expected|width: expected"):
        BatchedThomas(*wrong)


def test_arrays_are_checked():
    faces, c, f, _ = system(5, False, (1, 1), True, width=8)
    lines = BatchedThomas(5, 8)
    expected = lines.solve(faces, c, f)[0].copy()
    found = lines.solve(np.asfortranarray(faces), np.asfortranarray(c), np.asfortranarray(f))[0]
    np.testing.assert_array_equal(found, expected)
    for wrong in [(faces[1:], c, f), (faces, c[1:], f), (faces, c, f[:, 1:]), (faces, c, f * 1j)]:
        with pytest.raises(InputError, match=r"(faces|reaction|right side): expected"):
            lines.solve(*wrong)

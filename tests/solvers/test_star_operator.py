import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.solvers.star_operator import StarOperator

SHAPES = [(1,), (7,), (5, 6), (1, 4), (6, 1), (3, 4, 5), (2, 1, 4)]


def faces(shape, rng, periodic=False):
    out = []
    for k in range(len(shape)):
        t = rng.standard_normal(tuple(n + (j == k) for j, n in enumerate(shape)))
        if periodic:
            np.moveaxis(t, k, 0)[-1] = np.moveaxis(t, k, 0)[0]
        out.append(t)
    return out


def star(shape, *, complex_=True, periodic=False, seed=0):
    rng = np.random.default_rng(seed)
    d = rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if complex_ else 0)
    couplings = faces(shape, rng, periodic), faces(shape, rng, periodic)
    return StarOperator(d, *couplings, [periodic] * len(shape))


def plain(operator, u):
    """Apply the stencil point by point."""
    out = np.zeros_like(u)
    for i in np.ndindex(u.shape):
        out[i] = operator.diagonal[i] * u[i]
        for k, n in enumerate(u.shape):
            for step, couplings in ((-1, operator.below[k]), (1, operator.above[k])):
                j, face = list(i), list(i)
                j[k] += step
                face[k] += max(step, 0)
                if operator.periodic[k]:
                    j[k] %= n
                if 0 <= j[k] < n:
                    out[i] -= couplings[tuple(face)] * u[tuple(j)]
    return out


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("periodic", [False, True])
def test_kernel_sparse_matrix_and_plain_loops_agree(shape, periodic):
    operator = star(shape, periodic=periodic)
    rng = np.random.default_rng(1)
    u = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
    np.testing.assert_allclose(operator.apply(u), plain(operator, u), atol=1e-13)
    np.testing.assert_allclose(operator.to_sparse() @ u.ravel(), operator.apply(u.ravel()))
    np.testing.assert_allclose(operator.H.to_dense(), operator.to_dense().conj().T)
    np.testing.assert_allclose(operator.transpose.to_dense(), operator.to_dense().T)


def test_symmetric_couplings_are_their_own_transpose():
    operator = star((4, 5))
    same = StarOperator(operator.diagonal, operator.below, operator.below)
    assert same.transpose is same


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
def test_residual_and_jacobi_in_every_precision(dtype):
    complex_ = np.dtype(dtype).kind == "c"
    operator = star((5, 6), complex_=complex_).scaled(0.5, dtype)
    assert operator.dtype == operator.apply(np.ones((5, 6))).dtype == dtype
    rng = np.random.default_rng(2)
    u, f, w = (rng.standard_normal((5, 6)).astype(dtype) for _ in range(3))
    out, rest = np.empty_like(u), np.empty_like(u)
    operator.residual_into(rest, f, u)
    np.testing.assert_allclose(rest, f - operator.apply(u), atol=20 * np.finfo(dtype).eps)
    operator.jacobi_into(out, f, u, w)
    np.testing.assert_allclose(out, u + w * rest, atol=20 * np.finfo(dtype).eps)


@pytest.mark.parametrize("forward", [(True, True, True), (True, False, True), (False,) * 3])
@pytest.mark.parametrize("periodic", [False, True])
def test_gauss_seidel_is_triangular_solve(forward, periodic):
    operator = star((3, 4, 5), complex_=False, periodic=periodic)
    rng = np.random.default_rng(3)
    u, f = rng.standard_normal((3, 4, 5)), rng.standard_normal((3, 4, 5))
    wanted = u.copy()
    flips = tuple(slice(None, None, 1 if ahead else -1) for ahead in forward)
    number = np.arange(60).reshape(3, 4, 5)
    matrix = operator.to_dense()
    for i in number[flips].ravel():
        rest = f.ravel()[i] - matrix[i] @ wanted.ravel()
        wanted.ravel()[i] += rest / matrix[i, i]
    operator.gauss_seidel(u, f, forward)
    np.testing.assert_allclose(u, wanted, rtol=1e-9, atol=1e-9 * np.abs(wanted).max())


@pytest.mark.parametrize("shape", [(1,), (1, 5), (5, 1), (1, 1), (3, 1, 4), (2, 3, 1)])
def test_the_single_point_of_a_ring_is_its_own_neighbour(shape):
    rng, d = np.random.default_rng(4), len(shape)
    sides = [rng.random((2, *(n + (j == k) for j, n in enumerate(shape)))) for k in range(d)]
    for k, t in enumerate(sides):
        last = np.moveaxis(t, k + 1, 0)
        last[-1] = last[0]
    below, above = zip(*sides, strict=True)
    operator = StarOperator(np.full(shape, 3.0 * d), below, above, (True,) * d)
    # Three points in a row that repeat themselves are the same ring.
    longer = [3 * n if n == 1 else n for n in shape]
    repeated = [list(below), list(above)]
    for side in repeated:
        for k, t in enumerate(side):
            for axis, n in enumerate(shape):
                if n == 1:
                    t = np.repeat(t.take([0], axis=axis), 3 + (axis == k), axis=axis)
            side[k] = t
    ring = StarOperator(np.full(longer, 3.0 * d), *repeated, (True,) * d)
    u = rng.random(shape)
    wide = np.broadcast_to(u, longer)
    np.testing.assert_allclose(ring.apply(wide), np.broadcast_to(operator.apply(u), longer))
    np.testing.assert_allclose(operator.to_sparse().toarray(), operator.to_dense())
    f, x = rng.random(shape), np.zeros(shape)
    for _ in range(200):
        operator.gauss_seidel(x, f, (True,) * d)
    np.testing.assert_allclose(operator.apply(x), f, atol=1e-12)


def test_gauss_seidel_wants_a_direction_per_axis():
    with pytest.raises(InputError, match="forward: expected 2 entries"):
        star((3, 4), complex_=False).gauss_seidel(np.ones((3, 4)), np.ones((3, 4)), (True,))


def test_bad_couplings_are_refused():
    good = np.ones(4)
    with pytest.raises(InputError, match=r"below\[0\]: expected real couplings of shape \(4,\)"):
        StarOperator(np.ones(3), [np.ones(3)], [good])
    with pytest.raises(InputError, match="real couplings"):
        StarOperator(np.ones(3), [good], [1j * good])
    with pytest.raises(InputError, match="1 to 3 axes"):
        StarOperator(np.ones(3), [good, good], [good])
    with pytest.raises(InputError, match="periodic: expected 1 entries"):
        StarOperator(np.ones(3), [good], [good], [True, False])
    with pytest.raises(InputError, match="they are one face"):
        StarOperator(np.ones(3), [np.arange(4.0)], [good], [True])
    with pytest.raises(NonFiniteError, match="diagonal"):
        StarOperator(np.array([1.0, np.nan, 1.0]), [good], [good])
    with pytest.raises(NonFiniteError, match=r"above\[0\]"):
        StarOperator(np.ones(3), [good], [np.full(4, np.inf)])

import numpy as np
import pytest

from nwidth.solvers import DiffusionOperator
from nwidth.solvers.multigrid import coarsen


def operator(shape, periodic=(), lower=1.0, upper=1.0, dtype=np.float64):
    """Random couplings, with given walls on the sides that are not periodic."""
    rng = np.random.default_rng(sum(shape))
    faces = []
    for k in range(len(shape)):
        t = np.exp(2 * rng.standard_normal([n + (j == k) for j, n in enumerate(shape)]))
        layers = np.moveaxis(t, k, 0)
        if k in periodic:
            layers[-1] = layers[0]
        else:
            layers[0] *= lower
            layers[-1] *= upper
        faces.append(t.astype(dtype))
    return DiffusionOperator(faces, None, [k in periodic for k in range(len(shape))])


def textbook_interpolation(A, axis, e, offset):
    """(P e)_i = (T- e- + T+ e+) / (T- + T+), point by point; zero beyond walls."""
    shape = A.domain_shape
    n = shape[axis]
    T = np.moveaxis(A.faces[axis], axis, 0)
    e = np.moveaxis(e, axis, 0)
    u = np.zeros((n, *e.shape[1:]))
    u[offset::2] = e
    for i in range(1 - offset, n, 2):
        before = after = 0.0
        if i > 0 or A.periodic[axis]:
            before = u[i - 1]
        if i < n - 1 or A.periodic[axis]:
            after = u[(i + 1) % n]
        total = T[i] + T[i + 1]
        u[i] = np.where(total > 0, (T[i] * before + T[i + 1] * after) / total, 0)
    return np.moveaxis(u, 0, axis)


CASES = [
    (shape, axis)
    for shape in [(7,), (8,), (3,), (6, 7), (7, 6), (5, 4, 3), (4, 5, 6)]
    for axis in range(len(shape))
]


@pytest.mark.parametrize(("shape", "axis"), CASES)
@pytest.mark.parametrize("sides", ["walls", "open", "lower", "upper", "periodic"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_agrees_with_the_textbook_and_restriction_is_its_adjoint(shape, axis, sides, dtype):
    walls = {"walls": (1, 1), "open": (0, 0), "lower": (1, 0), "upper": (0, 1), "periodic": (1, 1)}
    periodic = (axis,) if sides == "periodic" else ()
    A = operator(shape, periodic, *walls[sides], dtype)
    _, transfer = coarsen(A, axis)
    rng = np.random.default_rng(0)
    e = rng.standard_normal(transfer.coarse_shape).astype(dtype)
    r = rng.standard_normal(shape).astype(dtype)
    tolerance = 1e-12 if dtype == np.float64 else 1e-4
    up, down = transfer.prolong(e), transfer.restrict(r)
    assert up.dtype == down.dtype == dtype
    expected = textbook_interpolation(A, axis, e, transfer.offset)
    np.testing.assert_allclose(up, expected, atol=tolerance)
    np.testing.assert_allclose((up * r).sum(), (e * down).sum(), rtol=tolerance, atol=tolerance)


def test_prolongation_can_correct():
    A = operator((6, 7))
    _, transfer = coarsen(A, 1)
    e, u = np.ones(transfer.coarse_shape), np.full((6, 7), 2.0)
    transfer.prolong_into(u, e, add=True)
    np.testing.assert_allclose(u, 2 + transfer.prolong(e))


def test_constants_stay_constant_between_open_sides():
    _, transfer = coarsen(operator((6, 7), lower=0, upper=0), 0)
    np.testing.assert_allclose(transfer.prolong(np.ones(transfer.coarse_shape)), 1.0)


def test_weights_follow_a_jump():
    faces = np.array([0.0, 1.0, 1e6, 1.0, 0.0])
    _, transfer = coarsen(DiffusionOperator((faces,)), 0)
    np.testing.assert_allclose(transfer.prolong(np.array([0.0, 1.0])), [0, 1, 1, 1], atol=1e-5)


@pytest.mark.parametrize("axis", [0, 1])
def test_threaded_passes_agree_with_the_textbook(axis):
    A = operator((740, 721))
    _, transfer = coarsen(A, axis)
    assert A.shape[0] > 2**19
    e = np.random.default_rng(0).standard_normal(transfer.coarse_shape)
    up = transfer.prolong(e)
    np.testing.assert_allclose(up, textbook_interpolation(A, axis, e, transfer.offset), atol=1e-12)
    np.testing.assert_allclose((up * up).sum(), (e * transfer.restrict(up)).sum())

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nwidth.errors import InputError
from nwidth.solvers import DiffusionOperator


def random_operator(shape, periodic, dtype=np.float64, reaction=False, seed=0, spread=1.0):
    """An operator with random couplings; walls on the lower sides only."""
    rng = np.random.default_rng(seed)
    faces = []
    for k in range(len(shape)):
        t = np.exp(spread * rng.standard_normal([n + (j == k) for j, n in enumerate(shape)]))
        layers = np.moveaxis(t, k, 0)
        layers[-1] = layers[0] if periodic[k] else 0.0
        faces.append(t.astype(dtype))
    d = rng.random(shape).astype(dtype) if reaction else None
    return DiffusionOperator(faces, d, periodic)


def textbook_matrix(operator):
    """The matrix, entry by entry."""
    shape = operator.domain_shape
    matrix = np.zeros((np.prod(shape), np.prod(shape)))
    number = np.arange(np.prod(shape)).reshape(shape)
    for point in np.ndindex(*shape):
        i = number[point]
        if operator.reaction is not None:
            matrix[i, i] += operator.reaction[point]
        for k, n in enumerate(shape):
            for step in (-1, 1):
                face = list(point)
                face[k] += max(step, 0)
                T = operator.faces[k][tuple(face)]
                other = list(point)
                other[k] += step
                matrix[i, i] += T
                if operator.periodic[k]:
                    other[k] %= n
                elif not 0 <= other[k] < n:
                    continue
                matrix[i, number[tuple(other)]] -= T
    return matrix


SHAPES = [(1,), (2,), (7,), (1, 1), (1, 5), (4, 1), (6, 5), (3, 4, 5), (1, 3, 2), (4, 1, 1)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("wraps", [False, True])
@pytest.mark.parametrize("reaction", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_kernel_sparse_and_textbook_agree(shape, wraps, reaction, dtype):
    operator = random_operator(shape, (wraps,) * len(shape), dtype, reaction)
    matrix = textbook_matrix(operator)
    tolerance = 1e-13 if dtype == np.float64 else 1e-5
    sparse = operator.to_sparse()
    assert sparse.dtype == operator.dtype == dtype
    np.testing.assert_allclose(sparse.toarray(), matrix, atol=tolerance * 10)
    np.testing.assert_allclose(operator.diagonal.ravel(), sparse.diagonal())
    u = np.random.default_rng(1).standard_normal(shape).astype(dtype)
    out = operator.apply(u)
    assert out.dtype == dtype
    np.testing.assert_allclose(out.ravel(), matrix @ u.ravel(), atol=tolerance * 100)
    np.testing.assert_allclose(operator.energy(u), u.ravel() @ matrix @ u.ravel(), rtol=1e-4)


def test_threads_and_one_thread_agree():
    operator = random_operator((740, 720), (False, True))
    u = np.random.default_rng(1).standard_normal((740, 720))
    assert u.size > 2**19
    part = operator.apply(u)
    np.testing.assert_allclose(part.ravel(), operator.to_sparse() @ u.ravel(), atol=1e-12)


@given(st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_symmetric_and_positive(seed):
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(1, 7, rng.integers(1, 4)))
    operator = random_operator(shape, tuple(rng.random(len(shape)) < 0.5), seed=seed)
    u, v = rng.standard_normal((2, *shape))
    size = np.linalg.norm(operator.apply(u)) * np.linalg.norm(v) + 1e-300
    assert abs((operator.apply(u) * v).sum() - (u * operator.apply(v)).sum()) < 1e-12 * size + 1e-12
    assert operator.energy(u) >= -1e-12


def test_constants_are_mapped_to_exact_zeros():
    operator = random_operator((9, 8, 7), (True, True, True))
    assert operator.singular and "positive semidefinite" in operator.properties
    assert not operator.apply(np.full((9, 8, 7), 1 / 3)).any()


def test_a_wall_or_a_reaction_makes_it_definite():
    assert "positive definite" in random_operator((4, 4), (True, False)).properties
    faces = [np.zeros((3, 2)), np.zeros((2, 3))]
    faces[0][1] = faces[1][:, 1] = 1.0
    assert DiffusionOperator(faces).singular
    assert not DiffusionOperator(faces, np.ones((2, 2))).singular


def test_astype():
    operator = random_operator((5, 4), (False, False), reaction=True)
    single = operator.astype(np.float32)
    assert single.dtype == np.float32 and operator.astype(np.float64) is operator
    u = np.ones((5, 4))
    half = operator.astype(np.float64, 0.5)
    np.testing.assert_allclose(half.apply(u), operator.apply(u) / 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([np.ones(3), np.ones(3)],), "one array per axis"),
        (([np.ones((3, 2)), np.ones((3, 3))],), "faces"),
        (([np.ones(1)],), "at least one unknown"),
        (([np.ones(3)], np.ones(3)), "reaction"),
        (([-np.ones(3)],), "finite numbers >= 0"),
        (([np.array([1.0, np.nan])],), "finite numbers >= 0"),
        (([np.array([1.0, np.inf])],), "finite numbers >= 0"),
        (([np.array([1.0, 1.0, 2.0])], None, (True,)), "agree"),
        (([np.ones(3)], None, (True, False)), "periodic"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(InputError, match=message):
        DiffusionOperator(*arguments)

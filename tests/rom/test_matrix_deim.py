import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.errors import InputError, NonFiniteError
from nwidth.rom import SelectionStatus, matrix_deim
from nwidth.solvers.linear_operator import MatrixOperator

N = 60
X = (np.arange(N) + 0.5) / N


def stiffness(mu):
    """Diffusion with a coefficient that is not affine, plus convection: not symmetric."""
    a = 1 + 0.5 * np.sin(6 * mu[0] * (np.arange(N + 1) / N))
    main, side = a[1:] + a[:-1] + np.exp(-mu[1] * X), -a[1:-1]
    return sp.diags_array([side, main, side + 0.1 * mu[0]], offsets=[-1, 0, 1]).tocsr() * N


def entry(mu, i, j):
    a = 1 + 0.5 * np.sin(6 * mu[0] * (np.arange(N + 1) / N))
    main = a[i + 1] + a[i] + np.exp(-mu[1] * X[i])
    low, high = -a[np.minimum(i, N)], -a[np.minimum(j, N)] + 0.1 * mu[0]
    return N * np.select([i == j, i == j + 1, j == i + 1], [main, low, high], 0.0)


@pytest.fixture(scope="module")
def pairs():
    rng = np.random.default_rng(1)
    return rng.uniform(0.2, 2, (300, 2)), rng.uniform(0.2, 2, (15, 2))


def band():
    i = np.arange(N)
    return np.r_[i, i[1:], i[:-1]], np.r_[i, i[:-1], i[1:]]


def test_the_entries_of_the_tests_are_those_of_the_matrix(pairs):
    i, j = np.indices((N, N)).reshape(2, -1)
    A = stiffness(pairs[1][0]).toarray()
    np.testing.assert_allclose(entry(pairs[1][0], i, j).reshape(N, N), A, atol=1e-12)


@pytest.mark.parametrize("form", ["dense", "sparse", "function"])
def test_all_forms_give_the_same_decomposition(pairs, form):
    training, unseen = pairs
    if form == "function":
        model = matrix_deim(entry, training, 1e-8, places=band(), held_out=unseen)
    else:
        A = [stiffness(mu) for mu in training]
        A = [a.toarray() for a in A] if form == "dense" else A
        model = matrix_deim(A, training, 1e-8, entries=entry, held_out=unseen)
    assert model.status is SelectionStatus.CONVERGED
    assert model.rank == 16
    assert model.points[0].shape == (16, 2)
    assert model.held_out_errors.max() < 1e-6
    snapshots = [stiffness(mu) for mu in model.parameters]
    assert model.matrix_errors(snapshots, unseen, stiffness).max() < 1e-7
    assert model.assemble(snapshots, unseen[0]).nnz == 3 * N - 2


def test_different_patterns_share_a_decomposition():
    def A(mu):
        rows = [0, 1, 2] if mu > 0.5 else [0, 1, 1]
        return sp.coo_array(([1.0, mu, max(mu - 0.5, 0.0)], (rows, [0, 1, 2])), shape=(3, 3))

    mu = np.linspace(0, 1, 21)
    model = matrix_deim([A(m) for m in mu], mu, 0.0)
    assert model.rank == 3
    matrices = [A(m) for m in model.parameters]
    found = sum(b * B for b, B in zip(model.beta_of(A(0.7)), matrices, strict=True))
    np.testing.assert_allclose(found.toarray(), A(0.7).toarray(), atol=1e-13)
    assert model.matrix_errors(matrices, [0.3, 0.7], A).max() < 1e-13


def test_vectors():
    training, x = np.linspace(1, 3, 40), np.linspace(0, 1, 30)
    f = [np.exp(1j * k * x) for k in training]
    model = matrix_deim(f, training, 1e-9, entries=lambda k, i: np.exp(1j * k * x[i]))
    found = model.assemble([np.exp(1j * k * x) for k in model.parameters], 2.345)
    np.testing.assert_allclose(found, np.exp(2.345j * x), atol=1e-8)
    assert model.points[0].shape == (model.rank, 1)


def test_a_sample_of_the_entries_of_a_dense_complex_matrix():
    r = np.abs(np.subtract.outer(X, X)) + 0.01
    A = lambda k: np.exp(1j * k * r) / r  # noqa: E731
    places = np.random.default_rng(0).integers(N, size=(2, 400))
    model = matrix_deim(lambda k, i, j: A(k)[i, j], np.linspace(1, 9, 90), 1e-8, places=places)
    unseen = [1.234, 5.678, 8.9]
    found = model.matrix_errors([A(k) for k in model.parameters], unseen, A)
    assert found.max() < 1e-6
    every = [A(k) for k in np.linspace(1, 9, 90)]
    given = matrix_deim(every, np.linspace(1, 9, 90), 1e-8, places=places)
    np.testing.assert_array_equal(given.points[0], model.points[0])


def test_places_outside_of_the_pattern_are_zeros():
    A = [sp.csr_array([[1.0, 0.0], [0.0, mu]]) for mu in (1.0, 2.0, 3.0)]
    model = matrix_deim(A, [1.0, 2.0, 3.0], 0.0, places=([0, 1, 1], [0, 0, 1]))
    assert sorted(model.points[0].tolist()) == [[0, 0], [1, 1]]


def test_bad_input_is_told(pairs):
    A = [np.eye(2) * m for m in (1.0, 2.0)]
    mu = [1.0, 2.0]
    with pytest.raises(InputError, match="places: expected indices of entries"):
        matrix_deim(entry, pairs[0])
    with pytest.raises(InputError, match="expected none, since"):
        matrix_deim(entry, pairs[0], places=band(), entries=entry)
    with pytest.raises(InputError, match="matrices: expected 3, one for each"):
        matrix_deim(A, [1.0, 2.0, 3.0])
    with pytest.raises(InputError, match="a second time"):
        matrix_deim(A, [1.0, 1.0])
    with pytest.raises(InputError, match=r"shape \(2, 2\)"):
        matrix_deim(A, mu, places=([0], [2]))
    with pytest.raises(InputError, match="held_out: expected a function"):
        matrix_deim(A, mu, held_out=[1.5])
    with pytest.raises(InputError, match="one shape"):
        matrix_deim([np.eye(2), np.eye(3)], mu)
    with pytest.raises(InputError, match="known by their action"):
        matrix_deim([MatrixOperator(a) for a in A], mu)
    for places in (3, ([0], [0, 1]), ([0.5], [0.5]), ([-1], [0]), ([], [])):
        with pytest.raises(InputError, match="places: expected arrays of row"):
            matrix_deim(A, mu, places=places)
    bad = np.eye(2)
    bad[1, 0] = np.nan
    with pytest.raises(NonFiniteError, match=r"matrices\[1\].*\(1, 0\)"):
        matrix_deim([np.eye(2), bad], mu)
    bare = matrix_deim([np.eye(2) * m for m in range(1, 9)], np.arange(1.0, 9.0))
    with pytest.raises(InputError, match="beta: this decomposition has no coefficient functions"):
        bare.beta(1.5)
    with pytest.raises(InputError, match="beta_of: expected 2 axes"):
        bare.beta_of(np.ones(2))

import numba
import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.errors import FileFormatError, InputError, NonFiniteError
from nwidth.rom import AffineDecomposition, MatrixSpan, SelectionStatus, affine_decomposition
from nwidth.solvers.linear_operator import LinearOperator, MatrixOperator


def wave(k, r):
    return np.exp(1j * k * r)


def distances(n):
    """Distances of Fibonacci points of the unit sphere, 0.01 on the diagonal."""
    i = np.arange(n) + 0.5
    polar, turn = np.arccos(1 - 2 * i / n), np.pi * (1 + 5**0.5) * i
    x = np.stack([np.cos(turn) * np.sin(polar), np.sin(turn) * np.sin(polar), np.cos(polar)], 1)
    r = np.linalg.norm(x[:, None] - x, axis=2)
    np.fill_diagonal(r, 0.01)
    return r


def helmholtz(r):
    return lambda k: np.exp(1j * k * r) / (4 * np.pi * r)


RADII = np.linspace(0, 2, 400)


# The reference's table for n = 600 points; the error hardly depends on n.
@pytest.mark.parametrize(
    ("low", "high", "matrices", "error"), [(1, 10, 12, 1e-7), (10, 30, 20, 1e-9), (1, 3, 10, 2e-12)]
)
@pytest.mark.parametrize("n", [150, 600])
def test_helmholtz_matrices_of_the_reference(low, high, matrices, error, n):
    unseen = np.random.default_rng(0).uniform(low, high, 10)
    model = affine_decomposition(
        wave, np.linspace(low, high, 200), RADII, 0.0, max_rank=matrices, held_out=unseen
    )
    A = helmholtz(distances(n))
    assert model.rank == matrices
    found = model.matrix_errors([A(k) for k in model.parameters], unseen, A).max()
    assert error / 100 < found < error
    assert np.abs(model.beta(unseen)).sum(axis=1).max() < 6.3
    # The estimate from the coefficient function alone is one of the matrix error.
    assert 0.5 * found < model.held_out_errors.max() < 50 * found


CELLS = 300
X = (np.arange(CELLS) + 0.5) / CELLS
THREE = [
    lambda mu, x: 1 + 0.5 * np.sin(6 * mu[0] * x),
    lambda mu, x: np.exp(-mu[1] * x),
    lambda mu: mu[0] * mu[1],
]
PLACES = [X, X, None]


def three_terms(mu, sparse=False):
    D = sp.csr_array(np.diff(np.eye(CELLS + 1), axis=0) * CELLS)
    diagonal = np.r_[0, THREE[1](mu, X) / CELLS]
    diagonal[0] += THREE[2](mu)
    A = (D.T @ sp.diags_array(THREE[0](mu, X) / CELLS) @ D + sp.diags_array(diagonal)).tocsr()
    return A if sparse else A.toarray()


@pytest.fixture(scope="module")
def pairs():
    rng = np.random.default_rng(1)
    return rng.uniform(0.2, 2, (400, 2)), rng.uniform(0.2, 2, (20, 2))


# The reference's figures, with other random pairs: 2.9e-6, 3.6e-10, 3.1e-13.
@pytest.mark.parametrize(
    ("rtol", "matrices", "error"), [(1e-4, 14, 1e-5), (1e-8, 19, 1e-9), (1e-12, 22, 1e-12)]
)
def test_two_stages_of_the_reference(pairs, rtol, matrices, error):
    training, unseen = pairs
    model = affine_decomposition(THREE, training, PLACES, rtol, held_out=unseen)
    assert model.status is SelectionStatus.CONVERGED
    assert model.rank == matrices
    snapshots = [three_terms(mu, sparse=True) for mu in model.parameters]
    found = model.matrix_errors(snapshots, unseen, lambda mu: three_terms(mu, sparse=True))
    assert found.max() < error
    assert model.held_out_errors.shape == (20, 3)
    assert model.held_out_errors.max() < 10 * rtol
    assert max(model.errors) < 2 * rtol


def test_chosen_parameters_give_their_own_matrices(pairs):
    model = affine_decomposition(THREE, pairs[0], PLACES, 1e-8)
    beta = model.beta(model.parameters)
    np.testing.assert_allclose(beta, np.eye(model.rank), atol=1e-5)
    np.testing.assert_array_equal(model.parameters, pairs[0][model.indices])
    assert model.lebesgue >= 1


def test_scales_of_terms_do_not_matter(pairs):
    scaled = [lambda mu, x: 1e9 * THREE[0](mu, x), THREE[1], lambda mu: 1e-9 * THREE[2](mu)]
    model = affine_decomposition(scaled, pairs[0], PLACES, 1e-8, held_out=pairs[1])
    assert model.rank == 19
    assert model.held_out_errors.max() < 1e-7


@pytest.mark.parametrize("form", ["dense", "sparse", "operators", "vectors"])
def test_all_kinds_are_assembled(pairs, form):
    model = affine_decomposition(THREE, pairs[0], PLACES, 1e-8)
    rhs = np.ones(CELLS + 1)
    make = {
        "dense": three_terms,
        "sparse": lambda mu: three_terms(mu, sparse=True),
        "operators": lambda mu: MatrixOperator(three_terms(mu, sparse=True)),
        "vectors": lambda mu: three_terms(mu) @ rhs,
    }[form]
    mu = pairs[1][0]
    span = MatrixSpan([make(m) for m in model.parameters])
    A = model.assemble(span, mu)
    assert isinstance(A, LinearOperator) == (form == "operators")
    assert sp.issparse(A) == (form == "sparse")
    action = A if form == "vectors" else A @ rhs
    wanted = three_terms(mu) @ rhs
    assert abs(action - wanted).max() < 1e-7 * abs(wanted).max()
    assert model.matrix_errors(span, pairs[1][:2], make).max() < 1e-8
    assert model.matrix_errors(span, pairs[1][:2], [make(m) for m in pairs[1][:2]]).max() < 1e-8


def test_a_few_entries_tell_the_error(pairs):
    model = affine_decomposition(THREE, pairs[0], PLACES, 1e-6)
    entries = [three_terms(mu)[:4, :4] for mu in model.parameters]
    exact = [three_terms(mu)[:4, :4] for mu in pairs[1]]
    assert model.matrix_errors(entries, pairs[1], exact).max() < 1e-6


def test_functions_of_parameters_alone():
    model = affine_decomposition([lambda mu: [1.0, mu, mu**2]], np.linspace(0, 1, 9), [None])
    assert model.rank == 3
    assert model.assemble([m**2 for m in model.parameters], 0.3) == pytest.approx(0.09)


def test_compiled_coefficients_are_the_same(pairs):
    compiled = [numba.njit(g) for g in THREE]
    model = affine_decomposition(compiled, pairs[0], PLACES, 1e-4)
    beta = model.compiled()
    for mu in pairs[1][:5]:
        # Readings that nearly depend on each other leave beta free, but not what it combines.
        found = beta(mu) @ model.interpolation.matrix
        np.testing.assert_allclose(found, model.readings(mu), atol=1e-13)
    loop = numba.njit(lambda mus: sum([beta(mu).sum() for mu in mus]))
    assert loop(pairs[1]) == pytest.approx(model.beta(pairs[1]).sum())
    with pytest.raises(InputError, match=r"compiled by numba\.njit"):
        affine_decomposition(THREE, pairs[0], PLACES, 1e-4).compiled()


def test_compiled_functions_may_be_real_and_complex():
    functions = [
        numba.njit(wave),
        numba.njit(lambda k: 1.0),
        numba.njit(lambda k: np.array([k, 2])),
    ]
    model = affine_decomposition(functions, np.linspace(1, 3, 50), [RADII, None, None], 1e-4)
    found = model.compiled()(2.345) @ model.interpolation.matrix
    np.testing.assert_allclose(found, model.readings(2.345), atol=1e-13)


def test_files_keep_all_but_code(tmp_path, pairs):
    model = affine_decomposition(THREE, pairs[0], PLACES, 1e-6, held_out=pairs[1])
    model.save(tmp_path / "model.h5")
    bare = AffineDecomposition.load(tmp_path / "model.h5")
    with pytest.raises(InputError, match="which files do not hold"):
        bare.beta(pairs[1])
    back = AffineDecomposition.load(tmp_path / "model.h5", THREE)
    np.testing.assert_array_equal(back.beta(pairs[1]), model.beta(pairs[1]))
    np.testing.assert_array_equal(back.held_out_errors, model.held_out_errors)
    assert (back.status, back.errors, back.lebesgue) == (model.status, model.errors, model.lebesgue)
    with pytest.raises(InputError, match="expected 3, got 1"):
        bare.with_functions(THREE[0])
    affine_decomposition(wave, np.linspace(1, 2, 30), RADII).interpolation.save(
        tmp_path / "other.h5"
    )
    with pytest.raises(FileFormatError, match="affine-decomposition"):
        AffineDecomposition.load(tmp_path / "other.h5")


def test_single_precision_stays():
    k, r = np.linspace(1, 3, 50, dtype=np.float32), RADII.astype(np.float32)
    model = affine_decomposition(lambda k, r: np.cos(k * r), k, r, 1e-3)
    assert model.beta(np.float32(1.5)).dtype == np.float32


def test_tolerance_below_round_off_is_told():
    model = affine_decomposition(wave, np.linspace(1, 3, 50), RADII, 0.0)
    assert model.status is SelectionStatus.EXHAUSTED
    assert max(model.errors) < 1e-13
    model = affine_decomposition(THREE[:2], np.random.default_rng(0).random((99, 2)), [X, X], 0.0)
    assert model.status is SelectionStatus.EXHAUSTED
    assert max(model.errors) < 1e-12


def test_dependent_and_vanishing_functions():
    k = np.linspace(0, 1, 30)
    one, twice, zero = (lambda k, x, c=c: c * np.cos(k * x) for c in (1.0, 2.0, 0.0))
    alone = affine_decomposition([one], k, [X], 1e-6)
    three = affine_decomposition([one, twice, zero], k, [X] * 3, 1e-6, held_out=[0.123])
    assert three.rank == alone.rank
    assert three.held_out_errors.max() < 1e-5
    with pytest.raises(InputError, match="do not vanish"):
        affine_decomposition(zero, k, X)


def test_limited_rank_is_told(pairs):
    model = affine_decomposition(THREE, pairs[0], PLACES, 1e-8, max_rank=5)
    assert model.rank == 5
    assert model.status is SelectionStatus.MAX_RANK
    assert max(model.errors) > 1e-3


def test_outside_of_the_training_box():
    model = affine_decomposition(wave, np.linspace(1, 3, 50), RADII)
    assert model.covers(3.0)
    assert not model.covers([2.0, 3.1])
    with pytest.warns(UserWarning, match="outside of the training parameters"):
        model.beta(3.1)


def test_bad_input_is_told():
    k = np.linspace(1, 3, 20)
    with pytest.raises(InputError, match="a second time in row 1"):
        affine_decomposition(wave, [1.0, 1.0], RADII)
    with pytest.raises(NonFiniteError, match=r"functions\[0\] \(parameter, point\).*\(3, 7\)"):
        affine_decomposition(
            lambda k, x: np.where((k == K3) & (x == RADII[7]), np.nan, x), k, RADII
        )
    with pytest.raises(InputError, match=r"functions\[0\]: expected shape \(400,\)"):
        affine_decomposition(lambda k, x: 1.0, k, RADII)
    with pytest.raises(InputError, match="functions: expected a function"):
        affine_decomposition(3.0, k, RADII)
    with pytest.raises(InputError, match="for each of the 2 functions"):
        affine_decomposition([wave, wave], k, [RADII])
    with pytest.raises(InputError, match=r"points\[0\]: expected an array"):
        affine_decomposition(wave, k, 3.0)
    with pytest.raises(InputError, match="rtol"):
        affine_decomposition(wave, k, RADII, 2.0)
    model = affine_decomposition(wave, k, RADII)
    with pytest.raises(InputError, match=f"expected the {model.rank} of the chosen"):
        model.assemble([np.eye(2)], 1.5)
    with pytest.raises(InputError, match="mu: expected one parameter"):
        model.beta([[1.5]])
    with pytest.raises(InputError, match="exact: expected 2 matrices, got 1"):
        model.matrix_errors([np.eye(2)] * model.rank, [1.5, 2.5], [np.eye(2)])
    with pytest.raises(InputError, match="beta_of: expected a decomposition by matrix_deim"):
        model.beta_of(np.eye(2))


K3 = np.linspace(1, 3, 20)[3]

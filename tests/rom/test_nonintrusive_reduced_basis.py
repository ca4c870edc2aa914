import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.errors import InputError, NonFiniteError
from nwidth.rom import affine_decomposition
from nwidth.rom.inner_product import InnerProduct
from nwidth.rom.nonintrusive_reduced_basis import assembled_bounds, nonintrusive_reduced_basis
from nwidth.rom.stability import MinTheta

N = 60
CELLS = (np.arange(N + 1) + 0.5) / (N + 1)
D = (sp.eye_array(N + 1, N) - sp.eye_array(N + 1, N, k=-1)) * (N + 1)
TRAINING = np.stack(np.meshgrid(np.linspace(0.2, 2, 9), np.linspace(0.3, 0.7, 9)), -1).reshape(
    -1, 2
)
UNSEEN = np.random.default_rng(1).uniform([0.2, 0.3], [2, 0.7], (25, 2))
F = np.ones(N)


def conductivity(mu, x):
    return 1 + mu[0] * np.exp(-(((x - mu[1]) / 0.3) ** 2))


def assemble(mu):
    return (D.T @ sp.diags_array(conductivity(mu, CELLS)) @ D).tocsr() / (N + 1)


def load(mu):
    return np.exp(-mu[1] * CELLS[1:]) / (N + 1)


def solve(mu, f=F):
    return sp.linalg.spsolve(assemble(mu).tocsc(), f)


X = assemble([1.0, 0.5])
SNAPSHOTS = np.array([solve(mu) for mu in TRAINING[::3]])


@pytest.fixture(scope="module")
def decomposition():
    return affine_decomposition(conductivity, TRAINING, CELLS, rtol=1e-11)


@pytest.fixture(scope="module")
def model(decomposition):
    return nonintrusive_reduced_basis(
        decomposition, assemble, F, SNAPSHOTS, inner_product=X, rtol=1e-5
    )


def errors(model, f=lambda mu: F):
    answers = model.solve_many(UNSEEN)
    wrong = model.lift(answers.x) - np.array([solve(mu, f(mu)) for mu in UNSEEN])
    return InnerProduct(X).norm(wrong.T), answers


def test_bounds_hold_against_solutions_with_the_matrices_of_the_code(model):
    found, answers = errors(model)
    assert (answers.bound >= found).all() and answers.inside.all()
    assert (answers.bound <= 10 * found).all()
    size = np.sqrt(SNAPSHOTS[0] @ X @ SNAPSHOTS[0])
    assert found.max() < 1e-3 * size


def test_the_matrices_of_the_code_give_the_same_bounds(model, decomposition):
    own = assembled_bounds(model, X, UNSEEN, assemble, F)
    np.testing.assert_allclose(own, model.solve_many(UNSEEN).bound, rtol=1e-3)


def test_what_the_decomposition_adds_is_seen_with_the_matrices_of_the_code(decomposition):
    fine = nonintrusive_reduced_basis(decomposition, assemble, F, SNAPSHOTS, inner_product=X)
    found, answers = errors(fine)
    own = assembled_bounds(fine, X, UNSEEN, assemble, F)
    assert (own >= found).all()
    # Without it the bound is that of the combined matrices, which differ by more than the basis.
    assert answers.bound.max() < 0.1 * own.max()


def test_where_nothing_is_known_of_the_stability_bounds_are_infinite(decomposition):
    bound = MinTheta(np.ones((1, decomposition.rank)), [1.0])
    model = nonintrusive_reduced_basis(
        decomposition, assemble, F, SNAPSHOTS, inner_product=X, stability=bound
    )
    unknown = model.solve_many(UNSEEN).stability <= 0
    assert unknown.any()
    assert np.isinf(assembled_bounds(model, X, UNSEEN, assemble, F)[unknown]).all()


def test_only_the_matrices_of_the_chosen_parameters_are_asked_for(decomposition):
    asked = []

    def counted(mu):
        asked.append(tuple(mu))
        return assemble(mu)

    nonintrusive_reduced_basis(decomposition, counted, F, SNAPSHOTS, inner_product=X, max_size=3)
    assert asked == [tuple(mu) for mu in decomposition.parameters]


def test_matrices_as_a_sequence_and_dense_ones_give_the_same_model(model, decomposition):
    matrices = [assemble(mu).toarray() for mu in decomposition.parameters]
    other = nonintrusive_reduced_basis(
        decomposition, matrices, F, SNAPSHOTS, inner_product=X.toarray(), rtol=1e-5
    )
    assert other.size == model.size
    np.testing.assert_allclose(
        other.solve_many(UNSEEN).bound, model.solve_many(UNSEEN).bound, rtol=1e-3
    )


def test_products_with_vectors_are_enough_where_the_stability_is_known(model, decomposition):
    operators = [sp.linalg.aslinearoperator(assemble(mu)) for mu in decomposition.parameters]
    other = nonintrusive_reduced_basis(
        decomposition,
        operators,
        F,
        SNAPSHOTS,
        inner_product=X,
        stability=model.stability,
        rtol=1e-5,
    )
    np.testing.assert_allclose(
        other.solve_many(UNSEEN).bound, model.solve_many(UNSEEN).bound, rtol=1e-6
    )
    with pytest.raises(InputError):
        nonintrusive_reduced_basis(decomposition, operators, F, SNAPSHOTS, inner_product=X)


def test_sources_that_depend_on_the_parameters(decomposition):
    source = affine_decomposition(lambda mu, x: np.exp(-mu[1] * x), TRAINING, CELLS[1:], rtol=1e-11)
    snapshots = np.array([solve(mu, load(mu)) for mu in TRAINING[::3]])
    model = nonintrusive_reduced_basis(
        decomposition,
        assemble,
        load,
        snapshots,
        source_decomposition=source,
        inner_product=X,
        rtol=1e-5,
    )
    found, answers = errors(model, load)
    assert (answers.bound >= found).all() and answers.bound.max() < 1e-4
    own = assembled_bounds(model, X, UNSEEN[:3], assemble, load)
    assert (own >= found[:3]).all()


def test_single_precision_solutions_give_certificates_in_double(decomposition):
    model = nonintrusive_reduced_basis(
        decomposition,
        assemble,
        F,
        SNAPSHOTS.astype(np.float32),
        inner_product=X,
        rtol=1e-5,
    )
    found, answers = errors(model)
    assert model.basis.dtype == np.float64 and (answers.bound >= found).all()


def test_more_modes_are_better_and_the_limit_holds(decomposition):
    worst = []
    for size in (2, 4, 8):
        model = nonintrusive_reduced_basis(
            decomposition, assemble, F, SNAPSHOTS, inner_product=X, max_size=size
        )
        assert model.size == size
        worst.append(errors(model)[1].bound.max())
    assert worst[0] > 5 * worst[1] > 25 * worst[2]


def test_parts_that_do_not_fit_are_told(decomposition):
    def build(matrices=assemble, sources=F, snapshots=SNAPSHOTS, **options):
        return nonintrusive_reduced_basis(
            decomposition, matrices, sources, snapshots, **{"inner_product": X, **options}
        )

    cases = (
        ({"matrices": [X]}, f"{decomposition.rank} of the chosen"),
        ({"sources": F[:-1]}, "sources"),
        ({"sources": F[None]}, "one vector"),
        ({"snapshots": SNAPSHOTS[:, :-1]}, "snapshots: expected shape"),
        ({"snapshots": SNAPSHOTS[0]}, "snapshots: expected shape"),
        ({"snapshots": 0 * SNAPSHOTS}, "all zero"),
        ({"inner_product": np.eye(3)}, "inner product"),
        ({"rtol": 3}, "rtol"),
        ({"max_size": 0}, "max_rank"),
        ({"source_decomposition": 3}, "source_decomposition"),
        ({"stability": MinTheta([[1.0]], [1.0])}, "stability"),
    )
    for wrong, match in cases:
        with pytest.raises(InputError, match=match):
            build(**wrong)
    with pytest.raises(NonFiniteError, match="snapshots"):
        build(snapshots=SNAPSHOTS * np.where(np.arange(N) == 3, np.nan, 1))
    with pytest.raises(InputError, match="decomposition"):
        nonintrusive_reduced_basis(None, assemble, F, SNAPSHOTS)


def test_a_model_without_its_basis_has_no_assembled_bounds(model, tmp_path):
    model.save(tmp_path / "m.h5", basis=False)
    bare = type(model).load(tmp_path / "m.h5", theta=model.problem.theta.functions)
    with pytest.raises(InputError, match="basis"):
        assembled_bounds(bare, X, UNSEEN, assemble, F)
    with pytest.raises(InputError, match="model"):
        assembled_bounds(None, X, UNSEEN, assemble, F)

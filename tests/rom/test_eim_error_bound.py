import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError, NotConvergedError
from nwidth.meshes import Grid
from nwidth.rom import AffineProblem, EIMErrorBoundStatus, InnerProduct, eim_error_bound
from nwidth.solvers.equations.thermal_block import ThermalBlock


@pytest.fixture(scope="module")
def study(reaction_diffusion):
    """E1 and z at unseen parameters, and the formula, by the number of basis vectors."""

    def study(size, **options):
        p = reaction_diffusion(size)
        formula = eim_error_bound(
            p.residual_norm, p.training, p.coefficients(p.training), **options
        )
        truth = np.array([p.residual_norm(mu) for mu in p.unseen])
        return formula, p.coefficients(p.unseen), truth

    return study


@pytest.mark.parametrize("stabilized", [True, False])
@pytest.mark.parametrize(
    ("size", "ranks", "median", "largest"),
    [(8, (15, 26), 1e-9, 1e-5), (11, (21, 28), 1e-7, 1e-3), (14, (27, 36), 1e-5, 1e-3)],
)
def test_the_reference_problem_of_one_parameter(study, size, ranks, median, largest, stabilized):
    """Reference P5: sigma^ 24, 24, 32; median 2.7e-11, 1.4e-9, 3.2e-7; maximum 9e-7, 3e-5, 6e-5."""
    formula, z, truth = study(size, stabilized=stabilized)
    assert formula.checked() is formula
    assert ranks[0] <= formula.rank <= ranks[1] and (formula.pivots > 1e-13).all()
    relative = np.abs(formula.dual_norm(z) / truth - 1)
    assert np.median(relative) <= median and relative.max() <= largest
    assert (formula.bound(z) >= truth).all()
    assert np.median(formula.bound(z) / truth) < 1.1
    assert formula.dual_norm(z[:, 3]) == pytest.approx(formula.dual_norm(z)[3], rel=1e-6)


def test_residuals_far_below_the_floor_of_the_expansion_are_measured(study):
    formula, z, truth = study(14)
    assert truth.min() < 1e-12
    assert np.nanmax(np.abs(formula.dual_norm(z) / truth - 1)) < 1e-3


def test_norms_are_asked_for_at_chosen_parameters_and_some_others_only(reaction_diffusion):
    p, asked = reaction_diffusion(8), []

    def norm(mu):
        asked.append(float(mu))
        return p.residual_norm(mu)

    z = p.coefficients(p.training)
    formula = eim_error_bound(norm, p.training, z, validation=4)
    assert len(asked) == len(set(asked)) == formula.rank + 4
    assert asked[: formula.rank] == p.training[formula.rows].tolist()
    # At chosen parameters the formula gives back what it was told, up to what cancels.
    weights = formula.weights(z[:, formula.rows])
    np.testing.assert_allclose(weights, np.eye(formula.rank), atol=1e-6)


def test_stopping_early_is_told(study):
    formula, z, truth = study(14, max_rank=12)
    assert formula.status is EIMErrorBoundStatus.DEVIATES and formula.rank == 12
    with pytest.raises(NotConvergedError, match="negative squares; it leaves out too much"):
        formula.checked()
    assert formula.negative > 0
    square = formula.square(z)
    assert np.array_equal(np.isnan(formula.dual_norm(z)), square < 0)
    assert np.median(np.abs(square - truth**2) / truth**2) > 0.1


def test_four_parameters_are_warned_of_and_fail_validation():
    """Reference P5: with four parameters the formula fails, 23 of 40 squares are negative."""
    block = ThermalBlock(Grid.uniform((13, 13)), (2, 2))
    problem = AffineProblem(lambda mu: mu, block.matrices, lambda mu: [1.0], block.sources)
    product = InnerProduct(block.energy_matrix)
    rng = np.random.default_rng(0)
    training = rng.uniform(0.1, 1, (200, 4))

    def solve(mu):
        return np.linalg.solve(problem.matrix(mu).toarray(), problem.source(mu))

    basis = product.orthonormalize(np.stack([solve(mu) for mu in training[:16]], axis=1))
    reduced = problem.reduce(basis)
    x = np.stack([reduced.solve(mu) for mu in training])
    products = (x[:, :, None] * training[:, None, :]).reshape(len(x), -1)
    z = np.concatenate([np.ones((len(x), 1)), -products], axis=1).T

    def norm(mu):
        r = problem.source(mu) - problem.matrix(mu) @ (basis @ reduced.solve(mu))
        return product.dual_norm(r)

    with pytest.warns(UserWarning, match="one or two parameters, got 4"):
        formula = eim_error_bound(norm, training, z, max_rank=40)
    assert formula.status is EIMErrorBoundStatus.DEVIATES and formula.negative > 0
    with pytest.raises(NotConvergedError, match="ResidualBasis"):
        formula.checked()


@pytest.mark.parametrize("stabilized", [True, False])
def test_complex_coefficients(stabilized):
    rng = np.random.default_rng(0)
    C = rng.standard_normal((30, 3)) + 1j * rng.standard_normal((30, 3))
    mu = np.linspace(0, 1, 80)

    def coefficients(mu):
        return np.stack([np.ones_like(mu) + 0j, np.exp(2j * mu), mu * (1 + 1j)])

    def norm(m):
        return np.linalg.norm(C @ coefficients(np.array([m])))

    formula = eim_error_bound(norm, mu, coefficients(mu), stabilized=stabilized).checked()
    unseen = rng.uniform(0, 1, 20)
    truth = [norm(m) for m in unseen]
    np.testing.assert_allclose(formula.dual_norm(coefficients(unseen)), truth, rtol=1e-10)
    assert (formula.bound(coefficients(unseen)) >= truth).all()


def test_without_other_parameters_there_is_no_validation():
    z = np.array([[1.0, 1.0], [1.0, 2.0]])
    formula = eim_error_bound(lambda mu: 1.0, [1.0, 2.0], z)
    assert formula.rank == 2 and formula.deviation == np.inf
    assert formula.status is EIMErrorBoundStatus.DEVIATES
    assert formula.bound(z[:, 0]) == np.inf


def test_what_does_not_fit_is_refused():
    z, mu = np.ones((2, 3)), np.arange(3.0)
    with pytest.raises(InputError, match=r"z: expected shape \(columns, 3\)"):
        eim_error_bound(np.abs, mu, z[:, :2])
    with pytest.raises(InputError, match="all zero"):
        eim_error_bound(np.abs, mu, 0 * z)
    with pytest.raises(NonFiniteError, match="z"):
        eim_error_bound(np.abs, mu, z * np.nan)
    with pytest.raises(NonFiniteError, match="finite residual norm at"):
        eim_error_bound(lambda m: np.nan, mu, z)
    for value in (1e-200, 1e200):
        with pytest.raises(InputError, match="in the range of numbers"):
            eim_error_bound(lambda m, value=value: value, mu, z)
    with pytest.raises(InputError, match="expected one number"):
        eim_error_bound(lambda m: None, mu, z)
    with pytest.raises(InputError, match=">= 0 at"):
        eim_error_bound(lambda m: -1.0, mu, z)
    with pytest.raises(InputError, match="validation"):
        eim_error_bound(np.abs, mu, z, validation=0)
    with pytest.raises(InputError, match="a second time"):
        eim_error_bound(np.abs, [1.0, 1.0, 2.0], z)
    formula = eim_error_bound(lambda m: 1.0, mu, z)
    with pytest.raises(InputError, match="expected 2 numbers"):
        formula.square(np.ones(3))

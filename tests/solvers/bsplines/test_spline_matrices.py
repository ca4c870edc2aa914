import numpy as np
import pytest
from scipy.integrate import quad

from nwidth.errors import InputError, NonFiniteError
from nwidth.meshes.knot_vector import KnotVector
from nwidth.solvers.bsplines.bspline_basis import BSplineBasis
from nwidth.solvers.bsplines.spline_matrices import (
    collocation_matrix,
    load_vector,
    mass_matrix,
    mixed_matrix,
    stiffness_matrix,
)

KNOTS = [
    KnotVector.open([0.0, 0.2, 0.5, 0.5, 0.6, 1.0], 3),
    KnotVector.uniform_periodic(7, 2),
    KnotVector.uniform_periodic(5, 4),  # functions meet themselves around the circle
    KnotVector.cardinal(5, 3),
]


def functions(basis, x, order=0):
    return basis.matrix(np.atleast_1d(x), order).toarray()[0]


@pytest.mark.parametrize("knots", KNOTS, ids=str)
def test_entries_are_the_integrals(knots):
    basis = BSplineBasis(knots)
    matrices = {
        0: mass_matrix(basis, np.exp, points=9),
        1: stiffness_matrix(basis, np.exp, points=9),
    }
    for order, matrix in matrices.items():
        assert "symmetric" in matrix.properties
        dense = matrix.to_dense()
        for i, j in [(0, 0), (1, 2), (basis.size - 1, 0), (3, basis.size - 1)]:

            def integrand(x, order=order, i=i, j=j):
                values = functions(basis, x, order)
                return np.exp(x) * values[i] * values[j]

            pieces = zip(knots.breakpoints[:-1], knots.breakpoints[1:], strict=True)
            exact = sum(quad(integrand, a, b, epsabs=1e-13)[0] for a, b in pieces)
            assert dense[i, j] == pytest.approx(exact, rel=1e-9, abs=1e-11)


@pytest.mark.parametrize("knots", KNOTS, ids=str)
def test_constants_and_definiteness(knots):
    basis = BSplineBasis(knots)
    mass, stiffness = mass_matrix(basis), stiffness_matrix(basis)
    length = knots.upper - knots.lower
    assert mass.apply(np.ones(basis.size)).sum() == pytest.approx(length, rel=1e-14)
    assert abs(stiffness.apply(np.ones(basis.size))).max() < 1e-12
    assert mass.properties == {"symmetric", "positive definite"}
    assert stiffness.properties == {"symmetric", "positive semidefinite"}
    assert np.linalg.eigvalsh(mass.to_dense()).min() > 0
    assert np.array_equal(mass.to_dense(), mass.to_dense().T)
    b = np.random.default_rng(0).standard_normal((basis.size, 2))
    np.testing.assert_allclose(mass.apply_along(mass.solve(b)), b, atol=1e-12)
    assert mass_matrix(basis, lambda x: x - x.mean()).properties == {"symmetric"}
    assert mass_matrix(basis, 2j).properties == frozenset()


def test_periodic_matrices_of_uniform_knots_are_circulants():
    basis = BSplineBasis(KnotVector.uniform_periodic(9, 3))
    dense = 9 * mass_matrix(basis).to_dense()
    row = np.array([2416, 1191, 120, 1, 0, 0, 1, 120, 1191]) / 5040
    np.testing.assert_allclose(dense, [np.roll(row, k) for k in range(9)], atol=1e-15)


def test_mixed_degrees_and_knots_integrate_by_parts():
    test = BSplineBasis(KnotVector.open([0.0, 0.3, 1.0, 2.0], 2))
    trial = BSplineBasis(KnotVector.uniform(5, 4, 0.0, 2.0))
    A, B = mixed_matrix(test, trial, (0, 1)), mixed_matrix(test, trial, (1, 0))
    total = A.to_dense() + B.to_dense()
    ends = [np.outer(functions(test, x), functions(trial, x)) for x in (0.0, 2.0)]
    np.testing.assert_allclose(total, ends[1] - ends[0], atol=1e-13)
    assert A.shape == (5, 9) and A.properties == frozenset()


def test_loads():
    basis = BSplineBasis(KnotVector.uniform(6, 3))
    np.testing.assert_allclose(load_vector(basis, 1.0), basis.integrals, atol=1e-16)
    found = load_vector(basis, lambda x: np.stack([x, 1j * x**2], axis=1))
    assert found.shape == (9, 2)
    np.testing.assert_allclose(found.sum(axis=0), [1 / 2, 1j / 3], rtol=1e-14)
    slopes = load_vector(basis, lambda x: x, 1)  # x B_i at the ends, less the integral of B_i
    np.testing.assert_allclose(slopes + basis.integrals, np.eye(9)[8], atol=1e-14)


@pytest.mark.parametrize("p", [2, 3, 4, 5, 6])
def test_galerkin_converges_with_order_p_plus_one(p):
    errors = []
    for n in (6, 12):
        basis = BSplineBasis(KnotVector.uniform(n, p))
        K = stiffness_matrix(basis, lambda x: 1 + x**2).matrix[1:-1, 1:-1].toarray()
        f = load_vector(
            basis,
            lambda x: np.pi**2 * (1 + x**2) * np.sin(np.pi * x) - 2 * x * np.pi * np.cos(np.pi * x),
            points=p + 4,
        )
        c = np.pad(np.linalg.solve(K, f[1:-1]), 1)
        x = np.linspace(0, 1, 201)
        errors.append(abs(basis.matrix(x) @ c - np.sin(np.pi * x)).max())
    assert np.log2(errors[0] / errors[1]) > p + 0.6


def test_collocation_at_greville_points_and_others():
    basis = BSplineBasis(KnotVector.uniform(6, 3))
    A = collocation_matrix(basis, coefficient=lambda x: 1 + x)
    x = basis.greville
    np.testing.assert_allclose(A.apply(np.ones(9)), 1 + x)
    second = collocation_matrix(basis, [0.1, 0.9], 2, np.array([1.0, 2.0]))
    np.testing.assert_allclose(
        second.to_dense(), basis.matrix([0.1, 0.9], 2).toarray() * [[1], [2]]
    )
    circle = collocation_matrix(BSplineBasis(KnotVector.uniform_periodic(8, 3)))
    assert circle.periodic
    np.testing.assert_allclose(circle.solve(np.ones(8)), 1.0)


def test_wrong_arguments_are_told():
    one, two = (BSplineBasis(KnotVector.uniform(4, 2, 0.0, end)) for end in (1.0, 2.0))
    with pytest.raises(InputError, match="interval"):
        mixed_matrix(one, two)
    with pytest.raises(InputError, match="orders"):
        mixed_matrix(one, one, (1,))
    with pytest.raises(InputError, match="coefficient"):
        mass_matrix(one, lambda x: np.ones(3))
    with pytest.raises(NonFiniteError):
        mass_matrix(one, lambda x: np.full(len(x), np.nan))
    with pytest.raises(InputError, match="points"):
        collocation_matrix(one, [[0.5]])
    with pytest.raises(InputError, match="array of numbers"):
        collocation_matrix(one, [[0.5], [0.1, 0.2]])
    with pytest.raises(InputError, match="points"):
        mass_matrix(one, points=0)

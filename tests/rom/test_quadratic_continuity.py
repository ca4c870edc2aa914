import numpy as np
import pytest

from nwidth.rom import InnerProduct, QuadraticForm, quadratic_continuity


def largest_found(b, product, tries=20):
    """A lower bound of the constant by alternating maximization from random vectors."""
    rng, best = np.random.default_rng(0), 0.0
    for _ in range(tries):
        u = rng.standard_normal(b.size)
        u /= product.norm(u)
        for _ in range(60):
            w = product.riesz(b.apply(u, u))
            w /= product.norm(w)
            u = product.riesz(b.derivative(u).T @ w)
            u /= product.norm(u)
        best = max(best, abs(w @ b.apply(u, u)))
    return best


def test_bounds_the_form():
    rng = np.random.default_rng(4)
    b = QuadraticForm(*rng.standard_normal((3, 9, 5)))
    X = rng.standard_normal((5, 5))
    product = InnerProduct(X @ X.T + np.eye(5))
    gamma, found = quadratic_continuity(b, product), largest_found(b, product)
    assert found <= gamma <= 20 * found


@pytest.mark.parametrize("kind", ["burgers", "reaction"])
def test_is_that_of_the_embedding_in_one_dimension(quadratic_problem, kind):
    made = quadratic_problem(kind, 100)
    product, b = InnerProduct(made.X), made.problem.forms[0]
    gamma = quadratic_continuity(b, product)
    # |u| <= |u'| / 2 in the maximum, |u| <= |u'| / pi in L2, for functions that vanish at the ends
    wanted = 0.5 / np.pi if kind == "burgers" else 0.5 / np.pi**2
    assert gamma == pytest.approx(wanted, rel=5e-3)
    assert largest_found(b, product, 3) <= gamma


def test_forms_of_tensors_and_zero_rows():
    b = QuadraticForm.from_tensor([[0, 0, 1], [1, 1, 1]], [3.0, 0.0], 2)
    gamma = quadratic_continuity(b, InnerProduct(np.eye(2)))
    assert 3 * 2 / 3**1.5 / 2 <= gamma <= 3.001

import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.rom import InnerProduct
from nwidth.rom.growing_quadratic_basis import GrowingQuadraticBasis


@pytest.fixture
def growing(quadratic_problem):
    made = quadratic_problem("reaction", 30)
    growing = GrowingQuadraticBasis(made.problem, made.X, made.box)
    for mu in ([1.0, 1.0], [10.0, -2.0], [4.0, 3.0]):
        assert growing.extend(mu, made.problem.solve(mu).checked().u) == 1
    return made, growing


def test_parts_are_those_of_the_problem(growing):
    made, growing = growing
    model, V = growing.model(), growing.basis
    assert len(growing) == growing.anchors == model.size == 3
    np.testing.assert_allclose(V.T @ made.X @ V, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(model.tensors[0], made.problem.forms[0].project(V), atol=1e-13)
    for small, A in zip(model.linear.matrices.matrices, made.problem.linear.matrices.matrices,
                        strict=True):  # fmt: skip
        np.testing.assert_allclose(small, V.T @ (A @ V), atol=1e-13)
    # solutions that came in are solved for exactly
    answer = model.solve([10.0, -2.0])
    u = made.problem.solve([10.0, -2.0]).u
    assert growing.inner_product.norm(model.lift(answer.x) - u) <= answer.bound < 1e-9


def test_models_do_not_change_when_the_basis_grows(growing):
    made, growing = growing
    before = growing.model()
    bound = before.solve([7.0, 2.0]).bound
    growing.extend([7.0, 2.0], made.problem.solve([7.0, 2.0]).u)
    assert before.solve([7.0, 2.0]).bound == bound > growing.model().solve([7.0, 2.0]).bound
    cut = growing.model().truncated(3).solve([7.0, 2.0])
    assert cut.residual == pytest.approx(before.solve([7.0, 2.0]).residual, rel=1e-8)
    assert cut.bound <= bound  # the new anchor stays


def test_what_the_basis_holds_is_an_anchor_still(growing):
    made, growing = growing
    u = made.problem.solve([10.0, -2.0]).u
    assert growing.extend([10.0, -2.0], u) == 0
    assert growing.anchors == 4 and len(growing) == 3
    u = made.problem.solve([7.0, 2.0]).u
    before = growing.model().solve([7.0, 2.0])
    assert growing.extend([7.0, 2.0], u, anchor_only=True) == 0
    after = growing.model().solve([7.0, 2.0])
    assert growing.anchors == 5 and after.stability > before.stability
    assert after.residual == pytest.approx(before.residual, rel=1e-9)


def test_known_continuity_constants_are_taken(quadratic_problem):
    made = quadratic_problem("burgers", 30)
    given = GrowingQuadraticBasis(made.problem, made.X, continuity=[0.5 / np.pi])
    found = GrowingQuadraticBasis(made.problem, made.X)
    assert given.continuity[0] == 0.5 / np.pi
    assert found.continuity[0] == pytest.approx(0.5 / np.pi, rel=0.01)


def test_bad_input_is_told(quadratic_problem):
    made = quadratic_problem("burgers", 10)
    with pytest.raises(InputError, match="problem: expected a QuadraticProblem"):
        GrowingQuadraticBasis(made.problem.linear, made.X)
    with pytest.raises(InputError, match="size"):
        GrowingQuadraticBasis(made.problem, np.eye(3))
    with pytest.raises(InputError, match="a real one"):
        GrowingQuadraticBasis(made.problem, InnerProduct(np.eye(9).astype(complex)))
    with pytest.raises(InputError, match="continuity: expected shape"):
        GrowingQuadraticBasis(made.problem, made.X, continuity=[1.0, 2.0])
    with pytest.raises(InputError, match="continuity: expected numbers"):
        GrowingQuadraticBasis(made.problem, made.X, continuity=[-1.0])
    growing = GrowingQuadraticBasis(made.problem, made.X)
    with pytest.raises(InputError, match="at least one solution"):
        growing.model()
    with pytest.raises(InputError, match="u: expected shape"):
        growing.extend([1.0, 1.0], np.ones(3))
    with pytest.raises(NonFiniteError, match="u"):
        growing.extend([1.0, 1.0], np.full(9, np.nan))

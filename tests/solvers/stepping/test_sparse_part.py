import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.errors import InputError, NonFiniteError
from nwidth.solvers.stepping import ARS443, EvolutionStatus, FunctionSystem, SparsePart, evolve
from nwidth.solvers.stepping.linear_part import KEPT


def matrix(kind, n=7):
    values = np.random.default_rng(3).normal(size=(n, n)) - 4 * np.eye(n)
    return sp.csr_array(values * (1 + 0.3j) if kind == "c" else values)


@pytest.mark.parametrize("kind", ["f", "c"])
@pytest.mark.parametrize("shape", [(7,), (3, 7), (2, 1, 7)])
def test_the_shifted_solve_undoes_the_shifted_product(kind, shape):
    L, b = SparsePart(matrix(kind)), np.random.default_rng(0).normal(size=shape) + 1j
    assert L.real == (kind == "f")
    x, product = np.empty_like(b), np.empty_like(b)
    solve = L.shifted(0.3)
    solve(b, x)
    L.apply(x, product)
    assert np.allclose(product, x @ matrix(kind).toarray().T, rtol=1e-13)
    assert np.allclose(x - 0.3 * product, b, rtol=1e-12)
    solve(b, b)  # in place
    assert np.array_equal(b, x)


def test_unknowns_of_a_grid_are_in_c_order():
    line = sp.diags_array([[1.0] * 2, [-2.0] * 3, [1.0] * 2], offsets=[-1, 0, 1])
    other = sp.diags_array([[1.0] * 3, [-2.0] * 4, [1.0] * 3], offsets=[-1, 0, 1])
    L = SparsePart(sp.kron(line, sp.eye_array(4)) + sp.kron(sp.eye_array(3), other))
    v, out = np.random.default_rng(1).normal(size=(2, 3, 4)), np.empty((2, 3, 4))
    L.apply(v, out)
    wanted = np.einsum("ij,bjk->bik", line.toarray(), v) + v @ other.toarray()
    assert np.allclose(out, wanted, rtol=1e-13)


def test_single_precision_stays():
    L, b = SparsePart(matrix("f")), np.linspace(0, 1, 7, dtype=np.float32)
    out = np.empty_like(b)
    L.shifted(0.1)(b, out)
    wanted = np.linalg.solve(np.eye(7) - 0.1 * matrix("f").toarray(), b)
    assert out.dtype == np.float32 and np.allclose(out, wanted, rtol=1e-6)


def test_factors_of_a_few_shifts_are_kept(monkeypatch):
    L, made = SparsePart(matrix("f")), []
    shifted = SparsePart.shifted
    monkeypatch.setattr(SparsePart, "shifted", lambda self, s: made.append(s) or shifted(self, s))
    for _ in range(3):
        for k in range(KEPT):
            L.kept_shifted(0.1 * (k + 1))
    assert len(made) == KEPT
    L.kept_shifted(9.0)  # the one that was used longest ago goes
    L.kept_shifted(0.2)
    assert len(made) == KEPT + 1
    L.kept_shifted(0.1)
    assert len(made) == KEPT + 2


def test_a_state_that_blows_up_is_told_by_the_steps():
    system = FunctionSystem(lambda t, v: v**3, SparsePart(-sp.eye_array(3)))
    with np.errstate(all="ignore"):
        found = evolve(system, [9.0, 0, 0], [1.0], method=ARS443, dt=0.1)
    assert found.status is EvolutionStatus.BLOWN_UP


def test_what_is_no_linear_part_is_refused():
    with pytest.raises(InputError, match=r"matrix: expected a square one, got shape \(2, 3\)"):
        SparsePart(np.ones((2, 3)))
    with pytest.raises(NonFiniteError, match="matrix"):
        SparsePart([[np.nan]])
    with pytest.raises(InputError, match="v: expected last axes of 7 unknowns"):
        SparsePart(matrix("f")).apply(np.ones(6), np.ones(6))
    with pytest.raises(InputError, match="matrix: expected a regular one"):
        SparsePart([[2.0]]).shifted(0.5)(np.ones(1), np.ones(1))

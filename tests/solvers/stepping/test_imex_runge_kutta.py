"""Pairs of tableaus, by the conditions of their order, one for each colouring of each tree."""

from itertools import product

import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.errors import InputError
from nwidth.solvers import stepping
from nwidth.solvers.stepping import (
    ARK436L2SA,
    ARS222,
    ARS443,
    DORMAND_PRINCE,
    DiagonalPart,
    FunctionSystem,
    ImexRungeKutta,
    SparsePart,
    evolve,
)

METHODS = [
    method
    for name in stepping.__all__
    if isinstance(method := getattr(stepping, name), ImexRungeKutta)
]
each_method = pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)


def square(rows, s):
    matrix = np.zeros((s, s))
    for i, row in enumerate(rows, 1):
        matrix[i, : len(row)] = row
    return matrix


def tableaus(method):
    s = len(method.b)
    return square(method.explicit, s), square(method.implicit, s)


def defects(weights, matrices, c, order):
    """Return what the trees with `order` nodes ask, minus their values, for all colourings."""
    if order == 1:
        return np.array([w.sum() - 1 for w in weights])
    if order == 2:
        return np.array([w @ c - 1 / 2 for w in weights])
    found = [w @ c ** (order - 1) - 1 / order for w in weights]
    for w, M in product(weights, matrices):
        if order == 3:
            found.append(w @ M @ c - 1 / 6)
        else:
            found += [w @ (c * (M @ c)) - 1 / 8, w @ M @ c**2 - 1 / 12]
            found += [w @ M @ other @ c - 1 / 24 for other in matrices]
    return np.array(found)


def test_five_methods_are_here():
    assert len(METHODS) == 5


@each_method
def test_conditions_of_the_order_and_of_the_coupling(method):
    matrices, c = tableaus(method), np.array(method.c)
    for M in matrices:
        assert np.allclose(M.sum(axis=1), c, atol=1e-14)
    weights = np.array(method.b), matrices[1][-1]
    for p in range(1, method.order + 1):
        assert np.abs(defects(weights, matrices, c, p)).max() < 2e-14
    if method.order < 4:
        assert np.abs(defects(weights, matrices, c, method.order + 1)).max() > 1e-3
    if method.embedded is not None:
        lower = (np.array(method.embedded),)
        for p in range(1, method.embedded_order + 1):
            assert np.abs(defects(lower, matrices, c, p)).max() < 2e-14
        assert np.abs(defects(lower, matrices, c, method.embedded_order + 1)).max() > 1e-4


@each_method
def test_one_number_on_the_diagonal(method):
    diagonal = [row[-1] for row in method.implicit]
    assert len(set(diagonal)) == 1 and all(
        len(row) == i + 1 for i, row in enumerate(method.implicit, 1)
    )


def growth(method, z, part):
    """Return |R(z)| of one step of v' = z v, taken implicitly or explicitly."""
    linear = DiagonalPart([complex(z) if part == "implicit" else 0.0])
    factor = 0.0 if part == "implicit" else z
    system, v = FunctionSystem(lambda t, v: factor * v, linear), np.ones(1, complex)
    out = np.empty_like(v)
    method.start(system, v).step(0.0, 1.0, v, out)
    return abs(out[0])


@each_method
def test_stiff_parts_decay_at_once(method):
    assert growth(method, -1e9, "implicit") < 1e-8
    assert growth(method, -1e9 + 3e9j, "implicit") < 1e-8
    for y in np.geomspace(1e-2, 1e4, 40):
        assert growth(method, 1j * y, "implicit") <= 1 + 1e-12
        assert growth(method, -y, "implicit") < 1


@each_method
def test_reach_along_the_imaginary_axis(method):
    if method.reach == 0:
        assert growth(method, 0.3j, "explicit") > 1 + 1e-6
        return
    assert growth(method, 0.99j * method.reach, "explicit") <= 1 + 1e-12
    assert growth(method, 1.01j * method.reach, "explicit") > 1 + 1e-6


def heat(n=23):
    """Return u_t = u_xx + N with u = 0 at both ends: as a matrix, and in its sine modes."""
    second = np.diag(np.full(n, -2.0)) + np.diag(np.ones(n - 1), 1) + np.diag(np.ones(n - 1), -1)
    second *= (n + 1) ** 2
    values, modes = np.linalg.eigh(second)

    def rest(t, v):
        return v - v**3 + np.cos(t)

    nodal = FunctionSystem(rest, SparsePart(sp.csr_array(second)))
    modal = FunctionSystem(lambda t, a: modes.T @ rest(t, modes @ a), DiagonalPart(values))
    return nodal, modal, modes


@each_method
def test_sparse_and_diagonal_parts_agree(method):
    nodal, modal, modes = heat()
    v = np.sin(np.linspace(0, 9, 23))
    found = evolve(nodal, v, [0.05, 0.2], method=method, dt=0.01).checked().states
    wanted = evolve(modal, modes.T @ v, [0.05, 0.2], method=method, dt=0.01).checked().states
    assert np.abs(found - wanted @ modes.T).max() < 1e-11


def test_adaptive_steps_are_those_of_accuracy_not_of_stability():
    nodal, _, _ = heat()
    smooth = FunctionSystem(lambda t, v: 12 * v - v**3, nodal.linear)
    v = np.sin(np.pi * np.arange(1, 24) / 24)
    found = evolve(smooth, v, [2.0], method=ARK436L2SA, rtol=1e-6).checked()
    exact = evolve(smooth, v, [2.0], method=ARK436L2SA, dt=2e-3).checked().states[0]
    assert np.abs(found.states[0] - exact).max() < 1e-5
    explicit = evolve(smooth, v, [2.0], method=DORMAND_PRINCE, rtol=1e-6).checked()
    assert 5 * found.counts.steps < explicit.counts.steps


@pytest.mark.parametrize("dtype", [np.float32, np.complex64, np.float64, np.complex128])
@each_method
def test_precisions_and_batches(dtype, method):
    symbol = -np.linspace(0, 30, 5) + (5j if np.dtype(dtype).kind == "c" else 0)
    system = FunctionSystem(lambda t, v: -(v**2), DiagonalPart(symbol))
    v = np.linspace(0.1, 1, 15).reshape(3, 5).astype(dtype)
    together = evolve(system, v, [0.1], method=method, dt=0.01).checked().states
    assert together.dtype == dtype
    alone = evolve(system, v[1], [0.1], method=method, dt=0.01).checked().states
    assert np.array_equal(alone, together[:, 1])
    doubled = v.astype(np.result_type(dtype, np.float64))
    exact = evolve(system, doubled, [0.1], method=method, dt=0.01).states
    assert np.abs(together - exact).max() < 2e-6


def test_evaluations_are_those_of_the_stages():
    system, v, out = FunctionSystem(lambda t, v: -v, DiagonalPart([-1.0])), np.ones(1), np.empty(1)
    for method, expected in ((ARS222, 2), (ARS443, 4), (ARK436L2SA, 6)):
        stepper = method.start(system, v)
        stepper.step(0.0, 0.1, v, out)
        assert stepper.evaluations == expected
        stepper.step(0.0, 0.05, v, out)  # repeated: the first one is known
        assert stepper.evaluations == 2 * expected - 1
        stepper.accept()
        stepper.step(0.05, 0.05, out.copy(), out)
        assert stepper.evaluations == 3 * expected - 1


def test_what_implicit_methods_cannot_take_is_refused():
    with pytest.raises(InputError, match=r"ARS\(2,2,2\): expected a system with a linear part"):
        evolve(FunctionSystem(lambda t, v: -v), [1.0], [1.0], method=ARS222, dt=0.1)
    turning = FunctionSystem(lambda t, v: -v, DiagonalPart([1j]))
    with pytest.raises(InputError, match=r"ARS\(4,4,3\): expected a complex state"):
        evolve(turning, [1.0], [1.0], method=ARS443, dt=0.1)
    with pytest.raises(InputError, match=r"ARS\(2,2,2\): expected a method with an estimate"):
        evolve(turning, [1.0 + 0j], [1.0], method=ARS222, rtol=1e-3)

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.errors import InputError
from nwidth.solvers.stepping import (
    EXPRB2,
    EXPRB32,
    DiagonalPart,
    EvolutionStatus,
    EvolutionSystem,
    FunctionSystem,
    Integration,
    SparsePart,
    evolve,
    phi_matrices,
)

KRYLOV = replace(EXPRB32, dense=0)
both_ways = pytest.mark.parametrize("dense", [0, 200], ids=["krylov", "dense"])
each_method = pytest.mark.parametrize("method", [EXPRB2, EXPRB32], ids=lambda m: m.name)


class AllenCahn(EvolutionSystem):
    """v' = L v + s (v - v^3) with the derivative that it knows."""

    autonomous = True

    def __init__(self, n=40, strength=8.0, linear=True):
        second = sp.diags_array(
            [np.ones(n - 1), np.full(n, -2.0), np.ones(n - 1)], offsets=[-1, 0, 1]
        )
        self.linear = SparsePart(second * (n + 1) ** 2 * 0.02) if linear else None
        self.strength = strength

    def nonlinear(self, t, v, out):
        out[...] = self.strength * (v - v**3)

    def jacobian(self, t, v, w, out):
        out[...] = self.strength * (1 - 3 * v**2) * w


class Differences(AllenCahn):
    """The same without knowing anything."""

    autonomous = False
    jacobian = EvolutionSystem.jacobian


V = np.sin(np.linspace(0.1, 6, 40))


@both_ways
@each_method
def test_linear_systems_with_a_source_that_grows_are_exact(method, dense):
    generator = np.random.default_rng(2)
    A, B = generator.normal(size=(2, 9, 9))
    b, c, v = generator.normal(size=(3, 9))
    system = FunctionSystem(lambda t, v: B @ v + b + t * c, SparsePart(A))
    found = evolve(system, v, [0.3, 0.9], method=replace(method, dense=dense), dt=0.3).checked()
    for t, state in zip(found.times, found.states, strict=True):
        phi = phi_matrices(t * (A + B), 2)
        wanted = v + t * phi[1] @ ((A + B) @ v + b) + t**2 * phi[2] @ c
        assert np.abs(state - wanted).max() < 1e-8 * np.abs(wanted).max()


@pytest.mark.parametrize("kind", [Differences, AllenCahn])
def test_krylov_spaces_and_matrices_agree(kind):
    dense, large = (
        evolve(kind(), V, [0.1, 0.5], method=method, dt=0.1).checked().states
        for method in (EXPRB32, KRYLOV)
    )
    assert np.abs(dense - large).max() < 1e-9
    exact = evolve(AllenCahn(), V, [0.5], method=EXPRB32, dt=2e-3).checked().states[0]
    assert np.abs(dense[-1] - exact).max() < 5e-3


@both_ways
def test_derivatives_that_are_known_spare_evaluations(dense):
    method = replace(EXPRB32, dense=dense)
    known, unknown = (
        evolve(kind(), V, [0.2], method=method, dt=0.05).checked()
        for kind in (AllenCahn, Differences)
    )
    assert np.abs(known.states - unknown.states).max() < 1e-8
    assert unknown.counts.evaluations > 1.8 * known.counts.evaluations
    if dense:  # four steps of N twice and 41 products, or of two more N and 82
        assert known.counts.evaluations == 4 * 43 and unknown.counts.evaluations == 4 * 86


@both_ways
def test_systems_that_are_not_holomorphic(dense):
    """The Schroedinger equation with |v|^2 v: real and imaginary parts have their own slopes."""
    symbol = -1j * np.fft.fftfreq(16, 1 / 16) ** 2

    def cubic(t, a):
        v = np.fft.ifft(a)
        return np.fft.fft(2j * np.abs(v) ** 2 * v)

    x = 2 * np.pi * np.arange(16) / 16
    a = np.fft.fft(1 + 0.2 * np.exp(1j * x))
    system, errors = FunctionSystem(cubic, DiagonalPart(symbol)), []
    exact = evolve(system, a, [0.4], dt=1e-3).checked().states[0]
    for n in (40, 80):
        method = replace(EXPRB32, dense=dense)
        found = evolve(system, a, [0.4], method=method, dt=0.4 / n).checked().states[0]
        errors.append(np.abs(found - exact).max())
    assert np.log2(errors[0] / errors[1]) == pytest.approx(3, abs=0.2)


@each_method
@both_ways
def test_no_step_is_too_long_for_stiff_right_hand_sides(dense, method):
    def wanted(t):
        return np.cbrt(2 + np.cos(t + np.arange(5)))

    system = FunctionSystem(lambda t, v: -1e4 * (v**3 - wanted(t) ** 3))
    method = replace(method, dense=dense)
    found = evolve(system, wanted(0.0), [1.0], method=method, dt=0.1).checked()
    assert np.abs(found.states[0] - wanted(1.0)).max() < 2e-3


def test_adaptive_steps_with_krylov_spaces():
    found = evolve(AllenCahn(), V, [0.5], method=KRYLOV, rtol=1e-5).checked()
    exact = evolve(AllenCahn(), V, [0.5], method=EXPRB32, dt=2e-3).checked().states[0]
    assert np.linalg.norm(found.states[0] - exact) < 1e-4 * np.linalg.norm(exact)
    assert found.counts.steps < 150


@both_ways
def test_memory_goes_on_bit_by_bit(dense):
    method = replace(EXPRB32, dense=dense)
    one, other = (Integration(Differences(), method, V, 0.0, 0.05) for _ in range(2))
    one.advance(0.2)
    other.restore(*one.memory())
    one.advance(0.4)
    other.advance(0.4)
    assert np.array_equal(one.v, other.v)


@both_ways
def test_blow_up_is_told(dense):
    system = FunctionSystem(lambda t, v: v**5)
    with np.errstate(all="ignore"):
        found = evolve(system, [30.0, 1.0], [1.0], method=replace(EXPRB32, dense=dense), dt=0.5)
    assert found.status is EvolutionStatus.BLOWN_UP


@both_ways
@pytest.mark.parametrize("dtype", [np.float32, np.complex64])
def test_single_precision_and_states_of_zeros(dtype, dense):
    system, method = AllenCahn(), replace(EXPRB32, dense=dense)
    found = evolve(system, V.astype(dtype), [0.1], method=method, dt=0.02).checked().states
    exact = evolve(system, V, [0.1], method=EXPRB32, dt=0.02).checked().states
    assert found.dtype == dtype and np.abs(found - exact).max() < 1e-5
    assert not evolve(system, np.zeros(40, dtype), [1.0], method=method, dt=0.5).states.any()


def test_grids_and_batches_are_one_state():
    system = AllenCahn(linear=False)
    v = np.stack([V, 0.5 * V]).reshape(2, 5, 8)
    found = evolve(system, v, [0.3], method=EXPRB32, dt=0.05).checked().states[0]
    alone = evolve(system, V, [0.3], method=EXPRB32, dt=0.05).checked().states[0]
    assert found.shape == v.shape and np.abs(found[0].reshape(-1) - alone).max() < 1e-13


def test_complex_parts_of_real_states_are_refused():
    turning = FunctionSystem(lambda t, v: -v, DiagonalPart([1j]))
    with pytest.raises(InputError, match="exprb32: expected a complex state"):
        evolve(turning, [1.0], [1.0], method=EXPRB32, dt=0.1)


def test_tolerances_and_sizes_that_are_none_are_refused():
    with pytest.raises(InputError, match="tolerance: expected a number"):
        replace(EXPRB32, tolerance=0.0)
    with pytest.raises(InputError, match="dense: expected an integer >= 0"):
        replace(EXPRB32, dense=-1)


def test_looser_krylov_spaces_are_cheaper():
    tight, loose = (
        evolve(AllenCahn(), V, [0.2], method=replace(KRYLOV, tolerance=t), dt=0.05).checked()
        for t in (1e-12, 1e-5)
    )
    assert loose.counts.evaluations < 0.8 * tight.counts.evaluations
    assert 0 < np.abs(loose.states - tight.states).max() < 1e-4

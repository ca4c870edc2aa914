import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.errors import InputError
from nwidth.solvers.stepping import (
    ARS222,
    SBDF2,
    SBDF3,
    SBDF4,
    DiagonalPart,
    EvolutionStatus,
    FunctionSystem,
    Integration,
    SparsePart,
    evolve,
)

METHODS = [SBDF2, SBDF3, SBDF4]
each_method = pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)


@each_method
def test_polynomials_are_differentiated_and_extrapolated(method):
    k = method.order
    times = 1.0 - np.arange(k + 1)
    for q in range(k + 1):
        assert np.dot(method.past, times**q) == pytest.approx(q, abs=1e-13)
    assert abs(np.dot(method.past, times ** (k + 1)) - (k + 1)) > 0.5
    for q in range(k):
        assert np.dot(method.slopes, times[1:] ** q) == pytest.approx(1, abs=1e-13)
    assert abs(np.dot(method.slopes, times[1:] ** k) - 1) > 0.5


def test_steps_of_the_paper():
    """SBDF2 by hand: 3 v2 - 4 v1 + v0 = 2 h (2 N1 - N0 + L v2)."""
    symbol, h = np.array([-3.0, 0.5]), 0.1

    def rest(t, v):
        return np.sin(v[::-1]) + t

    system, v = FunctionSystem(rest, DiagonalPart(symbol)), np.array([1.0, -2.0])
    first, second = evolve(system, v, [h, 2 * h], method=SBDF2, dt=h).checked().states
    started = evolve(system, v, [h], method=ARS222, dt=h).checked().states[0]
    assert np.array_equal(first, started)
    slopes = 2 * rest(h, first) - rest(0.0, v)
    wanted = (4 * first - v + 2 * h * slopes) / (3 - 2 * h * symbol)
    assert np.allclose(second, wanted, rtol=1e-14)


@each_method
def test_stiff_parts_decay(method):
    system = FunctionSystem(lambda t, v: 0 * v, DiagonalPart([-1e9]))
    found = evolve(system, [1.0], [0.1 * k for k in range(1, 21)], method=method, dt=0.1).checked()
    assert np.abs(found.states[:, 0]).max() < 1e-6
    assert abs(found.states[-1, 0]) < 1e-20


@pytest.mark.parametrize("method", [SBDF3, SBDF4], ids=lambda m: m.name)
def test_reach_along_the_imaginary_axis(method):
    """All roots of the method for v' = i y v, taken explicitly, are in the unit circle up to it."""
    largest = []
    for y in (0.99 * method.reach, 1.01 * method.reach):
        polynomial = np.array(method.past, complex)
        polynomial[1:] -= 1j * y * np.array(method.slopes)
        largest.append(np.abs(np.roots(polynomial)).max())
    assert largest[0] <= 1 + 1e-12 < 1 + 1e-6 < largest[1]


@each_method
def test_one_evaluation_in_a_step(method):
    calls = []
    system = FunctionSystem(lambda t, v: calls.append(t) or -v, DiagonalPart([-1.0]))
    run = Integration(system, method, np.ones(1), 0.0, 0.1)
    run.advance(0.1 * (method.order - 1))
    started = len(calls)
    run.advance(0.1 * (method.order + 9))
    assert len(calls) == started + 10 == run.counts.evaluations
    assert np.allclose(np.diff(calls[started:]), 0.1)


@each_method
def test_memory_goes_on_bit_by_bit_wherever_it_is_taken(method, stiff):
    system, v, _ = stiff
    whole = Integration(system, method, v, 0.0, 0.1)
    whole.advance(1.0)
    for steps in range(1, 9):
        part = Integration(system, method, v, 0.0, 0.1, max_steps=steps)
        assert part.advance(1.0) is EvolutionStatus.MAX_STEPS
        arrays, told = part.memory()
        other = Integration(system, method, v, 0.0, 0.1)
        other.restore({name: a.copy() for name, a in arrays.items()}, told)
        other.t = whole_time = 0.1 * steps
        assert other.advance(1.0) is EvolutionStatus.FINISHED and whole_time < 1
        part.max_steps = 100
        part.advance(1.0)
        assert np.array_equal(other.v, part.v)


@each_method
def test_runs_that_were_stopped_go_on_bit_by_bit(method, stiff, tmp_path):
    system, v, _ = stiff
    times, path = np.linspace(0.1, 1, 10), tmp_path / "run.h5"
    whole = evolve(system, v, times, method=method, dt=0.05).checked()
    for stop in (1, 5):

        def full(t, counts, stop=stop):
            return bool(t > times[stop] - 1e-12)

        evolve(system, v, times, method=method, checkpoint=path, progress=full, dt=0.05)
    again = evolve(system, v, times, method=method, checkpoint=path, dt=0.05).checked()
    assert np.array_equal(again.states, whole.states)
    assert again.counts == whole.counts


@each_method
def test_a_change_of_the_step_starts_again(method, stiff):
    system, v, _ = stiff
    run = Integration(system, method, v, 0.0, 0.01)
    run.advance(0.2)
    middle = run.v.copy()
    run.h = 0.02
    run.advance(0.6)
    fresh = Integration(system, method, middle, 0.2, 0.02)
    fresh.advance(0.6)
    assert np.array_equal(run.v, fresh.v)


@each_method
def test_steps_that_differ_by_rounding_are_equal(method, stiff):
    """Many outputs do not start the method again: one evaluation a step, and the same digits."""
    system, v, _ = stiff
    many = evolve(system, v, np.linspace(0.05, 1, 20), method=method, dt=0.011).checked()
    one = evolve(system, v, [1.0], method=method, dt=0.01).checked()
    assert many.counts == one.counts
    assert np.abs(many.states[-1] - one.states[-1]).max() < 1e-12


@each_method
def test_sparse_and_diagonal_parts_agree(method):
    n = 15
    second = sp.diags_array([np.ones(n - 1), np.full(n, -2.0), np.ones(n - 1)], offsets=[-1, 0, 1])
    second = second * (n + 1) ** 2
    values, modes = np.linalg.eigh(second.toarray())
    nodal = FunctionSystem(lambda t, v: v - v**3, SparsePart(second))
    modal = FunctionSystem(
        lambda t, a: modes.T @ (modes @ a - (modes @ a) ** 3), DiagonalPart(values)
    )
    v = np.cos(np.arange(n))
    found = evolve(nodal, v, [0.3], method=method, dt=0.01).checked().states[0]
    wanted = evolve(modal, modes.T @ v, [0.3], method=method, dt=0.01).checked().states[0]
    assert np.abs(found - modes @ wanted).max() < 1e-11


@pytest.mark.parametrize("dtype", [np.float32, np.complex64])
@each_method
def test_single_precision_and_batches(dtype, method):
    system = FunctionSystem(lambda t, v: -(v**2), DiagonalPart(-np.linspace(0, 30, 5)))
    v = np.linspace(0.1, 1, 15).reshape(3, 5).astype(dtype)
    together = evolve(system, v, [0.1], method=method, dt=0.01).checked().states
    assert together.dtype == dtype
    alone = evolve(system, v[2], [0.1], method=method, dt=0.01).checked().states
    assert np.array_equal(alone, together[:, 2])
    exact = evolve(system, v.astype(np.complex128), [0.1], method=method, dt=0.01).states
    assert np.abs(together - exact).max() < 2e-6


def test_what_cannot_be_stepped_is_refused(stiff):
    with pytest.raises(InputError, match="SBDF2: expected a system with a linear part"):
        evolve(FunctionSystem(lambda t, v: -v), [1.0], [1.0], method=SBDF2, dt=0.1)
    system, v, _ = stiff
    with pytest.raises(InputError, match="SBDF3: expected a method with an estimate"):
        evolve(system, v, [1.0], method=SBDF3, rtol=1e-3)
    stepper = SBDF3.start(system, v)
    with pytest.raises(InputError, match=r"checkpoint: expected a history complex128 of shape"):
        stepper.restore(SBDF2.start(system, v).memory())

import numpy as np
import pytest

from nwidth.errors import InputError, NotConvergedError
from nwidth.solvers.fractional import RieszPart, RieszRectangle, riesz_part
from nwidth.solvers.fractional.riesz_part import mean_eigenvalues


def mixed(x, y):
    return np.exp(np.sin(3 * x + y)) * (1 + x)


@pytest.mark.parametrize("modes", ["exact", "sines"])
@pytest.mark.parametrize("coefficient", [[2.0, 1.0], [mixed, 1.0], mixed])
@pytest.mark.parametrize("shift", [1e-4, 1e-2, 10.0])
def test_shifted_solves_what_apply_multiplies(coefficient, shift, modes):
    problem = RieszRectangle(
        (14, 15), (3, 4), (1.3, 1.8), coefficient=coefficient, reaction=lambda x, y: x, modes=modes
    )
    L, rng = RieszPart(problem), np.random.default_rng(0)
    b = rng.standard_normal(problem.shape)
    x, Lx = np.empty_like(b), np.empty_like(b)
    L.shifted(shift)(b, x)
    L.apply(x, Lx)
    assert np.allclose(x - shift * Lx, b, rtol=0, atol=1e-7)
    L.shifted(shift)(x, x)  # in place


def test_waves_of_order_two_are_eigenvectors():
    problem = RieszRectangle(24, 6, 2.0, coefficient=0.5)
    v = np.sin(np.pi * problem.points[0])
    out = np.empty_like(v)
    RieszPart(problem).apply(v, out)
    assert np.allclose(out, -0.5 * np.pi**2 * v, atol=1e-6)
    assert mean_eigenvalues(problem.inverse).min() == pytest.approx(0.5 * np.pi**2, rel=1e-8)


@pytest.mark.parametrize("shift", [1e-5, 1e-3, 1e-1, 10.0])
def test_iterations_are_few_for_short_and_for_long_steps(shift, monkeypatch):
    counts, solver = [], riesz_part.fgmres

    def counted(*arguments, **options):
        found = solver(*arguments, **options)
        counts.append(found.iterations)
        return found

    monkeypatch.setattr(riesz_part, "fgmres", counted)
    problem = RieszRectangle(
        48, 4, (1.3, 1.8), coefficient=lambda x, y: 10 ** (0.5 + 0.5 * np.sin(5 * x + 2 * y))
    )
    x, y = problem.points
    b = np.sin(np.pi * x) * np.sin(np.pi * y)
    RieszPart(problem).shifted(shift)(b, b)
    assert counts[0] <= 26
    assert counts[0] <= 8 or shift < 1


@pytest.mark.parametrize("shift", [1e-4, 1e-2, 1.0])
def test_long_intervals_have_a_preconditioner_of_their_own(shift):
    problem = RieszRectangle(
        300, 5, 1.6, coefficient=lambda x: 1 + x, reaction=lambda x: 2 * x, modes="sines"
    )
    system = riesz_part.ShiftedRiesz(problem, shift)
    rng = np.random.default_rng(0)
    u, v = rng.standard_normal((2, *problem.shape))
    assert np.vdot(v, system.apply(u)) == pytest.approx(np.vdot(system.adjoint(v), u), rel=1e-9)
    b = np.sin(np.pi * problem.points[0])
    start = system.preconditioned(b)
    found = riesz_part.fgmres(system, start, initial=start, rtol=1e-12)
    assert found.iterations <= 18
    x, Lx = np.empty_like(b), np.empty_like(b)
    L = RieszPart(problem)
    L.shifted(shift)(b, x)
    L.apply(x, Lx)
    assert np.allclose(x - shift * Lx, b, rtol=0, atol=1e-7)


def test_complex_states_and_those_that_have_blown_up():
    L = RieszPart(RieszRectangle(12, 3, (1.5, 1.2), coefficient=[mixed, 1.0]))
    b = np.random.default_rng(1).standard_normal((2, 13, 13))
    real, imaginary, both = np.empty((13, 13)), np.empty((13, 13)), np.empty((13, 13), complex)
    for one, out in ((b[0], real), (b[1], imaginary), (b[0] + 1j * b[1], both)):
        L.shifted(0.01)(one, out)
    assert np.allclose(both, real + 1j * imaginary, atol=1e-9)
    b[0, 0, 0] = np.nan
    L.apply(b[0], real)
    L.shifted(0.01)(b[0], imaginary)
    assert np.isnan(real).all()
    assert np.isnan(imaginary).all()


def test_bad_input():
    with pytest.raises(InputError, match="problem"):
        RieszPart(None)
    L = RieszPart(RieszRectangle(12, 3, (1.5, 1.2)))
    with pytest.raises(InputError, match="inner collocation points"):
        L.apply(np.ones(3), np.ones(3))


def test_what_does_not_converge_is_told(monkeypatch):
    L = RieszPart(RieszRectangle(12, 3, (1.5, 1.2), coefficient=[mixed, 1.0]))
    few = riesz_part.fgmres
    monkeypatch.setattr(riesz_part, "fgmres", lambda *a, **k: few(*a, **k, max_iterations=1))
    with pytest.raises(NotConvergedError, match="shorter steps"):
        L.shifted(1.0)(np.ones((13, 13)), np.empty((13, 13)))

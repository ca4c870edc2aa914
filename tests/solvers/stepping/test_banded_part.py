import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.solvers.spectral import SymmetricBands
from nwidth.solvers.stepping import ARS443, BandedPart, FunctionSystem, evolve

N, SYSTEMS = 7, 3


def bands(seed, diagonal):
    rng = np.random.default_rng(seed)
    found = rng.uniform(-1, 1, (3, 2, N, SYSTEMS))
    found[0] += diagonal
    return SymmetricBands(found)


def dense(matrix, f, k):
    eye = np.zeros((N, 2, N, SYSTEMS))
    eye[np.arange(N), f, np.arange(N), k] = 1.0
    return matrix.multiply(eye)[:, f, :, k].T


MASS, STIFFNESS = bands(0, 5.0), bands(1, 9.0)
PART = BandedPart(MASS, STIFFNESS)


def test_applies_and_solves_as_dense_matrices():
    v = np.random.default_rng(2).standard_normal((2, N, SYSTEMS, 2)) @ [1, 1j]
    out, back = np.empty_like(v), np.empty_like(v)
    PART.apply(v, out)
    PART.shifted(0.3)(v, back)
    for f in range(2):
        for k in range(SYSTEMS):
            L = -np.linalg.solve(dense(MASS, f, k), dense(STIFFNESS, f, k))
            np.testing.assert_allclose(out[f, :, k], L @ v[f, :, k], atol=1e-13)
            x = np.linalg.solve(np.eye(N) - 0.3 * L, v[f, :, k])
            np.testing.assert_allclose(back[f, :, k], x, atol=1e-13)


def test_steps_to_the_exponential():
    from scipy.linalg import expm

    v = np.random.default_rng(3).standard_normal((2, N, SYSTEMS))
    system = FunctionSystem(lambda t, v: 0 * v, PART)
    errors = []
    for dt in (0.05, 0.025):
        found = evolve(system, v, [0.5], method=ARS443, dt=dt).checked().states[0]
        L = -np.linalg.solve(dense(MASS, 1, 2), dense(STIFFNESS, 1, 2))
        errors.append(abs(found[1, :, 2] - expm(0.5 * L) @ v[1, :, 2]).max())
    assert 2.7 < np.log2(errors[0] / errors[1]) < 3.3
    assert len(PART._kept) >= 2  # one factorization per step size


def test_what_does_not_fit():
    with pytest.raises(InputError, match="shape of the mass"):
        BandedPart(MASS, SymmetricBands(np.ones((3, 1, N, SYSTEMS))))
    with pytest.raises(InputError, match="mass"):
        BandedPart(np.eye(3), STIFFNESS)

import numpy as np
import pytest

from nwidth.errors import NotConvergedError
from nwidth.solvers.stepping import krylov_phi, phi_matrices


def dense(J, h, vectors):
    """The sum with functions of the matrix itself."""
    phi = phi_matrices(h * J, len(vectors))
    return sum(h**k * phi[k] @ b for k, b in enumerate(vectors, 1) if b is not None)


def matrix(kind, n=120, stiffness=1.0):
    """Return a matrix whose eigenvalues are those of diffusion, or of waves."""
    generator = np.random.default_rng(5)
    if kind == "diffusion":
        A = 2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)
        return -stiffness * A
    A = generator.normal(size=(n, n))
    return stiffness * (A - A.T) / np.linalg.norm(A - A.T, 2)


@pytest.mark.parametrize("stiffness", [1.0, 30.0, 400.0])
@pytest.mark.parametrize("kind", ["diffusion", "waves"])
def test_sums_agree_with_functions_of_the_matrix(kind, stiffness):
    J, calls = matrix(kind, stiffness=stiffness), []
    generator = np.random.default_rng(0)
    b = [generator.normal(size=120) for _ in range(3)]

    def product(w, out):
        calls.append(1)
        np.matmul(J, w, out=out)

    for vectors in ([b[0]], [b[0], b[1]], [None, None, b[2]], [b[0], None, b[2]]):
        calls.clear()
        wanted = dense(J, 0.5, vectors)
        found = krylov_phi(product, 0.5, vectors, 1e-11, 1.0)
        assert np.abs(found - wanted).max() < 1e-10
        assert len(calls) < 25 + 12 * stiffness


def test_looser_tolerances_are_cheaper_and_kept():
    J, b = matrix("waves", stiffness=60.0), [np.ones(120)]
    counts, errors = [], []
    for tolerance in (1e-3, 1e-6, 1e-9):
        calls = []
        found = krylov_phi(
            lambda w, out, calls=calls: calls.append(1) or np.matmul(J, w, out=out),
            1.0, b, tolerance, 10.0,
        )  # fmt: skip
        counts.append(len(calls))
        errors.append(np.linalg.norm(found - dense(J, 1.0, b)))
        assert errors[-1] < 10 * tolerance * 2
    assert counts == sorted(set(counts)) and errors == sorted(errors, reverse=True)


def test_complex_arrays_are_pairs_of_real_numbers():
    """Conjugation is real linear: w' = i conj(w) grows along 1 + i and decays along 1 - i."""
    b = np.array([[1.0 + 1j, 2 - 2j]])
    found = krylov_phi(lambda w, out: np.multiply(1j, w.conj(), out=out), 1.0, [b], 1e-13, 1.0)
    assert np.allclose(found, b * [np.e - 1, 1 - 1 / np.e], rtol=1e-12)


def test_spaces_that_are_exhausted_are_exact():
    J = np.diag([-1.0, -1.0, -1e3])
    b = [np.array([1.0, 2.0, 0.0])]  # an eigenvector
    found = krylov_phi(lambda w, out: np.matmul(J, w, out=out), 1.0, b, 1e-13, 1.0)
    assert np.allclose(found, b[0] * (1 - np.exp(-1)), rtol=1e-13)
    assert not krylov_phi(lambda w, out: np.matmul(J, w, out=out), 1.0, [0 * b[0]], 1e-9, 1.0).any()


def test_single_precision_stays():
    J = matrix("diffusion", stiffness=20.0).astype(np.float32)
    b = [np.linspace(0, 1, 120, dtype=np.float32)]
    found = krylov_phi(lambda w, out: np.matmul(J, w, out=out), 0.5, b, 2e-6, 5.0)
    assert found.dtype == np.float32
    assert np.abs(found - dense(J.astype(float), 0.5, b)).max() < 3e-5


def test_what_is_too_stiff_is_told():
    J = -np.geomspace(1, 1e12, 200)
    with pytest.raises(NotConvergedError, match="expected Krylov spaces to resolve the Jacobian"):
        krylov_phi(lambda w, out: np.multiply(J, w, out=out), 1.0, [np.ones(200)], 1e-10, 1.0)


def test_states_that_blow_up_stay_so():
    def product(w, out):
        out[...] = np.nan

    assert np.isnan(krylov_phi(product, 1.0, [np.ones(60)], 1e-9, 1.0)).all()
    b = np.full(60, np.nan)
    assert np.isnan(krylov_phi(product, 1.0, [b], 1e-9, 1.0)).all()

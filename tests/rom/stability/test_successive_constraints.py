"""The successive constraint method on indefinite and complex terms."""

import numpy as np
import pytest

from nwidth.rom.stability import SuccessiveConstraints, successive_constraints


def test_of_convection_and_diffusion_by_the_hermitian_part(convection):
    A, X, training, unseen, exact = convection
    assert exact.min() > 0
    bound = successive_constraints(A, X, training, rtol=0.3, hermitian_part=True)
    lower = bound.lower(unseen)
    assert (lower <= exact).all() and (bound.upper(unseen) >= exact * (1 - 1e-12)).all()
    assert (lower > 0).mean() > 0.99 and np.median(lower / exact) > 0.9
    assert bound.gaps[-1] <= 0.3 and (np.diff(np.minimum(bound.gaps, 1)) <= 0).all()


def test_ranges_are_extreme_eigenvalues(convection, families):
    A, X, training, *_ = convection
    bound = successive_constraints(A, X, training, rtol=0.7, hermitian_part=True)
    B = families.whitened(A, X)
    for (low, high), C in zip(bound.minorant.ranges, B, strict=True):
        values = np.linalg.eigvalsh((C + C.T) / 2)
        assert low <= values[0] + 1e-12 and values[-1] - 1e-12 <= high
        assert np.allclose([low, high], values[[0, -1]], atol=1e-8)


@pytest.mark.parametrize("dtype", [np.float32, np.complex128])
def test_of_other_dtypes(dtype):
    rng = np.random.default_rng(11)
    F = rng.standard_normal((3, 9, 9)).astype(dtype)
    if dtype is np.complex128:
        F = F + 1j * rng.standard_normal(F.shape)
    A = [F[0] @ F[0].conj().T + np.eye(9, dtype=dtype), *(f + f.conj().T for f in F[1:])]
    A = [(B + B.conj().T) / 2 for B in A]
    make = lambda m: np.hstack([np.ones((m, 1)), rng.uniform(-0.1, 0.1, (m, 2))])  # noqa: E731
    training, unseen = make(200), make(1000)
    bound = successive_constraints(A, None, training, rtol=0.2)
    wide = np.array(A, dtype=np.complex128)
    exact = np.array([np.linalg.eigvalsh(np.tensordot(t, wide, 1))[0] for t in unseen])
    assert bound.lower(unseen).dtype == np.float64
    assert (bound.lower(unseen) <= exact).all() and (bound.lower(unseen) > 0.5 * exact).all()


def test_sparse_matrices_give_the_same_as_dense_ones(families):
    A = families.thermal_block(15)
    X = sum(A)
    training = np.exp(np.random.default_rng(12).uniform(-2, 2, (60, 4)))
    sparse = successive_constraints(A, X, training, rtol=0.4)
    dense = successive_constraints([B.toarray() for B in A], X, training, rtol=0.4)
    assert sparse.samples.tolist() == dense.samples.tolist()
    assert np.allclose(sparse.lower(training), dense.lower(training), rtol=1e-6)


def test_the_name_is_the_one_that_reports_give():
    assert SuccessiveConstraints.name == "successive constraints"
    assert SuccessiveConstraints.constant == "coercivity"

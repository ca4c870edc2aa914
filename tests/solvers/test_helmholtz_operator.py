import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.solvers import DiffusionOperator
from nwidth.solvers.helmholtz_operator import HelmholtzOperator

RNG = np.random.default_rng(5)


def diffusion(shape=(4, 5), dtype=np.float64):
    t = [np.ones(tuple(n + (j == k) for j, n in enumerate(shape))) for k in range(len(shape))]
    return DiffusionOperator([face.astype(dtype) for face in t])


def test_matrix_is_diffusion_minus_mass_minus_damping():
    D, m, c = diffusion(), RNG.random((4, 5)), RNG.random((4, 5))
    A = HelmholtzOperator(D, m, c)
    wanted = D.to_dense() - np.diag(m.ravel() + 1j * c.ravel())
    np.testing.assert_allclose(A.to_dense(), wanted)
    np.testing.assert_allclose(A.to_sparse().toarray(), wanted)
    shifted = A.shifted(1.0, 0.5).to_dense()
    np.testing.assert_allclose(shifted, wanted - 0.5j * np.diag(m.ravel()))


def test_symmetric_dissipative_and_not_hermitian():
    A = HelmholtzOperator(diffusion(), RNG.random((4, 5)), RNG.random((4, 5)))
    dense = A.to_dense()
    np.testing.assert_allclose(dense, dense.T)
    assert not A.symmetric and A.properties == frozenset()
    u = RNG.standard_normal((4, 5)) + 1j * RNG.standard_normal((4, 5))
    assert np.vdot(u, A.apply(u)).imag == pytest.approx(-(A.damping * np.abs(u) ** 2).sum())


@pytest.mark.parametrize("shape", [(4, 1), (1, 4), (1,)])
def test_the_single_point_of_a_ring_is_its_own_neighbour(shape):
    faces = [np.ones([n + (j == k) for j, n in enumerate(shape)]) for k in range(len(shape))]
    D = DiffusionOperator(faces, None, [n == 1 for n in shape])
    A = HelmholtzOperator(D, np.zeros(shape), np.zeros(shape))
    np.testing.assert_array_equal(A.to_dense(), D.to_dense())


def test_single_precision_stays():
    A = HelmholtzOperator(diffusion(dtype=np.float32), np.ones((4, 5)), np.ones((4, 5)))
    assert A.dtype == np.complex64 and A.apply(np.ones((4, 5))).dtype == np.complex64


def test_bad_parts_are_refused():
    D, ones = diffusion(), np.ones((4, 5))
    with pytest.raises(InputError, match="expected a DiffusionOperator"):
        HelmholtzOperator(ones, ones, ones)
    with pytest.raises(InputError, match=r"mass: expected shape \(4, 5\)"):
        HelmholtzOperator(D, np.ones(4), ones)
    with pytest.raises(InputError, match="damping: expected real"):
        HelmholtzOperator(D, ones, 1j * ones)
    with pytest.raises(NonFiniteError):
        HelmholtzOperator(D, np.full((4, 5), np.nan), ones)

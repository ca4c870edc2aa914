import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.solvers.fractional import RieszMatrix, RieszModes
from nwidth.solvers.fractional.riesz_rectangle_operator import value_matrix


def pencil(intervals, degree, alpha, own=1.0):
    R = RieszMatrix(intervals, degree, alpha)
    return -own * R.dense(), value_matrix(R).matrix.toarray()


@pytest.mark.parametrize("intervals", [24, 25])
@pytest.mark.parametrize("degree", [2, 5])
def test_modes_are_eigenvectors_with_even_and_odd_ones_apart(intervals, degree):
    A, B = pencil(intervals, degree, 1.4)
    modes = RieszModes(A, B)
    assert modes.symmetric
    n = modes.size
    V = np.stack([modes.backward(e) for e in np.eye(n)], axis=1)
    assert np.allclose(A @ V, B @ V * modes.eigenvalues, atol=1e-11 * abs(A).max())
    half = n - n // 2
    assert np.allclose(V[::-1, :half], V[:, :half])
    assert np.allclose(V[::-1, half:], -V[:, half:])
    assert modes.eigenvalues.min() > 0


def test_along_axes_of_complex_arrays_in_both_precisions():
    A, B = pencil(12, 3, 1.7)
    modes, n = RieszModes(A, B), 13
    rng = np.random.default_rng(0)
    b = rng.standard_normal((3, n, 4)) + 1j * rng.standard_normal((3, n, 4))
    found = modes.forward(b, 1)
    W = np.stack([modes.values(e) for e in np.eye(n)], axis=1)
    assert np.allclose(np.einsum("ij,ajb->aib", W, found), b)
    assert np.allclose(modes.values(found, 1), b)
    assert np.allclose(np.einsum("ij,ajb->aib", B, modes.backward(found, 1)), b)
    single = modes.forward(b.astype("c8"), 1)
    assert single.dtype == np.complex64
    assert np.allclose(single, found, atol=1e-4)


@pytest.mark.parametrize("own", [1.0, np.linspace(1, 2, 13)[:, None]])
@pytest.mark.parametrize("name", ["forward", "backward", "values"])
@pytest.mark.parametrize("n", [12, 13])
def test_adjoints_are_the_transposes(n, name, own):
    modes = RieszModes(*pencil(n - 1, 3, 1.7, own if np.ndim(own) == 0 else own[:n]))
    product = getattr(modes, name)
    matrix = product(np.eye(n), 0)
    assert np.allclose(product(np.eye(n), 0, adjoint=True), matrix.T, atol=1e-12)


def test_an_own_coefficient_has_real_modes_too():
    x = RieszMatrix(20, 4, 1.6).points[:, None]
    A, B = pencil(20, 4, 1.6, np.exp(2 * x))
    modes = RieszModes(A, B)
    assert not modes.symmetric
    b = np.sin(np.arange(22.0))
    c = modes.backward(modes.forward(b) / modes.eigenvalues)
    assert np.allclose(A @ c, b)


def test_bad_input():
    with pytest.raises(InputError, match="square"):
        RieszModes(np.ones((2, 3)), np.eye(2))
    with pytest.raises(InputError, match="real eigenvalues"):
        RieszModes(np.array([[0.0, 1.0], [-1.0, 0.5]]), np.eye(2))
    with pytest.raises(InputError, match="4 entries"):
        RieszModes(np.diag(np.arange(1.0, 5)), np.eye(4)).forward(np.ones(3))
    with pytest.raises(InputError, match="real numbers"):
        RieszModes(1j * np.eye(2), np.eye(2))
    with pytest.raises(InputError, match="axis: expected an integer"):
        RieszModes(np.eye(2), np.eye(2)).forward(np.ones(2), "x")

import numpy as np
import pytest
import scipy.sparse as sp

from nwidth.errors import InputError, NonFiniteError
from nwidth.rom import QuadraticForm

RNG = np.random.default_rng(2)
C, D, E = RNG.standard_normal((3, 11, 6))
U, V = RNG.standard_normal((2, 6))


def tensor():
    return np.einsum("gi,gj,gk->ijk", C, D, E)


@pytest.mark.parametrize("wrap", [np.asarray, sp.csc_array])
def test_is_the_contraction_of_its_tensor(wrap):
    b, T = QuadraticForm(*map(wrap, (C, D, E))), tensor()
    np.testing.assert_allclose(b.apply(U, V), np.einsum("ijk,j,k->i", T, U, V), rtol=1e-12)
    S = (T + T.transpose(0, 2, 1)) / 2
    np.testing.assert_allclose(
        b.derivative(U).toarray(), 2 * np.einsum("ijk,j->ik", S, U), rtol=1e-11, atol=1e-12
    )
    W = RNG.standard_normal((6, 3))
    wanted = np.einsum("ijk,jm,k->im", S, W, V)
    np.testing.assert_allclose(b.symmetric(W, V), wanted, rtol=1e-11, atol=1e-12)
    wanted = np.einsum("ijk,ia,jb,kc->abc", S, W, W, W)
    np.testing.assert_allclose(b.project(W), wanted, rtol=1e-11, atol=1e-12)
    assert (b.magnitude(U, V) >= np.abs(b.apply(U, V))).all()


def test_entries_of_a_tensor():
    places = np.argwhere(RNG.random((6, 6, 6)) < 0.2)
    places = np.concatenate([places, places[:4]])  # some twice: these are added
    values = RNG.standard_normal(len(places))
    T = np.zeros((6, 6, 6))
    np.add.at(T, tuple(places.T), values)
    b = QuadraticForm.from_tensor(places, values, 6)
    np.testing.assert_allclose(b.apply(U, V), np.einsum("ijk,j,k->i", T, U, V), atol=1e-13)
    assert b.C.shape[0] <= 36 and b.operations < 80


def test_local_functions_are_probed_by_groups(elements):
    e, calls = elements(40), []

    def burgers(u, v):
        calls.append(1)
        return e.values.T @ (e.weights * (e.values @ u) * (e.slopes @ v))

    b = QuadraticForm.from_function(burgers, e.stiffness)
    assert len(calls) == 10  # three groups, and one call to verify
    u, v = RNG.standard_normal((2, 39))
    np.testing.assert_allclose(b.apply(u, v), burgers(u, v), atol=1e-12)
    with pytest.raises(InputError, match="add the missing couplings"):
        QuadraticForm.from_function(burgers, np.eye(39))
    with pytest.raises(InputError, match="bilinear function"):
        QuadraticForm.from_function(lambda u, v: u**2 * v, np.eye(4))
    with pytest.raises(InputError, match="zero for every probe"):
        QuadraticForm.from_function(lambda u, v: 0 * u, np.eye(4))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: QuadraticForm(C, D[:5], E), "expected one shape"),
        (lambda: QuadraticForm(1j * C, D, E), "real numbers"),
        (lambda: QuadraticForm(C, D, E).apply(U[:3], V), r"u: expected shape \(6,\)"),
        (lambda: QuadraticForm.from_tensor([[0, 0]], [1.0], 2), "places: expected integers"),
        (lambda: QuadraticForm.from_tensor([[0, 0, 2]], [1.0], 2), "indices from 0 to 1"),
        (lambda: QuadraticForm.from_tensor([[0, 0, 0]], [1.0, 2.0], 2), "values: expected shape"),
        (lambda: QuadraticForm.from_tensor(np.zeros((0, 3), int), [], 2), "values: expected"),
        (lambda: QuadraticForm.from_function(lambda u, v: u[:1], np.eye(2)), "expected shape"),
        (lambda: QuadraticForm.from_function(lambda u, v: u, np.ones((2, 3))), "square"),
    ],
)
def test_bad_input_is_told(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_nan_is_told():
    with pytest.raises(NonFiniteError):
        QuadraticForm(C * np.nan, D, E)
    with pytest.raises(NonFiniteError, match="b"):
        QuadraticForm.from_function(lambda u, v: u * np.nan, np.eye(2))

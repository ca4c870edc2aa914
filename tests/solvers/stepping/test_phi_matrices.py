from math import factorial

import numpy as np
import pytest

from nwidth.errors import InputError, NonFiniteError
from nwidth.solvers.stepping import phi_functions, phi_matrices


def contour(A, k, points=200):
    """phi_k(A) by Cauchy's integral of the resolvent on a circle around all eigenvalues."""
    radius = 1.5 * np.abs(np.linalg.eigvals(A)).max() + 1
    z = radius * np.exp(2j * np.pi * (np.arange(points) + 0.5) / points)
    values = np.exp(z)
    for j in range(k):
        values = (values - 1 / factorial(j)) / z
    one = np.eye(len(A))
    return sum(v * p * np.linalg.inv(p * one - A) for v, p in zip(values, z, strict=True)) / points


@pytest.mark.parametrize("n", [1, 2, 7, 40])
@pytest.mark.parametrize("kind", ["f", "c"])
def test_contour_integrals_have_the_same_digits(n, kind):
    generator = np.random.default_rng(n)
    A = generator.normal(size=(n, n)) / np.sqrt(n) - np.eye(n)
    if kind == "c":
        A = A + 1j * generator.normal(size=(n, n)) / np.sqrt(n)
    phi = phi_matrices(A, 4)
    assert phi.dtype.kind == kind
    for k in range(5):
        wanted = contour(A, k)
        assert np.abs(phi[k] - wanted).max() < 2e-14 * np.abs(wanted).max() * n


@pytest.mark.parametrize("last", [0, 1, 3, 6])
def test_eigenvalues_from_tiny_to_stiff(last):
    """Of a normal matrix, whose eigenvalues are far from each other, against numbers."""
    generator = np.random.default_rng(1)
    values = np.concatenate([-np.geomspace(1e-8, 1e6, 14), [0.0, 1.0, 3.0]])
    basis = np.linalg.qr(generator.normal(size=(17, 17)))[0]
    phi = phi_matrices((basis * values) @ basis.T, last)
    for k, wanted in enumerate(phi_functions(values, last)):
        found = np.einsum("ji,jk,ki->i", basis, phi[k], basis)
        assert np.abs(found - wanted).max() < 1e-8
        assert np.abs(np.sort(found)[-3:] / np.sort(wanted)[-3:] - 1).max() < 1e-8


def test_turning_matrices_keep_lengths():
    z = 300.0
    turn = phi_matrices([[0.0, z], [-z, 0.0]], 1)
    assert np.allclose(turn[0], [[np.cos(z), np.sin(z)], [-np.sin(z), np.cos(z)]], atol=1e-12)
    assert np.allclose(turn[1] * z, [[np.sin(z), 1 - np.cos(z)], [np.cos(z) - 1, np.sin(z)]],
                       atol=1e-12)  # fmt: skip


def test_matrices_without_enough_eigenvectors():
    """A Jordan block: phi_k is a Taylor matrix of its derivatives."""
    phi = phi_matrices(np.diag(np.full(3, 8.0), 1), 2)
    for k in range(3):
        for j in range(4):
            assert np.diagonal(phi[k], j) == pytest.approx(8.0**j / factorial(j + k), rel=1e-14)


def test_what_is_no_square_matrix_is_refused():
    with pytest.raises(InputError, match=r"A: expected a square matrix, got shape \(2, 3\)"):
        phi_matrices(np.ones((2, 3)), 1)
    with pytest.raises(InputError, match="A: expected a square matrix"):
        phi_matrices(np.ones((0, 0)), 1)
    with pytest.raises(NonFiniteError, match="A"):
        phi_matrices([[np.nan]], 1)
    with pytest.raises(InputError, match="last"):
        phi_matrices([[1.0]], -1)

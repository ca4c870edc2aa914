import numpy as np
import pytest
import scipy.linalg

from nwidth.errors import FileFormatError, InputError
from nwidth.rom.basis_interpolation import BasisInterpolation

RNG = np.random.default_rng(1)


def basis(r=4, n=40, dtype=np.float64):
    rows = RNG.standard_normal((r, n))
    if np.issubdtype(dtype, np.complexfloating):
        rows = rows + 1j * RNG.standard_normal((r, n))
    return rows.astype(dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
@pytest.mark.parametrize("m", [4, 9])
def test_coefficients_are_those_of_the_least_squares_solver(dtype, m):
    U, points = basis(dtype=dtype), RNG.choice(40, m, replace=False)
    values = basis(3, m, dtype)
    found = BasisInterpolation(U, points).coefficients(values)
    wanted = np.linalg.lstsq(U[:, points].T, values.T)[0].T
    np.testing.assert_allclose(found, wanted, atol=1e-11)


@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_constants_are_norms_of_the_projection(dtype):
    U, points = basis(dtype=dtype), np.array([3, 30, 7, 11, 25])
    model = BasisInterpolation(U, points)
    matrix = U.T @ np.linalg.pinv(U[:, points].T)
    assert model.error_constant() == pytest.approx(np.linalg.norm(matrix, 2), rel=1e-10)
    assert model.lebesgue_constant() == pytest.approx(np.linalg.norm(matrix, np.inf), rel=1e-10)


def test_error_constant_bounds_the_error():
    U = scipy.linalg.orth(basis().T).T
    model = BasisInterpolation(U, [1, 2, 5, 20, 21])
    fields = RNG.standard_normal((50, 40))
    errors = np.linalg.norm(fields - model.interpolate(fields[:, model.points]), axis=1)
    best = np.linalg.norm(fields - fields @ U.T @ U, axis=1)
    assert (errors <= model.error_constant() * best * (1 + 1e-12)).all()
    assert (errors >= best).all()


def test_lebesgue_constant_over_many_points():
    U = np.stack([np.ones(10000), np.linspace(0, 1, 10000)])
    assert BasisInterpolation(U, [2500, 7500]).lebesgue_constant() == pytest.approx(2, rel=1e-3)


@pytest.mark.parametrize(
    ("points", "words"),
    [
        ([0.5, 1], "expected a list of flat indices"),
        ([[0, 1]], "expected a list of flat indices"),
        ([0, 9], "expected indices from 0 to 8"),
        ([-1, 2], "expected indices from 0 to 8"),
        ([1, 1], "expected each point once"),
        ([1], "at least as many as the 2 fields"),
        ([0, 1], "tell the 2 fields of the basis apart"),
    ],
)
def test_points_are_checked(points, words):
    U = np.stack([np.ones(9), np.maximum(np.arange(9.0) - 4, 0)])
    with pytest.raises(InputError, match=words):
        BasisInterpolation(U, points)


def test_files_of_another_kind_are_refused(tmp_path):
    from nwidth.archive import save_archive

    save_archive(tmp_path / "a.h5", "basis-interpolation", {"basis": np.eye(2)}, {})
    with pytest.raises(FileFormatError, match="not an interpolation in a basis"):
        BasisInterpolation.load(tmp_path / "a.h5")
    save_archive(
        tmp_path / "b.h5", "basis-interpolation", {"basis": np.eye(2), "points": [0, 7]}, {}
    )
    with pytest.raises(FileFormatError, match="not an interpolation in a basis"):
        BasisInterpolation.load(tmp_path / "b.h5")

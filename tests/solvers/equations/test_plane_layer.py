import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Axis, Grid
from nwidth.solvers.equations.plane_layer import PlaneLayer
from nwidth.solvers.spectral import ChebyshevBasis


def layer(nx, nz, dtype="float64", box=((0.5, -1.0), (2.5, 2.0))):
    return PlaneLayer(Grid.chebyshev((nx, nz), *box, periodic=(True, False)), dtype)


def random(found, seed=0):
    """Return coefficients of a flow and of a temperature that fall with their degree."""
    rng = np.random.default_rng(seed)
    v = rng.standard_normal((2, *found.shape, 2)) @ [1, 1j]
    v /= (1.0 + np.arange(found.shape[0]))[:, None] ** 2 * (1.0 + np.arange(found.modes))
    v[:, :, 0] = v[:, :, 0].real
    v[0, -2:, 1:] = 0
    return v


each_shape = pytest.mark.parametrize(("nx", "nz"), [(8, 9), (9, 12), (12, 13)])


@each_shape
def test_fields_give_their_coefficients_back(nx, nz):
    found = layer(nx, nz)
    v = random(found)
    np.testing.assert_allclose(found.flow(found.velocity(v[0])), v[0], atol=1e-12)
    np.testing.assert_allclose(found.temperature(found.values(v[1])), v[1], atol=1e-12)
    batch = found.velocity(np.stack([v[0], 2 * v[0]]))
    assert batch.shape == (2, 2, nx, nz)
    np.testing.assert_allclose(batch[1], 2 * batch[0], atol=1e-13)


@each_shape
def test_flows_have_no_divergence_and_rest_at_the_plates(nx, nz):
    found = layer(nx, nz)
    v = random(found)
    u, w = found.velocity(v[0])
    assert max(abs(f[:, [0, -1]]).max() for f in (u, w, found.values(v[1]))) < 1e-13
    basis = ChebyshevBasis(nz, -1.0, 2.0)
    w_z = basis.backward(basis.derivative(basis.forward(w)))
    waves = np.fft.rfft(u, axis=0)
    u_x = np.fft.irfft(2j * np.pi / 2.0 * np.arange(len(waves))[:, None] * waves, nx, axis=0)
    assert abs(u_x + w_z).max() < 1e-11 * abs(w_z).max() + 1e-12


@each_shape
def test_means_are_those_of_a_fine_quadrature(nx, nz):
    found, fine = layer(nx, nz), layer(2 * nx, 2 * nz)
    v = random(found)
    flow, heat = (found.resampled(one, fine) for one in v)
    (u, w), b = fine.velocity(flow), fine.values(heat)
    basis = ChebyshevBasis(2 * nz, -1.0, 2.0)

    def mean(f):
        return f.mean(axis=0) @ basis.weights / 3

    def gradient(f):
        z = basis.backward(basis.derivative(basis.forward(f)))
        k = 1j * np.pi * np.arange(nx + 1)[:, None]
        return np.fft.irfft(k * np.fft.rfft(f, axis=0), 2 * nx, axis=0) ** 2 + z**2

    np.testing.assert_allclose(found.energy(v[0]), mean(u**2 + w**2) / 2)
    np.testing.assert_allclose(found.variance(v[1]), mean(b**2) / 2)
    np.testing.assert_allclose(found.flux(v[0], v[1]), mean(w * b), atol=1e-12)
    np.testing.assert_allclose(found.squared_gradient(v[0]), mean(gradient(u) + gradient(w)))
    np.testing.assert_allclose(found.squared_gradient(v[1], heat=True), mean(gradient(b)))
    b_z = basis.backward(basis.derivative(basis.forward(b))).mean(axis=0)
    np.testing.assert_allclose(found.slopes(v[1]), b_z[[0, -1]], atol=1e-11)


def test_resampling_keeps_functions_and_comes_back():
    coarse, fine = layer(8, 9), layer(14, 16)
    v = random(coarse)
    there = coarse.resampled(v, fine)
    np.testing.assert_array_equal(fine.resampled(there, coarse), v)
    x, z = coarse.grid.points
    matrix = fine.basis.values(z) @ fine.temperature_coefficients(there[1])
    k = fine.wavenumbers * np.where(fine.wavenumbers > 0, 1, 0)
    waves = np.exp(1j * np.outer(k, x - 0.5)) * np.where(k > 0, 2.0, 1.0)[:, None]
    np.testing.assert_allclose((matrix @ waves).real.T, coarse.values(v[1]), atol=1e-13)
    with pytest.raises(InputError, match="same box"):
        coarse.resampled(v, layer(8, 9, box=((0.0, 0.0), (1.0, 1.0))))


def test_nearest_flow_of_one_that_slips_and_has_a_divergence():
    """Its difference is orthogonal to all flows: here a gradient."""
    found = layer(12, 16, box=((0.0, -1.0), (2 * np.pi, 1.0)))
    x, z = found.grid.coordinates()
    gradient = np.stack([-np.sin(x) * np.exp(z), np.cos(x) * np.exp(z)])
    assert abs(found.flow(gradient)).max() < 1e-12


def test_tail_of_smooth_and_of_rough_functions():
    found = layer(24, 24)
    x, z = found.grid.coordinates()
    smooth = found.temperature(np.sin(np.pi * (z + 1) / 3) * (1 + np.cos(np.pi * x)))
    rough = found.temperature(np.sin(np.pi * (z + 1) / 3) * np.cos(10 * np.pi * x))
    tails = found.tail(found.temperature_coefficients(np.stack([smooth, rough, 0 * rough])))
    assert tails[0] < 1e-9 and tails[1] > 0.99 and tails[2] == 0


def test_single_precision():
    found = layer(12, 16, "float32")
    v = random(found).astype(np.complex64)
    u = found.velocity(v[0])
    assert u.dtype == np.float32
    assert found.flow(u).dtype == np.complex64
    np.testing.assert_allclose(found.velocity(found.flow(u)), u, atol=1e-4 * abs(u).max())


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        (Grid.chebyshev(9), "2 dimensions"),
        (Grid.chebyshev((9, 9)), "periodic points along"),
        (Grid.periodic((8, 9)), "between plates"),
        (Grid.chebyshev((8, 8), periodic=(True, False)), "at least 9 points"),
        (Grid.chebyshev((3, 9), periodic=(True, False)), "at least 4"),
        (Grid.uniform((8, 9), periodic=(True, False)), "Chebyshev's points"),
        (Grid((Axis.chebyshev(9), Axis.uniform(8, name="y", periodic=True))), "along the plates"),
        (None, "grid"),
    ],
)
def test_grids_that_are_none(grid, words):
    with pytest.raises(InputError, match=words):
        PlaneLayer(grid)

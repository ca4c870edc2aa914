import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers.equations import layer_system
from nwidth.solvers.equations.layer_system import LayerSystem
from nwidth.solvers.equations.plane_layer import PlaneLayer
from nwidth.solvers.spectral import LegendreBasis
from nwidth.solvers.stepping import DORMAND_PRINCE, RK4, evolve


def layer(nx=12, nz=13, dtype="float64", lower=(0.0, 0.0), upper=(2.0, 1.0)):
    return PlaneLayer(Grid.chebyshev((nx, nz), lower, upper, periodic=(True, False)), dtype)


def random(found, fields=2, seed=0):
    rng = np.random.default_rng(seed)
    v = rng.standard_normal((fields, *found.shape, 2)) @ [1, 1j]
    v /= 1.0 + np.arange(found.shape[0])[:, None]
    v[:, :, 0] = v[:, :, 0].real
    v[0, -2:, 1:] = 0
    return v


@pytest.mark.parametrize(("nx", "nz"), [(12, 13), (11, 16), (9, 9)])
def test_advection_does_no_work(nx, nz):
    """Energy and variance of rough fields, to rounding; buoyancy works by <w b>."""
    found = layer(nx, nz)
    system, v = LayerSystem(found, 0.1, 0.2, (1.0, 0.0)), random(found)
    out = np.empty_like(v)
    system.moments(v, out)
    flux = found.flux(v[0], v[1])
    scale = found.energy(v[0]) ** 1.5 + found.variance(v[1])
    assert abs(found._mean(v[0], out[0]) - flux) < 1e-11 * scale
    assert abs(found._mean(v[1], out[1]) - flux) < 1e-11 * scale
    alone = LayerSystem(found, 0.1, force=0.3)
    alone.moments(v[:1], out[:1])
    assert abs(found._mean(v[0], out[0]) - 0.3 * found.mean_along(v[0])) < 1e-11 * scale


def test_friction_and_conduction_take_what_gradients_say():
    found = layer()
    system, v = LayerSystem(found, 0.1, 0.2), random(found)
    out = np.empty_like(v)
    system.linear.apply(v, out)
    lost = system.mass.multiply(out)
    np.testing.assert_allclose(found._mean(v[0], lost[0]), -0.1 * found.squared_gradient(v[0]))
    heat = -0.2 * found.squared_gradient(v[1], heat=True)
    np.testing.assert_allclose(found._mean(v[1], lost[1]), heat)


@pytest.mark.parametrize("reynolds", [20.0, 40.0])
def test_kovasznays_flow_is_steady(reynolds):
    """Kovasznay (1948), doi:10.1017/S0305004100023999: an exact flow behind a grid.

    Along z here; its residual has no part along flows that rest at the ends.
    """
    found = layer(8, 28, lower=(0.0, -0.5), upper=(1.0, 1.0))
    decay = reynolds / 2 - (reynolds**2 / 4 + 4 * np.pi**2) ** 0.5
    x, z = found.grid.coordinates()
    wave = np.exp(decay * z)
    flow = np.stack(
        [decay / (2 * np.pi) * wave * np.sin(2 * np.pi * x), 1 - wave * np.cos(2 * np.pi * x)]
    )
    system, out = LayerSystem(found, 1 / reynolds), np.empty((1, *found.shape), complex)
    points, weights = found.basis.quadrature(3 * found.basis.size - 3)
    u, w = found._legendre(flow)
    system.hats[..., : found.modes] = np.moveaxis(found.basis.values(system.heights) @ [u, w], 0, 1)
    system._moments(out)
    assert abs(out).max() > 0.1
    # (grad v, grad u) with v = (phi', -i k phi), in the same units.
    k, phi, slope, bend = (
        found.wavenumbers,
        *((found.basis.values(points) @ c).T * weights for c in found.basis.clamped),
    )
    across = LegendreBasis(28, -0.5, 1.0)
    u_z, w_z = (found.basis.values(points) @ across.derivative(f, axis=0) for f in (u, w))
    u, w = found.basis.values(points) @ [u, w]
    friction = bend @ u_z + k**2 * (slope @ u) + 1j * k * (slope @ w_z) + 1j * k**3 * (phi @ w)
    residual = (out[0, :-2] - friction / reynolds)[:, 1:]
    assert abs(residual).max() < 1e-13 * reynolds


def test_work_is_the_same_in_one_piece_and_row_by_row(monkeypatch):
    found = layer(16, 14)
    v, whole, rows = random(found), *np.empty((2, 2, *found.shape), complex)
    LayerSystem(found, 0.1, 0.1, (1.0, 0.0)).nonlinear(0.0, v, whole)
    monkeypatch.setattr(layer_system, "CACHE", 1)
    LayerSystem(found, 0.1, 0.1, (1.0, 0.0)).nonlinear(0.0, v, rows)
    np.testing.assert_allclose(rows, whole, atol=1e-12 * abs(whole).max())


def test_batches_one_by_one():
    found = layer()
    system = LayerSystem(found, 0.1, 0.1, (1.0, 0.0))
    v = np.stack([random(found, seed=s) for s in range(3)])
    out, one = np.empty_like(v), np.empty_like(v[0])
    system.nonlinear(0.0, v, out)
    system.nonlinear(0.0, v[2], one)
    np.testing.assert_array_equal(out[2], one)
    assert system.rate(0.0, v) == max(system.rate(0.0, each) for each in v)


def test_courants_number_bounds_explicit_steps():
    """Explicit steps of a nearly inviscid flow are stable below, and not far above."""
    found = layer(16, 16)
    system = LayerSystem(found, 1e-9)
    system.linear = None
    v = random(found, 1) / (1.0 + np.arange(found.modes)) ** 2
    v[0, :, 0] = 0
    v[0, 0, 0] = 1.0
    rate = system.rate(0.0, v)
    found_one = evolve(system, v, [0.5], method=DORMAND_PRINCE, dt=1.0 / rate).checked()
    before, after = found.energy(v[0]), found.energy(found_one.states[0, 0])
    assert abs(after / before - 1) < 1e-2


def test_explicit_steps_of_viscous_layers_are_refused():
    found = layer()
    system, v = LayerSystem(found, 0.1), random(found, 1)
    with pytest.raises(InputError, match="linear part damps"):
        evolve(system, v, [1.0], method=RK4, dt=0.05)


def test_states_of_other_shapes_are_refused():
    found = layer()
    system = LayerSystem(found, 0.1)
    with pytest.raises(InputError, match=r"v: expected complex128 of shape \(1, 11, 6\)"):
        system.nonlinear(0.0, random(found), random(found))
    with pytest.raises(InputError, match="complex128"):
        system.rate(0.0, random(found, 1).astype(np.complex64))
    with pytest.raises(InputError, match="viscosity"):
        LayerSystem(found, 0.0)
    with pytest.raises(InputError, match="layer"):
        LayerSystem(found.grid, 1.0)


@pytest.mark.parametrize("fields", [1, 2])
@pytest.mark.parametrize(("dtype", "digits"), [("float64", 1e-13), ("float32", 1e-5)])
def test_kernels_agree_with_array_expressions(monkeypatch, fields, dtype, digits):
    found = layer(15, 13, dtype)
    kind = np.result_type(dtype, np.complex64)
    v = random(found, fields).astype(kind)
    fast, slow = np.empty((2, fields, *found.shape), kind)
    warmth = (0.2, (1.0, 0.0)) if fields == 2 else ()
    LayerSystem(found, 0.1, *warmth, force=0.4).nonlinear(0.0, v, fast)
    monkeypatch.setattr(layer_system, "lives_on_gpu", lambda array: True)
    LayerSystem(found, 0.1, *warmth, force=0.4).nonlinear(0.0, v, slow)
    assert abs(fast - slow).max() < digits * abs(fast).max()

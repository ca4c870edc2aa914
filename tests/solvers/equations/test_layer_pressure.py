import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers import ChannelFlow, RayleighBenard
from nwidth.solvers.equations.layer_pressure import LayerPressure
from nwidth.solvers.spectral import ChebyshevBasis
from nwidth.solvers.stepping import ARK436L2SA, evolve

BOX = {"upper": (2.0, 1.0), "periodic": (True, False)}


def residual(points):
    """Return u_t + u . grad u + grad p - nu Laplace u - b e_z on the grid of a layer that moves."""
    problem = RayleighBenard(Grid.chebyshev(points, **BOX), 2e3, 0.7)
    x, z = problem.grid.coordinates()
    b = 1 - z + 0.4 * np.cos(np.pi * x + 1) * np.sin(np.pi * z) ** 3
    b += 0.3 * np.sin(2 * np.pi * x) * np.sin(np.pi * z) ** 3 * z
    system = problem.system({})
    start = problem.state({"buoyancy": b})
    states = evolve(system, start, [1.0], method=ARK436L2SA, dt=0.005).states
    v, rate, work = states[0], np.empty_like(states[0]), np.empty_like(states[0])
    system.full(1.0, v, rate, work)
    fields = problem.fields(v)
    (u, w), p = fields["velocity"], fields["pressure"]
    basis = ChebyshevBasis(points[1], 0.0, 1.0)

    def d_z(f):
        return basis.backward(basis.derivative(basis.forward(f)))

    def d_x(f):
        k = np.pi * np.arange(points[0] // 2 + 1)[:, None]
        return np.fft.irfft(1j * k * np.fft.rfft(f, axis=0), points[0], axis=0)

    u_t, w_t = problem.layer.velocity(rate[0])
    along = u_t + u * d_x(u) + w * d_z(u) + d_x(p)
    along -= problem.viscosity * (d_x(d_x(u)) + d_z(d_z(u)))
    across = w_t + u * d_x(w) + w * d_z(w) + d_z(p) - fields["buoyancy"]
    across -= problem.viscosity * (d_x(d_x(w)) + d_z(d_z(w)))
    assert abs(p @ basis.weights).mean() > 1e-3 and abs((p @ basis.weights).mean()) < 1e-14
    assert abs(d_z(p)).max() > 0.1
    weights = basis.weights / points[0]
    return np.sqrt(((along**2 + across**2) @ weights).sum())


def test_momentum_balances_to_spectral_accuracy():
    errors = [residual(points) for points in ((12, 9), (16, 13), (24, 17))]
    assert errors[0] < 1e-3
    assert errors[1] < errors[0] / 30
    assert errors[2] < errors[1] / 20


def test_hydrostatic_and_poiseuille():
    problem = RayleighBenard(Grid.chebyshev((8, 12), **BOX))
    _, z = problem.grid.coordinates()
    v = problem.state({"buoyancy": 1 - z})
    assert abs(problem.fields(v)["pressure"] - (z - z**2 / 2 - 1 / 3)).max() < 1e-14
    channel = ChannelFlow(problem.grid, 0.1, force=1.0)
    flow = channel.state({"velocity": np.stack([z * (1 - z), 0 * z])})[0]
    assert abs(LayerPressure(channel.layer, 0.1)(flow)).max() < 1e-15


def test_batches_one_by_one():
    problem = RayleighBenard(Grid.chebyshev((9, 10), **BOX), 1e4)
    rng = np.random.default_rng(0)
    v = rng.standard_normal((3, 2, *problem.layer.shape, 2)) @ [1, 1j]
    v[:, :, :, 0] = v[:, :, :, 0].real
    p = problem.fields(v)["pressure"]
    np.testing.assert_array_equal(p[2], problem.fields(v[2])["pressure"])


def test_what_does_not_fit():
    grid = Grid.chebyshev((8, 12), **BOX)
    with pytest.raises(InputError, match="layer"):
        LayerPressure(grid, 1.0)
    with pytest.raises(InputError, match="viscosity"):
        LayerPressure(RayleighBenard(grid).layer, 0.0)

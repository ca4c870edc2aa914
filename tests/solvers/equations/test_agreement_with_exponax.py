"""Three equations against numbers of an independent solver, exponax 0.2.0, to 1e-8.

Its steppers `NavierStokesVorticity` and `KolmogorovFlowVorticity` (whose vorticity is u_y - v_x, of
the other sign), `Burgers` and `KuramotoSivashinskyConservative`, all with order=4 and in double
precision, give these digits on the same grids; their steps are named below, halved ones change no
digit that counts.
"""

import numpy as np
import pytest

from nwidth.meshes import Grid
from nwidth.solvers import Burgers, KuramotoSivashinsky, NavierStokes, VorticityForcing, simulate


@pytest.mark.parametrize(
    ("injection", "numbers"),
    [
        (0.0, (1.1361685963582, -0.2407580378026, -0.3698998128256, 0.2862964343409)),
        (0.3, (1.6538512835013, -0.4270988795795, -0.6715110960024, 0.3327108822005)),
    ],
)
def test_plane_flows_with_drag_and_the_force_of_kolmogorov(injection, numbers):
    """Viscosity 0.05, drag -0.1, injection_mode 2 of that scale, steps of 1/800."""
    grid = Grid.periodic((48, 48), upper=2 * np.pi)
    x, y = np.meshgrid(*grid.points, indexing="ij")
    w = np.cos(x) * np.cos(2 * y) + 0.7 * np.sin(x + y + 0.3) + 0.5 * np.cos(2 * x - y)
    force = VorticityForcing.kolmogorov(2, -injection) if injection else None
    problem = NavierStokes(grid, 0.05, drag=0.1, forcing=force)
    w = simulate(problem, {"vorticity": w}, [1.0], dt=1 / 50).checked().fields["vorticity"][0]
    assert w[[0, 5, 17, 30], [0, 40, 9, 30]] == pytest.approx(numbers, rel=0, abs=1e-8)


def test_burgers():
    """Diffusivity 0.1, steps of 1/2000."""
    grid = Grid.periodic(256, upper=2 * np.pi)
    x = grid.axes[0].points
    inputs = {"velocity": np.sin(x) + 0.5 * np.cos(2 * x)}
    u = simulate(Burgers(grid, 0.1), inputs, [2.0], dt=1 / 500).checked().fields["velocity"][0]
    numbers = 0.2068231307507, 0.5529195583271, 0.5944690631202, -0.3875789422424
    assert u[[10, 60, 100, 200]] == pytest.approx(numbers, rel=0, abs=1e-8)


def test_kuramoto_sivashinsky():
    """Steps of 1/100, to where waves have grown to their size."""
    grid = Grid.periodic(128, upper=32.0)
    x = 2 * np.pi * grid.axes[0].points / 32
    problem = KuramotoSivashinsky(grid)
    inputs = {problem.inputs[0].name: np.cos(x) * (1 + np.sin(x))}
    (u,) = simulate(problem, inputs, [20.0], dt=1 / 100).checked().fields.values()
    numbers = 0.986409347396921, -0.983032972262184, -0.611011138425389, -1.645979765381163
    assert u[0, [10, 40, 70, 100]] == pytest.approx(numbers, rel=0, abs=1e-8)

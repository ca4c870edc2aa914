"""What does the rock look like? Its permeability from 100 readings of the pressure.

python examples/permeability_from_pressure.py            # 129 x 129 points
python examples/permeability_from_pressure.py --small    # 33 x 33 points, fewer steps

Water enters everywhere and leaves through the sides. The logarithm of the permeability is a
Gaussian random field, given by its 63 smoothest cosine modes; 10 x 10 wells read the pressure with
1 % noise. The most probable field minimizes misfit plus prior,

    J(c) = sum over wells of |u(a(c)) - reading|^2 / (2 sigma^2) + |c|^2 / 2,

by L-BFGS on the coefficients c of the modes. Every step costs one multigrid solve and one adjoint
solve with the same hierarchy, whatever the number of coefficients. Reference: A. Stuart (2010),
Inverse problems: a Bayesian perspective, doi:10.1017/S0962492910000061, section 2.
"""

import sys

import numpy as np
import torch

from nwidth import Grid
from nwidth.arrays import generator
from nwidth.operators import DifferentiableSolve
from nwidth.solvers import Darcy

WELLS, NOISE, TAU = 10, 0.01, 3.0


def modes(grid: Grid, per_axis: int) -> torch.Tensor:
    """Return cosine modes scaled by their standard deviation, shape (mode, *grid)."""
    x, y = grid.coordinates()
    found = []
    for i in range(per_axis):
        for j in range(per_axis):
            deviation = 6 * TAU / (np.pi**2 * (i * i + j * j) + TAU**2)
            found.append(deviation * np.cos(np.pi * i * x) * np.cos(np.pi * j * y))
    return torch.tensor(np.array(found[1:]))  # without the constant


def main(points: int = 129, steps: int = 60, per_axis: int = 8) -> float:
    grid = Grid.uniform((points, points))
    solve = DifferentiableSolve(Darcy(grid), rtol=1e-8)
    basis = modes(grid, per_axis)
    wells = torch.tensor(np.linspace(0, points - 1, WELLS + 2).round().astype(int)[1:-1])

    def field(c: torch.Tensor) -> torch.Tensor:
        return torch.exp(torch.tensordot(c, basis, 1))

    def read(u: torch.Tensor) -> torch.Tensor:
        return u[wells][:, wells]

    random = generator(0, 0)
    truth = torch.tensor(random.standard_normal(len(basis)))
    exact = read(solve(field(truth)))
    sigma = NOISE * float(exact.abs().mean())
    readings = exact + sigma * torch.tensor(random.standard_normal(exact.shape))

    c = torch.zeros(len(basis), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([c], max_iter=steps, line_search_fn="strong_wolfe")
    calls = []

    def objective() -> torch.Tensor:
        optimizer.zero_grad()
        misfit = (read(solve(field(c))) - readings).square().mean() / sigma**2
        J = misfit * readings.numel() / 2 + c.square().sum() / 2
        J.backward()
        calls.append(float(misfit.detach()) ** 0.5)
        if len(calls) % 10 == 1:
            print(f"solve {len(calls):3d}: misfit {calls[-1]:7.2f} times the noise")
        return J

    optimizer.step(objective)
    found, true = (torch.tensordot(v.detach(), basis, 1) for v in (c, truth))
    error = float((found - true).norm() / true.norm())
    print(f"{len(calls)} solves with their adjoints; misfit {calls[-1]:.2f} times the noise")
    print(f"log permeability: relative error {error:.1%} (before any reading: 100 %)")
    return error


if __name__ == "__main__":
    main(**({"points": 33, "steps": 25} if "--small" in sys.argv else {}))

"""A species that spreads and grows: its solution operator, learned without a single solution.

python examples/spreading_species.py            # 20 x 64 modes, about a minute
python examples/spreading_species.py --small    # 10 x 16 modes, seconds

u_t = nu u_xx + 5 u (1 - u) on a circle, from random densities. The network is trained on the
residual of the equation in coefficients; then each of its predictions comes with an estimate and
with a bound of its error, both from that residual. In the end the solver is asked who was right.
"""

import sys
import time

import numpy as np
import torch

from nwidth.meshes import Grid, PeriodicKernelField
from nwidth.operators import NeuralSpectralMethod, NeuralSpectralNetwork, TrainingOptions
from nwidth.operators.residuals.reaction_diffusion_residual import ReactionDiffusionResidual
from nwidth.solvers import Fisher


def main(
    points: tuple[int, int] = (20, 64), width: int = 24, samples: int = 2048, epochs: int = 8
) -> tuple[float, float]:
    small = points[1] < 32
    grid = Grid.periodic(points[1])
    length, nu = (0.6, 0.05) if small else (0.2, 0.01)
    densities = PeriodicKernelField(grid, length, modes=points[1] // 2)
    residual = ReactionDiffusionResidual(Fisher(grid, nu, 5.0, densities), 1.0, points[0])
    network = NeuralSpectralNetwork(
        2, points=points, modes=(points[0] // 2, points[1] // 4 - 2), width=width, layers=4
    )
    start = time.process_time()
    options = TrainingOptions(epochs=epochs, batch_size=8, learning_rate=4e-3)
    model = NeuralSpectralMethod(network).fit(residual, options, samples=samples)
    print(f"trained in {time.process_time() - start:.0f} CPU s, without data")

    a = residual.draw(seed=1, indices=4)
    solved = torch.tensor(residual.reference(a))
    u = torch.tensor(model.predict({"density": a}))
    squares = residual.double().squares
    errors = (squares(u - solved) / squares(solved)).sqrt().numpy()
    residual.float()
    told, bounds = model.indicator({"density": a}), model.error_bound({"density": a})
    for k in range(len(a)):
        print(f"error {errors[k]:.2e}, estimated {told[k]:.2e}, at most {bounds[k]:.2e}")
    assert (bounds >= errors).all()
    return float(errors.mean()), float(np.median(bounds / errors))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(*((10, 16), 12, 128, 20) if "--small" in sys.argv else ())

"""A network learns the Kuramoto-Sivashinsky equation from trajectories, and is held to the solver.

python examples/learned_chaos.py            # 48 trajectories, some minutes of training
python examples/learned_chaos.py --small    # 12 trajectories, some seconds
python examples/learned_chaos.py --plot ks  # also ks.png: solver, learned map, their distance

u_t + u u_x + u_xx + u_xxxx = 0 on a circle of length 22, the smallest of the well-known chaotic
ones. The network maps a state to the next, one unit of time later: the equation has no memory, so
one state is enough. Applied to its own output it follows the solver as long as chaos allows, since
errors grow by e in some 20 units of time, and then goes its own way on the same attractor: it stays
stable for as long as one likes, and the mean energy is the right one. Weights are compared by
rollouts of 16 steps only: over longer ones, states that fade away would look best.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from nwidth import Grid, plotting
from nwidth.meshes import RandomSines
from nwidth.operators import FNO, AutoregressiveOperator, Rollout, TrainingOptions
from nwidth.solvers import KuramotoSivashinsky, generate_trajectories

# The first states are smooth waves that grow; chaos comes later.
SETTLED = 60


def main(
    folder: Path,
    samples: int = 48,
    epochs: int = 60,
    width: int = 32,
    steps: int = 1000,
    figure: str | None = None,
) -> tuple[float, float]:
    """Return how long predictions are better than 10 %, and their mean energy over the solver's."""
    grid = Grid.periodic(32, upper=22.0)
    start = RandomSines(grid, waves=10, amplitude=0.5, highest=2)
    problem = KuramotoSivashinsky(grid, sampler=start)
    times = np.arange(0.0, 161.0)
    sets = {"train": (samples, 0), "test": (6, 1)}
    train, test = (
        generate_trajectories(problem, folder / f"{name}.h5", n, times, seed=seed, dt=0.25)
        for name, (n, seed) in sets.items()
    )
    network = FNO(1, 1, modes=(10,), width=width, layers=4, projection=64, coordinates=False)
    model = AutoregressiveOperator(network, fields="velocity")
    with train, test:
        model.fit(
            train,
            TrainingOptions(epochs=epochs, batch_size=32, learning_rate=4e-3),
            rollout=Rollout("curriculum", steps=2, windows=32, start=SETTLED, horizon=16),
        )
        errors = np.array(model.evaluate(test)["relative_l2_over_time"])
        good = int(np.argmax(errors > 0.1)) if (errors > 0.1).any() else len(errors)
        print(f"first step {100 * errors[0]:.2g} %, better than 10 % for {good} units of time")

        known = test["velocity"][:, SETTLED:]
        learned = model.predict({"velocity": known[:, :1]}, steps=steps)["velocity"]
    energy = float((learned**2).mean() / (known**2).mean())
    print(f"mean energy over {steps} units of time: {energy:.3f} of the solver's")
    if figure is not None:
        t = np.arange(known.shape[1])
        both = np.concatenate([known[0, :1], learned[0, : len(t) - 1]])
        drawn = plotting.rollout(grid, t, known[0], both, "chaos on a circle", "u")
        plotting.save(drawn, f"{figure}.png")
    return float(good), energy


if __name__ == "__main__":
    small = (
        {"samples": 12, "epochs": 10, "width": 16, "steps": 100} if "--small" in sys.argv else {}
    )
    stem = sys.argv[sys.argv.index("--plot") + 1] if "--plot" in sys.argv else None
    with tempfile.TemporaryDirectory() as place:
        main(Path(place), figure=stem, **small)

"""Twelve thermometers on a plate, and one of them fails.

python examples/failing_thermometers.py                     # 129 x 129 points, 400 fields
python examples/failing_thermometers.py --small             # 33 x 33 points, 150 fields
python examples/failing_thermometers.py --plot figure.png   # with a figure

A plate is cooled at its rim and by the air; two heaters of unknown places, sizes and powers warm
it. Solved temperatures tell where twelve thermometers should stand (empirical interpolation). Then
each thermometer fails in turn, on temperatures that were not seen before, read with 0.1 K of noise:
dropping one field with the sensor, as a square system must; all twelve fields on eleven sensors
(`without_sensor`, a rank update); and the estimate weighted by the covariance of the solved
temperatures, which also gives error bars. Reference: Casenave, Ern & Lelievre (2016),
arXiv:1508.05330.
"""

import sys

import numpy as np

from nwidth import Grid
from nwidth.arrays import generator
from nwidth.rom import RectangularEIM, eim
from nwidth.solvers import Poisson, solve_batch

SENSORS, NOISE = 12, 0.1


def temperatures(grid: Grid, count: int, seed: int) -> np.ndarray:
    """Return temperatures above that of the rim, in kelvin."""
    x, y = (c[None] for c in grid.coordinates())
    sources = np.zeros((count, *grid.shape))
    for a, b, size, power in (
        generator(seed)
        .uniform([0.2, 0.2, 0.15, 500.0], [0.8, 0.8, 0.25, 3000.0], (2, count, 4))
        .transpose(0, 2, 1)[..., None, None]
    ):
        sources += power * np.exp(-((x - a) ** 2 + (y - b) ** 2) / size**2)
    problem = Poisson(grid, reaction=5.0, unit="K/m2", output_unit="K")
    return solve_batch(problem, {"source": sources}).checked().u


def main(points: int = 129, samples: int = 400, figure: str = "") -> float:
    grid = Grid.uniform((points, points), units="m")
    training, new = temperatures(grid, samples, 0), temperatures(grid, 200, 1)
    chosen = eim(training, max_rank=SENSORS, norm="l2", weights=grid.weights)
    model = RectangularEIM.of(chosen, training)
    readings = new.reshape(len(new), -1)[:, chosen.points]
    readings = readings + NOISE * generator(2).standard_normal(readings.shape)
    whole = np.sqrt((grid.norm(new) ** 2).sum())

    def error(fields: np.ndarray) -> float:
        return float(np.sqrt((grid.norm(fields - new) ** 2).sum()) / whole)

    intact, bars = model.reconstruct(readings, NOISE)
    print(f"{SENSORS} sensors: interpolation {error(model.interpolate(readings)):.2%},", end=" ")
    print(f"with covariance {error(intact):.2%}, error bars {bars.mean():.2f} K on average")
    print("failed       x       y   field dropped   all fields   with covariance   within 2 bars")
    rows = []
    for i in model.sensors:
        left, seen = model.without_sensor(i), np.delete(readings, i, axis=1)
        field, deviation = left.reconstruct(seen, NOISE)
        warm = deviation > 0  # not at the rim, whose temperature is known
        inside = np.mean(np.abs(field - new)[:, warm] < 2 * deviation[warm])
        rows.append([error(left.without_field(i).interpolate(seen))])
        rows[-1] += [error(left.interpolate(seen)), error(field), inside]
        x, y = (c.flat[chosen.points[i]] for c in grid.coordinates())
        print(f"{i:6d} {x:7.3f} {y:7.3f}", "{:15.2%} {:12.2%} {:17.2%} {:15.1%}".format(*rows[-1]))
    print("largest                {:15.2%} {:12.2%} {:17.2%}".format(*np.max(rows, axis=0)[:3]))
    if figure:
        from nwidth import plotting

        positions = np.stack([c.flat[chosen.points] for c in grid.coordinates()], axis=1)
        lost, label = [row[2] for row in rows], "temperature (K)"
        drawn = plotting.sensors(grid, training.mean(axis=0), positions, lost, error(intact), label)
        print(plotting.save(drawn, figure))
    return float(np.max(rows, axis=0)[2])


if __name__ == "__main__":
    wishes = {"points": 33, "samples": 150} if "--small" in sys.argv else {}
    name = sys.argv[sys.argv.index("--plot") + 1] if "--plot" in sys.argv else ""
    main(**wishes, figure=name)

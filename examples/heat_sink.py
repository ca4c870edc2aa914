"""Which fins and which fan keep a chip cool? Heating cycles of 2,000 heat sinks, with bounds.

python examples/heat_sink.py            # 3,456 unknowns, 2,000 designs
python examples/heat_sink.py --small    # 216 unknowns, 100 designs

A plate with four fins (in section) is heated from below in cycles, on and off, and cooled by air on
all of its other sides. Two numbers are to be chosen: the conductivity of the fins relative to that
of the plate, and the Biot number, which says how strongly the air cools. POD-greedy finds a reduced
model from a few full simulations; its error bounds decide which designs stay below the limit
whatever the error of the model, and which do not.
"""

import sys
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from nwidth.rom import (
    AffineProblem,
    ParabolicOutput,
    ParabolicProblem,
    ParameterBox,
    ParameterExpressions,
    pod_greedy,
)
from nwidth.rom.stability import MinTheta

# The section, in widths of a fin: a plate of 11 x 2, and fins of 1 x 8 from x = 1, 4, 7, 9 on it.
WIDTH, PLATE, HEIGHT, FINS = 11, 2, 10, (1, 4, 7, 9)
NAMES = ("conductivity", "biot")
REFERENCE = (3.0, 0.2)
LIMIT = 2.0


class HeatSinks(NamedTuple):
    """What the study found."""

    size: int
    designs: np.ndarray
    peak: np.ndarray
    bound: np.ndarray
    cool: np.ndarray
    hot: np.ndarray


def heat_sink(cells: int, steps: int) -> tuple[ParabolicProblem, np.ndarray]:
    """Return the problem by finite volumes, and which unknowns are next to the chip.

    u' - div(k grad u) = 0, with k = 1 in the plate and the conductivity in the fins, k du/dn = 1
    times the cycle under the chip, and k du/dn = -biot u where there is air. Faces between plate
    and fins take the mean of both conductivities.
    """
    h = 1 / cells
    x, y = np.meshgrid(*((np.arange(n * cells) + 0.5) * h for n in (WIDTH, HEIGHT)), indexing="ij")
    solid = (y < PLATE) | np.any([(x > a) & (x < a + 1) for a in FINS], axis=0)
    n, plate = int(solid.sum()), y[solid] < PLATE
    number = np.full((x.shape[0] + 2, x.shape[1] + 2), -1)
    number[1:-1, 1:-1][solid] = np.arange(n)

    stiffness, air = [sp.csr_array((n, n)), sp.csr_array((n, n))], np.zeros(n)
    for axis in (0, 1):
        a, b = (number.take(range(s, s + number.shape[axis] - 1), axis).ravel() for s in (0, 1))
        inner = (a >= 0) & (b >= 0)
        for q, part in enumerate((plate, ~plate)):
            t = (part[a[inner]].astype(float) + part[b[inner]]) / 2
            rows = np.repeat(np.arange(inner.sum()), 2)
            signs = np.tile([-1.0, 1.0], inner.sum())
            D = sp.csr_array((signs, (rows, np.stack([a, b], 1)[inner].ravel())), (inner.sum(), n))
            stiffness[q] = stiffness[q] + D.T @ sp.diags_array(t) @ D
        for side in (a[(a >= 0) & (b < 0)], b[(a < 0) & (b >= 0)]):
            np.add.at(air, side, h)
    bottom = y[solid] < h
    air[bottom] -= h
    chip = bottom & (abs(x[solid] - WIDTH / 2) < 2)

    times = np.linspace(0, 60, steps + 1)
    elliptic = AffineProblem(
        ParameterExpressions(("1", *NAMES), NAMES),
        [*stiffness, sp.csr_array(sp.diags_array(air))],
        ParameterExpressions(("1",)),
        h * chip[None].astype(float),
    )
    cycle = (times % 20 < 10).astype(float)[None]
    return ParabolicProblem(elliptic, sp.diags_array(np.full(n, h**2)), times, cycle), chip


def main(cells: int = 8, steps: int = 120, designs: int = 2000, rtol: float = 0.005) -> HeatSinks:
    problem, chip = heat_sink(cells, steps)
    box = ParameterBox([1.0, 0.05], [10.0, 1.0], NAMES, log=True)
    # Errors are measured in the energy of a design in the middle, where the constant is one.
    X = problem.problem.matrix(REFERENCE)
    stability = MinTheta([[1.0, *REFERENCE]], [1.0])
    found = pod_greedy(
        problem, box.grid(9), rtol, stability=stability, inner_product=X, modes=2, box=box
    ).checked()
    print(f"{problem.size} unknowns, {steps} steps: {found.model.size} modes of", end=" ")
    print(f"{len(found.parameters)} simulations, bound at most {found.history[-1].relative:.1%}")

    # The chip's temperature is the mean over its cells, which all have the same size.
    output = ParabolicOutput.of(found.basis, chip / chip.sum())
    mus = box.sobol(designs)
    answers = output.evaluate_many(mus)
    temperature, margin = answers.value, answers.bound
    latest = temperature.argmax(axis=1)
    peak, bound = temperature.max(axis=1), margin[np.arange(designs), latest]
    cool = (temperature + margin).max(axis=1) < LIMIT
    hot = (temperature - margin).max(axis=1) > LIMIT
    print(f"{designs} designs: {cool.sum()} stay below {LIMIT}, {hot.sum()} do not,", end=" ")
    print(f"{(~cool & ~hot).sum()} are too near to tell")
    if cool.any():
        best = int(np.argmin(np.where(cool, mus[:, 1], np.inf)))
        print(
            f"weakest fan that will do: biot {mus[best, 1]:.3f} with fins of conductivity "
            f"{mus[best, 0]:.1f}: peak {peak[best]:.3f} +- {bound[best]:.3f}"
        )
    return HeatSinks(found.model.size, mus, peak, bound, cool, hot)


if __name__ == "__main__":
    main(**({"cells": 2, "steps": 60, "designs": 100} if "--small" in sys.argv else {}))

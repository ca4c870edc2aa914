"""How much does a hole weaken a plate? Stresses around it by splines, beside Kirsch's of 1898.

python examples/plate_with_a_hole.py             # degrees 3 to 6, up to 48 x 48 intervals
python examples/plate_with_a_hole.py --small     # up to 16 x 16
python examples/plate_with_a_hole.py --plot hole # also hole.png, hole_convergence.png

A plate is pulled along x by a stress of 1; at the edge of a round hole the stress is 3, however
small the hole. A quarter of the plate is enough: its straight sides are planes of symmetry, where
nothing moves across and nothing pulls along; the hole is free; around, at 4 radii, stands the exact
traction of an infinite plate. The map of this domain is a NURBS, hence its arcs are arcs. The
equations of Navier and Cauchy hold at as many points as there are splines: no integrals, no meshes.
"""

import sys
from typing import NamedTuple

import numpy as np

from nwidth import plotting
from nwidth.meshes import KnotVector
from nwidth.solvers import Boundary, Dirichlet, Neumann
from nwidth.solvers.bsplines import ElasticCollocation, ElasticSolution
from nwidth.solvers.bsplines.nurbs_shapes import quarter_annulus

OUTER = 4.0
STEEL = {"young": 210e3, "poisson": 0.3}  # MPa: the stress of 1 is one of 1 MPa


class Plate(NamedTuple):
    """What the study found: the finest solution, and errors by degree and unknowns."""

    concentration: float
    solution: ElasticSolution
    errors: dict[int, dict[int, float]]


def kirsch(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the exact stresses (2, 2, *points) around a hole of radius 1."""
    q, t = 1 / (x**2 + y**2), np.arctan2(y, x)
    xx = 1 - q * (1.5 * np.cos(2 * t) + np.cos(4 * t)) + 1.5 * q**2 * np.cos(4 * t)
    yy = -q * (0.5 * np.cos(2 * t) - np.cos(4 * t)) - 1.5 * q**2 * np.cos(4 * t)
    xy = -q * (0.5 * np.sin(2 * t) + np.sin(4 * t)) + 1.5 * q**2 * np.sin(4 * t)
    return np.array([[xx, xy], [xy, yy]])


def plate(intervals: int, degree: int) -> ElasticCollocation:
    """Return the quarter of the plate; parameters are (radius, angle), from 0 to 1 each."""

    def traction(i: int):
        return lambda x, y: (kirsch(x, y)[i, 0] * x + kirsch(x, y)[i, 1] * y) / OUTER

    horizontal = Boundary(
        {"x_upper": Neumann(traction(0)), "y_upper": Dirichlet(0.0)}, default=Neumann()
    )
    vertical = Boundary(
        {"x_upper": Neumann(traction(1)), "y_lower": Dirichlet(0.0)}, default=Neumann()
    )
    return ElasticCollocation(
        [KnotVector.uniform(intervals, degree)] * 2,
        [horizontal, vertical],
        **STEEL,
        geometry=quarter_annulus(1.0, OUTER),
        points="superconvergent",
    )


def main(finest: int = 48) -> Plate:
    s = np.linspace(0, 1, 41)
    errors: dict[int, dict[int, float]] = {}
    for p in (3, 4, 5, 6):
        errors[p] = {}
        for n in (finest // 4, finest // 2, finest):
            solution = plate(n, p).solve().checked()
            exact = kirsch(*solution.displacements[0].space.mapped([s, s]))
            unknowns = 2 * (n + p) ** 2
            errors[p][unknowns] = float(abs(solution.stress(s, s) - exact).max())
        few = ", ".join(f"{e:.1e}" for e in errors[p].values())
        print(f"degree {p}: largest errors of stresses {few}")
    concentration = float(solution.stress([0.0], [1.0])[0, 0].item())
    print(f"stress at the edge of the hole: {concentration:.6f} of that far away (exactly 3)")
    return Plate(concentration, solution, errors)


def draw(found: Plate, stem: str) -> None:
    """Write the stress along x around the whole hole, and the errors."""
    s, t = np.linspace(0, 1, 61), np.linspace(0, 1, 61)
    x, y = found.solution.displacements[0].space.mapped([s, t])
    stress = found.solution.stress(s, t)[0, 0]
    around = [(x, y), (-x[:, ::-1], y[:, ::-1]), (-x, -y), (x[:, ::-1], -y[:, ::-1])]
    x, y = (np.concatenate([part[k] for part in around], axis=1) for k in range(2))
    stress = np.concatenate([stress, stress[:, ::-1]] * 2, axis=1)
    figure = plotting.mapped_field(x, y, stress, "a plate pulled along x", "stress along x")
    plotting.save(figure, f"{stem}.png")
    curves = {f"degree {p}": (list(e), list(e.values())) for p, e in found.errors.items()}
    figure = plotting.convergence(curves, "stresses around a hole", "unknowns", "largest error")
    plotting.save(figure, f"{stem}_convergence.png")


if __name__ == "__main__":
    plate_found = main(**({"finest": 16} if "--small" in sys.argv else {}))
    if "--plot" in sys.argv:
        draw(plate_found, sys.argv[sys.argv.index("--plot") + 1])

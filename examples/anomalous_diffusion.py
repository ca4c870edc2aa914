"""Anomalous diffusion: a pulse spreads by long jumps, as t^(1 / alpha) and with heavy tails.

python examples/anomalous_diffusion.py            # 1600 intervals, and 128 x 128
python examples/anomalous_diffusion.py --small    # 800 intervals
python examples/anomalous_diffusion.py --plot a   # also a.png and a_plane.png

u_t = d^alpha u / d|x|^alpha on (-100, 100), u = 0 outside, from a Gaussian pulse. For alpha = 2 it
stays a Gaussian of width t^(1/2). For smaller alpha, the limit of random walks with long jumps, its
width grows as t^(1/alpha) and its tails fall as t |x|^(-1-alpha) only. Splines of degree 4; the
modes of the collocation matrices step exactly, so one step is made per output. In the plane each
direction has its own order: a round pulse grows arms along the axis of the smaller one.
"""

import sys
from pathlib import Path

import numpy as np

from nwidth import plotting
from nwidth.solvers import FractionalDiffusion, simulate

ORDERS = (1.2, 1.5, 1.8, 2.0)


def half_width(x: np.ndarray, u: np.ndarray) -> float:
    """Return where a pulse around zero has fallen to half of its height."""
    right = x >= 0
    return float(np.interp(-u.max() / 2, -u[right], x[right]))


def main(intervals: int = 1600, plot: str | None = None) -> dict[float, tuple[float, float]]:
    """Return the powers of t in the width and of x in the tail, by order."""
    times = np.concatenate([[0.0], np.geomspace(1.0, 16.0, 13)])
    powers, profiles, widths = {}, {}, {}
    print("alpha   width ~ t^       1/alpha   tail ~ x^     -1-alpha   steps")
    for alpha in ORDERS:
        problem = FractionalDiffusion(intervals, 4, alpha, -100.0, 100.0)
        x = problem.grid.points[0]
        pulse = {"density": np.exp(-8 * x**2)}
        found = simulate(problem, pulse, times, dt=20.0).checked()
        u = found.fields["density"][1:]
        widths[alpha] = np.array([half_width(x, one) for one in u])
        profiles[alpha] = u[0]
        growth = np.polyfit(np.log(times[-6:]), np.log(widths[alpha][-6:]), 1)[0]
        far = (x > 8) & (x < 25)
        tail = np.polyfit(np.log(x[far]), np.log(u[0][far]), 1)[0] if alpha < 2 else -np.inf
        powers[alpha] = float(growth), float(tail)
        print(f"{alpha:5}   {growth:10.3f}   {1 / alpha:11.3f}   {tail:9.2f}   "
              f"{-1 - alpha if alpha < 2 else -np.inf:10.2f}   {found.counts.steps:5}")  # fmt: skip
    if plot:
        near = abs(x) < 20
        drawn = plotting.spreading(
            x[near], {a: u[near] for a, u in profiles.items()}, times[1:], widths, "at t = 1"
        )
        plotting.save(drawn, Path(f"{plot}.png"))
        plotting.save(plane(), Path(f"{plot}_plane.png"))
    return powers


def plane(intervals: int = 128) -> plotting.Figure:
    """Return pulses in the plane at four times: order 1.2 along x, ordinary diffusion along y."""
    problem = FractionalDiffusion(intervals, 4, (1.2, 2.0), -4.0, 4.0)
    x, y = problem.grid.coordinates()
    times = [0.0, 0.02, 0.1, 0.3]
    found = simulate(problem, {"density": np.exp(-8 * (x**2 + y**2))}, times, dt=1.0).checked()
    u = np.log10(np.maximum(found.fields["density"], 1e-4))  # the arms are faint
    return plotting.snapshots(problem.grid, times, u, "order 1.2 along x, 2 along y", "log10 u")


if __name__ == "__main__":
    picture = sys.argv[sys.argv.index("--plot") + 1] if "--plot" in sys.argv else None
    main(800 if "--small" in sys.argv else 1600, picture)

"""Sound in the sea: a table and an expensive function, each replaced by an adaptive spline.

python examples/tabulated_profile.py              # a table of 20,001 depths
python examples/tabulated_profile.py --small      # one of 2,001, less accurate
python examples/tabulated_profile.py --plot sea   # also sea_table.png, sea_rays.png

Temperature falls by ten degrees within a few metres at a depth of 60 m. `table_knots` finds the few
rows of a table of it that represent all others. How far a ray of sound has come at a depth, in time
and along the sea, are integrals of what those rows give. `auto_knots` computes them at about a
hundred depths, many of them in the layer, and the spline through both is accurate to 1e-9
everywhere and thousands of times faster.
"""

import sys
import time

import numpy as np

from nwidth import plotting
from nwidth.solvers.bsplines import AdaptiveSpline, auto_knots, table_knots

DEPTH = 1000.0
LAYER = 60.0
NODES, WEIGHTS = np.polynomial.legendre.leggauss(12)


def temperature(z: np.ndarray) -> np.ndarray:
    """Return degrees at depths: a warm layer of 60 m, a thermocline, cold water."""
    return 4 + 8 * np.exp(-z / 350) + 5 * (1 - np.tanh((z - LAYER) / 1.5))


def travel(z: float, speed: AdaptiveSpline, slowness: float) -> list[float]:
    """Return the time and the distance along the sea of a ray from the surface to a depth.

    With the slowness p along the sea, dt = dz / (c cos a) and dx = tan a dz, sin a = p c; by the
    rule of Gauss in each interval of the table's spline.
    """
    ends = np.append(speed.sites[speed.sites < z], z)
    half = np.diff(ends)[:, None] / 2
    c = speed(ends[:-1, None] + half * (1 + NODES))
    cosine = np.sqrt(1 - (slowness * c) ** 2)
    rates = 1 / (c * cosine), slowness * c / cosine
    return [float((half * WEIGHTS * rate).sum()) for rate in rates]


def main(rows: int = 20_001, rtol: float = 1e-9, plot: str = "") -> tuple[int, int, float]:
    """Return the rows kept, the evaluations of the function, and the error over that allowed."""
    z = np.linspace(0, DEPTH, rows)
    warm = temperature(z)
    speed = table_knots(z, 1449 + 4.6 * warm - 0.055 * warm**2 + 0.016 * z, degree=7, rtol=rtol)
    print(f"table: {len(speed.sites)} of {rows} rows represent all to {rtol:.0e}")

    slowness = np.sin(np.radians(60)) / speed(0.0)
    start = time.perf_counter()
    ray = auto_knots(lambda x: travel(x, speed, slowness), 0.0, DEPTH, rtol=rtol).checked()
    each = (time.perf_counter() - start) / ray.evaluations
    near = int((np.abs(ray.sites - LAYER) < 10).sum())
    print(f"rays: {ray.evaluations} evaluations, {near} of them within 10 m of the layer")

    tested = np.random.default_rng(0).uniform(0, DEPTH, 20)
    exact = np.array([travel(x, speed, slowness) for x in tested])
    error = float((np.abs(ray(tested) - exact) / ray.allowed(tested)).max())
    many = np.linspace(0, DEPTH, 200_000)
    start = time.perf_counter()
    ray(many)
    cost = (time.perf_counter() - start) / len(many)
    print(
        f"      error {error:.2g} of the one allowed; {1e6 * each:.0f} us, now {1e9 * cost:.0f} ns"
    )
    angle = np.degrees(np.arctan(ray(DEPTH, order=1)[1]))
    print(
        f"      the ray ends at {ray(DEPTH)[1]:.1f} m after {ray(DEPTH)[0]:.4f} s, {angle:.2f} deg"
    )
    if plot:
        words = ("sound in the sea: rows of a table", "speed (m/s)", "depth (m)")
        plotting.save(plotting.adaptive_spline(speed, None, *words), f"{plot}_table.png")
        words = ("a ray of sound: time and distance", "of 0 to 1", "depth (m)")
        plotting.save(plotting.adaptive_spline(ray, None, *words), f"{plot}_rays.png")
    return len(speed.sites), ray.evaluations, error


if __name__ == "__main__":
    stem = sys.argv[sys.argv.index("--plot") + 1] if "--plot" in sys.argv else ""
    main(*((2001, 1e-7) if "--small" in sys.argv else (20_001, 1e-9)), stem)

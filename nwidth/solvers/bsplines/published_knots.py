"""AutoKnots as it was published: halve every interval that has not passed its tests."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import make_interp_spline

from nwidth.solvers.bsplines.mixed_tolerance import MixedTolerance

Array = NDArray[Any]


class PublishedKnots:
    """Sites of an interpolating spline s; each round evaluates f at midpoints m of open intervals.

        |s(m) - f(m)| <= rtol |f(m)| + atol
        |int s - S| <= rtol |S| + atol h,    S = h (f(a) + 4 f(m) + f(b)) / 6

    All midpoints become sites. Both halves of an interval are closed after `passes` rounds in which
    both tests hold. When none is open, intervals longer than mean + deviations * standard deviation
    are opened again, `refine` times: the guard of plateaus. Vitenti, de Simoni, Penna-Lima &
    Barroso (2025), doi:10.1016/j.ascom.2025.100970; there splines are cubic, and atol is rtol times
    a scale. Simpson's rule is less accurate than splines of degree 5 and 7, which therefore gain
    little here.
    """

    def __init__(
        self,
        sites: Array,
        values: Array,
        degree: int,
        tolerance: MixedTolerance,
        passes: int = 1,
        refine: int = 1,
        deviations: float = 1.0,
    ):
        self.sites, self.values, self.degree, self.tolerance = sites, values, degree, tolerance
        self.passes, self.refine, self.deviations = passes, refine, deviations
        self.passed = np.zeros(len(sites) - 1, int)
        self.errors = np.full(len(sites) - 1, np.inf)
        self.stuck = np.zeros(len(sites) - 1, bool)
        self.unsettled = False
        self._chosen: Array = np.zeros(0, int)

    def propose(self) -> Array:
        """Return the points of the next round; none if all is done."""
        lengths = np.diff(self.sites)
        middle = self.sites[:-1] + lengths / 2
        apart = (middle > self.sites[:-1]) & (middle < self.sites[1:])
        self.stuck = (self.passed < self.passes) & ~apart
        chosen = (self.passed < self.passes) & apart
        while not chosen.any() and self.refine > 0:
            self.refine -= 1
            chosen = (lengths > lengths.mean() + self.deviations * lengths.std()) & apart
            self.passed[chosen] = 0
        self._chosen = np.flatnonzero(chosen)
        return middle[self._chosen]

    def priorities(self) -> Array:
        """Return the errors of the intervals that were proposed."""
        return self.errors[self._chosen]

    def insert(self, points: Array, values: Array, kept: Array) -> None:
        """Test the spline by values at those points that were kept, and take them in."""
        t = self._chosen[kept]
        x0, x1 = self.sites[t], self.sites[t + 1]
        s = make_interp_spline(self.sites, self.values, self.degree)
        primitive = s.antiderivative()
        h = (x1 - x0)[:, None]
        simpson = h * (self.values[t] + 4 * values + self.values[t + 1]) / 6
        u = self.tolerance.units(s(points) - values, values)
        v = self.tolerance.units((primitive(x1) - primitive(x0) - simpson) / h, simpson / h)
        passed = self.passed[t] + (np.maximum(u, v) <= 1)
        self.sites = np.insert(self.sites, t + 1, points)
        self.values = np.insert(self.values, t + 1, values, axis=0)
        self.passed = halved(self.passed, t, passed)
        self.errors = halved(self.errors, t, u)
        self.stuck = halved(self.stuck, t, np.zeros(len(t), bool))


def halved(numbers: Array, chosen: Array, new: Array) -> Array:
    """Return numbers of intervals after the chosen ones are cut in two, new ones for both halves.

    >>> halved(np.array([1, 2]), np.array([1]), np.array([5])).tolist()
    [1, 5, 5]
    """
    out = numbers.copy()
    out[chosen] = new
    times = np.ones(len(numbers), int)
    times[chosen] = 2
    return np.repeat(out, times)

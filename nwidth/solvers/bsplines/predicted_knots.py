"""Knots where they are needed: halve what will not be accurate, the worst of each place first."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import make_interp_spline
from scipy.ndimage import maximum_filter1d

from nwidth.solvers.bsplines.local_interpolation import local_interpolation
from nwidth.solvers.bsplines.mixed_tolerance import MixedTolerance
from nwidth.solvers.bsplines.published_knots import halved

Array = NDArray[Any]

# Neighbours are at most so much longer.
GRADING = 3.0
# Intervals whose error is below this part of a neighbour's wait for it.
WAITING = 0.1
WAITING_AT_LAST = 0.5
NEIGHBOURS = 8
# Halving leaves 2^-(p+1) of the error of smooth functions, 0.5 of kinks, 0.7 of square roots.
SMOOTH = {3: 0.15, 4: 0.12, 5: 0.1, 6: 0.08, 7: 0.05}
ROUGH = 0.25
SAFETY_SMOOTH, SAFETY = {3: 1.5, 4: 0.5, 5: 0.25, 6: 0.25, 7: 0.25}, 4.0
# A jump keeps its error; an interval that does so often is given up.
JUMP, JUMPS = 0.95, 24
# How far the waves of a jump are left alone.
AROUND_A_JUMP = 48
# The comparison at the end: where in an interval, through how many sites more than the degree and
# how many to the side, which error is too large, how often.
CHECKED = (0.25, 0.5, 0.75)
STENCILS = ((3, 0), (4, -2), (4, 2))
FREE_CHECK = {3: 0.5, 4: 0.5, 5: 0.5, 6: 0.4, 7: 0.3}
FREE_ROUNDS = 80


class PredictedKnots:
    """Sites of an interpolating spline s of degree p, by errors found and errors to come.

    A round evaluates f at midpoints m of open intervals, which all become sites, and measures

        e = min(|s(m) - f(m)|, |q(m) - f(m)|)

    in units of the tolerance; q is the polynomial through the p + 1 nearest sites. The spline shows
    waves beside what is not yet resolved, q does not; where f is resolved, the spline is the better
    one. Both halves are closed if what is expected of them is small enough,

        e max(e / e_before, 2^(1-p)) <= 1 / safety

    where e_before is the error in the interval that was halved a round before, so that a function
    without p + 1 derivatives gets no bonus for a high degree. Intervals whose error is far below a
    neighbour's wait, neighbours are never longer than three times each other. At the end s is
    compared in all intervals with polynomials of degrees p + 2 and p + 3, the latter through more
    sites on the left or on the right, without evaluations. That finds what a spline on graded knots
    has lost, and kinks that a midpoint met by chance; such intervals are opened again.

    Midpoints as tests that become knots are those of AutoKnots, Vitenti et al. (2025),
    doi:10.1016/j.ascom.2025.100970; on knots that spread the error evenly, de Boor (2001), A
    Practical Guide to Splines, doi:10.1007/978-1-4612-6333-3 (of the first edition), chapter XII.
    """

    def __init__(self, sites: Array, values: Array, degree: int, tolerance: MixedTolerance):
        self.sites, self.values, self.degree, self.tolerance = sites, values, degree, tolerance
        n = len(sites) - 1
        self.open = np.ones(n, bool)
        self.errors = np.full(n, np.inf)
        self.stuck = np.zeros(n, bool)
        self.kept = np.zeros(n, int)  # how often halving has kept the error
        self.passed = np.zeros(n, int)
        self.unsettled = False
        self.free_rounds = 0
        self._waiting = WAITING
        self._chosen: Array = np.zeros(0, int)

    def propose(self) -> Array:
        """Return the points of the next round; none if all is done."""
        while True:
            self._give_up()
            chosen = self._worst() | (self._graded() & self._divisible())
            if chosen.any():
                break
            if not self._open_by_check():
                break
        self._chosen = np.flatnonzero(chosen)
        return self._middle()[self._chosen]

    def priorities(self) -> Array:
        """Return the errors of the intervals that were proposed."""
        return self.errors[self._chosen]

    def insert(self, points: Array, values: Array, kept: Array) -> None:
        """Compare with values at those points that were kept, and take them in."""
        t, p = self._chosen[kept], self.degree
        spline = make_interp_spline(self.sites, self.values, p)(points) - values
        local = local_interpolation(self.sites, self.values, t, points, p + 1) - values
        e = np.minimum(self.tolerance.units(spline, values), self.tolerance.units(local, values))
        before = self.errors[t]
        first = ~np.isfinite(before)
        ratio = np.where(first, 1.0, e / np.where(first | (before == 0), 1.0, before))
        kept_error = np.where((ratio > JUMP) & ~first, self.kept[t] + 1, 0)
        smooth, rough = ratio < SMOOTH[p], ratio > ROUGH
        expected = (
            e * np.clip(ratio, 2.0 ** (1 - p), 1) * np.where(smooth, SAFETY_SMOOTH[p], SAFETY)
        )
        passed = np.where(expected <= 1, self.passed[t] + 1, 0)
        good = passed > 1 * ~smooth + 2 * rough
        near = self._nearby()[t]
        rounded = ~good & (
            self.tolerance.rounded(spline, near) | self.tolerance.rounded(local, near)
        )
        self.sites = np.insert(self.sites, t + 1, points)
        self.values = np.insert(self.values, t + 1, values, axis=0)
        self.open = halved(self.open, t, ~(good | rounded))
        self.errors = halved(self.errors, t, e)
        self.kept = halved(self.kept, t, kept_error)
        self.passed = halved(self.passed, t, passed)
        self.stuck = halved(self.stuck, t, self.stuck[t])

    def _middle(self) -> Array:
        return self.sites[:-1] + np.diff(self.sites) / 2

    def _divisible(self) -> Array:
        """Return intervals that floating-point numbers can divide once more, and well."""
        size = np.maximum(np.abs(self.sites[:-1]), np.abs(self.sites[1:]))
        least = np.maximum(16 * np.finfo(np.float64).eps * size, 1e-290)
        return (np.diff(self.sites) > least) & ~self.stuck

    def _nearby(self) -> Array:
        """Return what rounds around each interval: the largest values, and x times the slopes."""
        size, width = np.abs(self.values), 2 * self.degree + 1
        slopes = np.abs(np.diff(self.values, axis=0)) / np.diff(self.sites)[:, None]
        by_x = slopes * np.abs(self.sites[1:, None]) / 8
        return maximum_filter1d(size, width, axis=0)[:-1] + maximum_filter1d(by_x, width, axis=0)

    def _give_up(self) -> None:
        """Close open intervals at jumps, and those that the jumps' waves reach."""
        lost = self.open & (~self._divisible() | (self.kept >= JUMPS))
        self.stuck |= lost
        if self.stuck.any():
            near = maximum_filter1d(self.stuck.astype(int), 2 * NEIGHBOURS + 1) > 0
            self.open &= ~near

    def _worst(self) -> Array:
        """Return the open intervals that no neighbour surpasses by far."""
        e = np.where(self.open, np.minimum(self.errors, 1e300), 0.0)
        return self.open & (e >= self._waiting * maximum_filter1d(e, 2 * NEIGHBOURS + 1))

    def _graded(self) -> Array:
        """Return intervals much longer than a neighbour."""
        h = np.diff(self.sites)
        much = GRADING * (1 + 1e-3)
        out = np.zeros(len(h), bool)
        out[1:] |= h[1:] > much * h[:-1]
        out[:-1] |= h[:-1] > much * h[1:]
        if self.stuck.any():
            out &= ~(maximum_filter1d(self.stuck.astype(int), 2 * AROUND_A_JUMP + 1) > 0)
        return out

    def _open_by_check(self) -> bool:
        """Compare the spline with local polynomials, open where they differ; False if nowhere."""
        h, p = np.diff(self.sites), self.degree
        spline = make_interp_spline(self.sites, self.values, p)
        every, near = np.arange(len(h)), self._nearby()
        e, rounded = np.zeros(len(h)), np.ones(len(h), bool)
        for part in CHECKED:
            x = self.sites[:-1] + part * h
            s = spline(x)
            centre, left, right = (
                s - local_interpolation(self.sites, self.values, every, x, p + more, shift)
                for more, shift in STENCILS
            )
            # Beside a kink the polynomials of one side are accurate, in its interval none are.
            sides = np.minimum(*(self.tolerance.units(gap, s) for gap in (left, right)))
            e = np.maximum(e, np.maximum(sides, self.tolerance.units(centre, s)))
            rounded &= self.tolerance.rounded(centre, near)
        self.errors = np.where(self.stuck, self.errors, e)
        bad = (e > FREE_CHECK[p]) & ~rounded & self._divisible()
        if self.stuck.any():
            bad &= ~(maximum_filter1d(self.stuck.astype(int), 2 * AROUND_A_JUMP + 1) > 0)
        self.free_rounds += 1
        self.unsettled = bool(bad.any()) and self.free_rounds > FREE_ROUNDS
        if not bad.any() or self.unsettled:
            return False
        self.open, self._waiting = bad, WAITING_AT_LAST
        return True

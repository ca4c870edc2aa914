"""AutoKnots: a spline that replaces a function, with knots where its accuracy demands them."""

from collections.abc import Callable, Iterable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_choice, require_integer, require_number
from nwidth.arrays import real_floating, require_finite, to_numpy
from nwidth.errors import InputError
from nwidth.solvers.bsplines.adaptive_spline import AdaptiveSpline, AdaptiveStatus, through
from nwidth.solvers.bsplines.mixed_tolerance import MixedTolerance
from nwidth.solvers.bsplines.predicted_knots import PredictedKnots
from nwidth.solvers.bsplines.published_knots import PublishedKnots
from nwidth.solvers.bsplines.sampled_function import SampledFunction

Array = NDArray[Any]
Placement = PredictedKnots | PublishedKnots
PLACEMENTS: dict[str, Callable[..., Placement]] = {
    "predicted": PredictedKnots,
    "published": PublishedKnots,
    "published-twice": partial(PublishedKnots, passes=2),
}
DEGREES = (3, 4, 5, 6, 7)
# First sites are moved by up to so much of their distance, so that no wave hides between them.
SHIFT = 0.125


def auto_knots(
    f: Callable[..., Any],
    lower: float,
    upper: float,
    *,
    degree: int = 7,
    rtol: float = 1e-9,
    atol: Any = None,
    placement: str = "predicted",
    max_evaluations: int = 100_000,
    initial: int | None = None,
    points: Any = (),
    breaks: Any = (),
    vectorized: bool | None = None,
) -> AdaptiveSpline:
    """Return a spline that agrees with a function of one variable to a tolerance.

        |s(x) - f(x)| <= rtol |f(x)| + atol    for all x of [lower, upper] and all components

    AutoKnots evaluates f in the middle of intervals, compares with the spline through all values so
    far, and makes each value a knot: none is thrown away. Vitenti, de Simoni, Penna-Lima & Barroso
    (2025), AutoKnots: adaptive knot allocation for spline interpolation,
    doi:10.1016/j.ascom.2025.100970. Its cubic splines halve an interval until two tests are passed;
    here (`placement="predicted"`) halving stops where the next halves are expected to be accurate
    enough, and degree 7 reaches 1e-9 with a fifth to a twentieth of the evaluations of those cubic
    splines for smooth functions, with a third for roots and logarithms at an end.

    Args:
        f: the function: of one number or of an array of them, one value or an array of components,
            real or complex. See `SampledFunction`.
        lower: where the interval starts.
        upper: where it ends.
        degree: 3 to 7. Seven for smooth functions; three for tolerances above 1e-4 or so.
        rtol: the relative part of the tolerance.
        atol: the absolute part, one number or one for each component. By default rtol times the
            largest value, so that tails and zeros cost nothing; 0 demands relative accuracy.
        placement: "predicted" for `PredictedKnots`; "published" for the rule of the paper,
            `PublishedKnots`, and "published-twice" for two passes of its tests.
        max_evaluations: where the search ends, in any case.
        initial: number of first sites, by default 2 degree + 1. What is narrower than half their
            distance may remain unseen: raise it, or name its place by `points`.
        points: places to evaluate at first, such as those of narrow peaks.
        breaks: places inside where f has a kink; the spline has one there, too.
        vectorized: whether f takes arrays; None finds out.

    Returns an `AdaptiveSpline`; its `checked()` raises where the tolerance was not reached. Raises
    `InputError` for an interval that is empty or reversed and for other arguments that cannot be,
    and `NonFiniteError` where f is NaN or infinite, with the place.

    >>> s = auto_knots(lambda x: np.exp(-x * x / 2), 0.0, 6.0).checked()
    >>> s.evaluations, bool(abs(s(1.5) - np.exp(-1.125)) < 1e-9)
    (61, True)
    >>> round(s.integral(), 9), round(s.derivative()(1.0).item(), 9)
    (1.253314135, -0.60653066)
    """
    a, b = _interval(lower, upper)
    if require_integer(degree, "degree", 1) not in DEGREES:
        raise InputError(f"degree: expected an integer from 3 to 7, got {degree}")
    rule = PLACEMENTS[require_choice(placement, "placement", tuple(PLACEMENTS))]
    tolerance, function = MixedTolerance(rtol, atol), SampledFunction(f, vectorized)
    ends = [a, *_places(breaks, "breaks", a, b, inside=True).tolist(), b]
    for x, y in pairwise(ends):
        _interval(x, y, "breaks")
    count = _first_count(initial, degree, placement)
    wanted = _places(points, "points", a, b)
    budget = require_integer(max_evaluations, "max_evaluations", 1)
    least = (count - 1) * (len(ends) - 1) + 1 + len(wanted)
    if budget < least:
        raise InputError(
            f"max_evaluations: expected at least the {least} first sites, got {budget}; lower "
            "initial or raise it"
        )
    starts = [_first_sites(x, y, count, wanted, placement, degree) for x, y in pairwise(ends)]
    first = np.concatenate([starts[0], *(x[1:] for x in starts[1:])])
    _require_apart(first)
    values = function(first)
    tolerance.see(values)
    tolerance.eps = function.eps
    searches = _searches(starts, values, degree, tolerance, rule)
    rounds = 1
    spent = False
    while not spent:
        proposed = [search.propose() for search in searches]
        total = sum(map(len, proposed))
        if total == 0:
            break
        kept = _within_budget(searches, proposed, max(budget - function.evaluations, 0))
        used = [x[keep] for x, keep in zip(proposed, kept, strict=True)]
        spent = sum(map(len, used)) < total
        if any(map(len, used)):
            found = function(np.concatenate(used))
            tolerance.see(found)
            parts = np.split(found, np.cumsum([len(x) for x in used])[:-1])
            for search, x, y, keep in zip(searches, used, parts, kept, strict=True):
                if len(x):
                    search.insert(x, y, keep)
            rounds += 1
    return _result(searches, degree, tolerance, function.shape or (), rounds, spent)


def _interval(lower: Any, upper: Any, name: str = "lower, upper") -> tuple[float, float]:
    """Return the ends of an interval that is not empty."""
    a = require_number(lower, "lower", "(-inf, inf)")
    b = require_number(upper, "upper", "(-inf, inf)")
    if not a < b:
        advice = "exchange them" if a > b else "an interval has a length"
        raise InputError(f"lower, upper: expected lower < upper, got {a:g} and {b:g}; {advice}")
    size = max(abs(a), abs(b))
    if not max(1e-9 * size, 1e-270) < b - a or size > 1e300:
        raise InputError(
            f"{name}: expected an interval that floating-point numbers divide well, got "
            f"[{a:.17g}, {b:.17g}]; move the origin of x, or scale it"
        )
    return a, b


def _places(given: Any, name: str, a: float, b: float, *, inside: bool = False) -> Array:
    """Return places of the interval, sorted, each once."""
    if isinstance(given, Iterable) and not hasattr(given, "shape"):
        given = list(given)
    if isinstance(given, list) and not given:
        return np.zeros(0)
    x = np.unique(to_numpy(require_finite(real_floating(np.atleast_1d(given), name), name)))
    x = x.astype(np.float64)
    wrong = x[(x <= a) | (x >= b)] if inside else x[(x < a) | (x > b)]
    if wrong.size:
        kind = "inside" if inside else "of"
        raise InputError(f"{name}: expected places {kind} [{a:g}, {b:g}], got {wrong[0]:g}")
    return x


def _require_apart(sites: Array) -> None:
    """Raise where places that were asked for are too close to halve what is between them."""
    close = np.diff(sites) <= 1e-13 * np.maximum(np.abs(sites[:-1]), np.abs(sites[1:]))
    if close.any():
        k = int(np.flatnonzero(close)[0])
        raise InputError(
            "points: expected places that are apart from each other, from breaks and from the "
            f"ends, got {sites[k]:.17g} and {sites[k + 1]:.17g}; drop one"
        )


def _first_count(initial: int | None, degree: int, placement: str) -> int:
    """Return the number of first sites; that of the paper for cubic splines is six."""
    if initial is not None:
        return require_integer(initial, "initial", degree + 1)
    return 2 * degree + 1 if placement == "predicted" else max(6, degree + 1)


def _first_sites(
    a: float, b: float, count: int, wanted: Array, placement: str, degree: int
) -> Array:
    """Return first sites of a piece, those that were asked for among them."""
    k = np.arange(count, dtype=np.float64)
    if placement == "predicted":
        golden = (np.sqrt(5) - 1) / 2
        k[1:-1] += 2 * SHIFT * ((k[1:-1] * golden) % 1 - 0.5)
    x = a + (b - a) * k / (count - 1)
    x[0], x[-1] = a, b
    wanted = wanted[(wanted > a) & (wanted < b)]
    if not wanted.size:
        return x
    # A regular site that is close to one asked for gives way, if enough are left.
    near = np.abs(x[1:-1, None] - wanted).min(axis=1) < 0.25 * (b - a) / (count - 1)
    regular = x[1:-1][~near]
    if len(regular) + len(wanted) < degree - 1:
        return np.unique(np.concatenate([x, wanted]))
    return np.unique(np.concatenate([[a, b], regular, wanted]))


def _searches(
    starts: list[Array],
    values: Array,
    degree: int,
    tolerance: MixedTolerance,
    rule: Callable[..., Placement],
) -> list[Placement]:
    """Return a search for each piece between breaks."""
    searches, first = [], 0
    for x in starts:
        searches.append(rule(x, values[first : first + len(x)], degree, tolerance))
        first += len(x) - 1
    return searches


def _within_budget(
    searches: list[Placement], proposed: list[Array], left: int
) -> list[NDArray[np.bool_]]:
    """Return which proposed points are kept: all, or those of the largest errors."""
    if sum(map(len, proposed)) <= left:
        return [np.ones(len(x), bool) for x in proposed]
    priorities = np.concatenate([search.priorities() for search in searches])
    kept = np.zeros(len(priorities), bool)
    kept[np.argsort(-priorities, kind="stable")[:left]] = True
    return np.split(kept, np.cumsum([len(x) for x in proposed])[:-1])


def _result(
    searches: list[Placement],
    degree: int,
    tolerance: MixedTolerance,
    shape: tuple[int, ...],
    rounds: int,
    spent: bool,
) -> AdaptiveSpline:
    """Return the spline through all sites, with its status."""
    knots, c = through([(search.sites, search.values) for search in searches], degree)
    sites = np.concatenate([searches[0].sites, *(s.sites[1:] for s in searches[1:])])
    values = np.concatenate([searches[0].values, *(s.values[1:] for s in searches[1:])])
    errors = np.concatenate([search.errors for search in searches])
    stuck = np.concatenate([search.stuck for search in searches])
    places: list[float] = []
    if stuck.any():
        middle = (sites[:-1] + sites[1:]) / 2
        for x in middle[stuck]:
            if not places or abs(x - places[-1]) > 1e-6 * (sites[-1] - sites[0]):
                places.append(float(x))
    status = AdaptiveStatus.CONVERGED
    if spent:
        status = AdaptiveStatus.BUDGET
    elif stuck.any():
        status = AdaptiveStatus.NOT_SMOOTH
    elif any(search.unsettled for search in searches):
        status = AdaptiveStatus.UNSETTLED
    elif not errors.max() <= 1:
        status = AdaptiveStatus.ROUNDING
    return AdaptiveSpline(
        knots,
        c.reshape(len(c), *shape),
        sites,
        values.reshape(len(sites), *shape),
        errors=errors,
        status=status,
        rtol=tolerance.rtol,
        atol=tolerance.atol.reshape(shape) if shape else float(tolerance.atol[0]),
        rounds=rounds,
        places=places,
    )

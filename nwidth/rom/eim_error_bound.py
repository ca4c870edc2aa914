"""Residual norms by empirical interpolation: for codes that give nothing but residual norms."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_integer, require_limit, require_number
from nwidth.arrays import as_floating, generator, require_finite
from nwidth.errors import InputError, NonFiniteError, NotConvergedError
from nwidth.rom.eim import eim
from nwidth.rom.training_parameters import TrainingParameters

Array = NDArray[Any]

# Deviations of squares up to which the formula counts as usable, and the multiple of them that is
# added.
USABLE, SAFETY = 1e-3, 10.0
SMALLEST = 1e-150
TINY = float(np.finfo(np.float64).tiny)
# Numbers of parameters up to which the formula has been seen to work.
FEW = 2


class EIMErrorBoundStatus(Enum):
    """How the validation of the formula ended; the text of a failure is its remedy."""

    VALIDATED = "residual norms at parameters that were not chosen agree"
    DEVIATES = (
        "it leaves out too much: use ResidualBasis; in problems of one or two parameters, take "
        "more training parameters"
    )


@dataclass(frozen=True)
class EIMErrorBound:
    """The dual norm of residuals from those at a few parameters; made by `eim_error_bound`.

    Attributes:
        rows: numbers of the training parameters that were chosen, in their order.
        entries: entries of X(mu) that are interpolated, and their scales.
        scales: largest modulus of each of these entries.
        values: X(mu_r) at these entries, scaled, shape (entries, rows).
        squares: ||r(mu_r)||'^2.
        pivots: of the choice, relative to the first.
        columns: length of z.
        deviation: largest c with |E4^2 - ||r||'^2| = c sum_r |lambda_r| ||r(mu_r)||'^2, E4^2 the
            formula, at the parameters of validation.
        negative: how many squares came out negative at training parameters.
        status: an `EIMErrorBoundStatus`.
    """

    rows: Array
    entries: Array
    scales: Array
    values: Array
    squares: Array
    pivots: Array
    columns: int
    deviation: float = np.inf
    negative: int = 0
    status: EIMErrorBoundStatus = EIMErrorBoundStatus.DEVIATES

    @property
    def rank(self) -> int:
        """Number of parameters that were chosen."""
        return len(self.rows)

    def weights(self, z: Any) -> Array:
        """Return lambda_r, shape (rank,) or (rank, m), for z (columns,) or (columns, m)."""
        z = require_finite(as_floating(np.asarray(z), "z"), "z")
        if z.ndim not in (1, 2) or len(z) != self.columns:
            raise InputError(f"z: expected {self.columns} numbers or rows, got shape {z.shape}")
        X = _products(z if z.ndim == 2 else z[:, None], self.entries) / self.scales[:, None]
        weights = np.linalg.solve(self.values, X)
        return weights if z.ndim == 2 else weights[:, 0]

    def square(self, z: Any) -> Any:
        """Return sum_r lambda_r ||r(mu_r)||'^2 as it comes, negative values included."""
        return self.squares @ self.weights(z)

    def dual_norm(self, z: Any) -> Any:
        """Return the estimate of ||r||': NaN, not zero, where the square is negative."""
        square = np.asarray(self.square(z))
        return np.where(square >= 0, np.sqrt(np.abs(square)), np.nan)[()]

    def bound(self, z: Any) -> Any:
        """Return the root of sum_r (lambda_r + 10 deviation |lambda_r|) ||r(mu_r)||'^2.

        It is infinite where even this is negative.
        """
        weights = self.weights(z)
        square = np.asarray(
            self.squares @ weights + SAFETY * self.deviation * (self.squares @ np.abs(weights))
        )
        return np.where(square >= 0, np.sqrt(np.abs(square)), np.inf)[()]

    def checked(self) -> Self:
        """Return the formula itself, or raise `NotConvergedError` if its validation failed."""
        if self.status is EIMErrorBoundStatus.VALIDATED:
            return self
        raise NotConvergedError(
            f"EIM error bound: deviation {self.deviation:.1e}, {self.negative} negative squares; "
            f"{self.status.value}"
        )


def eim_error_bound(
    norm: Callable[[Any], float],
    parameters: Any,
    z: Any,
    *,
    rtol: float = 1e-13,
    max_rank: int | None = None,
    stabilized: bool = True,
    validation: int = 10,
    seed: int = 0,
) -> EIMErrorBound:
    """Return the formula for residual norms that needs nothing but residual norms of a code.

        ||r(mu)||'^2  ~  sum_r lambda_r(mu) ||r(mu_r)||'^2,    sum_r lambda_r X_j(mu_r) = X_j(mu)

    As r = sum_k c_k z_k, the square is linear in the products X = (z_j conj(z_k))_{j <= k}.
    Empirical interpolation of X(mu) chooses the parameters mu_r and the entries j. Every term has
    the size of a residual, not of the source, so that what cancels is relative to residuals; the
    classical expansion (`ExpandedResidual`) has an absolute floor of sqrt(eps) ||f||'. Reference:
    F. Casenave, A. Ern, T. Lelievre (2014), arXiv:1212.0970.

    It is an estimate, not a bound: interpolation comes without an allowance for what it leaves out
    and for rounding in the lambda_r. What makes it one in practice is that the formula is compared
    with residual norms of the code at parameters that were not chosen: half of these where its
    terms cancel most, which is where it is worst, half at random. `bound` adds ten times the
    largest deviation, in units of what cancels. Residual norms should be upper bounds of their kind
    themselves. Where matrices are at hand, `ResidualBasis` gives a guarantee.

    Args:
        norm: mu -> ||r(mu)||', the residual norm of the reduced solution in the full code. Called
            once per chosen parameter, and for `validation` others.
        parameters: training parameters, shape (m,) or (m, p). For p > 2 the rank grows beyond what
            rounding allows: there is a warning, and validation usually fails.
        z: coefficients (columns, m) of the residuals there, as `ResidualBasis` orders them.
        rtol: pivots to stop at, relative to the first. 1e-13 is right: earlier, what is left out is
            larger than the residual; later, pivots are round-off.
        max_rank: limit on the number of chosen parameters.
        stabilized: interpolate the remainder of each step once more, (Id - I_k)^2, so that it
            vanishes at the chosen entries to the last digit.
        validation: number of other training parameters to compare at.
        seed: of the random half.

    Raises `InputError` for shapes that do not fit and norms that are negative, `NonFiniteError` for
    NaN and infinity.

    >>> mu = np.linspace(1, 2, 40)
    >>> z = np.stack([np.ones(40), -1 / mu])        # r = c_1 - c_2 / mu, c_k of length one
    >>> formula = eim_error_bound(lambda m: np.hypot(1, 1 / m), mu, z, rtol=1e-12)
    >>> formula.rank, formula.status.name, formula.dual_norm([1.0, -0.8]).round(12)
    (3, 'VALIDATED', np.float64(1.280624847487))
    """
    training = TrainingParameters(np.asanyarray(parameters))
    z = require_finite(as_floating(np.asarray(z), "z"), "z")
    if z.ndim != 2 or z.shape[1] != len(training) or len(z) == 0:
        raise InputError(f"z: expected shape (columns, {len(training)}), got {z.shape}")
    rtol = require_number(rtol, "rtol", "[0, 1)")
    count = require_integer(validation, "validation", 1)
    dimension = 1 if training.values.ndim == 1 else training.values.shape[1]
    if dimension > FEW:
        warnings.warn(
            f"the EIM error bound has been seen to work for one or two parameters, got {dimension};"
            " use ResidualBasis where matrices are at hand",
            UserWarning,
            stacklevel=2,
        )
    places = _places(z)
    X = _products(z, places)
    scales = np.abs(X).max(axis=1)
    kept = scales > 0
    if not kept.any():
        raise InputError("z: expected residuals, got coefficients that are all zero")
    X, places, scales = X[kept] / scales[kept, None], places[kept], scales[kept]
    limit = require_limit(max_rank, "max_rank", min(X.shape))
    rows, points, pivots = (_stabilized if stabilized else _plain)(X.T, rtol, limit)
    squares = np.array([_residual_norm(norm, training.values[r]) ** 2 for r in rows])
    formula = EIMErrorBound(
        rows, places[points], scales[points], X[np.ix_(points, rows)], squares, pivots, len(z)
    )
    others = np.setdiff1d(np.arange(len(training)), rows)
    return _validated(formula, norm, training.values, z, others, count, seed)


def _validated(
    formula: EIMErrorBound,
    norm: Callable[[Any], float],
    parameters: Array,
    z: Array,
    others: Array,
    count: int,
    seed: int,
) -> EIMErrorBound:
    """Return the formula with its deviations at some other parameters."""
    square, weights = formula.square(z), formula.weights(z)
    terms = formula.squares @ np.abs(weights)
    negative = int(np.sum(square < 0))
    if len(others) == 0:
        return replace(formula, negative=negative)
    cancelled = others[np.argsort(square[others] / np.maximum(terms[others], TINY), kind="stable")]
    worst, rest = np.split(cancelled, [min((count + 1) // 2, len(others))])
    chosen = np.append(worst, generator(seed).permutation(rest)[: count - len(worst)])
    truth = np.array([_residual_norm(norm, parameters[r]) for r in chosen])
    # Zero terms, where all residuals vanish, are exact if the truth is zero as well.
    deviation = np.abs(square[chosen] - truth**2) / np.maximum(terms[chosen], TINY)
    good = deviation.max() <= USABLE
    status = EIMErrorBoundStatus.VALIDATED if good else EIMErrorBoundStatus.DEVIATES
    return replace(formula, deviation=float(deviation.max()), negative=negative, status=status)


def _places(z: Array) -> Array:
    """Return (j, k, 0) for each product z_j conj(z_k), j <= k, and (j, k, 1) for its other part."""
    j, k = np.triu_indices(len(z))
    places = np.stack([j, k, np.zeros_like(j)], axis=1)
    if z.dtype.kind == "c":
        places = np.concatenate([places, np.where([False, False, True], 1, places)[j < k]])
    return places


def _products(z: Array, places: Array) -> Array:
    """Return real or imaginary parts of z_j conj(z_k), shape (places, m)."""
    j, k, part = places.T
    X = z[j] * z[k].conj()
    return np.where(part[:, None] == 1, X.imag, X.real) if z.dtype.kind == "c" else X


def _plain(X: Array, rtol: float, limit: int) -> tuple[Array, Array, Array]:
    """Return rows, points and pivots of the usual choice."""
    found = eim(X, rtol, max_rank=limit)
    errors = np.array(found.errors[: found.rank])
    return found.rows, found.points, errors / errors[0]


def _stabilized(X: Array, rtol: float, limit: int) -> tuple[Array, Array, Array]:
    """Return rows, points and pivots, the remainder of each step interpolated once more."""
    from scipy.linalg import solve_triangular

    R, n = X.copy(), X.shape[1]
    rows: list[int] = []
    points: list[int] = []
    pivots: list[float] = []
    Q = np.zeros((0, n))
    while len(rows) < limit:
        row, point = divmod(int(np.abs(R).argmax()), n)
        pivot = R[row, point]
        if abs(pivot) <= rtol * (pivots[0] if pivots else 0.0) or pivot == 0 or row in rows:
            break
        rows.append(row)
        points.append(point)
        pivots.append(abs(pivot))
        Q = np.vstack([Q, R[row] / pivot])
        R -= np.outer(R[:, point], Q[-1])
        # What is left at the points, once more: Q[:, points] is upper triangular.
        B = Q[:, points]
        R -= solve_triangular(B, R[:, points].T, trans="T").T @ Q
        R[:, points] = 0.0
    return np.array(rows), np.array(points), np.array(pivots) / pivots[0]


def _residual_norm(norm: Callable[[Any], float], mu: Any) -> float:
    """Return the residual norm of one parameter, checked."""
    given = norm(mu)
    try:
        value = float(given)
    except (TypeError, ValueError):
        raise InputError(
            f"norm: expected one number, the residual norm at {mu}, got {given!r:.80}"
        ) from None
    if not np.isfinite(value):
        raise NonFiniteError(f"norm: expected a finite residual norm at {mu}, got {value}")
    if value < 0:
        raise InputError(f"norm: expected a residual norm >= 0 at {mu}, got {value}")
    if value > 0 and not SMALLEST <= value <= 1 / SMALLEST:
        raise InputError(
            f"norm: expected a residual norm whose square is in the range of numbers, got {value} "
            f"at {mu}; bring the problem into other units"
        )
    return value

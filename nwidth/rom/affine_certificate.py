"""Certificates for affine problems: anybody's predictions with a bound, solved where too large."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_number
from nwidth.arrays import as_floating, require_finite, require_shape
from nwidth.errors import InputError
from nwidth.rom._rounding_numba import EPS, LOST
from nwidth.rom.affine_problem import AffineProblem
from nwidth.rom.certified_prediction import CertificateStatus, CertifiedPrediction
from nwidth.rom.compensated_matrix import CompensatedMatrix, compensated_combination
from nwidth.rom.inner_product import InnerProduct
from nwidth.rom.stability.stability_bound import StabilityBound, stability_of
from nwidth.rom.surrogate import Predictor

Array = NDArray[Any]

# Predictions that are worked on at once.
TOGETHER = 32
# A solve from which steps of refinement no longer help.
REFINEMENTS, HALVED = 3, 0.5
# Covers the rounding of the last few operations of a bound.
SCALARS = 1 + 16 * EPS
TINY = 2.0**-1022


class AffineErrorBound:
    """The residual error bound of an affine problem for any vectors, not only reduced solutions.

        ||u(mu) - v||  <=  ||f(mu) - A(mu) v||' / beta(mu)

    in the norm of X and its dual, with a lower bound beta of the stability constant. The residual
    of the stored matrices and sources, combined with theta and phi as they are computed, and its
    Riesz representative come in twice the working precision, so that the bound of a solution is
    about eps times its size; `CompensatedMatrix` and `InnerProduct.riesz_pair` bound the rest.
    Reference: Rozza, Huynh & Patera (2008), doi:10.1007/s11831-008-9019-9, section 4.

    Args:
        problem: matrices with entries, not operators.
        inner_product: X, or what `InnerProduct.of` takes; None is Euclid's.
        stability: a `StabilityBound` with respect to X.

    >>> from nwidth.rom.stability import MinTheta
    >>> problem = AffineProblem(lambda mu: mu, [np.eye(2)], lambda mu: [1.0], [[3.0, 4.0]])
    >>> bound = AffineErrorBound(problem, None, MinTheta([[1.0]], [1.0]))
    >>> bound([[2.0]], [[0.0, 0.0]]).round(12).tolist()
    [2.5]
    """

    def __init__(self, problem: AffineProblem, inner_product: Any, stability: StabilityBound):
        self.problem = require_instance(problem, "problem", AffineProblem)
        if problem.matrices.kind == "operator":
            raise InputError(
                "problem: expected matrices with entries, got operators, whose rounding errors are "
                "not known; use ResidualBasis, which takes an assumption about them"
            )
        self.inner_product = InnerProduct.of(inner_product, problem.size)
        self.stability = require_instance(stability, "stability", StabilityBound)
        if stability.terms != len(problem.matrices):
            raise InputError(
                f"stability: expected {len(problem.matrices)} terms, got {stability.terms}"
            )
        self._terms = [CompensatedMatrix(A) for A in problem.matrices.matrices]
        self._sources = np.stack(list(problem.sources.matrices))

    def __call__(self, mus: Any, fields: Any) -> Array:
        """Return bounds (m,) for vectors (m, n) at parameters (m, p); infinite if not stable."""
        theta, phi = self.problem.coefficients(mus)
        fields = np.asarray(as_floating(fields, "fields"))
        require_finite(require_shape(fields, (len(theta), self.problem.size), "fields"), "fields")
        lower = stability_of(self.stability, theta)
        out = np.full(len(theta), np.inf)
        for start in range(0, len(theta), TOGETHER):
            part = slice(start, start + TOGETHER)
            norm = self.dual_norm(*self.residual(theta[part], phi[part], fields[part]))
            stable = lower[part] > 0
            out[part][stable] = norm[stable] / lower[part][stable] * SCALARS
        return out

    def residual(self, theta: Array, phi: Array, fields: Array) -> tuple[Array, Array, Array]:
        """Return residuals high + low as columns (n, m), and bounds of the errors of entries."""
        high, low = (
            np.stack(parts, axis=1)
            for parts in zip(*(compensated_combination(self._sources, p) for p in phi), strict=True)
        )
        dtype = np.result_type(high, fields, theta)
        high, low = high.astype(dtype), low.astype(dtype)
        count = 2 * len(self._sources) + 4
        allowance = (count * EPS) ** 2 * (np.abs(self._sources).T @ np.abs(phi).T)
        for q, A in enumerate(self._terms):
            scaled = [compensated_combination(v[None], t[q : q + 1])
                      for t, v in zip(theta, fields, strict=True)]  # fmt: skip
            for part in zip(*scaled, strict=True):
                V = np.stack(part, axis=1)
                high, low = A.subtract(V, high, low)
                allowance += A.allowance(V, high)
        # Products may underflow, but not those of zeros.
        used = ((phi != 0) & np.any(self._sources, axis=1)).any(axis=1) | fields.any(axis=1)
        allowance += TINY * used
        return high, low, allowance

    def dual_norm(self, high: Array, low: Array, allowance: Array) -> Array:
        """Return upper bounds of the dual norms of what `residual` gave."""
        X = self.inner_product
        w, rest, error = X.riesz_pair(high, low)
        size = X.norm(w + rest) * (1 + X.norm_rounding + EPS * X.roughness)
        unseen = np.linalg.norm(allowance.T / np.sqrt(X.diagonal), axis=1) / np.sqrt(X.lowest)
        lost = LOST * allowance.any(axis=0)  # squares that underflow, unless all is zero
        return (size + error + unseen + lost) * SCALARS


@dataclass(frozen=True)
class CertifiedAffineSurrogate:
    """A surrogate of an affine problem whose predictions carry bounds; made by `certify`."""

    surrogate: Predictor
    error_bound: AffineErrorBound = field(repr=False)

    def predict(
        self, inputs: Mapping[str, Array], rtol: float | None = None, *, polish: bool = True
    ) -> CertifiedPrediction:
        """Predict at the parameters inputs["mu"] (m, p), bound, and solve where bounds exceed rtol.

        Arguments, results and errors are those of `certify_vectors`.
        """
        if not isinstance(inputs, Mapping) or "mu" not in inputs:
            raise InputError("inputs: expected the parameters as {'mu': array of shape (m, p)}")
        return certify_vectors(
            self.error_bound, inputs["mu"], self.surrogate.predict(inputs), rtol, polish=polish
        )


def certify_vectors(
    error_bound: AffineErrorBound,
    mus: Any,
    u: Any,
    rtol: float | None = None,
    *,
    polish: bool = True,
) -> CertifiedPrediction:
    """Bound the errors of vectors that somebody has predicted, and solve where asked.

    The result is that of `certify_fields`, in the norm of X instead of the energy norm: `u` has the
    shape (m, n), `l2_bound` is of the Euclidean norm of vectors, `iterations` counts solves, and
    `effectivity_limit` is infinite, as the continuity constant is not known. Where the stability
    bound is not positive, bounds are infinite and the status is UNSTABLE.

    Args:
        error_bound: that of the problem.
        mus: parameters (m, p).
        u: predictions (m, n), real or complex.
        rtol: relative bound to reach. Samples above it are solved by elimination and refined with
            residuals in twice the working precision. Good values: 1e-2 to 1e-12.
        polish: whether to solve, or only to tell.

    Raises `InputError` for shapes that do not fit and rtol out of range, `NonFiniteError` for
    predictions with NaN or infinity.

    >>> from nwidth.rom.stability import MinTheta
    >>> problem = AffineProblem(lambda mu: mu, [np.eye(2)], lambda mu: [1.0], [[3.0, 4.0]])
    >>> bound = AffineErrorBound(problem, None, MinTheta([[1.0]], [1.0]))
    >>> certify_vectors(bound, [[2.0]], [[0.0, 0.0]], rtol=1e-9).u.tolist()
    [[1.5, 2.0]]
    """
    if rtol is not None:
        rtol = require_number(rtol, "rtol", "(0, inf)")
    problem = require_instance(error_bound, "error_bound", AffineErrorBound).problem
    theta, phi = problem.coefficients(mus)
    fields = np.asarray(as_floating(u, "prediction"))
    require_shape(fields, (len(theta), problem.size), "prediction")
    is_complex = "c" in (fields.dtype.kind, theta.dtype.kind, phi.dtype.kind)
    out = np.array(require_finite(fields, "prediction"), np.complex128 if is_complex else float)
    absolute = error_bound(mus, out)
    before = relative_bounds(error_bound.inner_product, out, absolute)
    too_large = before > rtol if rtol is not None else np.zeros(len(out), bool)
    stable = np.isfinite(absolute)
    statuses = [CertificateStatus.CERTIFIED if ok else CertificateStatus.UNSTABLE for ok in stable]
    polished, solves = too_large & stable & polish, np.zeros(len(out), int)
    for i in np.flatnonzero(too_large & stable):
        statuses[i] = CertificateStatus.TOO_LARGE
        if polish:
            out[i], absolute[i], statuses[i], solves[i] = _solved(
                error_bound, np.asarray(mus)[i : i + 1], out[i], absolute[i], float(rtol or 0)
            )
    product = error_bound.inner_product
    poincare = np.sqrt(product.lowest * product.diagonal.min())
    euclid = np.linalg.norm(out, axis=1) / (1 + problem.size * EPS)
    return CertifiedPrediction(
        u=out,
        bound=relative_bounds(product, out, absolute),
        bound_before=before,
        absolute_bound=absolute,
        l2_bound=_ratio(absolute / poincare * SCALARS, euclid),
        effectivity_limit=np.full(len(out), np.inf),
        polished=polished,
        iterations=solves,
        status=tuple(statuses),
        rtol=rtol,
    )


def relative_bounds(inner_product: InnerProduct, fields: Array, absolute: Array) -> Array:
    """Return bounds of ||u - v|| / ||u|| from those of ||u - v||, for vectors (m, n).

    ||u|| >= ||v|| - ||u - v||; where that is not positive the bound is infinite.
    """
    with np.errstate(over="ignore"):  # what overflows has no relative bound
        size = np.asarray(inner_product.norm(fields.T)) / (1 + inner_product.norm_rounding)
    return _ratio(absolute, size)


def _ratio(error: Array, size: Array) -> Array:
    """Return error / (size - error), infinite where that is not known; squares may overflow."""
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = error / (size - error) * SCALARS
    known = (error < size) & np.isfinite(size)
    return np.where(error == 0, 0.0, np.where(known, ratio, np.inf))


def _solved(
    error_bound: AffineErrorBound, mu: Array, v: Array, absolute: float, rtol: float
) -> tuple[Array, float, CertificateStatus, int]:
    """Return the solution for one parameter, its bound, how it ended and how many solves it took.

    The bound decides: refinement ends when it meets rtol or no longer falls.
    """
    from nwidth.solvers.elimination import elimination

    problem, product = error_bound.problem, error_bound.inner_product
    theta, phi = problem.coefficients(mu)
    try:
        solve = elimination(problem.matrices.combine(theta[0]))
    except InputError:
        return v, absolute, CertificateStatus.FAILED, 0
    lower = float(stability_of(error_bound.stability, theta)[0])
    best, new, count = v, solve(problem.sources.combine(phi[0])).astype(v.dtype), 1
    while True:
        if not np.isfinite(new).all():
            return best, absolute, CertificateStatus.FAILED, count
        residual = error_bound.residual(theta, phi, new[None])
        bound = float(error_bound.dual_norm(*residual)[0]) / lower * SCALARS
        falls = bound < HALVED * absolute
        if bound <= absolute:
            best, absolute = new, bound
        if relative_bounds(product, best[None], np.array([absolute]))[0] <= rtol:
            return best, absolute, CertificateStatus.CERTIFIED, count
        if not falls or count > REFINEMENTS:
            return best, absolute, CertificateStatus.ROUND_OFF, count
        new, count = new + solve(residual[0][:, 0]), count + 1

"""Bounds of the coercivity constant from its values at samples, which a greedy search chooses."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_integer, require_number
from nwidth.arrays import require_finite, require_shape
from nwidth.errors import FileFormatError, InputError
from nwidth.rom.stability.eigenvalue_minorant import EigenvalueMinorant
from nwidth.rom.stability.hermitian_terms import HermitianTerms
from nwidth.rom.stability.smallest_eigenvalue import smallest_eigenvalue
from nwidth.rom.stability.stability_bound import (
    SearchStatus,
    relative_gap,
    require_coefficients,
)

Array = NDArray[Any]

# Linear programs per sample, as a part of the training set: more would not repay.
_PROGRAMS = 0.1
_FEWEST_PROGRAMS = 50
# Quotients in files may be outside of their bounds by this part, as they are rounded.
_SLACK = 1e-8


@dataclass(frozen=True)
class CoercivitySamples:
    """Lower and upper bounds of alpha(theta) from eigenpairs at samples theta_i.

        upper(theta) = min_i theta . y_i,    y_iq = v_i^H A_q v_i / v_i^H X v_i

    and the lower bound is that of `EigenvalueMinorant`. What `SuccessiveConstraints` and
    `EigenvalueInterpolation` share; they differ in what they know of single terms.

    `samples` are indices into the training set, `gaps` the largest gap 1 - lower / upper there
    before each of them and at the end, `status` says why the search ended.
    """

    minorant: EigenvalueMinorant
    quotients: Array
    samples: Array
    gaps: tuple[float, ...]
    status: SearchStatus

    name: ClassVar[str] = ""
    constant: ClassVar[str] = "coercivity"

    @property
    def terms(self) -> int:
        """Q, the number of coefficients."""
        return len(self.minorant.ranges)

    def lower(self, theta: Any) -> Array:
        """Return lower bounds (m,) of the coercivity constants; -inf where none is positive."""
        return _positive(self.minorant.lower(require_coefficients(theta, self.terms)))

    def lower_by_programs(self, theta: Any) -> Array:
        """Return the best lower bounds (m,) that the samples give: one linear program each."""
        theta = require_coefficients(theta, self.terms)
        best = self.minorant.lower(theta)
        for i, one in enumerate(theta):
            best[i] = max(best[i], self.minorant.optimal(one).lower(one[None])[0])
        return _positive(best)

    def upper(self, theta: Any) -> Array:
        """Return upper bounds (m,), up to the rounding of Rayleigh quotients."""
        return (require_coefficients(theta, self.terms) @ self.quotients.T).min(axis=1)

    def gap(self, theta: Any) -> Array:
        """Return 1 - lower / upper, shape (m,); infinite where no lower bound is positive."""
        return relative_gap(self.lower(theta), self.upper(theta))

    def archived(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """Return what files hold: arrays, and a description."""
        arrays = {name: getattr(self.minorant, name) for name in _PARTS}
        arrays |= {"quotients": self.quotients, "samples": self.samples}
        finite = [g if np.isfinite(g) else None for g in self.gaps]
        return arrays, {"name": self.name, "gaps": finite, "status": self.status.name}

    @classmethod
    def from_archived(cls, arrays: dict[str, Array], told: dict[str, Any]) -> Self:
        """Return the bound of what `archived` gave, or raise `FileFormatError`."""
        try:
            stored = {name: require_finite(arrays[name], name) for name in (*_PARTS, "quotients")}
            for name, array in stored.items():
                if array.dtype.kind != ("i" if name == "supports" else "f"):
                    raise ValueError(f"{name}: expected numbers of another kind, got {array.dtype}")
            quotients = stored.pop("quotients")
            minorant = EigenvalueMinorant(**stored)
            Q, (k, K) = len(minorant.ranges), (len(minorant.points), len(minorant.supports))
            shapes = {"ranges": (Q, 2), "points": (k, Q), "values": (k,), "supports": (K, Q)}
            shapes["maps"] = (K, Q, Q)
            for name, shape in shapes.items():
                if getattr(minorant, name).shape != shape:
                    raise ValueError(f"{name}: expected shape {shape}")
            supports = minorant.supports
            if K == 0 or supports.min() < -1 or supports.max() >= k:
                raise ValueError("supports: expected indices of samples")
            if not (minorant.ranges[:, 0] <= minorant.ranges[:, 1]).all():
                raise ValueError("ranges: expected lower ends first")
            samples = require_shape(arrays["samples"], (k,), "samples")
            if quotients.shape != (k, Q) or samples.dtype.kind != "i" or k == 0:
                raise ValueError("quotients, samples: expected one per sample")
            low, high = minorant.ranges.T
            slack = _SLACK * np.maximum(np.abs(low), np.abs(high))
            if ((quotients < low - slack) | (quotients > high + slack)).any():
                raise ValueError("quotients: expected numbers between the ends of the ranges")
            upper = (quotients * minorant.points).sum(axis=1)
            rounding = _SLACK * (np.abs(quotients) * np.abs(minorant.points)).sum(axis=1)
            if (minorant.values <= 0).any() or (minorant.values > upper + rounding).any():
                raise ValueError("values: expected positive ones, below those of the quotients")
            gaps = tuple(np.inf if g is None else float(g) for g in told["gaps"])
            return cls(minorant, quotients, samples, gaps, SearchStatus[told["status"]])
        except (InputError, KeyError, TypeError, IndexError, ValueError, AttributeError) as error:
            raise FileFormatError(f"{cls.name} bound: {error}") from None

    @classmethod
    def searched(
        cls, terms: HermitianTerms, ranges: Array, training: Any, rtol: float, max_samples: int
    ) -> Self:
        """Choose samples where the gap is largest until it is at most rtol on the training set.

        Linear programs are solved only where the gap known so far is the largest one, and their
        vertices serve all training parameters at once. Raises `InputError` for a training parameter
        whose matrix is not coercive, naming it.
        """
        rtol = require_number(rtol, "rtol", "(0, 1)")
        max_samples = require_integer(max_samples, "max_samples", 1)
        theta = require_coefficients(training, len(terms))
        if len(theta) == 0:
            raise InputError("training: expected at least one parameter, got none")
        minorant = EigenvalueMinorant.of(ranges)
        quotients = np.zeros((0, len(terms)))
        lower, upper = minorant.lower(theta), np.full(len(theta), np.inf)
        samples: list[int] = []
        gaps: list[float] = []
        programs = max(_FEWEST_PROGRAMS, int(_PROGRAMS * len(theta)))
        # The first one is the parameter next to the middle of all.
        j = int(np.linalg.norm(theta - theta.mean(axis=0), axis=1).argmin())
        while True:
            solved: set[int] = set()
            while samples and len(solved) < programs:
                j = int(relative_gap(lower, upper).argmax())
                if j in solved or relative_gap(lower[j], upper[j]) <= rtol:
                    break
                solved.add(j)
                vertex = minorant.optimal(theta[j])
                if vertex.lower(theta[j : j + 1])[0] > lower[j]:
                    minorant = minorant.joined(vertex)
                    lower = np.maximum(lower, vertex.lower(theta))
            worst = relative_gap(lower, upper)
            if samples:
                j = int(worst.argmax())
            gaps.append(float(worst[j]) if worst[j] < 1 else np.inf)
            if gaps[-1] <= rtol:
                status = SearchStatus.CONVERGED
            elif j in samples:
                status = SearchStatus.ROUND_OFF
            elif len(samples) >= max_samples:
                status = SearchStatus.MAX_SAMPLES
            else:
                pair = _eigenpair(terms, theta[j], j)
                quotients = np.vstack([quotients, _quotients(terms, pair.vector)])
                samples.append(j)
                before = len(minorant.supports)
                minorant = minorant.with_sample(theta[j], pair.lower)
                added = minorant.kept(slice(before, None))
                lower = np.maximum(lower, added.lower(theta))
                upper = np.minimum(upper, theta @ quotients[-1])
                _refuse(upper, theta)
                continue
            # Vertices that are the best one nowhere in the training set are not kept, rays are.
            used = np.unique(minorant.evaluate(theta)[1])
            rays = np.flatnonzero((minorant.supports >= 0).sum(axis=1) <= 1)
            minorant = minorant.kept(np.union1d(used, rays))
            return cls(minorant, quotients, np.array(samples), tuple(gaps), status)


_PARTS = ("ranges", "points", "values", "supports", "maps")


def _positive(bounds: Array) -> Array:
    return np.where(bounds > 0, bounds, -np.inf)


def _eigenpair(terms: HermitianTerms, theta: Array, j: int) -> Any:
    pair = smallest_eigenvalue(terms.combine(theta), terms.product, terms.rounding(theta))
    if pair.lower <= 0:
        raise InputError(
            f"training[{j}]: expected a coercive matrix, its smallest eigenvalue is at most "
            f"{pair.upper:.3g} for theta = {theta.tolist()!r:.120}; drop these parameters or bound "
            "the inf-sup constant"
        )
    return pair


def _quotients(terms: HermitianTerms, v: Array) -> Array:
    """Return y_q = v^H A_q v for ||v||_X = 1."""
    return np.array([np.vdot(v, A @ v).real for A in terms.span.matrices])


def _refuse(upper: Array, theta: Array) -> None:
    bad = np.flatnonzero(upper <= 0)
    if len(bad):
        j = int(bad[0])
        raise InputError(
            f"training[{j}]: expected a coercive matrix, its smallest eigenvalue is at most "
            f"{upper[j]:.3g} for theta = {theta[j].tolist()!r:.120} ({len(bad)} of {len(theta)} "
            "parameters); drop these parameters or bound the inf-sup constant"
        )

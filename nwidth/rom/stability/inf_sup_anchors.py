"""Lower bounds of inf-sup constants from anchors, for problems that are not coercive."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_integer, require_number
from nwidth.arrays import require_finite
from nwidth.errors import FileFormatError, InputError
from nwidth.rom.stability.natural_norm import NaturalNorm, NaturalNorms
from nwidth.rom.stability.stability_bound import (
    SearchStatus,
    relative_gap,
    require_coefficients,
)

Array = NDArray[Any]


@dataclass(frozen=True)
class InfSupAnchors:
    """Bounds of beta(theta) = min_w ||A(theta) w||_{X^-1} / ||w||_X from anchors theta_i.

    With D_q = A_q A(theta_i)^-1 in the norm of X^-1, any phase z, |z| = 1, and any s > 0::

        beta(theta)  >=  beta_i  ( s + sum_q p_iq(d_q) ),       d = z theta - s theta_i
        p_iq(d)  =  max( -g_iq |d|,  min(Re d l_iq, Re d u_iq) + min(Im d l'_iq, Im d u'_iq) )

    where g_iq >= ||D_q||, and [l, u] and [l', u'] hold the eigenvalues of the Hermitian parts of
    D_q and i D_q. z and s are taken such that one of the d_q vanishes, or 1; the largest of all
    bounds counts. The first entry of p needs continuity constants alone, g_iq = gamma_q / beta_i;
    the second one is the natural norm of the anchor. Reference: Huynh, Knezevic, Chen, Hesthaven &
    Patera (2010), doi:10.1016/j.cma.2010.02.011.

    `points` theta_i (k, Q), `values` lower bounds of beta_i (k,), `norms` g (k, Q), `ranges`
    (k, Q, 4), `factors` R_i (k, Q, Q) with ||A(theta) w_i||_{X^-1} = ||R_i theta||. `samples` are
    indices into the training set, `gaps` the largest gap 1 - lower / upper there before each and at
    the end, `certified` the part of the training set where the lower bound is positive.
    """

    points: Array
    values: Array
    norms: Array
    ranges: Array
    factors: Array
    samples: Array
    gaps: tuple[float, ...]
    certified: float
    status: SearchStatus

    name: ClassVar[str] = "inf-sup anchors"
    constant: ClassVar[str] = "inf-sup"

    @property
    def terms(self) -> int:
        """Q, the number of coefficients."""
        return self.points.shape[1]

    def lower(self, theta: Any) -> Array:
        """Return lower bounds (m,) of the inf-sup constants; -inf where none is positive."""
        theta = require_coefficients(theta, self.terms, allow_complex=True)
        best = NaturalNorm(self.points, self.values, self.norms, self.ranges).lower(theta)
        return np.where(best > 0, best, -np.inf)

    def upper(self, theta: Any) -> Array:
        """Return upper bounds (m,), up to the rounding of Rayleigh quotients."""
        theta = require_coefficients(theta, self.terms, allow_complex=True)
        return np.min([np.linalg.norm(theta @ R.T, axis=1) for R in self.factors], axis=0)

    def gap(self, theta: Any) -> Array:
        """Return 1 - lower / upper, shape (m,); infinite where no lower bound is positive."""
        return relative_gap(self.lower(theta), self.upper(theta))

    def archived(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """Return what files hold: arrays, and a description."""
        arrays = {name: getattr(self, name) for name in (*_PARTS, "samples")}
        finite = [g if np.isfinite(g) else None for g in self.gaps]
        told = {"name": self.name, "gaps": finite, "certified": self.certified}
        return arrays, told | {"status": self.status.name}

    @classmethod
    def from_archived(cls, arrays: dict[str, Array], told: dict[str, Any]) -> Self:
        """Return the bound of what `archived` gave, or raise `FileFormatError`."""
        try:
            parts = {name: require_finite(arrays[name], name) for name in _PARTS}
            k, Q = parts["points"].shape
            shapes = {"values": (k,), "norms": (k, Q), "ranges": (k, Q, 4), "factors": (k, Q, Q)}
            for name, shape in shapes.items():
                if parts[name].shape != shape or k == 0:
                    raise ValueError(f"{name}: expected shape {shape}")
                if name != "factors" and parts[name].dtype.kind != "f":
                    raise ValueError(f"{name}: expected real numbers")
            low, high = parts["ranges"][..., ::2], parts["ranges"][..., 1::2]
            if (parts["norms"] < 0).any() or (parts["values"] <= 0).any() or (low > high).any():
                raise ValueError("expected positive values, norms >= 0, lower ends first")
            if arrays["samples"].shape != (k,):
                raise ValueError("samples: expected one per anchor")
            gaps = tuple(np.inf if g is None else float(g) for g in told["gaps"])
            certified = require_number(told["certified"], "certified", "[0, 1]")
            status = SearchStatus[told["status"]]
            return cls(
                **parts,
                samples=arrays["samples"],
                gaps=gaps,
                certified=certified,
                status=status,
            )
        except (InputError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise FileFormatError(f"{cls.name} bound: {error}") from None


def inf_sup_anchors(
    matrices: Any,
    inner_product: Any,
    training: Any,
    rtol: float = 0.9,
    *,
    max_samples: int = 200,
    natural: bool | None = None,
) -> InfSupAnchors:
    """Bound the inf-sup constants of A(theta) = sum_q theta_q A_q from those at a few anchors.

    Anchors are chosen one by one where 1 - lower / upper is largest, until it is at most rtol on
    the training set; see `InfSupAnchors` for the formula. Singular values at anchors and continuity
    constants are proved by inertia, and their errors taken off. The reach of an anchor is in
    proportion to its inf-sup constant: near resonances anchors are dense, and a resonance within
    the box, where the constant is zero, cannot be certified: the search ends as MAX_SAMPLES if it
    does not meet it, and `certified` says how much of the training set was reached. Reference:
    Huynh, Knezevic, Chen, Hesthaven & Patera (2010), doi:10.1016/j.cma.2010.02.011.

    Args:
        matrices: the A_q, dense or sparse, n x n, real or complex, of any symmetry.
        inner_product: X, an `InnerProduct` or its matrix; None for the Euclidean one.
        training: coefficients theta of training parameters, shape (m, Q), real or complex.
        rtol: gap 1 - lower / upper that is wanted on the training set, in (0, 1). Good values: 0.9
            to 0.5: error bounds are divided by the lower bound.
        max_samples: limit on the number of anchors.
        natural: whether anchors come with their natural norms: sharper, fewer anchors, but each
            takes O(Q n^3) operations on dense matrices; by default up to 400 unknowns.

    Cost: Q + 2 trials of Q numbers per anchor and parameter. Raises `InputError` for matrices and
    coefficients that do not fit, and for an anchor whose matrix is singular, naming it.

    >>> A = [np.diag([1.0, 4.0, 9.0]), -np.eye(3)]
    >>> training = np.array([[1.0, k2] for k2 in np.linspace(4.5, 8.5, 81)])
    >>> bound = inf_sup_anchors(A, None, training, rtol=0.5)
    >>> exact = np.minimum(training[:, 1] - 4, 9 - training[:, 1])
    >>> bool((bound.lower(training) <= exact).all()), bound.certified
    (True, 1.0)
    """
    rtol = require_number(rtol, "rtol", "(0, 1)")
    max_samples = require_integer(max_samples, "max_samples", 1)
    norms = NaturalNorms(matrices, inner_product, natural)
    theta = require_coefficients(training, len(norms), allow_complex=True)
    if len(theta) == 0:
        raise InputError("training: expected at least one parameter, got none")
    lower, upper = np.full(len(theta), -np.inf), np.full(len(theta), np.inf)
    anchors: list[NaturalNorm] = []
    factors: list[Array] = []
    samples: list[int] = []
    gaps: list[float] = []
    # The first one is the parameter next to the middle of all.
    j = int(np.linalg.norm(theta - theta.mean(axis=0), axis=1).argmin())
    while True:
        worst = float(relative_gap(lower[j], upper[j]))
        gaps.append(worst if worst < 1 else np.inf)
        if gaps[-1] <= rtol:
            status = SearchStatus.CONVERGED
        elif j in samples:
            status = SearchStatus.ROUND_OFF
        elif len(samples) >= max_samples:
            status = SearchStatus.MAX_SAMPLES
        else:
            anchor, vector = norms.at(theta[j], f"training[{j}]")
            anchors.append(anchor)
            factors.append(norms.factor(vector))
            samples.append(j)
            upper = np.minimum(upper, np.linalg.norm(theta @ factors[-1].T, axis=1))
            lower = np.maximum(lower, anchor.lower(theta))
            j = int(relative_gap(lower, upper).argmax())
            continue
        return InfSupAnchors(
            points=np.concatenate([a.points for a in anchors]),
            values=np.concatenate([a.values for a in anchors]),
            norms=np.concatenate([a.norms for a in anchors]),
            ranges=np.concatenate([a.ranges for a in anchors]),
            factors=np.array(factors),
            samples=np.array(samples),
            gaps=tuple(gaps),
            certified=float((lower > 0).mean()),
            status=status,
        )


_PARTS = ("points", "values", "norms", "ranges", "factors")

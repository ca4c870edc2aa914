"""Which lower bound of the stability constant fits given matrices."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_choice
from nwidth.errors import InputError, NotConvergedError
from nwidth.rom.stability.eigenvalue_interpolation import eigenvalue_interpolation
from nwidth.rom.stability.hermitian_terms import explicit_span
from nwidth.rom.stability.inf_sup_anchors import inf_sup_anchors
from nwidth.rom.stability.min_theta import min_theta
from nwidth.rom.stability.stability_bound import StabilityBound, require_stable
from nwidth.rom.stability.successive_constraints import successive_constraints

Array = NDArray[Any]

KINDS = ("auto", "min-theta", "constraints", "eigenvalues", "inf-sup")
# Coefficients at which min-theta knows the constant exactly.
REFERENCES = 9
# Gap between lower and upper bounds of the constant that searches aim at.
GAP = 0.3
# Anchors to a gap of 0.5 cost error bounds a factor of 2 at most, those to 0.9 one of 10. On bands
# of Helmholtz' equation with 1,000 to 2,400 unknowns the former were 1.5 to 2 times as many, and
# the largest bound / error was 4 to 13 instead of 11 to 56.
INF_SUP_GAP = 0.5


def choose_stability(
    matrices: Any, inner_product: Any, training: Any, kind: str = "auto"
) -> StabilityBound:
    """Return a bound that is positive at all training parameters, and say by its name which it is.

    In this order: `min_theta`, where all terms are semidefinite and all coefficients positive;
    `successive_constraints` for Hermitian matrices and for coercive ones by their Hermitian parts;
    `inf_sup_anchors` for what is stable without being coercive.

    Min-theta bounds are positive wherever all coefficients are. The others are positive at the
    training parameters, and between them only where samples are near enough: else they are -inf,
    which is told and never wrong. So parameters should fill the box, a thousand or two of a Sobol
    sequence: an eigenproblem is solved only for the few that are chosen. With 14 coefficients of
    empirical interpolation of two parameters the bound of 225 parameters of a grid was -inf at a
    fifth of the others, that of 256 more at none of 3,000, for a third more time. Linear programs
    do not help there (`lower_by_programs`), as it is samples that are missing.

    Args:
        matrices: the A_q, dense or sparse.
        inner_product: X, an `InnerProduct` or its matrix.
        training: coefficients theta of training parameters, shape (m, Q).
        kind: "auto", or one of "min-theta", "constraints", "eigenvalues", "inf-sup".

    Raises `InputError` if the bound asked for does not exist, or is not positive at some training
    parameter, naming it; `NotConvergedError` if it is in the eigenproblems that it fails.

    >>> A = [np.diag([1.0, 0.0]), np.diag([0.0, 1.0])]
    >>> choose_stability(A, None, [[1.0, 2.0], [3.0, 1.0]]).name
    'min-theta'
    """
    require_choice(kind, "kind", KINDS)
    span = explicit_span(matrices)
    training = np.atleast_2d(training)
    parts = {"hermitian_part": not all(_is_hermitian(A) for A in span.matrices)}
    if kind == "min-theta":
        bound: StabilityBound = min_theta(span, inner_product, _spread(training), **parts)
    elif kind == "constraints":
        bound = successive_constraints(span, inner_product, training, GAP, **parts)
    elif kind == "eigenvalues":
        bound = eigenvalue_interpolation(span, inner_product, training, GAP, **parts)
    elif kind == "inf-sup":
        bound = inf_sup_anchors(span, inner_product, training, INF_SUP_GAP)
    else:
        return _first(span, inner_product, training)
    require_stable(bound, training)
    return bound


def _first(span: Any, inner_product: Any, training: Array) -> StabilityBound:
    """Return the first bound that holds at all training parameters."""
    reasons = []
    for kind in ("min-theta", "constraints", "inf-sup"):
        try:
            return choose_stability(span, inner_product, training, kind)
        except (InputError, NotConvergedError) as error:
            reasons.append(f"{kind}: {error}")
    raise InputError("stability: no bound is positive everywhere; " + "; ".join(reasons))


def _spread(training: Array) -> Array:
    """Return the coefficients next to the middle, then those farthest from all chosen."""
    distance = np.linalg.norm(training - training.mean(axis=0), axis=1)
    chosen = [int(np.argmin(distance))]
    left = np.full(len(training), np.inf)
    while len(chosen) < min(REFERENCES, len(training)):
        left = np.minimum(left, np.linalg.norm(training - training[chosen[-1]], axis=1))
        if not left.max() > 0:
            break
        chosen.append(int(np.argmax(left)))
    return training[chosen]


def _is_hermitian(A: Any) -> bool:
    return abs(A - A.conj().T).max() <= 64 * np.finfo(float).eps * abs(A).max()

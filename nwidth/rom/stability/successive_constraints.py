"""The successive constraint method: coercivity constants between two bounds, by linear programs."""

from typing import Any, ClassVar

import numpy as np

from nwidth.rom.stability.coercivity_samples import CoercivitySamples
from nwidth.rom.stability.hermitian_terms import HermitianTerms
from nwidth.rom.stability.smallest_eigenvalue import smallest_eigenvalue


class SuccessiveConstraints(CoercivitySamples):
    """Bounds of the coercivity constant by the successive constraint method; see the function."""

    name: ClassVar[str] = "successive constraints"


def successive_constraints(
    matrices: Any,
    inner_product: Any,
    training: Any,
    rtol: float = 0.5,
    *,
    max_samples: int = 100,
    hermitian_part: bool = False,
) -> SuccessiveConstraints:
    """Bound the coercivity constants of A(theta) = sum_q theta_q A_q from a few eigenvalues.

        lower(theta) = min_y y . theta,    l_q <= y_q <= u_q,  y . theta_i >= alpha(theta_i)
        upper(theta) = min_i y_i . theta,    y_iq = v_i^H A_q v_i / v_i^H X v_i

    l_q and u_q are the extreme eigenvalues of A_q against X, and (alpha(theta_i), v_i) the smallest
    eigenpairs at samples, chosen one by one where 1 - lower / upper is largest. All samples are
    constraints of every program, not only near ones. Lower bounds never fall with more samples, and
    at the samples both bounds agree to rounding. Reference: Huynh, Rozza, Sen & Patera (2007),
    doi:10.1016/j.crma.2007.09.019.

    The result answers from the solutions of programs that are kept (`EigenvalueMinorant`), in
    microseconds per parameter of a batch; `lower_by_programs` solves one for each, which takes
    milliseconds and gives a bound that is at least as large. Every eigenvalue that enters is proved
    by a factorization, so that the bounds hold whatever Lanczos' method and the programs did.

    Args:
        matrices: the A_q, Hermitian, dense or sparse, n x n; definite or not.
        inner_product: X, an `InnerProduct` or its matrix; None for the Euclidean one.
        training: coefficients theta of training parameters, shape (m, Q).
        rtol: gap 1 - lower / upper that is wanted on the training set, in (0, 1). Good values: 0.5
            to 0.1: error bounds are divided by the lower bound.
        max_samples: limit on the number of eigenproblems, besides 2 Q of single terms.
        hermitian_part: whether matrices may differ from their adjoints, as of convection.

    Cost: Q products of small matrices per program kept. Raises `InputError` for matrices and
    coefficients that do not fit, and for training parameters that are not coercive, naming them.

    >>> A = [np.diag([1.0, 0.0, 1.0]), np.diag([0.0, 1.0, -0.5])]
    >>> training = [[1.0, t] for t in np.linspace(0.1, 1.9, 19)]
    >>> bound = successive_constraints(A, None, training, rtol=0.1)
    >>> theta = np.array([[1.0, 0.15], [1.0, 0.77], [1.0, 1.83]])
    >>> exact = np.minimum(theta[:, 1], 1 - theta[:, 1] / 2)
    >>> bool((bound.lower(theta) <= exact).all()), bool((bound.lower(theta) > 0.8 * exact).all())
    (True, True)
    """
    terms = HermitianTerms(matrices, inner_product, hermitian_part=hermitian_part)
    ranges = np.empty((len(terms), 2))
    for q, (A, unit) in enumerate(zip(terms.span.matrices, np.eye(len(terms)), strict=True)):
        rounding = terms.rounding(unit)
        low = smallest_eigenvalue(A, terms.product, rounding).lower
        high = -smallest_eigenvalue(-A, terms.product, rounding).lower
        ranges[q] = max(low, -terms.defects[q]), high
    return SuccessiveConstraints.searched(terms, ranges, training, rtol, max_samples)

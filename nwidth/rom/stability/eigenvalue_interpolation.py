"""Interpolation of the smallest eigenvalue, which is concave, with a guaranteed lower bound."""

from typing import Any, ClassVar

import numpy as np

from nwidth.rom.stability.coercivity_samples import CoercivitySamples
from nwidth.rom.stability.hermitian_terms import HermitianTerms


class EigenvalueInterpolation(CoercivitySamples):
    """Bounds of the coercivity constant by interpolation of eigenvalues; see the function."""

    name: ClassVar[str] = "eigenvalue interpolation"


def eigenvalue_interpolation(
    matrices: Any,
    inner_product: Any,
    training: Any,
    rtol: float = 0.5,
    *,
    max_samples: int = 100,
    hermitian_part: bool = False,
) -> EigenvalueInterpolation:
    """Bound the coercivity constants of A(theta) = sum_q theta_q A_q between their samples.

        theta = sum_i w_i theta_i + sum_{A_q >= 0} p_q e_q,  w, p >= 0
            =>   alpha(theta)  >=  sum_i w_i alpha(theta_i)

    because the smallest eigenvalue is concave and positively homogeneous in real coefficients. The
    largest such sum is the solution of a linear program, of which the vertices are kept as in
    `successive_constraints`; samples are chosen in the same way, and the upper bounds are the same.
    No eigenproblem of a single term is solved: terms that are semidefinite are found by row sums or
    a factorization, and what leaves the cone of the samples and of these terms is priced by the
    crude `HermitianTerms.sizes`. So the bound is -inf not far outside of that cone; parameters in
    the corners of the box widen it. With terms A_q >= 0 alone it is never below the min-theta bound
    of the same samples, rounding apart. References: Kato (1995), doi:10.1007/978-3-642-66282-9,
    chapter 2, section 6, on eigenvalues of families of Hermitian matrices; Huynh, Rozza, Sen &
    Patera (2007), doi:10.1016/j.crma.2007.09.019, on the greedy choice.

    Arguments, costs and errors are those of `successive_constraints`.

    >>> A = [np.diag([1.0, 0.0]), np.diag([0.0, 1.0])]
    >>> training = [[1.0, t] for t in np.linspace(0.1, 3, 30)]
    >>> bound = eigenvalue_interpolation(A, None, training, rtol=0.01)
    >>> bound.lower([[1.0, 0.4], [2.0, 7.0]]).round(6).tolist(), len(bound.samples)
    ([0.4, 2.0], 3)
    """
    terms = HermitianTerms(matrices, inner_product, hermitian_part=hermitian_part)
    # The Hermitian part of a term is semidefinite, or it is only known to be between its sizes.
    ranges = np.stack([-terms.defects, terms.sizes], axis=1)
    return EigenvalueInterpolation.searched(terms, ranges, training, rtol, max_samples)

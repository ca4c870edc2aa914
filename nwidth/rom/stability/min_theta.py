"""The min-theta bound of the coercivity constant, from one or several reference parameters."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import real_floating, require_finite
from nwidth.errors import FileFormatError, InputError
from nwidth.rom._rounding_numba import EPS
from nwidth.rom.stability.hermitian_terms import HermitianTerms
from nwidth.rom.stability.smallest_eigenvalue import smallest_eigenvalue
from nwidth.rom.stability.stability_bound import require_coefficients

Array = NDArray[Any]

TINY = float(np.finfo(np.float64).tiny)
# Covers the rounding of a quotient, a product and a difference.
_DOWN = 1 - 8 * EPS
# Hermitian parts below this size, relative to the largest one, do not count: they are round-off.
_NOTHING = 1e-12
# A_q counts as semidefinite if it is >= -tau_q X with tau_q below this part of its size.
_SEMIDEFINITE = 1e-8


@dataclass(frozen=True)
class MinTheta:
    """Lower bound of the coercivity constant of terms A_q >= 0 with positive coefficients.

        alpha(theta)  >=  max_i  alpha_i  min_q theta_q / theta_iq  -  sum_q |theta_q| tau_q

    with known constants alpha_i at the references theta_i. It is sharp in theta = s theta_i, and
    costs Q quotients per reference. Where one of the counting coefficients is not positive it is
    -inf. Reference: Rozza, Huynh & Patera (2008), doi:10.1007/s11831-008-9019-9, section 4.2.1.

    Args:
        references: theta_i, shape (k, Q), positive; zero where a term does not count because its
            Hermitian part is zero, as that of convection: the same terms in each row.
        constants: alpha_i > 0, shape (k,), lower bounds of the coercivity at the references.
        defects: tau_q >= 0 with A_q >= -tau_q X, shape (Q,); by default zero. It holds what
            rounding has left of A_q >= 0, or all of a term that does not count.

    That the A_q are semidefinite is for the caller to know; `min_theta` makes the bound from the
    matrices and verifies it. Raises `InputError` for references and constants that are not
    positive, with their place.

    >>> bound = MinTheta([[1.0, 1.0], [1.0, 10.0]], [1.0, 2.0])
    >>> bound.lower([[1.0, 5.0], [1.0, 10.0]]).round(12).tolist()
    [1.0, 2.0]
    """

    references: Array
    constants: Array
    defects: Array | None = None

    name: ClassVar[str] = "min-theta"
    constant: ClassVar[str] = "coercivity"

    def __post_init__(self) -> None:
        references = _numbers(self.references, "references")
        if references.ndim != 2 or references.size == 0:
            raise InputError(f"references: expected shape (k, Q), got {references.shape}")
        constants = _numbers(self.constants, "constants")
        if constants.shape != references.shape[:1]:
            raise InputError(
                f"constants: expected one per reference, {len(references)}, got {constants.shape}"
            )
        defects = np.zeros(references.shape[1]) if self.defects is None else self.defects
        defects = _numbers(defects, "defects")
        if defects.shape != references.shape[1:] or (defects < 0).any():
            raise InputError(f"defects: expected {references.shape[1]} numbers >= 0")
        counts = references[0] != 0
        wrong = np.argwhere(np.where(counts, references <= 0, references != 0))
        if len(wrong) or not counts.any():
            i, q = (int(n) for n in wrong[0]) if len(wrong) else (0, 0)
            raise InputError(
                f"references: expected positive coefficients, got {references[i, q]} at {(i, q)}; "
                "choose reference parameters where all coefficients are positive"
            )
        for k in np.flatnonzero(constants <= 0):
            raise InputError(
                f"constants: expected positive ones, got {constants[k]} at {(int(k),)}"
            )
        for name, value in (
            ("references", references),
            ("constants", constants),
            ("defects", defects),
        ):
            object.__setattr__(self, name, value)

    @property
    def terms(self) -> int:
        """Q, the number of coefficients."""
        return self.references.shape[1]

    def lower(self, theta: Any) -> Array:
        """Return lower bounds (m,) of the coercivity constants for coefficients (m, Q)."""
        theta = require_coefficients(theta, self.terms)
        counts = self.references[0] != 0
        best = np.zeros(len(theta))
        with np.errstate(over="ignore", under="ignore"):
            for reference, constant in zip(self.references, self.constants, strict=True):
                least = (theta[:, counts] / reference[counts]).min(axis=1)
                np.maximum(best, constant * least, out=best)
            best = best * _DOWN - (np.abs(theta) @ self.defects) * (1 + self.terms * EPS)
        # Below the normal numbers quotients have no relative precision.
        return np.where(best > TINY, np.minimum(best, np.finfo(np.float64).max), -np.inf)

    def archived(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """Return what files hold: arrays, and a description."""
        names = ("references", "constants", "defects")
        return {name: getattr(self, name) for name in names}, {"name": self.name}

    @classmethod
    def from_archived(cls, arrays: dict[str, Array], told: dict[str, Any]) -> Self:
        """Return the bound of what `archived` gave, or raise `FileFormatError`."""
        try:
            return cls(arrays["references"], arrays["constants"], arrays["defects"])
        except (InputError, KeyError) as error:
            raise FileFormatError(f"{cls.name} bound: {error}") from None


def min_theta(
    matrices: Any, inner_product: Any, references: Any, *, hermitian_part: bool = False
) -> MinTheta:
    """Return the min-theta bound of matrices, with everything it needs verified.

    That A_q >= -tau_q X is shown by the sums of its rows (Gershgorin's theorem, without rounding
    for real matrices: tau_q = 0) or by a factorization of A_q + shift X, with tau_q near round-off;
    the constants alpha_i at the references are smallest eigenvalues with a proved lower bound. See
    `MinTheta` for the formula and its reference.

    Args:
        matrices: the A_q, dense or sparse, n x n, Hermitian and positive semidefinite.
        inner_product: X, an `InnerProduct` or its matrix; None for the Euclidean one.
        references: positive coefficients theta_i, shape (k, Q), as of a few parameters in the box;
            one in the middle is a good first choice, the corners raise the bound.
        hermitian_part: whether matrices may differ from their adjoints; then their Hermitian parts
            must be semidefinite, and those that vanish do not count.

    Raises `InputError` for a term that is not semidefinite, naming it, for references that are not
    positive, and for matrices known by their action alone: state what you know of these by
    `MinTheta(references, constants)`.

    >>> bound = min_theta([np.diag([1.0, 0.0]), np.diag([0.0, 1.0])], None, [[1.0, 1.0]])
    >>> bound.lower([[3.0, 2.0]]).round(9).tolist()
    [2.0]
    """
    terms = HermitianTerms(matrices, inner_product, hermitian_part=hermitian_part)
    references = np.atleast_2d(_numbers(references, "references"))
    if references.shape[1:] != (len(terms),):
        raise InputError(f"references: expected shape (k, {len(terms)}), got {references.shape}")
    counts = terms.sizes > _NOTHING * terms.sizes.max()
    for q in np.flatnonzero(counts & (terms.defects > _SEMIDEFINITE * terms.sizes)):
        low = smallest_eigenvalue(terms.span.matrices[q], terms.product).upper
        raise InputError(
            f"matrices[{q}]: expected a positive semidefinite matrix, its smallest eigenvalue is "
            f"{low:.3g} against the inner product; combine terms until all are semidefinite, or "
            "use successive_constraints"
        )
    references = np.where(counts, references, 0.0)
    MinTheta(references, np.ones(len(references)))  # references are refused before the work
    constants = np.empty(len(references))
    for i, theta in enumerate(references):
        pair = smallest_eigenvalue(terms.combine(theta), terms.product, terms.rounding(theta))
        if pair.lower <= 0:
            raise InputError(
                f"references[{i}]: expected a coercive matrix, its smallest eigenvalue is at most "
                f"{pair.upper:.3g} for theta = {theta.tolist()!r:.120}; all terms together must be "
                "definite, as with a Dirichlet side or a mass term"
            )
        constants[i] = pair.lower
    return MinTheta(references, constants, np.where(counts, terms.defects, terms.sizes))


def _numbers(values: Any, name: str) -> Array:
    values = values if hasattr(values, "dtype") else np.asarray(values)
    return require_finite(real_floating(values, name).astype(np.float64), name)

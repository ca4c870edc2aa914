"""The classical expansion of the dual norm of residuals, which loses half of all digits."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance
from nwidth.arrays import as_floating, require_finite, require_shape
from nwidth.errors import InputError
from nwidth.rom.affine_problem import AffineProblem
from nwidth.rom.inner_product import InnerProduct

Array = NDArray[Any]


class ExpandedResidual:
    """The dual norm of residuals by expanding its square: for teaching, not for certificates.

        ||r(mu)||'^2  =  z^H G z,    G_jk = c_j^H X^-1 c_k,    r = sum_k c_k z_k

    with the columns and coefficients of `ResidualBasis`. It is right on paper, cheap, and found in
    many textbooks and codes. In floating point z^H G z is a small difference of terms of the size
    of ||f||'^2, each with a relative error of eps. Once ||r||' is below sqrt(eps) ||f||', about
    1e-8, nothing of the square is left but this noise, of either sign: a square root of its
    positive part certifies an error of zero where it happens to be negative, and of 1e-8 ||f||'
    elsewhere, however small the error is. `ResidualBasis` never forms the square. References:
    Rozza, Huynh & Patera (2008), doi:10.1007/s11831-008-9019-9, section 4.3, on the expansion;
    F. Casenave, A. Ern, T. Lelievre (2014), arXiv:1212.0970, on what rounding does.

    Args:
        problem: its matrices and sources.
        inner_product: X, or what `InnerProduct.of` takes; None is Euclid's.
        basis: columns (n, N).

    Raises `InputError` for sizes that do not fit and `NonFiniteError` for NaN and infinity.

    >>> A = [np.diag([2.0, 0.0]), np.diag([0.0, 4.0])]
    >>> problem = AffineProblem(lambda mu: mu, A, lambda mu: [1.0], [[2.0, 4.0]])
    >>> expanded = ExpandedResidual(problem, None, np.eye(2)[:, :1])
    >>> float(expanded.square([1.0, -1.0, 0.0]))
    16.0
    """

    def __init__(self, problem: AffineProblem, inner_product: Any, basis: Any):
        require_instance(problem, "problem", AffineProblem)
        product = InnerProduct.of(inner_product, problem.size)
        V = as_floating(np.asarray(basis), "basis")
        require_finite(require_shape(V, (problem.size, None), "basis"), "basis")
        columns = [np.stack(list(problem.sources.matrices), axis=1)]
        for v in V.T:
            if problem.matrices.kind == "operator":
                columns.append(np.stack([A.apply(v) for A in problem.matrices.matrices], axis=1))
            else:
                columns.append(np.stack([A @ v for A in problem.matrices.matrices], axis=1))
        C = np.concatenate(columns, axis=1)
        #: G, shape (columns, columns).
        self.gram: Array = C.conj().T @ product.riesz(C)

    def square(self, z: Any) -> Any:
        """Return z^H G z as it comes, also negative, for z (columns,) or (columns, m)."""
        z = require_finite(as_floating(np.asarray(z), "z"), "z")
        if z.ndim not in (1, 2) or len(z) != len(self.gram):
            raise InputError(f"z: expected {len(self.gram)} numbers or rows, got shape {z.shape}")
        return np.sum(z.conj() * (self.gram @ z), axis=0).real

    def dual_norm(self, z: Any) -> Any:
        """Return the root of `square`: NaN, not zero, where rounding has made it negative."""
        square = np.asarray(self.square(z))
        return np.where(square >= 0, np.sqrt(np.abs(square)), np.nan)[()]

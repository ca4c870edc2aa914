"""The dual norm of the residuals of reduced quadratic problems."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_integer
from nwidth.arrays import real_floating, require_finite, require_shape
from nwidth.errors import InputError
from nwidth.rom._rounding_numba import EPS
from nwidth.rom.quadratic_problem import QuadraticProblem
from nwidth.rom.residual_basis import ResidualBasis

Array = NDArray[Any]


class QuadraticResidualBasis(ResidualBasis):
    """A `ResidualBasis` whose columns are those of f - A V x - B(V x, V x) as well.

        z = (phi_q; for each n: -theta_q x_n, and of each p: -2 psi_p x_j x_n, j < n, -psi_p x_n^2)

    The columns are the sources, then for each vector v_n of the basis A_1 v_n, ..., A_Q v_n and the
    symmetric b_p(v_1, v_n), ..., b_p(v_n, v_n) of each p. Products with A_q are computed in twice
    the working precision; the rounding of b_p, at most gamma_c |C|^T (|D| |u| * |E| |v|) with c
    operations, goes to the allowances. The lift u~ = fl(V x) is not part of these: whoever bounds
    errors adds its rounding. Reference: Higham (2002), doi:10.1137/1.9780898718027, section 3.5.

    >>> from nwidth.rom.affine_problem import AffineProblem
    >>> from nwidth.rom.quadratic_form import QuadraticForm
    >>> linear = AffineProblem(lambda mu: [1.0], [np.eye(1)], lambda mu: [mu[0]], [[1.0]])
    >>> problem = QuadraticProblem(linear, lambda mu: [1.0], [QuadraticForm([[1]], [[1]], [[1]])])
    >>> residuals = QuadraticResidualBasis(problem)
    >>> residuals.extend(np.ones((1, 1)))
    >>> float(residuals.dual_norm([6.0, -1.0, -1.0]).round(12))  # 6 - x - x^2 for x = 1
    4.0
    """

    def __init__(self, problem: QuadraticProblem, inner_product: Any = None):
        self._forms = require_instance(problem, "problem", QuadraticProblem).forms
        super().__init__(problem.linear, inner_product)
        if self._complex:
            raise InputError("inner product: expected a real one for a real problem")
        self._basis = np.zeros((problem.size, 0))

    def extend(self, V: Any) -> None:
        """Add vectors (n,) or (n, m) to the reduced basis."""
        V = np.asarray(real_floating(np.asarray(V), "V"), np.float64)
        V = V[:, None] if V.ndim == 1 else V
        require_finite(require_shape(V, (self.inner_product.size, None), "V"), "V")
        for v in V.T:
            self._basis = np.concatenate([self._basis, v[:, None]], axis=1)
            self._add(*self._products(v[:, None]))
            for b in self._forms:
                columns = b.symmetric(self._basis, v)
                units = [b.magnitude(u, v) + b.magnitude(v, u) for u in self._basis.T]
                errors = (b.operations + 4) * EPS / 2 * np.stack(units)
                scaled = np.linalg.norm(errors / np.sqrt(self.inner_product.diagonal), axis=1)
                scaled /= np.sqrt(self.inner_product.lowest)
                self._add(columns, np.zeros_like(columns), scaled)
            self._rough.append(self._roughness(v))
            self.row_counts.append(self.rows)

    def truncated(self, count: int) -> tuple[Array, Array]:
        """Return R and a_k for the first so many vectors of the reduced basis."""
        count = require_integer(count, "count", 0)
        if count > self.size:
            raise InputError(f"count: expected at most {self.size} vectors, got {count}")
        quadratic = len(self._forms) * count * (count + 1) // 2
        columns = self.sources + count * self.terms + quadratic
        rows = self.row_counts[count]
        R = np.zeros((rows, columns))
        for k, column in enumerate(self._columns[:columns]):
            R[: len(column), k] = column
        sizes = np.linalg.norm(R, axis=0)
        # Coefficients correct to 4 units, products of two numbers x, sums of so many terms.
        a = np.array(self._measured[:columns]) + (columns / 2 + 12) * EPS * sizes
        product = self.inner_product
        unseen = self.rows * product.norm_rounding
        stretch = np.sqrt(1 + np.sqrt(self._defect) + unseen) * (1 + (rows + 8) * EPS)
        return R * stretch, a * (1 + product.norm_rounding) * (1 + (columns + 8) * EPS)

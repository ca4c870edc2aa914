"""A reduced model of a quadratic problem under construction: solutions come in."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance
from nwidth.arrays import real_floating, require_finite, require_shape
from nwidth.errors import InputError
from nwidth.rom._rounding_numba import EPS
from nwidth.rom.affine_problem import AffineProblem
from nwidth.rom.inner_product import InnerProduct
from nwidth.rom.jacobian_stability import JacobianStability, jacobian_coercivity, term_ranges
from nwidth.rom.matrix_span import MatrixSpan
from nwidth.rom.parameter_box import ParameterBox
from nwidth.rom.quadratic_basis import QuadraticBasis
from nwidth.rom.quadratic_continuity import quadratic_continuity
from nwidth.rom.quadratic_problem import QuadraticProblem, parameter_rows
from nwidth.rom.quadratic_residual_basis import QuadraticResidualBasis

Array = NDArray[Any]


class GrowingQuadraticBasis:
    """The basis V of a reduced quadratic problem and all that depends on it, kept up to date.

    Each solution u(mu_k) that comes in is orthonormalized against V and added, with the products
    A_q v_n and b_p(v_j, v_n); and it becomes an anchor, whose Jacobian's coercivity constant is
    computed and proved (`JacobianStability`), also where the basis holds it already. Reference:
    Veroy & Patera (2005), doi:10.1002/fld.867.

    Args:
        problem: the problem of n unknowns.
        inner_product: X, in whose norm errors are measured: an `InnerProduct` or a matrix.
        box: the parameters that the model is meant for.
        continuity: gamma_p with |w . b_p(u, v)| <= gamma_p ||u|| ||v|| ||w||, one for each term; by
            default `quadratic_continuity` computes them.

    >>> from nwidth.rom.quadratic_form import QuadraticForm
    >>> linear = AffineProblem(lambda mu: [1.0], [np.eye(1)], lambda mu: [mu[0]], [[1.0]])
    >>> problem = QuadraticProblem(linear, lambda mu: [1.0], [QuadraticForm([[1]], [[1]], [[1]])])
    >>> growing = GrowingQuadraticBasis(problem, np.eye(1))
    >>> growing.extend([6.0], problem.solve([6.0]).u)
    1
    >>> answer = growing.model().solve([12.0])  # u + u^2 = 12
    >>> answer.x.round(9).tolist(), answer.bound < 1e-13
    ([3.0], True)
    """

    def __init__(
        self,
        problem: QuadraticProblem,
        inner_product: Any,
        box: ParameterBox | None = None,
        continuity: Any = None,
    ):
        self.problem = require_instance(problem, "problem", QuadraticProblem)
        self.inner_product = InnerProduct.of(inner_product, problem.size)
        self.residual = QuadraticResidualBasis(problem, self.inner_product)
        self.box = None if box is None else require_instance(box, "box", ParameterBox)
        if continuity is None:
            continuity = [quadratic_continuity(b, self.inner_product) for b in problem.forms]
        self.continuity = real_floating(np.asarray(continuity), "continuity").astype(np.float64)
        require_shape(self.continuity, (len(problem.forms),), "continuity")
        if not (require_finite(self.continuity, "continuity") >= 0).all():
            raise InputError(f"continuity: expected numbers >= 0, got {self.continuity.tolist()}")
        self._ranges = term_ranges(problem, self.inner_product)
        n, P = problem.size, len(problem.forms)
        self._matrices = [A.astype(np.float64) for A in problem.linear.matrices.matrices]
        self._sources = problem.linear.sources.table()[0].astype(np.float64)
        self._basis = np.zeros((n, 0))
        self._anchors: list[tuple[Array, Array, Array, Array, float]] = []
        self._tensors = np.zeros((P, 0, 0, 0))

    def __len__(self) -> int:
        return self._basis.shape[1]

    @property
    def basis(self) -> Array:
        """V, shape (n, N)."""
        return self._basis

    @property
    def anchors(self) -> int:
        """Number of known solutions."""
        return len(self._anchors)

    def extend(self, mu: Any, u: Any, *, anchor_only: bool = False) -> int:
        """Add the solution u of one parameter as anchor and to the basis; return what was new.

        The number is 0 where the basis held it already, up to rounding, or if the solution is
        wanted as an anchor alone.
        """
        u = real_floating(np.asarray(u), "u").astype(np.float64)
        require_finite(require_shape(u, (self.problem.size,), "u"), "u")
        rows = parameter_rows(np.asarray(mu)[None])
        theta, phi, psi = (c[0] for c in self.problem.coefficients(rows))
        constant = jacobian_coercivity(self.problem, rows[0], u, self.inner_product)
        self._anchors.append((theta, phi, psi, u, constant))
        if anchor_only:
            return 0
        new = self.inner_product.orthonormalize(u, self._basis)
        for v in new.T:
            self._add(v)
        return new.shape[1]

    def model(self) -> QuadraticBasis:
        """Return the model of all solutions so far, which does not change when others come."""
        if not self._anchors or not len(self):
            raise InputError("model: expected at least one solution; give one to extend")
        V, X = self._basis, self.inner_product
        linear = self.problem.linear
        small = np.stack([V.T @ (A @ V) for A in self._matrices])
        R, allowance = self.residual.truncated(len(self))
        theta, phi, psi, u, constants = zip(*self._anchors, strict=True)
        U = np.stack(u, axis=1)
        states = X.inner(V, U)
        # Rounding of the projection comes on top of what the span lacks.
        tails = X.norm(U - V @ states) + 64 * self.problem.size * EPS * X.norm(U)
        stability = JacobianStability(
            np.stack(theta), np.stack(psi), states.T, tails, np.array(constants),
            *self._ranges, self.continuity,
        )  # fmt: skip
        return QuadraticBasis(
            AffineProblem(
                linear.theta, MatrixSpan(small), linear.phi, MatrixSpan(self._sources @ V)
            ),
            self.problem.psi,
            self._tensors.copy(),
            stability,
            np.stack(phi),
            R,
            allowance,
            np.sqrt(np.sum(abs(V) * (abs(X.matrix) @ abs(V)), axis=0)),
            V,
            self.box,
        )

    def _add(self, v: Array) -> None:
        """Add an orthonormal vector with the columns of the residual that it brings."""
        V = np.concatenate([self._basis, v[:, None]], axis=1)
        N, P = V.shape[1], len(self.problem.forms)
        self.residual.extend(v)
        tensors = np.zeros((P, N, N, N))
        tensors[:, :-1, :-1, :-1] = self._tensors
        for p, b in enumerate(self.problem.forms):
            products = b.symmetric(V, v)
            tensors[p, :, :, -1] = V.T @ products
            tensors[p, :, -1, :] = V.T @ products
            for i in range(N - 1):  # what the new vector is tested with
                tensors[p, -1, i, : N - 1] = v @ b.symmetric(V[:, : N - 1], V[:, i])
        self._basis, self._tensors = V, tensors

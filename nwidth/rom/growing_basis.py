"""A reduced basis under construction: vectors come in, a certified model comes out."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_choice, require_instance
from nwidth.arrays import as_floating
from nwidth.errors import InputError
from nwidth.rom.affine_problem import AffineProblem
from nwidth.rom.inner_product import InnerProduct
from nwidth.rom.matrix_span import MatrixSpan
from nwidth.rom.parameter_box import ParameterBox
from nwidth.rom.reduced_basis import TESTS, ReducedBasis, require_stability
from nwidth.rom.residual_basis import ResidualBasis
from nwidth.rom.stability.stability_bound import StabilityBound
from nwidth.solvers.linear_operator import LinearOperator

Array = NDArray[Any]


class GrowingBasis:
    """The basis V of a reduced model and all that depends on it, kept up to date.

    `extend` orthonormalizes new vectors, applies each A_q to them once, and adds rows and columns
    to V^H A_q V and to the basis of residuals; what was there before is not touched. Reference:
    Rozza, Huynh & Patera (2008), doi:10.1007/s11831-008-9019-9, sections 3.3 and 4.3.

    Args:
        problem: the problem of n unknowns.
        inner_product: X, in whose norm errors are measured: an `InnerProduct` or a matrix.
        stability: a lower bound of the coercivity constant with respect to X, or of the inf-sup
            constant.
        box: the parameters that the model is meant for.
        test: "galerkin", or "least-squares" for problems that are not coercive.

    Raises `InputError` for sizes that do not fit.

    >>> from nwidth.rom.stability import MinTheta
    >>> problem = AffineProblem(lambda mu: [1.0, mu[0]], [np.diag([1.0, 2.0]), np.eye(2)],
    ...                         lambda mu: [1.0], [[1.0, 1.0]])
    >>> X = np.diag([2.0, 3.0])
    >>> growing = GrowingBasis(problem, X, MinTheta([[1.0, 1.0]], [1.0]))
    >>> growing.extend(np.linalg.solve(problem.matrix([1.0]), problem.source([1.0])))
    1
    >>> model = growing.model()
    >>> model.solve([1.0]).bound < 1e-14, 0.01 < model.solve([2.0]).bound < 0.1
    (True, True)
    """

    def __init__(
        self,
        problem: AffineProblem,
        inner_product: Any,
        stability: StabilityBound,
        box: ParameterBox | None = None,
        test: str = "galerkin",
    ):
        self.problem = require_instance(problem, "problem", AffineProblem)
        self.inner_product = InnerProduct.of(inner_product, problem.size)
        self.stability = require_stability(stability, len(problem.matrices))
        self.box = None if box is None else require_instance(box, "box", ParameterBox)
        self.test = require_choice(test, "test", TESTS)
        kinds = [problem.matrices.dtype, problem.sources.dtype, self.inner_product.dtype]
        is_complex = problem.is_complex or any(kind.kind == "c" for kind in kinds)
        self.dtype = np.dtype(np.complex128 if is_complex else np.float64)
        # Coefficients alone may be what makes a problem complex.
        sources = np.stack(list(problem.sources.matrices)).astype(self.dtype)
        self.residual = ResidualBasis(
            AffineProblem(problem.theta, problem.matrices, problem.phi, MatrixSpan(sources)),
            self.inner_product,
        )
        Q, n = len(problem.matrices), problem.size
        self._basis = np.zeros((n, 0), self.dtype, "F")
        self._matrices = np.zeros((Q, 0, 0), self.dtype)
        self._sources, self._reduced_sources = sources, sources[:, :0]

    def __len__(self) -> int:
        return self._basis.shape[1]

    @property
    def basis(self) -> Array:
        """V, shape (n, N)."""
        return self._basis

    def extend(self, u: Any) -> int:
        """Add one vector (n,) or several (n, m), and return how many were new.

        A vector that depends on those before, up to rounding, is dropped.
        """
        new = self.inner_product.orthonormalize(as_floating(u, "u"), self._basis)
        if new.dtype.kind == "c" and self.dtype.kind != "c":
            raise InputError("u: expected real vectors of a real problem, got complex ones")
        new = new.astype(self.dtype, copy=False)
        count = new.shape[1]
        if count == 0:
            return 0
        old, N = self._basis, len(self)
        V = np.empty((len(old), N + count), self.dtype, "F")
        V[:, :N], V[:, N:] = old, new
        matrices = np.zeros((len(self._matrices), N + count, N + count), self.dtype)
        matrices[:, :N, :N] = self._matrices
        for q, A in enumerate(self.problem.matrices.matrices):
            matrices[q, :, N:] = V.conj().T @ _product(A, new)
            matrices[q, N:, :N] = _adjoint_product(A, new).conj().T @ old
        self._matrices = matrices
        more = self._sources @ new.conj()
        self._reduced_sources = np.concatenate([self._reduced_sources, more], axis=1)
        self.residual.extend(new)
        self._basis = V
        return count

    def model(self) -> ReducedBasis:
        """Return the model of all vectors so far, which does not change when others come."""
        problem = AffineProblem(
            self.problem.theta,
            MatrixSpan(self._matrices),
            self.problem.phi,
            MatrixSpan(self._reduced_sources),
        )
        R, allowance = self.residual.truncated(len(self))
        if self.dtype.kind == "c":  # sums of complex products are rounded in both parts
            allowance = allowance * np.sqrt(2)
        return ReducedBasis(
            problem,
            R,
            allowance,
            self.stability,
            self._basis,
            self.box,
            self.test,
        )


def _product(A: Any, V: Array) -> Array:
    """Return A V for a matrix or an operator."""
    if isinstance(A, LinearOperator):
        return np.stack([A.apply(v) for v in V.T], axis=1)
    return A @ V


def _adjoint_product(A: Any, V: Array) -> Array:
    """Return A^H V for a matrix or an operator."""
    if isinstance(A, LinearOperator):
        return np.stack([A.adjoint(v) for v in V.T], axis=1)
    return A.conj().T @ V

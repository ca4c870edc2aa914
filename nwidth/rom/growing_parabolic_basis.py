"""A reduced basis of a parabolic problem under construction: trajectories come in, a model out."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance
from nwidth.arrays import as_floating, require_finite, require_shape
from nwidth.errors import InputError
from nwidth.rom._rounding_numba import LOST
from nwidth.rom.affine_problem import AffineProblem
from nwidth.rom.inner_product import InnerProduct
from nwidth.rom.matrix_span import MatrixSpan
from nwidth.rom.parabolic_basis import EPS, ParabolicBasis, require_coercivity
from nwidth.rom.parabolic_problem import ParabolicProblem
from nwidth.rom.parameter_box import ParameterBox
from nwidth.rom.residual_basis import ResidualBasis
from nwidth.rom.stability import StabilityBound

Array = NDArray[Any]


class GrowingParabolicBasis:
    """The basis V of a reduced parabolic model and all that depends on it, kept up to date.

    New vectors are orthonormalized in X; M_q and A_q are applied to them once. Initial values are
    projected in X, and what is left of each, e_j = u_0j - V V^H X u_0j, is kept as a vector, so
    that its norm is no difference of large numbers. Reference: Haasdonk & Ohlberger (2008),
    doi:10.1051/m2an:2008001, section 3.

    Args:
        problem: the problem of n unknowns.
        inner_product: X, in whose dual norm residuals are measured: an `InnerProduct` or a matrix.
        stability: a lower bound of the coercivity constant of A(mu) with respect to X.
        box: the parameters that the model is meant for.

    Raises `InputError` for sizes that do not fit.

    >>> from nwidth.rom.stability import MinTheta
    >>> A = np.diag([1.0, 4.0])
    >>> cooling = AffineProblem(lambda mu: mu, [A], lambda mu: [0.0], [[0.0, 0.0]])
    >>> problem = ParabolicProblem(cooling, np.eye(2), [0.0, 0.1, 0.2], initial=[1.0, 1.0])
    >>> growing = GrowingParabolicBasis(problem, A, MinTheta([[1.0]], [1.0]))
    >>> growing.extend([1.0, 1.0])
    1
    >>> model = growing.model()
    >>> error = problem.trajectory([1.0]) - model.lift(model.solve([1.0]).x)
    >>> bool(np.linalg.norm(error[-1]) <= model.solve([1.0]).bound[-1] < 1.0)
    True
    """

    def __init__(
        self,
        problem: ParabolicProblem,
        inner_product: Any,
        stability: StabilityBound,
        box: ParameterBox | None = None,
    ):
        self.problem = require_instance(problem, "problem", ParabolicProblem)
        self.inner_product = InnerProduct.of(inner_product, problem.size)
        self.stability = stability
        self.box = None if box is None else require_instance(box, "box", ParameterBox)
        elliptic = problem.problem
        require_coercivity(stability, len(elliptic.matrices))
        terms = MatrixSpan([*elliptic.matrices.matrices, *problem.mass.matrices])
        values = np.stack(list(problem.initial.matrices), axis=1)
        kinds = [terms.dtype, elliptic.sources.dtype, self.inner_product.dtype, values.dtype]
        # Coefficients alone may be what makes a problem complex.
        is_complex = elliptic.is_complex or problem.start.is_complex
        self.dtype = np.result_type(np.complex128 if is_complex else np.float64, *kinds)
        sources = np.stack(list(elliptic.sources.matrices)).astype(self.dtype)
        #: A_1 ... A_Q, M_1 ... M_(Q_m) and f_1 ... f_Qf, the terms of residuals.
        self.terms = AffineProblem(None, terms, None, MatrixSpan(sources))
        #: The basis of the residuals.
        self.residual = ResidualBasis(self.terms, self.inner_product)
        n, J = values.shape
        self._basis = np.zeros((n, 0), self.dtype, "F")
        self._matrices = np.zeros((len(terms), 0, 0), self.dtype)
        self._sources = np.zeros((len(elliptic.sources), 0), self.dtype)
        self._initial = np.zeros((0, J), self.dtype)
        self._left, self._size = values.astype(self.dtype), np.abs(values)
        self._missed = [self._initial_error()]

    @property
    def size(self) -> int:
        """Number N of basis vectors."""
        return self._basis.shape[1]

    def __len__(self) -> int:
        return self.size

    @property
    def basis(self) -> Array:
        """V, shape (n, N)."""
        return self._basis

    def remainder(self, trajectory: Any) -> Array:
        """Return u^k - V V^H X u^k of fields (K + 1, n), projected twice."""
        u = as_floating(np.asarray(trajectory), "trajectory")
        require_finite(require_shape(u, (None, self.problem.size), "trajectory"), "trajectory")
        left = np.array(u, np.result_type(self.dtype, u)).T
        for _ in range(2):
            left -= self._basis @ self.inner_product.inner(self._basis, left)
        return left.T

    def extend(self, u: Any) -> int:
        """Add one vector (n,) or columns (n, m), and return how many were new.

        A vector that depends on those before, up to rounding, is dropped.
        """
        new = self.inner_product.orthonormalize(u, self._basis)
        if new.dtype.kind == "c" and self.dtype.kind != "c":
            raise InputError("u: expected real vectors of a real problem, got complex ones")
        new = new.astype(self.dtype, copy=False)
        old, V = self._basis, np.concatenate([self._basis, new], axis=1)
        N, count = old.shape[1], new.shape[1]
        if count == 0:
            return 0
        spans, both = (
            self.terms.matrices,
            np.zeros((len(self._matrices), *(N + count,) * 2), V.dtype),
        )
        both[:, :N, :N] = self._matrices
        both[:, :, N:] = spans.project(new, V)
        if N:
            both[:, N:, :N] = spans.project(old, new)
        self._matrices = both
        self._sources = np.concatenate([self._sources, self.terms.sources.project(new)], axis=1)
        self.residual.extend(new)
        for v in new.T:
            part = self.inner_product.inner(v[:, None], self._left)
            self._left -= np.outer(v, part)
            self._size += np.outer(np.abs(v), np.abs(part))
            self._initial = np.concatenate([self._initial, part])
            self._missed.append(self._initial_error())
        self._basis = np.asfortranarray(V)
        return count

    def model(self) -> ParabolicBasis:
        """Return the model of all vectors so far, which does not change when others come.

        Raises `InputError` for a basis without vectors.
        """
        if self.size == 0:
            raise InputError("model: expected a basis of one vector at least; extend it first")
        problem, Q = self.problem, len(self.problem.problem.matrices)
        mass = self._matrices[Q:]
        reduced = ParabolicProblem(
            AffineProblem(
                problem.problem.theta,
                MatrixSpan(self._matrices[:Q]),
                problem.problem.phi,
                MatrixSpan(self._sources),
            ),
            MatrixSpan((mass + mass.conj().swapaxes(1, 2)) / 2),
            problem.times,
            problem.signals,
            self._initial.T.copy(),
            problem.scheme,
            problem.start.theta,
            problem.start.phi,
        )
        R, allowance = self.residual.truncated(self.size)
        if self.dtype.kind == "c":  # sums of complex products are rounded in both parts
            allowance = allowance * np.sqrt(2)
        return ParabolicBasis(
            reduced,
            R,
            allowance,
            np.stack([B for B, _ in self._missed]),
            np.stack([b for _, b in self._missed]),
            self.stability,
            self._basis,
            self.box,
        )

    def _initial_error(self) -> tuple[Array, Array]:
        """Return B_q and b_q, what bounds the norms of sum_j c_j e_j, (Q_m, J, J) and (Q_m, J)."""
        J, n = self._left.shape[1], self.problem.size
        rounding = (len(self._initial) + J + 16) * EPS * self._size
        factors = [_factor(self._left, M) for M in self.problem.mass.matrices]
        spread = [
            np.sqrt(np.sum(rounding * (abs(M) @ rounding), axis=0)) + LOST
            for M in self.problem.mass.matrices
        ]
        # Products of vectors are rounded by less than one unit for each of their entries.
        return np.stack(factors) * (1 + 4 * (n + 8) * EPS), np.stack(spread)


def _factor(E: Array, M: Any) -> Array:
    """Return B, upper triangular, with |B c|^2 = (E c) . M (E c), by Gram-Schmidt, each pass twice.

    No Gram matrix is formed, in which combinations that nearly cancel would drown.
    """
    Q, B = np.zeros_like(E), np.zeros((E.shape[1],) * 2, E.dtype)
    for j, e in enumerate(E.T):
        rest = e.copy()
        for _ in range(2):
            part = Q.conj().T @ (M @ rest)
            rest -= Q @ part
            B[:, j] += part
        size = np.sqrt(max(float(np.real(rest.conj() @ (M @ rest))), 0.0))
        B[j, j] = size
        if size > 0:
            Q[:, j] = rest / size
    return B

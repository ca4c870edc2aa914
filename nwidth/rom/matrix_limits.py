"""Limits of matrix powers: f(A(mu)) from a few f(A(mu_r)), with weights that know no matrix."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations_with_replacement
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_integer, require_number
from nwidth.arrays import as_floating, require_finite
from nwidth.errors import InputError
from nwidth.rom.eim import eim
from nwidth.rom.empirical_interpolation import EmpiricalInterpolation
from nwidth.rom.matrix_span import MatrixSpan
from nwidth.rom.training_parameters import TrainingParameters

Array = NDArray[Any]


@dataclass(frozen=True)
class MatrixLimits:
    """Weights lambda with f(A(mu)) ~ sum_r lambda_r(mu) f(A(mu_r)), the same for every f.

        F^T lambda(mu) = (theta(mu)^alpha)_alpha,    F_r,alpha = theta(mu_r)^alpha,    |alpha| <= M

    For A(mu) = A_0 + sum_k theta_k(mu) A_k all polynomials of A(mu) of degree M, and the trace of
    each, are combinations of the monomials theta^alpha, and the formula is exact for them. So it is
    close for functions near to polynomials: inverse, logarithm and its trace, the log-determinant,
    exponential, square root. Reference: Casenave, Akkari, Charles & Rey (2017), arXiv:1710.02488.

    `parameters` are the mu_r and `indices` their rows in `training`; `exponents` all the alpha, of
    which `interpolation.points` are interpolated; `scales` the largest |theta_k| of training, by
    which monomials are divided.
    """

    training: TrainingParameters
    degree: int
    exponents: Array
    scales: Array
    interpolation: EmpiricalInterpolation
    theta: Callable[[Any], Any] | None = None
    jacobian: Callable[[Any], Any] | None = None

    @property
    def rank(self) -> int:
        """Number of snapshots f(A(mu_r))."""
        return self.interpolation.rank

    @property
    def indices(self) -> Array:
        """Rows of the chosen parameters in the training set."""
        return self.interpolation.rows

    @property
    def parameters(self) -> Array:
        """The chosen parameters mu_r, at which f(A(mu_r)) is needed."""
        return self.training.values[self.indices]

    def weights(self, mu: Any) -> Array:
        """Return lambda, shape (d,) or (many, d); warns of mu outside of the training box."""
        self.training.warn_outside(mu)
        rows, several = self.training.many(mu)
        known = self._monomials(rows)[:, self.interpolation.points]
        found = self.interpolation.coefficients(known)
        return found if several else found[0]

    def weight_gradients(self, mu: Any) -> Array:
        """Return d lambda_r / d mu_j for one mu, shape (p, d), with p = 1 if mu is a number.

        F^T d lambda / d mu_j = sum_k (d theta^alpha / d theta_k) (d theta_k / d mu_j).
        """
        rows, several = self.training.many(mu)
        if several:
            raise InputError("mu: expected one parameter for a gradient, got several")
        t, alpha = self._scaled(rows)[0], self.exponents[self.interpolation.points]
        slopes = np.stack(
            [
                alpha[:, k] * np.prod(t ** np.maximum(alpha - (np.arange(len(t)) == k), 0), axis=1)
                for k in range(len(t))
            ]
        )
        J = self._slopes_of_theta(rows[0]) / self.scales[:, None]
        return self.interpolation.coefficients(J.T @ slopes)

    def evaluate(self, snapshots: Any, mu: Any) -> Any:
        """Return sum_r lambda_r(mu) f_r for one mu; f_r = f(A(mu_r)) are numbers or matrices.

        They may be dense, sparse, or operators, such as solvers of A(mu_r).
        """
        return self._span(snapshots).combine(self.weights(mu))

    def gradient(self, snapshots: Any, mu: Any) -> Array:
        """Return the derivatives of `evaluate` with respect to mu, shape (p, *shape)."""
        span = self._span(snapshots)
        if span.kind != "dense":
            raise InputError("snapshots: expected numbers or dense matrices for a gradient")
        return np.stack([span.combine(row) for row in self.weight_gradients(mu)])

    def lebesgue(self, mu: Any) -> Any:
        """Return |lambda(mu)|_1, a number or shape (many,): how errors of snapshots grow."""
        return np.abs(self.weights(mu)).sum(axis=-1)

    def defect(self, mu: Any) -> float:
        """Return the largest error of a scaled monomial at mu, which is to be round-off.

        It is larger where training parameters depend on each other in a way that mu does not, and
        grows with |lambda|_1 for degrees above 20, whose monomials are hard to tell apart.
        """
        rows, _ = self.training.many(mu)
        wanted = self._monomials(rows)
        return float(np.abs(wanted - np.atleast_2d(self.weights(rows)) @ self._chosen()).max())

    def bound(self, mu: Any, tail: float) -> Any:
        """Return (1 + |lambda(mu)|_1) tail, which bounds the error of f(A(mu)) in the 2-norm.

        `tail` bounds ||f(A) - p(A)|| at mu and all mu_r for one polynomial p of degree M:
        `polynomial_tail` computes it; for log-determinants take n times that of the logarithm.
        """
        return (1 + self.lebesgue(mu)) * require_number(tail, "tail", "[0, inf)")

    def _chosen(self) -> Array:
        return self._monomials(self.parameters)

    def _scaled(self, rows: Array) -> Array:
        """Return theta / scales, shape (parameters, p)."""
        return _thetas(self.theta, rows) / self.scales

    def _monomials(self, rows: Array) -> Array:
        """Return the scaled monomials of all exponents, shape (parameters, count)."""
        return _monomials(self._scaled(rows), self.exponents)

    def _slopes_of_theta(self, mu: Any) -> Array:
        """Return d theta_k / d mu_j, shape (p, parameters)."""
        if self.theta is None:
            return np.eye(len(self.scales))
        if self.jacobian is None:
            raise InputError("jacobian: expected d theta / d mu for gradients, got none; give it")
        J = as_floating(np.asarray(self.jacobian(mu)), "jacobian")
        wanted = (len(self.scales), np.size(mu))
        if J.size != wanted[0] * wanted[1]:
            raise InputError(f"jacobian: expected shape {wanted}, got {J.shape}")
        return require_finite(J, "jacobian").reshape(wanted)

    def _span(self, snapshots: Any) -> MatrixSpan:
        span = MatrixSpan.of(snapshots, self.rank, "snapshots")
        if len(span.shape) == 2 and span.shape[0] != span.shape[1]:
            raise InputError(f"snapshots: expected square matrices, got {span.shape}")
        return span


def matrix_limits(
    parameters: Any,
    degree: int,
    theta: Callable[[Any], Any] | None = None,
    jacobian: Callable[[Any], Any] | None = None,
) -> MatrixLimits:
    """Choose the parameters at which a function of A(mu) = A_0 + sum_k theta_k(mu) A_k is needed.

    Args:
        parameters: of training, shape (samples,) or (samples, p), all different and more than the
            binomial (M + p over p): some times as many, spread over the whole range.
        degree: M, of the polynomials for which the result is exact. Good values: 4 to 12; there are
            (M + p over p) snapshots, 66 for M = 10 and p = 2, so p should not exceed 4.
        theta: function mu -> (p,), without the 1 of A_0; by default mu itself.
        jacobian: function mu -> (p, parameters), d theta_k / d mu_j, for gradients; not needed if
            theta is mu.

    Raises `InputError` for too few and for repeated parameters.

    >>> limits = matrix_limits(np.linspace(0, 1, 50), 12)
    >>> A = lambda mu: np.array([[2.0, mu], [mu, 3.0]])
    >>> logs = np.array([np.linalg.slogdet(A(mu))[1] for mu in limits.parameters])
    >>> bool(abs(limits.evaluate(logs, 0.7) - np.log(6 - 0.49)) < 1e-9)
    True
    >>> bool(abs(limits.gradient(logs, 0.7)[0] - -1.4 / (6 - 0.49)) < 1e-7)
    True
    """
    training = TrainingParameters(parameters)
    for name, given in (("theta", theta), ("jacobian", jacobian)):
        if given is not None and not callable(given):
            raise InputError(f"{name}: expected a function of mu, got {given!r:.80}")
    degree = require_integer(degree, "degree", 1)
    values = _thetas(theta, training.values)
    p = values.shape[1]
    count = comb(degree + p, p)
    if len(training) < count:
        raise InputError(
            f"parameters: expected at least {count} for degree {degree} and {p} coefficients, "
            f"got {len(training)}; give more or lower the degree"
        )
    # Degrees are shared out among the coefficients and the 1 of A_0.
    shares = combinations_with_replacement(range(p + 1), degree)
    alpha = np.array(sorted(tuple(np.bincount(s, minlength=p + 1)[:p]) for s in shares))
    scales = np.abs(values).max(axis=0)
    scales[scales == 0] = 1
    model = eim(_monomials(values / scales, alpha), 0.0)  # all that round-off leaves
    return MatrixLimits(training, degree, alpha, scales, model, theta, jacobian)


def _monomials(t: Array, exponents: Array) -> Array:
    return np.prod(t[:, None, :] ** exponents, axis=2)


def _thetas(theta: Callable[[Any], Any] | None, rows: Array) -> Array:
    """Return theta of each parameter, shape (parameters, p)."""
    if theta is None:
        return rows.reshape(len(rows), -1)
    found = [np.atleast_1d(as_floating(np.asarray(theta(mu)), "theta")) for mu in rows]
    if any(t.ndim != 1 or t.shape != found[0].shape for t in found):
        raise InputError("theta: expected a function that always returns as many numbers, (p,)")
    return require_finite(np.stack(found), "theta (parameter, coefficient)")

"""EIM for nonlinear terms: solutions by POD, the nonlinearity by empirical interpolation."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_integer, require_number
from nwidth.arrays import real_floating, require_finite, require_shape
from nwidth.errors import InputError, NotConvergedError
from nwidth.rom.affine_problem import AffineProblem
from nwidth.rom.eim import eim
from nwidth.rom.empirical_interpolation import EmpiricalInterpolation
from nwidth.rom.inner_product import InnerProduct
from nwidth.rom.matrix_span import MatrixSpan
from nwidth.rom.parameter_box import ParameterBox
from nwidth.rom.pod import pod
from nwidth.rom.pointwise_basis import PointwiseBasis
from nwidth.rom.pointwise_problem import PointwiseProblem
from nwidth.rom.quadratic_problem import parameter_rows
from nwidth.rom.residual_basis import ResidualBasis
from nwidth.rom.stability.smallest_eigenvalue import smallest_eigenvalue
from nwidth.rom.stability.stability_bound import StabilityBound

Array = NDArray[Any]


def nonlinear_eim(
    problem: PointwiseProblem,
    training: Any,
    rtol: float = 1e-6,
    *,
    stability: StabilityBound,
    inner_product: Any = None,
    beyond: int = 3,
    max_size: int | None = None,
    box: ParameterBox | None = None,
    solve: Callable[[Array], Any] | None = None,
    interpolation: EmpiricalInterpolation | None = None,
) -> PointwiseBasis:
    """Return the reduced model of solutions at training parameters: POD for u, EIM for g.

    1.  u_j = u(mu_j) at all training parameters;
    2.  V: the modes of the u_j with sigma_k > rtol sigma_1, orthonormal in X (`pod`);
    3.  points y_m and functions of the fields g(E u_j; mu_j) to 1e-2 rtol (`eim`), of which the
        last `beyond` serve the error estimate alone.

    Reference: Grepl, Maday, Nguyen & Patera (2007), doi:10.1051/m2an:2007031, section 5.

    Args:
        problem: the problem with its g.
        training: parameters (m, p).
        rtol: relative tolerance of the basis. Good values: 1e-3 to 1e-8.
        stability: lower bound of the coercivity constant of A(mu) alone.
        inner_product: X, a matrix or an `InnerProduct`; Euclidean by default.
        beyond: number of points for the estimate, at least 1.
        max_size: limit on the number of modes.
        box: where queries count as inside; by default what the training parameters span.
        solve: mu -> u(mu) by any code; by default `problem.solve`.
        interpolation: of g, shape (points,), if it is known.

    Raises `NotConvergedError` where the problem has no solution, naming the parameter.

    >>> from nwidth.rom.stability import MinTheta
    >>> linear = AffineProblem(lambda mu: [1.0], [np.diag([1.0, 2.0, 3.0])], lambda mu: [mu[0]],
    ...                        [[1.0, 2.0, 1.0]])
    >>> mus = np.linspace(0.1, 2, 9)[:, None]
    >>> cubic = PointwiseProblem(linear, lambda u, mu: u**3, lambda u, mu: 3 * u**2, np.ones(3))
    >>> alpha = MinTheta([[1.0]], [1.0])
    >>> model = nonlinear_eim(cubic, mus, 1e-9, stability=alpha, beyond=1)
    >>> error = np.linalg.norm(model.predict({"mu": [[1.5]]})[0] - cubic.solve([1.5]).u)
    >>> bool(error < 0.1)
    True
    """
    require_instance(problem, "problem", PointwiseProblem)
    mus = parameter_rows(training)
    rtol = require_number(rtol, "rtol", "(0, 1)")
    beyond = require_integer(beyond, "beyond", 1)
    product = InnerProduct.of(inner_product, problem.size)
    if solve is None:
        solutions = [_checked(problem, mu) for mu in mus]
    else:
        solutions = [real_floating(np.asarray(solve(mu)), "solve(mu)") for mu in mus]
    U = np.stack([require_shape(u, (problem.size,), "solve(mu)") for u in solutions])
    U = require_finite(U.astype(np.float64), "solve(mu)")
    modes = pod(U, rtol, max_rank=max_size, inner_product=product).modes
    V = product.orthonormalize(modes.T)
    if interpolation is None:
        fields = np.stack([problem.field(u, mu) for u, mu in zip(U, mus, strict=True)])
        interpolation = eim(fields, 1e-2 * rtol)
    q, L = _magic_functions(interpolation, len(problem.weights))
    E, M = problem.evaluation, len(q)
    if beyond >= M:
        raise InputError(
            f"beyond: expected fewer than the {M} interpolation functions of these data, got "
            f"{beyond}; lower rtol, or take more training parameters"
        )
    weighted = (E.T @ (problem.weights[:, None] * q.T)).T
    linear = problem.linear
    small = linear.reduce(V)
    sources = np.concatenate([linear.sources.table()[0], weighted])
    measured = ResidualBasis(
        AffineProblem(linear.theta, linear.matrices, None, MatrixSpan(sources)), product, V
    )
    low, high = mus.min(axis=0), mus.max(axis=0)
    if box is None and (low < high).all():
        box = ParameterBox(low, high)
    return PointwiseBasis(
        AffineProblem(
            linear.theta, small.matrices, linear.phi, MatrixSpan(linear.sources.table()[0] @ V)
        ),
        problem.g,
        problem.slope,
        stability,
        M - beyond,
        V.T @ weighted.T,
        L,
        (E @ V)[interpolation.points],
        _embedding(problem, product),
        measured.coefficients,
        measured.allowance,
        V,
        product.inner(V, U.T).T,
        mus,
        box,
    )


def _checked(problem: PointwiseProblem, mu: Array) -> Array:
    found = problem.solve(mu)
    if not found.converged:
        raise NotConvergedError(
            f"training: no solution at mu = {mu.tolist()}: {found.status.value}"
        )
    return found.u


def _magic_functions(model: EmpiricalInterpolation, points: int) -> tuple[Array, Array]:
    """Return q_m, of value one at their own point and zero at those before, and L_km = q_m(y_k).

    From f_l = sum_k U_kl q_k with F^T = L U, elimination without pivots, which EIM has chosen.
    """
    require_shape(model.functions, (None, points), "interpolation")
    U = np.array(model.matrix.T, np.float64)
    q = np.array(model.functions, np.float64)
    for k in range(len(U)):
        q[k] /= U[k, k]
        q[k + 1 :] -= np.outer(U[k, k + 1 :], q[k])
        column = U[k + 1 :, k] / U[k, k]
        U[k + 1 :, k + 1 :] -= np.outer(column, U[k, k + 1 :])
    L = np.tril(q[:, model.points].T, -1) + np.eye(len(U))
    return q, L


def _embedding(problem: PointwiseProblem, product: InnerProduct) -> float:
    """Return an upper bound of the largest eigenvalue of E^T w E against X."""
    import scipy.sparse as sp

    E = problem.evaluation
    S = (E.T @ sp.diags_array(problem.weights) @ E).tocsr()
    S = (S + S.T) / 2
    S = S.toarray() if isinstance(product.matrix, np.ndarray) else S
    return max(-smallest_eigenvalue(-S, product).lower, 0.0)

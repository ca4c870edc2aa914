"""Lower bounds of the coercivity constant of a quadratic problem's Jacobian, from known ones."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import real_floating, require_finite
from nwidth.errors import InputError
from nwidth.rom._rounding_numba import EPS
from nwidth.rom.inner_product import InnerProduct
from nwidth.rom.quadratic_problem import QuadraticProblem
from nwidth.rom.stability.hermitian_terms import matched, row_sums
from nwidth.rom.stability.smallest_eigenvalue import smallest_eigenvalue

Array = NDArray[Any]

# Units of the last place by which entries of a Jacobian may be rounded.
ENTRY = 64


@dataclass(frozen=True)
class JacobianStability:
    """Guaranteed lower bounds of the coercivity of J(u; mu) = A(mu) + 2 B_s(u, .; mu) against X.

    The constants alpha_k of J(u_k; mu_k) are known at K anchors, solutions u_k of other parameters.
    For every s > 0, with delta_q = theta_q - s theta_kq and l_q X <= A_q <= h_q X in the sense of
    Hermitian parts::

        alpha(u; mu)  >=  s alpha_k + sum_q min(delta_q l_q, delta_q h_q)
                            - 2 sum_p gamma_p ||psi_p u - s psi_kp u_k||

    The largest over anchors and over s = 1, theta_q / theta_kq, psi_p / psi_kp counts. It is exact
    at the anchors and needs no sign of the quadratic terms. This is the continuity argument of
    Veroy & Patera (2005), doi:10.1002/fld.867, section 4, with the scaling of min-theta.

    u is given by its coefficients x in X-orthonormal vectors; `states` (K, N) are the coefficients
    of the u_k, and `tails` (K,) bound how far these are from the span.

    >>> bound = JacobianStability([[1.0]], [[1.0]], [[0.5]], [0.0], [2.0], [1.0], [1.0], [0.25])
    >>> bound.lower([[1.0]], [[1.0]], [[0.5]]).round(9).tolist()
    [2.0]
    """

    thetas: Array
    psis: Array
    states: Array
    tails: Array
    constants: Array
    lows: Array
    highs: Array
    continuity: Array

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            values = np.ascontiguousarray(real_floating(np.asarray(getattr(self, name)), name))
            object.__setattr__(self, name, require_finite(values.astype(np.float64), name))
        K, Q = self.thetas.shape if self.thetas.ndim == 2 else (0, 0)
        P = len(self.continuity) if self.continuity.ndim == 1 else 0
        shapes = {"thetas": (K, Q), "psis": (K, P), "states": (K, *self.states.shape[1:2]),
                  "tails": (K,), "constants": (K,), "lows": (Q,), "highs": (Q,),
                  "continuity": (P,)}  # fmt: skip
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape or 0 in shape:
                raise InputError(f"{name}: expected shape {shape}, got {getattr(self, name).shape}")
        if (self.lows > self.highs).any() or (self.continuity < 0).any() or (self.tails < 0).any():
            raise InputError("anchors: expected lows <= highs, continuity >= 0 and tails >= 0")

    @property
    def tables(self) -> tuple[Array, ...]:
        """What the compiled bound takes, in its order."""
        return tuple(getattr(self, name) for name in self.__dataclass_fields__)

    def lower(self, theta: Any, psi: Any, x: Any) -> Array:
        """Return lower bounds (m,) for coefficients (m, Q), (m, P) and solutions (m, N)."""
        from nwidth.rom._quadratic_basis_numba import stable

        Q, N = self.thetas.shape[1], self.states.shape[1]
        rows = []
        for name, given, count in (("theta", theta, Q), ("psi", psi, self.psis.shape[1]),
                                   ("x", x, N)):  # fmt: skip
            values = np.ascontiguousarray(real_floating(np.asarray(given), name), np.float64)
            if values.ndim != 2 or values.shape[1] != count:
                raise InputError(f"{name}: expected shape (m, {count}), got {values.shape}")
            rows.append(values)
        return np.array([stable(*row, *self.tables) for row in zip(*rows, strict=True)])

    def truncated(self, N: int) -> Self:
        """Return the bound for the first N basis vectors."""
        rest = np.linalg.norm(self.states[:, N:], axis=1)
        tails = np.hypot(self.tails, rest) * (1 + 8 * EPS)
        return replace(self, states=self.states[:, :N].copy(), tails=tails)

    def archived(self) -> dict[str, Array]:
        """Return the arrays that files hold."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def jacobian_coercivity(problem: QuadraticProblem, mu: Any, u: Any, inner_product: Any) -> float:
    """Return a proved lower bound of the coercivity constant of J(u; mu).

        alpha = min_v  v . J(u; mu) v / v . X v

    It may be negative. See `smallest_eigenvalue` for the proof.
    """
    product = InnerProduct.of(inner_product, problem.size)
    J = _hermitian(problem.jacobian(u, mu), product)
    return smallest_eigenvalue(J, product, _rounding(J, product)).lower


def term_ranges(problem: QuadraticProblem, inner_product: Any) -> tuple[Array, Array]:
    """Return l_q and h_q with l_q X <= A_q <= h_q X for the Hermitian parts, each (Q,), proved."""
    product = InnerProduct.of(inner_product, problem.size)
    lows, highs = [], []
    for matrix in problem.linear.matrices.matrices:
        A = _hermitian(matrix, product)
        e = _rounding(A, product)
        if not row_sums(A).any():
            lows.append(0.0)
            highs.append(0.0)
            continue
        lows.append(smallest_eigenvalue(A, product, e).lower)
        highs.append(-smallest_eigenvalue(-A, product, e).lower)
    return np.array(lows), np.array(highs)


def _hermitian(matrix: Any, product: InnerProduct) -> Any:
    """Return the symmetric part, dense or sparse as X is."""
    A = matched(matrix, not isinstance(product.matrix, np.ndarray))
    return ((A + A.T) / 2).astype(np.float64)


def _rounding(A: Any, product: InnerProduct) -> float:
    """Return a bound of what rounded entries change of v . A v against X."""
    largest = float((row_sums(A) / product.diagonal).max())
    return ENTRY * EPS * largest / product.lowest

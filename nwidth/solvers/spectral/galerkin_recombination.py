"""Combinations of neighbouring polynomials that fulfil boundary conditions, and O(n) solves."""

from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from nwidth.arguments import require_instance
from nwidth.arrays import as_floating, namespace, real_floating, require_finite, to_numpy
from nwidth.errors import InputError
from nwidth.solvers.spectral.almost_banded import AlmostBanded
from nwidth.solvers.spectral.chebyshev_basis import ChebyshevBasis
from nwidth.solvers.spectral.legendre_basis import LegendreBasis
from nwidth.solvers.spectral.spectral_basis import like

Array = NDArray[Any]

SIDES = {"dirichlet": (1.0, 0.0), "neumann": (0.0, 1.0)}


class GalerkinRecombination:
    """Functions phi_k = p_k + a_k p_{k+1} + b_k p_{k+2} with homogeneous conditions at both ends.

        a u + b du/dx = 0   at lower and at upper,    k = 0, ..., n - 3

    In them alpha u - u'' = f is a banded system. With h half the length of the interval,

        Legendre     sum_j (alpha h^2 (phi_k, phi_j) + s_k delta_kj) w_j = h^2 (phi_k, f),
                     s_k = -(4 k + 6) b_k,    five diagonals, symmetric
        Chebyshev    the tau equations, integrated twice: rows k = 2, ..., n - 1 of
                     (alpha h^2 J - I) Phi w = h^2 J f,    seven diagonals

    with J the double integral of T_j, j <= n - 3. For alpha = 1 on [-1, 1] the condition is 1.4
    with Legendre's (scaled by the diagonal) and 0.7 n with Chebyshev's, where differentiation
    matrices have n^4. Conditions with values are met by a polynomial of low degree that is added.
    Reference: Shen (1994), doi:10.1137/0915089; Julien & Watson (2009),
    doi:10.1016/j.jcp.2008.10.043; Greengard (1991), doi:10.1137/0728057.

    Args:
        basis: `ChebyshevBasis` or `LegendreBasis` of five or more polynomials.
        lower, upper: "dirichlet", "neumann", or the pair (a, b), where b belongs to du/dx, not to
            the outward slope.

    Attributes: `matrix`, Phi, the sparse n x (n - 2) matrix from w to coefficients of `basis`.
    Raises `InputError` for conditions that no such combination fulfils.

    >>> basis = LegendreBasis(20, 0.0, np.pi)
    >>> dirichlet = GalerkinRecombination(basis)
    >>> f = basis.forward(4 * np.sin(basis.points))
    >>> u = basis.backward(dirichlet.helmholtz(3.0).solve(f))
    >>> bool(abs(u - np.sin(basis.points)).max() < 1e-14)
    True
    """

    def __init__(
        self,
        basis: ChebyshevBasis | LegendreBasis,
        lower: str | tuple[float, float] = "dirichlet",
        upper: str | tuple[float, float] = "dirichlet",
    ):
        self.basis = require_instance(basis, "basis", ChebyshevBasis, LegendreBasis)
        if basis.size < 5:
            raise InputError(f"basis: expected at least 5 polynomials, got {basis.size}")
        sides = np.array([_pair(lower, "lower"), _pair(upper, "upper")])
        self.rows = sides[:, :1] * basis.boundary_values() + sides[:, 1:] * basis.boundary_values(1)
        self.constants = not sides[:, 0].any()  # whether constants fulfil the conditions
        first, second, third = (self.rows[:, k : basis.size - 2 + k] for k in range(3))
        wronskian = second[0] * third[1] - second[1] * third[0]
        scale = np.linalg.norm(second, axis=0) * np.linalg.norm(third, axis=0)
        if np.any(abs(wronskian) <= 1e-13 * scale):
            raise InputError(
                f"lower, upper: expected conditions that neighbouring polynomials can fulfil, got "
                f"{lower!r} and {upper!r}; change their pairs (a, b)"
            )
        self.a = (first[1] * third[0] - first[0] * third[1]) / wronskian
        self.b = (first[0] * second[1] - first[1] * second[0]) / wronskian
        n = basis.size
        self.matrix = scipy.sparse.diags_array(
            [np.ones(n - 2), self.a, self.b], offsets=[0, -1, -2], shape=(n, n - 2)
        ).tocsr()

    @cached_property
    def mass(self) -> Any:
        """The sparse matrix that multiplies alpha h^2: (phi_k, phi_j), for Chebyshev J Phi."""
        return (self.test @ self.matrix).tocsr()

    @cached_property
    def stiffness(self) -> Any:
        """The sparse matrix of -h^2 u'': diagonal, for Chebyshev the rows 2 to n - 1 of -Phi."""
        if isinstance(self.basis, ChebyshevBasis):
            return -self.matrix[2:]
        k = np.arange(self.basis.size - 2)
        return scipy.sparse.diags_array(-(4 * k + 6) * self.b).tocsr()

    @cached_property
    def test(self) -> Any:
        """The sparse (n - 2) x n matrix that is applied to the coefficients of the equation."""
        n = self.basis.size
        k = np.arange(float(n))
        if isinstance(self.basis, LegendreBasis):
            return (self.matrix.T @ scipy.sparse.diags_array(2 / (2 * k + 1))).tocsr()
        kept = k <= n - 3  # the equations of the tau method
        c = np.where(k == 0, 2.0, 1.0)
        far, near = 1 / (4 * (k + 1) * (k + 2)), -0.5 / np.where(k < 2, np.inf, k**2 - 1)
        back = 0.25 / np.where(k < 3, np.inf, (k - 1) * (k - 2))
        columns = [(c * far * kept)[: n - 2], near * kept, (back * kept)[2:]]
        return scipy.sparse.diags_array(columns, offsets=[-2, 0, 2], shape=(n, n)).tocsr()[2:]

    def expanded(self, w: Array) -> Array:
        """Return the coefficients in `basis` of sum_k w_k phi_k, along the last axis."""
        w = as_floating(w, "w")
        if w.shape[-1:] != (self.basis.size - 2,):
            raise InputError(f"w: expected shape (..., {self.basis.size - 2}), got {w.shape}")
        v = namespace(w).zeros((*w.shape[:-1], self.basis.size), w.dtype)
        v[..., :-2] = w
        v[..., 1:-1] += like(self.a, w) * w
        v[..., 2:] += like(self.b, w) * w
        return v

    def lift(self, values: Array) -> Array:
        """Return the n coefficients of a parabola with given values of the conditions.

        `values` has shape (2, ...): those at lower and at upper.
        """
        values = as_floating(values, "values")
        if values.ndim == 0 or values.shape[0] != 2:
            raise InputError(f"values: expected shape (2, ...), got {values.shape}")
        xp = namespace(values)
        low = xp.tensordot(values, like(np.linalg.pinv(self.rows[:, :3]), values), axes=(0, 1))
        out = xp.zeros((*low.shape[:-1], self.basis.size), values.dtype)
        out[..., :3] = low
        return out

    def helmholtz(self, alpha: Any) -> "HelmholtzSolver":
        """Return the solver of alpha u - u'' = f for one alpha or an array of them."""
        return HelmholtzSolver(self, alpha)


class HelmholtzSolver:
    """Factors of alpha u - u'' = f with conditions at both ends, one system per alpha.

    For alpha = 0 under Neumann conditions at both ends u is the solution with mean zero, and f is
    taken less the constant that it must not have. Solutions take O(n) each. Raises `InputError` for
    complex alpha, `NonFiniteError` for NaN and infinity. Reference: Shen (1994),
    doi:10.1137/0915089.

    Args:
        space: the functions and their conditions.
        alpha: a number or an array, real; -alpha must not be an eigenvalue of -u''.

    >>> space = GalerkinRecombination(ChebyshevBasis(12, 0.0, 1.0), "dirichlet", "neumann")
    >>> u = space.helmholtz(0.0).solve(np.zeros(12), values=[1.0, 2.0])
    >>> space.basis.evaluate(u, [0.0, 0.5, 1.0]).round(12).tolist()
    [1.0, 2.0, 3.0]
    """

    def __init__(self, space: GalerkinRecombination, alpha: Any):
        self.space = space
        alpha = to_numpy(real_floating(alpha, "alpha"))
        self.alpha = require_finite(alpha.astype(np.float64), "alpha")
        self._scale = (space.basis.length / 2) ** 2
        flat = self._scale * self.alpha.ravel()
        below, above = (2, 2) if isinstance(space.basis, LegendreBasis) else (2, 4)
        one, two = (_bands(m, below, above) for m in (space.mass, space.stiffness))
        bands = flat[:, None, None] * one + two
        self.free = (flat == 0) & space.constants
        bands[self.free, 0, below] = 1.0  # takes what is left of f; see `solve`
        self.factors = AlmostBanded(bands, below)
        coo = space.test.tocoo()
        self._diagonals = [(int(d), space.test.diagonal(d)) for d in np.unique(coo.col - coo.row)]

    def solve(self, f: Array, values: Any = None) -> Array:
        """Return the coefficients of u in the basis, for those of f, shape (..., *alpha.shape, n).

        `values` are those of the conditions at lower and upper, shape (2, ...) with what follows
        broadcast to f without its last axis; zero by default.
        """
        space, basis = self.space, self.space.basis
        f = as_floating(f, "f")
        shape = (*self.alpha.shape, basis.size)
        if f.shape[-len(shape) :] != shape:
            raise InputError(f"f: expected a shape that ends with {shape}, got {f.shape}")
        xp = namespace(f)
        right, lift = self._scale * f, None
        if values is not None:
            lift = space.lift(as_floating(values, "values"))
            if lift.dtype.kind == "c" and f.dtype.kind != "c":
                raise InputError("values: expected real numbers, as those of f")
            alpha = xp.asarray(self._scale * self.alpha)[..., None]
            bend = basis.derivative(lift, 2) * self._scale
            right = (right - alpha * lift + bend).astype(f.dtype)
            lift = xp.broadcast_to(lift, right.shape)
        w = _applied(self._diagonals, basis.size - 2, right)
        batch = w.shape[: w.ndim - len(shape)]
        w = self.factors.solve(w.reshape(*batch, self.factors.systems, basis.size - 2))
        if self.free.any():
            w[..., 0] = xp.where(xp.asarray(self.free), 0, w[..., 0])
        v = space.expanded(w.reshape(*batch, *self.alpha.shape, basis.size - 2))
        v = v if lift is None else (v + lift).astype(v.dtype)
        if self.free.any():
            free = xp.asarray(self.free.reshape(self.alpha.shape))
            v[..., 0] -= xp.where(free, basis.integral(v) / basis.length, 0).astype(v.dtype)
        return v


def _pair(side: Any, name: str) -> tuple[float, float]:
    """Return the a and b of a condition."""
    if isinstance(side, str) and side in SIDES:
        return SIDES[side]
    if isinstance(side, tuple) and len(side) == 2:
        pair = np.array(side)
        if pair.dtype.kind in "iuf" and np.isfinite(pair).all() and pair.any():
            return float(pair[0]), float(pair[1])
    raise InputError(
        f"{name}: expected 'dirichlet', 'neumann' or a pair of numbers (a, b), got {side!r:.80}"
    )


def _bands(matrix: Any, lower: int, upper: int) -> Array:
    """Return the diagonals of a sparse square matrix as `AlmostBanded` takes them."""
    n = matrix.shape[0]
    bands = np.zeros((n, lower + upper + 1))
    for d in range(max(-lower, 1 - n), min(upper, n - 1) + 1):
        bands[max(0, -d) : n - max(0, d), lower + d] = matrix.diagonal(d)
    return bands


def _applied(diagonals: list[tuple[int, Array]], rows: int, f: Array) -> Array:
    """Return the products of a banded matrix, given by its diagonals, with rows of f."""
    out = namespace(f).zeros((*f.shape[:-1], rows), f.dtype)
    for d, numbers in diagonals:
        first = max(0, -d)
        last = first + len(numbers)
        out[..., first:last] += like(numbers, f) * f[..., first + d : last + d]
    return out

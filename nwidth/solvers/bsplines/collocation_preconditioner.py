"""Fast diagonalization of collocation: an inverse of what is separable, boundary rows included."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import combinations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.solvers.bsplines.collocation_operator import along
from nwidth.solvers.bsplines.schur_sum import SchurSum
from nwidth.solvers.linear_operator import LinearOperator

Array = NDArray[Any]

# Eigenvectors of a worse condition are not used, but Schur's forms; where constants have to be
# damped, those without convection.
LARGEST_CONDITION, SINGULAR_CONDITION = 1e3, 1e9


@dataclass(frozen=True, eq=False)
class FluxSide:
    """A side with beta du/d(xi_k) outward + alpha u = data, at one end of axis k.

    Attributes:
        row: the index of its points along the axis, 0 or -1.
        beta, alpha: at its points, the shape of the unknowns without the axis.
    """

    row: int
    beta: Array
    alpha: Array


class CollocationPreconditioner(LinearOperator):
    """The inverse of a collocated operator that has been made separable.

        P c = sum_k (K_k x M_j, j != k) c,   K_k = -a_k M_k'' + b_k M_k' + c_k M_k    inside,
        (r_k x M_j, j != k) c = data,        r_k = outward derivative + mean Robin part,    on sides

    M_k, M_k', M_k'' are the one-dimensional collocation matrices, a_k, b_k, c_k functions of xi_k
    alone. They come from the coefficients A_kk, b_k, c at all points, after the rows have been
    multiplied by s(xi), such that s A_kk is nearest to a_k(xi_k) in the mean square of logarithms,
    for all k at once: a scalar coefficient in front of Laplace's operator, and polar coordinates,
    are separable then. b_k and c_k are means over the other axes. With S_k, the rows r_k and those
    of M_k inside, and y = (S_1 x ... x S_d) c, masses are identities,

        sum_k (L_k x I) y = s f - (what known sides bring in),    L_k = K_k S_k^-1 = V_k l_k V_k^-1

    which eigenvectors of each axis solve: two products with dense matrices per axis and direction
    and two more for S^-1, O(N n) operations at the speed of matrix products. Convection makes
    eigenvectors nearly parallel; Schur's forms take their place then, see `SchurSum`. Where sides
    meet, rows hold the sum of their conditions; the mixed derivative r_k r_l u there is found
    first. What corners hear of those at the other end fades exponentially and is left out, as are
    cross derivatives. GMRES takes a number of steps that depends on the coefficients, hardly on n
    and p.

    References: R. Lynch, J. Rice, D. Thomas, Numer. Math. 6 (1964) 185, doi:10.1007/BF01386067, for
    fast diagonalization; Sangalli & Tani (2016), doi:10.1137/16M1062788, for its use on mapped
    splines.

    Args:
        factors: per axis the matrices (n_k, n_k) of values, first and second derivatives.
        diffusion: A_kk, one array of the shape of the unknowns per axis; real and positive.
        convection: b_k, likewise.
        reaction: c, of that shape.
        sides: per axis its `FluxSide`s.
        singular: whether the operator does not see constants. Then A + level 1 m is meant, which
            damps them: m is the mean, `level` an attribute of the preconditioner.
        dtype: of real numbers.

    >>> from scipy.sparse import csr_array
    >>> D2 = np.diag([-2.0] * 3) + np.diag([1.0] * 2, 1) + np.diag([1.0] * 2, -1)
    >>> D = [csr_array(m) for m in (np.eye(3), 0 * D2, D2)]
    >>> P = CollocationPreconditioner([D], [np.ones(3)], [np.zeros(3)], np.zeros(3), [[]])
    >>> P.apply(np.ones(3)).round(12).tolist()
    [1.5, 2.0, 1.5]
    """

    def __init__(
        self,
        factors: Sequence[Sequence[Any]],
        diffusion: Sequence[Array],
        convection: Sequence[Array],
        reaction: Array,
        sides: Sequence[Sequence[FluxSide]],
        *,
        singular: bool = False,
        dtype: Any = np.float64,
    ):
        d, self.sides = len(factors), sides
        shape = self.range_shape = self.domain_shape = diffusion[0].shape
        ends = [[side.row % n for side in of] for of, n in zip(sides, shape, strict=True)]
        self.inner = [np.setdiff1d(np.arange(n), e) for n, e in zip(shape, ends, strict=True)]
        inside = np.ix_(*self.inner)
        logs = [np.log(a[inside].real) for a in diffusion]
        scale, profiles = separated(logs)
        self.scale = np.exp(scale)
        drifts = [_mean(self.scale * b[inside], k) for k, b in enumerate(convection)]
        part = self.scale * reaction[inside]
        shares = [_mean(part, k) - part.mean() * (d - 1) / d for k in range(d)]
        self.axes = [
            _Axis(factors[k], np.exp(profiles[k]), drifts[k], shares[k], self.inner[k], sides[k])
            for k in range(d)
        ]
        #: What solves where eigenvectors are nearly parallel.
        self.schur: SchurSum | None = None
        if not singular and any(axis.condition > LARGEST_CONDITION for axis in self.axes):
            self.schur = SchurSum([axis.L for axis in self.axes])
        for axis in self.axes:
            if singular and axis.condition > SINGULAR_CONDITION:
                axis.leave_convection_out()
        values = reduce(np.add.outer, [axis.values for axis in self.axes])
        size, parts = np.abs(values), reduce(np.add.outer, [abs(axis.values) for axis in self.axes])
        self.level = 0.0
        if singular:
            second = np.sort(size, axis=None)[min(1, size.size - 1)] or 1.0
            self.level = float(second / self.scale.mean())
            values.flat[size.argmin()] = self.level * self.scale.mean()
            size = np.abs(values)
        # A resonance of the separable operator, whose parts cancel, is none of the operator itself.
        values[size < 1e-12 * parts] = size.max()
        self.inverse = 1 / values
        kinds = [a.dtype for a in (*diffusion, *convection, reaction)]
        complex_ = any(kind.kind == "c" for kind in kinds)
        self.dtype = np.result_type(dtype, np.complex64) if complex_ else np.dtype(dtype)
        self._kept: dict[np.dtype, Any] = {}

    @property
    def condition(self) -> float:
        """The product of the conditions of the eigenvectors."""
        return float(np.prod([axis.condition for axis in self.axes]))

    def _matrices(self, dtype: np.dtype) -> Any:
        """Return V^-1, V and S^-1 of each axis, and the inverse eigenvalues, in a precision."""
        if dtype not in self._kept:
            within, used = dtype, [] if self.schur else self.axes
            if any(axis.values.dtype.kind == "c" for axis in used):
                within = np.result_type(dtype, np.complex64)
            inverse = None if self.schur else self.inverse.astype(within)
            left = [axis.left.astype(within) for axis in used]
            right = [axis.right.astype(within) for axis in used]
            back = [axis.back.astype(dtype) for axis in self.axes]
            self._kept[dtype] = (
                left,
                right,
                back,
                inverse,
                self.scale.astype(np.empty(0, dtype).real.dtype),
            )
        return self._kept[dtype]

    def _apply(self, u: Any) -> Any:
        dtype = np.result_type(self.dtype, u.dtype)
        left, right, back, inverse, scale = self._matrices(dtype)
        inside = np.ix_(*self.inner)
        y = self._side_data(u.astype(dtype))
        g = scale * u[inside]
        for k, axis in enumerate(self.axes):
            if self.sides[k]:
                g = g - along(axis.coupling, y[self._face(k)], k)
        if self.schur is not None:
            g = self.schur.solve(g)
        else:
            g = _products(left, g) * inverse
            g = _products(right, g)
        y[inside] = g if dtype.kind == "c" else g.real
        return _products(back, y).astype(dtype, copy=False)

    def _adjoint(self, v: Any) -> Any:
        dtype = np.result_type(self.dtype, v.dtype)
        left, right, back, inverse, scale = self._matrices(dtype)
        inside = np.ix_(*self.inner)
        y = _products([m.conj().T for m in back], v.astype(dtype))
        if self.schur is not None:
            g = self.schur.adjoint(y[inside])
        else:
            g = _products([m.conj().T for m in right], y[inside]) * inverse.conj()
            g = _products([m.conj().T for m in left], g)
        g = g if dtype.kind == "c" else g.real
        for k, axis in enumerate(self.axes):
            if self.sides[k]:
                y[self._face(k)] -= along(axis.coupling.conj().T, g, k)
        u = self._side_data_adjoint(y)
        u[inside] = scale * g
        return u

    def _face(self, k: int) -> Any:
        """Return the index of the sides of axis k, without where they meet others."""
        rows = [side.row % self.domain_shape[k] for side in self.sides[k]]
        return np.ix_(*(rows if j == k else inner for j, inner in enumerate(self.inner)))

    def _meetings(self) -> Iterator[tuple[tuple[int, ...], tuple[FluxSide, ...], Any]]:
        """Yield sides, then edges where two meet, then corners: their axes, sides and index."""
        d = len(self.axes)
        for count in range(1, d + 1):
            for K in combinations([k for k in range(d) if self.sides[k]], count):
                for met in product(*(self.sides[k] for k in K)):
                    at = [*self.inner]
                    for k, side in zip(K, met, strict=True):
                        at[k] = np.array([side.row % self.domain_shape[k]])
                    yield K, met, np.ix_(*at)

    def _strengths(self, K: tuple[int, ...], met: tuple[FluxSide, ...], at: Any) -> list[Array]:
        """Return beta of each of the sides that meet, at the points where they do."""
        found = []
        for k, side in zip(K, met, strict=True):
            whole = np.broadcast_to(np.expand_dims(side.beta, k), self.domain_shape)
            found.append(whole[at])
        return found

    def _ends(self, K: tuple[int, ...], met: tuple[FluxSide, ...]) -> dict[int, Array]:
        """Return per axis the vector that takes y to the value at the end where the sides meet."""
        return {k: self.axes[k].ends[side.row] for k, side in zip(K, met, strict=True)}

    def _side_data(self, u: Array) -> Array:
        """Return y on the sides: the data, and mixed derivatives where several sides meet."""
        y = np.zeros_like(u)
        for K, met, at in self._meetings():
            strengths, ends = self._strengths(K, met, at), self._ends(K, met)
            total, weight = u[at], np.zeros(())
            for k, beta in zip(K, strengths, strict=True):
                reach, share = self._reach(K, k, at, ends)
                known = y[reach]
                for j in K:
                    if j != k:
                        known = along(ends[j][None], known, j)
                total = total - beta * known * (len(K) > 1)
                weight = weight + beta * share
            y[at] = total / weight
        return y

    def _side_data_adjoint(self, y: Array) -> Array:
        """Return u for the adjoint of `_side_data`; y is overwritten."""
        u = np.zeros_like(y)
        for K, met, at in reversed([*self._meetings()]):
            strengths, ends = self._strengths(K, met, at), self._ends(K, met)
            reaches = [self._reach(K, k, at, ends) for k in K]
            weight: Any = sum(beta * r[1] for beta, r in zip(strengths, reaches, strict=True))
            u[at] = y[at] / weight
            for k, beta, (reach, _) in zip(K, strengths, reaches, strict=True):
                part = beta * u[at] * (len(K) > 1)
                for j in K:
                    if j != k:
                        part = along(ends[j][:, None], part, j)
                y[reach] -= part
            y[at] = 0
        return u

    def _reach(
        self, K: tuple[int, ...], k: int, at: Any, ends: dict[int, Array]
    ) -> tuple[Any, float]:
        """Return which y side k brings to its value where the sides K meet, and the last one's."""
        axes, share = [np.ravel(index) for index in at], 1.0
        for j in K:
            if j != k:
                share *= ends[j][axes[j][0]]
                axes[j] = np.arange(self.domain_shape[j])
        return np.ix_(*axes), share


class _Axis:
    """One axis: S^-1, the eigenvectors of L = K S^-1 inside, and what its sides bring in."""

    def __init__(
        self,
        factors: Sequence[Any],
        a: Array,
        b: Array,
        c: Array,
        inner: Array,
        sides: Sequence[FluxSide],
    ):
        M, D1, D2 = (np.asarray(m.toarray()) for m in factors)
        S = M.copy()
        for side in sides:
            robin = np.mean(side.alpha / side.beta)
            S[side.row] = (1 if side.row else -1) * D1[side.row] + robin * M[side.row]
        self.back = np.linalg.inv(S)
        rows = [side.row % len(M) for side in sides]
        self.ends = {side.row: M[side.row] @ self.back for side in sides}
        self.inner, self.rows = inner, rows
        self.calm = (-a[:, None] * D2[inner] + c[:, None] * M[inner]) @ self.back
        self._take(self.calm + (b[:, None] * D1[inner]) @ self.back)

    def _take(self, L: Array) -> None:
        self.coupling, self.L = L[:, self.rows], L[:, self.inner]
        self.values, self.right = np.linalg.eig(self.L)
        self.condition = float(np.linalg.cond(self.right))

    def leave_convection_out(self) -> None:
        self._take(self.calm)

    @cached_property
    def left(self) -> Array:
        return np.linalg.inv(self.right)


def separated(logs: Sequence[Array]) -> tuple[Array, list[Array]]:
    """Return a field s and one profile per axis with s + logs[k] ~ profile_k(xi_k), for all k.

    The sum of squares of the differences is as small as it can be: with g_k = logs[k] - mean_j
    logs[j], whose means over all axes but k are G_k, the profiles are (d G_k - mean G_k) / (d - 1),
    and s is the mean of profile_k - logs[k].

    >>> s, profiles = separated([np.array([[1.0], [3.0]]), np.array([[1.0], [3.0]])])
    >>> s.ravel().tolist(), profiles[0].tolist()
    ([-1.0, -3.0], [0.0, 0.0])
    """
    d = len(logs)
    if d == 1:
        return np.zeros_like(logs[0]), [logs[0]]
    middle = np.mean(logs, axis=0)
    means = [_mean(log - middle, k) for k, log in enumerate(logs)]
    profiles = [(d * G - G.mean()) / (d - 1) for G in means]
    spread = [p.reshape([-1 if j == k else 1 for j in range(d)]) for k, p in enumerate(profiles)]
    return np.mean([p - log for p, log in zip(spread, logs, strict=True)], axis=0), profiles


def _mean(field: Array, k: int) -> Array:
    """Return the means over all axes but one."""
    return field.mean(axis=tuple(j for j in range(field.ndim) if j != k))


def _products(matrices: Sequence[Array], u: Array) -> Array:
    for k, matrix in enumerate(matrices):
        u = along(matrix, u, k)
    return u

"""Elliptic equations of second order by collocation with tensor splines."""

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_choice, require_dtype, require_instance, require_number
from nwidth.errors import InputError
from nwidth.meshes import Grid, KnotVector
from nwidth.solvers.boundary import ENDS, Boundary, Dirichlet, Neumann, Robin
from nwidth.solvers.bsplines.collocation_coefficients import (
    at_points,
    diffusion_tensor,
    narrowed,
    pulled_back,
)
from nwidth.solvers.bsplines.collocation_operator import CollocationOperator, along
from nwidth.solvers.bsplines.collocation_preconditioner import CollocationPreconditioner, FluxSide
from nwidth.solvers.bsplines.collocation_solution import CollocationSolution
from nwidth.solvers.bsplines.collocation_solver import METHODS, solve_collocated
from nwidth.solvers.bsplines.collocation_space import CollocationSpace, elevated, layer
from nwidth.solvers.krylov.iterate import check_limits

Array = NDArray[Any]


class Collocation:
    """An elliptic equation of second order whose splines satisfy it at as many points.

        -A : grad grad u + b . grad u + c u = f    in a box or a mapped domain of 1 to 3 dimensions,
        u = g,   n . A grad u = q   or   n . A grad u + alpha u = g    on its sides

    or, if `conservative`, -div(A grad u) + b . grad u + c u = f. The differential equation holds at
    inner collocation points, conditions at those on the sides, their sum where two Neumann or Robin
    sides meet; no integrals are needed. Errors are h^p in L2 and H1 for even degree p, h^(p-1) for
    odd p with Greville points, and h^(p+1), h^p with superconvergent ones.

    References: Auricchio, Beirao da Veiga, Hughes, Reali & Sangalli (2010),
    doi:10.1142/S0218202510004878; for points, see `collocation_points`.

    Args:
        knots: one `KnotVector` per axis, or a single one; periodic ones make periodic axes.
        diffusion: A, a number or field for an isotropic medium, d of them for a diagonal tensor,
            (d, d) for a full one; symmetric, positive definite. Each of them is a number, an array
            on `space.shape`, or comes from a callable of all coordinates.
        convection: b, d numbers or fields; 0 for none.
        reaction: c; its sign is free, negative ones may make waves.
        source: f.
        boundary: a `Boundary`, u = 0 all around by default. Sides of mapped domains are those of
            the parameters; values are numbers, callables of the coordinates x, y, ... of the domain,
            or arrays on the side's points: those of Greville for Dirichlet, else its own.
        geometry: what maps the box of the knots to the domain, a `Nurbs` or a callable of the
            parameters, see `CollocationSpace`; None for the box itself.
        points: "greville" or "superconvergent".
        conservative: whether A stands under the divergence. Its derivatives are those of a spline
            one degree higher for callables, and of one on the points for arrays.
        dtype: "float64" or "float32", of real numbers; complex coefficients make complex ones.

    Attributes: `space` with points and coordinates, `boundary`, `singular` (u is free up to a
    constant: the solution has mean zero).

    Raises `InputError` for degrees below 2, coefficients of another shape, not finite or not
    elliptic, sides that do not exist, and maps that fold.

    >>> problem = Collocation(KnotVector.uniform(9, 4), source=lambda x: np.pi**2 * np.sin(np.pi * x))
    >>> solution = problem.solve().checked()
    >>> round(float(solution([0.5])[0]), 3)
    1.0
    """  # noqa: E501

    def __init__(
        self,
        knots: KnotVector | Sequence[KnotVector],
        diffusion: Any = 1.0,
        convection: Any = 0.0,
        reaction: Any = 0.0,
        source: Any = 0.0,
        boundary: Boundary | None = None,
        *,
        geometry: Any = None,
        points: str = "greville",
        conservative: bool = False,
        names: Sequence[str] | None = None,
        dtype: Any = "float64",
    ):
        self.space = CollocationSpace(knots, points, geometry, names)
        require_instance(conservative, "conservative", bool)
        self.precision = require_dtype(dtype, "float32", "float64")
        self.boundary = self.checked_boundary(Boundary() if boundary is None else boundary)
        x, d = self.space.coordinates, self.space.dimension
        A = diffusion_tensor(diffusion, x)
        still = np.ndim(convection) == 0 and not callable(convection) and convection == 0
        b = np.zeros((d, *self.space.shape))
        if not still:
            b = at_points(convection, x, "convection", [(d,)])
        if conservative:
            b = b - self._divergence(diffusion, A)
        self.reaction = at_points(reaction, x, "reaction")
        self.source = at_points(source, x, "source")
        if self.space.derivatives is not None:
            A, b = pulled_back(A, b, *self.space.derivatives)
        #: Coefficients in the parameters at all points: (d, d, *shape) and (d, *shape).
        self.diffusion, self.convection = A, b
        #: The coefficients of Robin sides, zero on Neumann ones, by axis and end.
        self.robin = {side: self._robin(*side) for side in self.flux_sides}
        kinds = [c.dtype for c in (A, b, self.reaction, self.source)]
        self.dtype = np.dtype(self.precision)
        if any(kind.kind == "c" for kind in kinds):
            self.dtype = np.result_type(self.dtype, np.complex64)

    def checked_boundary(self, boundary: Any) -> Boundary:
        """Return a boundary with sides that the problem has, and the kinds it began with."""
        require_instance(boundary, "boundary", Boundary)
        space = self.space
        axes = Grid.uniform((4,) * space.dimension, names=space.names, periodic=space.periodic)
        boundary.check(axes)
        before = getattr(self, "boundary", boundary)
        for k, end in self.sides:
            had, came = (b.kind(space.names[k], end) for b in (before, boundary))
            if had != came:
                raise InputError(
                    f"boundary side {space.names[k]}_{end}: expected the kind of condition that "
                    f"the problem has, {had}, got {came}"
                )
        return boundary

    @cached_property
    def sides(self) -> list[tuple[int, str]]:
        """The axis and end of each side of the box."""
        return [(k, e) for k, wraps in enumerate(self.space.periodic) if not wraps for e in ENDS]

    @cached_property
    def free(self) -> tuple[slice, ...]:
        """Which coefficients are unknown, and which points have equations: not Dirichlet sides."""
        cuts = [[0, n] for n in self.space.shape]
        for k, end in self.sides:
            if self.boundary.kind(self.space.names[k], end) == "dirichlet":
                cuts[k][ENDS.index(end)] += 1 if end == "lower" else -1
        return tuple(slice(*cut) for cut in cuts)

    @cached_property
    def flux_sides(self) -> list[tuple[int, str]]:
        """The Neumann and Robin sides."""
        names = self.space.names
        return [(k, e) for k, e in self.sides if self.boundary.kind(names[k], e) != "dirichlet"]

    @cached_property
    def singular(self) -> bool:
        """Whether a constant may be added to u: no Dirichlet or Robin side, and no reaction."""
        whole = len(self.flux_sides) == len(self.sides)
        robin = any(alpha.any() for alpha in self.robin.values())
        return whole and not robin and not self.reaction.any()

    def _robin(self, k: int, end: str) -> Array:
        """Return the coefficients of a Robin side, zero for a Neumann one."""
        condition = self.boundary.condition(self.space.names[k], end)
        value = condition.coefficient if isinstance(condition, Robin) else 0.0
        alpha = self._on_side(value, k, end, ", coefficient")
        if alpha.min() < 0:
            raise InputError(
                f"boundary side {self.space.names[k]}_{end}, coefficient: expected numbers >= 0, "
                f"got {alpha.min()}"
            )
        return alpha

    def _on_side(self, value: Any, k: int, end: str, part: str = "", kind: str = "own") -> Array:
        """Return values on the points of a side, of shape `shape` without its axis."""
        what = f"boundary side {self.space.names[k]}_{end}{part}"
        return at_points(value, self.space.side_coordinates(k, end, kind), what)

    @cached_property
    def terms(self) -> dict[tuple[int, ...], Array]:
        """The weights of the derivatives in the parameters at all points, sides included."""
        return self.space.weights(self.diffusion, self.convection, self.reaction, self.robin)

    @cached_property
    def operator(self) -> CollocationOperator:
        """The discrete operator of the unknown coefficients, applied without a matrix."""
        factors = [[D[:, cut] for D in of] for of, cut in zip(self._rows(), self.free, strict=True)]
        return CollocationOperator(factors, self._weights())

    def _rows(self) -> list[list[Any]]:
        """Return the matrices of all splines at the points that have equations."""
        rows = []
        for of, cut in zip(self.space.matrices, self.free, strict=True):
            for D in of:
                narrowed(D.data, self.precision, "knots, derivatives of splines")
            rows.append([D[cut].astype(self.precision) for D in of])
        return rows

    def _weights(self) -> dict[tuple[int, ...], Array]:
        """Return the terms at the points that have equations, constants as numbers."""
        weights = {}
        for orders, w in self.terms.items():
            kind = self.dtype if w.dtype.kind == "c" else self.precision
            w = narrowed(w[self.free], kind, "coefficients")
            weights[orders] = w.ravel()[0] if (w == w.ravel()[0]).all() else w
        return weights

    def lift(self, boundary: Boundary | None = None) -> Array:
        """Return coefficients (`space.shape`) of a function with the Dirichlet values.

        Inside they are blended linearly from side to side (Coons' patch), so that the operator
        makes no more of them than of u itself.
        """
        boundary, space = boundary or self.boundary, self.space
        values = np.zeros(space.shape, self.dtype)
        wet = [(k, e) for k, e in self.sides if (k, e) not in self.flux_sides]
        for k, end in reversed(wet):  # of two sides that of the earlier axis wins
            g = boundary.condition(space.names[k], end)
            assert isinstance(g, Dirichlet)
            part = self._on_side(g.value, k, end, kind="greville")
            values[layer(k, end)] = narrowed(
                part, self.dtype, f"boundary side {space.names[k]}_{end}"
            )
        lifted = np.zeros_like(values)
        for k, end in wet:
            others = [j for j in range(space.dimension) if j != k]
            lifted[layer(k, end)] = space.interpolant(values[layer(k, end)], others)
        return self._blended(lifted, wet)

    def _blended(self, lifted: Array, wet: list[tuple[int, str]]) -> Array:
        """Return the Boolean sum of linear interpolations between the sides that are known."""
        out = np.zeros_like(lifted)
        for k, knots in enumerate(self.space.knots):
            ends = [end for j, end in wet if j == k]
            t = (self.space.greville(knots) - knots.lower) / (knots.upper - knots.lower)
            rest = lifted - out
            for end in ends:
                weight = np.ones_like(t) if len(ends) == 1 else t if end == "upper" else 1 - t
                shape = [-1 if j == k else 1 for j in range(self.space.dimension)]
                part = np.expand_dims(rest[layer(k, end)], k)
                out += weight.astype(self.precision).reshape(shape) * part
        return out

    def right_hand_side(
        self, lifted: Array, boundary: Boundary | None = None, source: Any = None
    ) -> Array:
        """Return the data of the equations: f inside, sums of boundary data on flux sides."""
        boundary = boundary or self.boundary
        f = self.source if source is None else at_points(source, self.space.coordinates, "source")
        data = np.array(narrowed(f, self.dtype, "source"))
        for k, end in self.flux_sides:
            data[layer(k, end)] = 0
        for k, end in self.flux_sides:
            g = boundary.condition(self.space.names[k], end)
            value = g.flux if isinstance(g, Neumann) else g.value
            data[layer(k, end)] += narrowed(
                self._on_side(value, k, end),
                self.dtype,
                f"boundary side {self.space.names[k]}_{end}",
            )
        data = data[self.free]
        if lifted.any():
            data = data - self._across.apply(lifted).astype(self.dtype, copy=False)
        return data

    @cached_property
    def _across(self) -> CollocationOperator:
        """The operator of all coefficients, at the points that have equations."""
        return CollocationOperator(self._rows(), self._weights())

    def preconditioner(self, shift: float = 0.0, scale: float = 1.0) -> CollocationPreconditioner:
        """Return fast diagonalization of scale times the equation plus shift u."""
        shift = require_number(shift, "shift", "(-inf, inf)")
        scale = require_number(scale, "scale", "(0, inf)")
        d, cut = self.space.dimension, self.free
        sides: list[list[FluxSide]] = [[] for _ in range(d)]
        for k, end in self.flux_sides:
            others = tuple(c for j, c in enumerate(cut) if j != k)
            beta = np.abs(self.space.flux_row(self.diffusion, k, end)[k])[others]
            row = 0 if end == "lower" else -1
            sides[k].append(FluxSide(row, beta, self.robin[k, end][others]))
        factors = [
            [D[c, c] for D in of] for of, c in zip(self.space.matrices, self.free, strict=True)
        ]
        return CollocationPreconditioner(
            factors,
            [scale * self.diffusion[k, k][cut].real for k in range(d)],
            [scale * self.convection[k][cut] for k in range(d)],
            scale * self.reaction[cut] + shift,
            sides,
            singular=self.singular and shift == 0,
            dtype=self.precision,
        )

    def solve(
        self, rtol: float = 1e-10, *, method: str = "auto", max_iterations: int = 200
    ) -> CollocationSolution:
        """Return the spline that satisfies the equations to a relative residual.

        "direct": banded elimination in one dimension, sparse elimination otherwise. "fgmres": by
        products without a matrix, preconditioned by `CollocationPreconditioner`. Both converge as
        well where nothing but the rounding of double precision is left of the residual. "auto"
        takes elimination in one dimension, for few unknowns, and where the iteration fails. Without
        Dirichlet or Robin sides and reaction the solution has mean zero, and the source is changed
        by a constant, `imbalance`, to balance the fluxes.

        Raises `InputError` for other methods and tolerances; failures of the iteration are told by
        the solution's status.
        """
        require_choice(method, "method", METHODS)
        check_limits(rtol, max_iterations)
        start, cpu = time.perf_counter(), time.process_time()
        lifted = self.lift()
        found = solve_collocated(self, self.right_hand_side(lifted), rtol, method, max_iterations)
        coefficients = lifted
        coefficients[self.free] += found.coefficients
        return replace(
            found,
            coefficients=coefficients,
            seconds=time.perf_counter() - start,
            cpu_seconds=time.process_time() - cpu,
        )

    def _divergence(self, diffusion: Any, A: Array) -> Array:
        """Return (div A)_j = sum_i d A_ij / d x_i at the collocation points."""
        space, d = self.space, self.space.dimension
        if not callable(diffusion):
            if all((part == part.flat[0]).all() for part in A.reshape(d * d, -1)):
                return np.zeros((d, *space.shape))
            source, values = space, np.moveaxis(A, (0, 1), (-2, -1))
            inverses = [np.linalg.inv(of[0].toarray()) for of in space.matrices]
        else:
            source = CollocationSpace(
                [elevated(t, 1) for t in space.knots], geometry=space.geometry
            )
            values = np.moveaxis(diffusion_tensor(diffusion, source.coordinates), (0, 1), (-2, -1))
            inverses = [np.linalg.inv(of[0].toarray()) for of in source.matrices]
        for k, inverse in enumerate(inverses):
            values = along(inverse, values, k)
        slopes = [source.evaluate(values, space.points, e) for e in np.eye(d, dtype=int).tolist()]
        slope = np.moveaxis(np.stack(slopes), (-2, -1), (1, 2))  # (k, i, j, *points)
        if space.inverse_jacobian is None:
            return np.einsum("iij...->j...", slope)
        return np.einsum("ki...,kij...->j...", space.inverse_jacobian, slope)

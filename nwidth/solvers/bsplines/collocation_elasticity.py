"""Linear elasticity by collocation with tensor splines: Navier-Cauchy's equations."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_choice, require_number
from nwidth.arrays import power_of_two, unscaled
from nwidth.errors import InputError
from nwidth.meshes import KnotVector
from nwidth.solvers.boundary import Boundary
from nwidth.solvers.bsplines.collocation import Collocation
from nwidth.solvers.bsplines.collocation_coefficients import pulled_back
from nwidth.solvers.bsplines.collocation_operator import CollocationOperator
from nwidth.solvers.bsplines.collocation_solution import CollocationSolution
from nwidth.solvers.bsplines.collocation_solver import MANY, rounding
from nwidth.solvers.elimination import elimination
from nwidth.solvers.krylov import fgmres
from nwidth.solvers.krylov.iterate import Iterate, check_limits
from nwidth.solvers.solution import Outcome, Status

Array = NDArray[Any]

METHODS = ("auto", "direct", "fgmres")
# Up to so many unknowns elimination was measured to be quicker.
FEW = 2000


@dataclass(frozen=True, eq=False)
class ElasticSolution(Outcome):
    """Displacements as splines, the stresses they make, and the record of the computation.

    Attributes: `u`, their values at the collocation points; `displacements`, one
    `CollocationSolution` per coordinate; `lame`, (lambda, mu); `status`, `residuals`, `method`,
    `seconds` as of a `Solution`.
    """

    displacements: tuple[CollocationSolution, ...]
    lame: tuple[float, float]
    status: Status
    residuals: tuple[float, ...]
    method: str
    seconds: float = 0.0

    @property
    def u(self) -> Array:
        """The displacements at the collocation points, shape (d, *space.shape)."""
        return np.stack([one.u for one in self.displacements])

    def strain(self, *axes: Any) -> Array:
        """Return (grad u + grad u^T) / 2 at tensor points of parameters, (d, d, *points)."""
        slopes = np.stack([u.gradient(*axes) for u in self.displacements])
        return (slopes + np.swapaxes(slopes, 0, 1)) / 2

    def stress(self, *axes: Any) -> Array:
        """Return lambda tr(strain) + 2 mu strain at tensor points of parameters, (d, d, *points).

        Of plane stress and strain these are the components in the plane.
        """
        strain, (first, second) = self.strain(*axes), self.lame
        unit = np.eye(len(strain)).reshape(*strain.shape[:2], *(1,) * (strain.ndim - 2))
        return first * np.trace(strain) * unit + 2 * second * strain


class ElasticCollocation:
    """A linearly elastic body in two or three dimensions under loads.

        -mu Laplace u - (lambda + mu) grad div u = f    inside,
        u_i = g_i   or   (sigma n)_i = t_i   on each side and for each coordinate i,
        sigma = lambda (div u) 1 + mu (grad u + grad u^T)

    Every coordinate of the displacement is a spline on the same knots and has its own `Boundary`:
    `Dirichlet` prescribes it, `Neumann` the traction in its direction, `Robin` a spring. A plane of
    symmetry y = 0 is a side with u_y = 0 and traction t_x = 0. Where two sides with tractions meet,
    their sum is prescribed.

    Reference: Auricchio, Beirao da Veiga, Hughes, Reali & Sangalli (2012), Isogeometric collocation
    for elastostatics and explicit dynamics, doi:10.1016/j.cma.2012.03.026.

    Args:
        knots: two or three `KnotVector`s.
        boundaries: one `Boundary` per coordinate; its default is u_i = 0.
        young: Young's modulus > 0.
        poisson: Poisson's ratio, in (-1, 0.5). Near 0.5 bodies are nearly incompressible.
        force: f, one number, field or callable of the coordinates per coordinate; none by default.
        plane: "stress" for plates, "strain" for long bodies; of no account in space.
        geometry, points: as of `Collocation`.

    Raises `InputError` for other numbers, and where sides leave the body free to move or turn.

    >>> from nwidth.solvers import Dirichlet, Neumann
    >>> sides = [
    ...     Boundary({"x_lower": Dirichlet(), "x_upper": Neumann(3.0)}, default=Neumann()),
    ...     Boundary({"y_lower": Dirichlet()}, default=Neumann()),
    ... ]
    >>> bar = ElasticCollocation([KnotVector.uniform(3, 3)] * 2, sides, young=2.0, poisson=0.25)
    >>> pulled = bar.solve().checked()
    >>> pulled.displacements[0]([1.0], [0.5]).round(10).tolist()
    [1.5]
    """

    def __init__(
        self,
        knots: Sequence[KnotVector],
        boundaries: Sequence[Boundary],
        young: float,
        poisson: float,
        force: Sequence[Any] | None = None,
        *,
        plane: str = "stress",
        geometry: Any = None,
        points: str = "greville",
    ):
        E = require_number(young, "young", "(0, inf)")
        nu = require_number(poisson, "poisson", "(-1, 0.5)")
        require_choice(plane, "plane", ("stress", "strain"))
        d = len(knots) if isinstance(knots, list | tuple) else 1
        if d not in (2, 3):
            raise InputError(f"knots: expected two or three KnotVectors, got {knots!r:.80}")
        if not isinstance(boundaries, list | tuple) or len(boundaries) != d:
            raise InputError(
                f"boundaries: expected one Boundary for each of {d} coordinates, got "
                f"{boundaries!r:.80}"
            )
        force = [0.0] * d if force is None else force
        if not isinstance(force, list | tuple) or len(force) != d:
            raise InputError(f"force: expected one source per coordinate ({d}), got {force!r:.80}")
        mu = E / (2 * (1 + nu))
        lame = E * nu / ((1 + nu) * (1 - 2 * nu))
        if d == 2 and plane == "stress":
            lame = E * nu / (1 - nu**2)
        #: lambda and mu; for plane stress lambda is that of the plane.
        self.lame, unit = (lame, mu), np.eye(d)
        # sigma_ik = C_ikjl d u_j / d x_l; tensors[i, j] is what takes grad u_j to sigma_i.
        self.tensors = (
            lame * np.einsum("ik,jl->ijkl", unit, unit)
            + mu * np.einsum("ij,kl->ijkl", unit, unit)
            + mu * np.einsum("il,jk->ijkl", unit, unit)
        )
        #: The equation of each coordinate, of its own displacement alone.
        self.components = [
            Collocation(
                knots, self.tensors[i, i], source=force[i], boundary=boundary,
                geometry=geometry, points=points,
            )
            for i, boundary in enumerate(boundaries)
        ]  # fmt: skip
        self.space = self.components[0].space
        self._require_held()

    def _require_held(self) -> None:
        """Raise unless no rigid motion is free of all prescribed displacements and springs."""
        d, rows = len(self.components), []
        turns = [(i, j) for i in range(d) for j in range(i + 1, d)]
        for i, of in enumerate(self.components):
            for k, end in of.sides:
                if (k, end) in of.flux_sides and not of.robin[k, end].any():
                    continue
                x = [np.ravel(c) for c in self.space.side_coordinates(k, end)]
                motions = [np.full(x[0].shape, float(i == j)) for j in range(d)]
                for a, b in turns:
                    motions.append((i == a) * -x[b] + (i == b) * x[a] + 0 * x[0])
                rows.append(np.stack(motions, axis=1))
        whole = np.concatenate(rows) if rows else np.zeros((1, d + len(turns)))
        if np.linalg.matrix_rank(whole, tol=1e-8 * max(abs(whole).max(), 1.0)) < d + len(turns):
            raise InputError(
                "boundaries: expected displacements that are prescribed, or springs, to hold the "
                "body, got sides that leave it free to move or to turn; prescribe a displacement "
                "on one side more"
            )

    @cached_property
    def blocks(self) -> list[list[CollocationOperator]]:
        """The operator (i, j) from the unknowns of u_j to the equations i."""
        return [
            [self._block(i, j, self.components[j].free) for j in range(len(self.components))]
            for i in range(len(self.components))
        ]

    def _block(self, i: int, j: int, columns: tuple[slice, ...]) -> CollocationOperator:
        """Return the operator (i, j) on some of the coefficients of u_j."""
        of, space = self.components[i], self.space
        if i == j:
            terms = of.terms
        else:
            shape, d = space.shape, space.dimension
            A = np.broadcast_to(self.tensors[i, j].reshape(d, d, *(1,) * d), (d, d, *shape))
            b = np.zeros((d, *shape))
            if space.derivatives is not None:
                A, b = pulled_back(A, b, *space.derivatives)
            zero = np.zeros(())
            terms = space.weights(A, b, np.zeros(shape), dict.fromkeys(of.flux_sides, zero))
        factors = [
            [D[row, column] for D in axis]
            for axis, row, column in zip(space.matrices, of.free, columns, strict=True)
        ]
        return CollocationOperator(factors, {m: w[of.free] for m, w in terms.items()})

    def solve(
        self, rtol: float = 1e-10, *, method: str = "auto", max_iterations: int = 400
    ) -> ElasticSolution:
        """Return displacements that satisfy the equations to a relative residual.

        "direct" is sparse elimination; "fgmres" is preconditioned by fast diagonalization of each
        coordinate's own equation; "auto" takes elimination for a few thousand unknowns in the
        plane, and where the iteration fails, as it does for nearly incompressible bodies. Raises
        `InputError` for other methods and tolerances.
        """
        require_choice(method, "method", METHODS)
        check_limits(rtol, max_iterations)
        start = time.perf_counter()
        kind = np.result_type(*(of.dtype for of in self.components))
        lifts = [of.lift().astype(kind) for of in self.components]
        whole = tuple(slice(0, n) for n in self.space.shape)
        data = []
        for i, of in enumerate(self.components):
            right = of.right_hand_side(lifts[i])
            for j, lifted in enumerate(lifts):
                if j != i and lifted.any():
                    right = right - self._block(i, j, whole).apply(lifted)
            data.append(right)
        b = np.concatenate([part.ravel() for part in data])
        d, chosen = self.space.dimension, method == "auto"
        if chosen:
            method = "direct" if b.size <= FEW and d == 2 else "fgmres"
        if not b.any():
            found = Iterate(b, Status.CONVERGED, (0.0,))
        elif method == "direct":
            found = self._eliminated(b, rtol)
        else:
            found = self._iterated(b, rtol, max_iterations)
            if chosen and found.status is not Status.CONVERGED and b.size <= MANY[d - 1]:
                method, found = "direct", self._eliminated(b, rtol)
        parts = []
        for of, lifted, x in zip(self.components, lifts, self._split(found.x), strict=True):
            lifted[of.free] += x
            parts.append(
                CollocationSolution(self.space, lifted, found.status, found.residuals, method)
            )
        return ElasticSolution(
            tuple(parts), self.lame, found.status, found.residuals, method,
            time.perf_counter() - start,
        )  # fmt: skip

    def _split(self, x: Array) -> list[Array]:
        """Return the unknowns of each coordinate."""
        shapes = [self.blocks[i][i].domain_shape for i in range(len(self.components))]
        ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
        return [part.reshape(s) for part, s in zip(np.split(x, ends[:-1]), shapes, strict=True)]

    def _product(self, x: Array) -> Array:
        parts = self._split(x)
        return np.concatenate(
            [
                sum(block.apply(part) for block, part in zip(row, parts, strict=True)).ravel()
                for row in self.blocks
            ]
        )

    def _eliminated(self, b: Array, rtol: float) -> Iterate:
        import scipy.sparse as sp

        A = sp.block_array([[block.to_sparse() for block in row] for row in self.blocks]).tocsr()
        stiff, scale = power_of_two(A.data), power_of_two(b.view(np.float64))
        A, b = stiff * A, scale * b
        try:
            x = elimination(A)(b)
        except InputError:
            return Iterate(np.zeros_like(b), Status.BREAKDOWN, (1.0,))
        residual = float(np.linalg.norm(b - A @ x) / np.linalg.norm(b))
        good = residual <= max(rtol, rounding(A, x, b))
        status = Status.CONVERGED if good else Status.STAGNATED
        return Iterate(stiff * unscaled(x, scale), status, (residual,))

    def _iterated(self, b: Array, rtol: float, max_iterations: int) -> Iterate:
        from scipy.sparse.linalg import LinearOperator as ScipyOperator

        inverses = [of.preconditioner() for of in self.components]

        def own(r: Array) -> Array:
            parts = zip(inverses, self._split(r), strict=True)
            return np.concatenate([M.apply(part).ravel() for M, part in parts])

        shape = (b.size, b.size)
        A = ScipyOperator(shape, matvec=self._product, dtype=b.dtype)
        M = ScipyOperator(shape, matvec=own, dtype=b.dtype)
        limits: Any = {"rtol": rtol, "max_iterations": max_iterations, "restart": 80}
        return fgmres(A, b, preconditioner=M, **limits)

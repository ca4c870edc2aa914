"""Solves of problems that are not symmetric or not definite: waves, convection."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.errors import InputError
from nwidth.solvers.equations.convection_diffusion import ConvectionDiffusion
from nwidth.solvers.equations.helmholtz import Helmholtz
from nwidth.solvers.krylov.iterate import Iterate, Stop
from nwidth.solvers.linear_operator import LinearOperator
from nwidth.solvers.problem import Inputs, LinearProblem
from nwidth.solvers.solution import Status

Array = NDArray[Any]

METHODS = ("fgmres", "bicgstab", "direct")

# Up to this many unknowns elimination was measured to be quicker: waves in the plane, anything.
WAVES, FEW = 50_000, 400


def choose_indefinite(
    problem: LinearProblem, inputs: Inputs, operator: LinearOperator, rtol: float = 1e-8
) -> tuple[str, str]:
    """Return the method that suits a Helmholtz or convection-diffusion problem, and why.

    The arguments are those of `choose`.

    >>> from nwidth.meshes import Grid
    >>> problem, k = Helmholtz(Grid.uniform((9, 9))), {"wavenumber": np.full((9, 9), 5.0)}
    >>> choose_indefinite(problem, k, problem.operator(k))[0]
    'direct'
    """
    size, dimension = operator.shape[0], problem.grid.dimension
    if dimension == 1 or size <= FEW:
        return "direct", f"{size} unknowns in {dimension} dimension(s): elimination is quickest"
    if isinstance(problem, Helmholtz):
        if dimension == 2 and size <= WAVES:
            return "direct", f"waves in the plane, {size} unknowns: elimination is quickest"
        return "fgmres", "waves: the shifted Laplacian as preconditioner"
    return "bicgstab", "convection: multigrid that relaxes downstream as preconditioner"


class IndefiniteSolver:
    """Solutions of A x = b for waves or convection by one method, which is set up once.

    "fgmres" restarts after 40 iterations, "bicgstab" needs less memory and two products per
    iteration. Both are preconditioned by one multigrid cycle: `ShiftedLaplacian` for Helmholtz'
    equation, `DownstreamMultigrid` for convection and diffusion. "direct" is elimination by
    SuperLU.

    Args:
        problem: a `Helmholtz` or `ConvectionDiffusion` problem.
        operator: its A.
        method: one of METHODS.

    Raises `InputError` for other problems and methods.

    >>> from nwidth.meshes import Grid
    >>> problem, k = Helmholtz(Grid.uniform(33)), {"wavenumber": np.full(33, 5.0)}
    >>> solver = IndefiniteSolver(problem, problem.operator(k), "fgmres")
    >>> solver.solve(problem.source(k), rtol=1e-8).status.name
    'CONVERGED'
    """

    def __init__(self, problem: LinearProblem, operator: LinearOperator, method: str):
        if not isinstance(problem, Helmholtz | ConvectionDiffusion):
            raise InputError(
                "problem: expected a Problem, Helmholtz or ConvectionDiffusion, got "
                f"{problem!r:.80}"
            )
        if not isinstance(method, str) or method not in METHODS:
            raise InputError(
                f"method: expected auto, {', '.join(METHODS)} for {type(problem).__name__}, whose "
                f"operator is not symmetric and definite, got {method!r}"
            )
        self.problem, self.operator, self.method = problem, operator, method

    def solve(
        self,
        b: Array,
        *,
        initial: Array | None = None,
        rtol: float = 1e-8,
        max_iterations: int = 200,
        stop: Stop | None = None,
    ) -> Iterate:
        """Return the iterate for b; the arguments are those of `fgmres`."""
        if not np.any(b):
            return Iterate(np.zeros_like(b), Status.CONVERGED, (0.0,))
        if self.method == "direct":
            return self._eliminate(b, rtol)
        from nwidth.solvers.krylov import bicgstab, fgmres

        method = fgmres if self.method == "fgmres" else bicgstab
        return method(
            self.operator,
            b,
            preconditioner=self._preconditioner(),
            initial=initial,
            rtol=rtol,
            max_iterations=max_iterations,
            stop=stop,
        )

    def _preconditioner(self) -> LinearOperator:
        from nwidth.solvers.multigrid import DownstreamMultigrid, ShiftedLaplacian

        operator: Any = self.operator
        if isinstance(self.problem, Helmholtz):
            return ShiftedLaplacian(operator, dtype=np.complex64)
        return DownstreamMultigrid(operator)

    def _eliminate(self, b: Array, rtol: float) -> Iterate:
        """Solve by sparse elimination with one step of refinement."""
        from scipy.sparse.linalg import splu

        operator: Any = self.operator
        matrix = operator.to_sparse().tocsc()
        matrix = matrix.astype(np.result_type(matrix.dtype, np.float64))
        right = b.ravel().astype(matrix.dtype)
        try:
            factors = splu(matrix)
        except RuntimeError:  # exactly singular: a resonance
            return Iterate(np.zeros_like(b), Status.BREAKDOWN, (1.0,))
        x = factors.solve(right)
        x += factors.solve(right - matrix @ x)
        x = x.reshape(b.shape).astype(b.dtype)
        rest = right - matrix @ x.ravel()
        residual = float(np.linalg.norm(rest) / np.linalg.norm(right))
        if not np.isfinite(residual):
            return Iterate(x, Status.NON_FINITE, (residual,))
        return Iterate(x, Status.CONVERGED if residual <= rtol else Status.STAGNATED, (residual,))

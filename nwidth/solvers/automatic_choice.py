"""The method that suits a problem, and why."""

import numpy as np

from nwidth.solvers.diffusion_operator import DiffusionOperator
from nwidth.solvers.equations.darcy import Darcy
from nwidth.solvers.equations.diffusion_problem import DiffusionProblem
from nwidth.solvers.linear_operator import LinearOperator
from nwidth.solvers.problem import Inputs, Problem
from nwidth.solvers.scaled_fast_poisson import suits_scaled_transform
from nwidth.solvers.sparse_cholesky import has_cvxopt

# Up to this many unknowns (any number in one dimension) sparse elimination is quickest.
DIRECT_SIZE = 400

# Up to this many unknowns in the plane CHOLMOD is quickest: from nothing to 64 x 64 unknowns, and
# to 100 x 100 where the pattern comes back.
CHOLESKY_SIZE = 7_000
# ... for residuals that take multigrid more than half a dozen iterations.
CHOLESKY_RTOL = 1e-6

# Up to this many unknowns fast transforms of constant coefficients take no longer than setting up
# multigrid and its cycles; 2.5 times as long on the largest grids.
TRANSFORM_SIZE = 2**17


def choose(
    problem: Problem, inputs: Inputs, operator: LinearOperator, rtol: float = 1e-8
) -> tuple[str, str]:
    """Return the method of `OperatorSolver` for A = `operator` of a problem, and the reason.

    `rtol` is the relative residual asked for: a few digits take few iterations.

    >>> from nwidth.meshes import Grid
    >>> from nwidth.solvers import Poisson
    >>> problem = Poisson(Grid.uniform((9, 9)))
    >>> choose(problem, {"source": np.ones((9, 9))}, problem.reference_operator())[0]
    'fast-poisson'
    """
    if getattr(operator, "xp", np) is not np:
        return "multigrid-cg", "arrays on a device: multigrid has kernels for it"
    if not isinstance(operator, DiffusionOperator):
        return "multigrid-cg", "nine-point couplings: black-box multigrid follows them"
    constant = problem.coercivity(inputs) == problem.continuity(inputs)
    if constant and isinstance(problem, DiffusionProblem) and problem.volumes.uniform:
        if _cycles_are_quicker(operator, rtol):
            return "multigrid", "constant coefficients on a grid that can be halved: few cycles do"
        return "fast-poisson", "constant coefficients on a uniform grid: fast transforms are exact"
    if operator.shape[0] <= DIRECT_SIZE:
        return "direct", f"only {operator.shape[0]} unknowns: elimination is quickest"
    if problem.grid.dimension == 1:
        return "direct", "one dimension: elimination takes O(N)"
    # Beside a reaction or Robin sides the scaled transforms take ten times the iterations.
    if isinstance(problem, Darcy) and problem.volumes.scales:
        smooth, reason = suits_scaled_transform(problem.coefficient(inputs), problem.grid)
        if smooth:
            return "scaled-fast-poisson", reason
    size = operator.shape[0]
    tight = rtol <= CHOLESKY_RTOL and size <= CHOLESKY_SIZE
    if problem.grid.dimension == 2 and tight and has_cvxopt():
        return "direct", f"{size} unknowns in the plane: Cholesky factors are quickest"
    return "multigrid-cg", "variable coefficients: multigrid takes O(N) whatever their contrast"


def _cycles_are_quicker(operator: DiffusionOperator, rtol: float) -> bool:
    """Return whether multigrid takes less time than transforms, and reaches the residual.

    Of smooth solutions on n intervals per axis, rounding leaves residuals of about n^2 eps / 10.
    Where the coarsest level is large its inverse takes longer than all the rest.
    """
    from nwidth.solvers.multigrid._kept_multigrid import takes_multigrid
    from nwidth.solvers.multigrid._poisson_levels import COARSEST, intervals_of_levels, unknowns

    if operator.dtype != np.float64 or operator.shape[0] <= TRANSFORM_SIZE:
        return False
    if unknowns(intervals_of_levels(operator.domain_shape)[-1]) > COARSEST:
        return False
    reached = float(np.finfo(np.float64).eps) * max(operator.domain_shape) ** 2
    return rtol >= reached and takes_multigrid(operator)

"""Solve a problem for many inputs at once."""

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from nwidth.solvers.batch_solution import BatchSolution
from nwidth.solvers.batch_solver import BatchSolver
from nwidth.solvers.problem import Inputs, LinearProblem


def solve_batch(
    problem: LinearProblem,
    inputs: Inputs,
    rtol: float = 1e-8,
    *,
    max_iterations: int = 200,
    initial: NDArray[Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> BatchSolution:
    """Return the solutions of A(mu_s) u_s = b(mu_s) for samples s, each to a relative residual.

        ||b_s - A_s u_s||  <=  rtol ||b_s||

    Groups of samples are solved side by side, the sample innermost, so that every operation is a
    vector instruction: conjugate gradients in float64 preconditioned by multigrid in float32, see
    `BatchedConjugateGradient`. Each thread takes a group of its own from coefficients to solution
    and waits for no other; memory is needed for as many groups as there are threads, whatever the
    batch. Samples that converge slowly are finished by `solve`, one after the other. The solution
    of a sample is the same number by number whatever else is in its batch, on any number of
    threads.

    This serves problems in two and three dimensions without periodic axes, up to 2^20 unknowns. In
    one dimension, with any sides, samples are eliminated side by side, see `BatchedThomas`; first
    guesses are of no use there. Others, waves and convection among them, and the Poisson equation
    on uniform grids beyond one dimension, for which fast transforms or `PoissonMultigrid` are
    quicker, take one `solve` per sample; the reasons of the solution tell.

    CuPy inputs are solved on their device and the solutions stay there: up to 64 samples at a time
    as one operator in one and two dimensions, see `DeviceBatch`, where the last digits of a sample
    depend on its group; one `solve` per sample in three dimensions and without a Dirichlet side.

    Args:
        problem: what to solve.
        inputs: its input fields by name, `(sample, *grid.shape)`, or `(sample, d, *grid.shape)` for
            diagonal tensors. float32 inputs give float32 fields (complex64 ones of waves), iterated
            in float64.
        rtol: relative residual, in [0, 1). Good values: 1e-8; see `solve`.
        max_iterations: limit for every sample.
        initial: first guesses, whole fields `(sample, *grid.shape)`.
        progress: called as `progress(done, total)` after every group of samples.

    Without a Dirichlet side solutions have volume-weighted mean zero. Failures of the iteration are
    told by `solution.status`; `solution.checked()` raises them. Raises `InputError` for arguments
    that cannot be used, naming the sample.

    >>> import numpy as np
    >>> from nwidth.meshes import Grid
    >>> from nwidth.solvers import Darcy
    >>> a = np.stack([np.ones((9, 9)), np.full((9, 9), 2.0)])
    >>> solution = solve_batch(Darcy(Grid.uniform((9, 9))), {"permeability": a}).checked()
    >>> solution.u.shape, solution.u[:, 4, 4].round(4).tolist()
    ((2, 9, 9), [0.0728, 0.0364])
    """
    return BatchSolver(problem).solve(
        inputs, rtol, max_iterations=max_iterations, initial=initial, progress=progress
    )

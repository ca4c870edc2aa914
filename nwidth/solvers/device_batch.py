"""Solve a batch of samples as one operator, on the device where its inputs live."""

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance
from nwidth.arrays import namespace
from nwidth.solvers.diffusion_operator import DiffusionOperator
from nwidth.solvers.equations.darcy import Darcy
from nwidth.solvers.equations.diffusion_problem import DiffusionProblem, source_on_grid
from nwidth.solvers.equations.poisson import Poisson
from nwidth.solvers.finite_volume import FiniteVolume
from nwidth.solvers.krylov.iterate import Iterate
from nwidth.solvers.krylov.stacked_conjugate_gradient import stacked_conjugate_gradient
from nwidth.solvers.lane_group import each_sample
from nwidth.solvers.problem import Inputs, LinearProblem
from nwidth.solvers.stacked_volumes import check_item, sample_scales, stacked_volumes

Array = NDArray[Any]

# Samples of a group, so few that the coarsest matrix, with one unknown of each at least, may be
# inverted; and unknowns of a group.
SAMPLES, UNKNOWNS = 64, 2**24

# Two on every level: with kernels so short a launch on a coarse level costs as much as on a fine
# one, and thin inclusions take half as many iterations as with one on the finest.
SWEEPS = (2,)


def unstackable(problem: LinearProblem) -> str | None:
    """Return why samples of a problem cannot be solved as one operator, None if they can."""
    if type(problem) not in (Darcy, Poisson) or not isinstance(problem, DiffusionProblem):
        return "one operator for all samples is for Darcy's and Poisson's equations only"
    if problem.grid.dimension > 2:
        return "one operator for all samples has a dimension more, and three at most"
    if problem.volumes.singular:
        return "without a Dirichlet side each sample has constants of its own in the kernel"
    if 2 * prod(problem.volumes.shape) > UNKNOWNS:
        return f"two samples of more than {UNKNOWNS // 2} unknowns take too much memory at once"
    return None


class DeviceBatch:
    """Groups of samples of a problem in one or two dimensions, each group one operator.

        A = diag(A_1, ..., A_S),    a flux operator in one dimension more, without couplings there

    The sample is the first axis, so that the kernels of `DiffusionOperator` and `Multigrid` work on
    all samples at once: a launch on a device costs the same for one sample as for many. Coarse
    levels keep the sample axis, which is weakly coupled indeed. The operator of every sample is
    scaled by a power of two that brings its largest coupling near one, and `Multigrid` in float32
    preconditions `stacked_conjugate_gradient` in float64, in which samples have numbers of their
    own. Strong couplings are looked for in all samples together: where they lie along other axes in
    each, one `solve` per sample needs fewer iterations.

    Arrays are NumPy's or CuPy's. On the host `BatchSolver` is quicker.

    Args:
        problem: one for which `unstackable` returns None.

    `size` is how many samples a group has at most.

    >>> from nwidth.meshes import Grid
    >>> batch = DeviceBatch(Darcy(Grid.uniform((9, 9))))
    >>> u, ends = batch.solve({"permeability": np.ones((3, 9, 9))}, 1e-8, 100)
    >>> u.shape, [end.status.name for end in ends]
    ((3, 9, 9), ['CONVERGED', 'CONVERGED', 'CONVERGED'])
    """

    def __init__(self, problem: DiffusionProblem):
        self.problem = require_instance(problem, "problem", DiffusionProblem)
        self.size = min(SAMPLES, UNKNOWNS // prod(problem.volumes.shape))
        self._volumes: dict[int, FiniteVolume] = {}

    def solve(
        self,
        inputs: Inputs,
        rtol: float,
        max_iterations: int,
        guesses: Array | None = None,
        first: int = 0,
    ) -> tuple[Array, tuple[Iterate, ...]]:
        """Return whole fields of a group of samples, and how each ended, its x times a factor.

        Inputs and guesses hold whole fields, sample first, at most `size`. Raises `InputError`
        naming the sample, numbered from `first`.
        """
        from nwidth.solvers.multigrid.multigrid import Multigrid

        samples = len(next(iter(inputs.values())))
        each_sample(first, inputs, lambda item: check_item(self.problem, item))
        several = max(samples, 2)  # an axis has two points at least
        fields = {name: _several(values, several) for name, values in inputs.items()}
        A, b = self._system(fields)
        sizes = sample_scales([b, -b])
        x = None if guesses is None else self.problem.unknowns(_several(guesses, several)) * sizes
        result = stacked_conjugate_gradient(
            A,
            b * sizes,
            preconditioner=Multigrid(A, dtype=np.float32, sweeps=SWEEPS),
            initial=x,
            rtol=rtol,
            max_iterations=max_iterations,
        )
        u = self._volumes[several].field(result.x / sizes)[:samples]
        return u, result.samples[:samples]

    def _system(self, inputs: Inputs) -> tuple[DiffusionOperator, Array]:
        """Return operator and right-hand side of a group in float64, every sample near one."""
        values = next(iter(inputs.values()))
        xp, samples, d = namespace(values), len(values), self.problem.grid.dimension
        values = values.astype(np.float64, copy=False)
        if samples not in self._volumes:
            self._volumes[samples] = stacked_volumes(self.problem, samples)
        volumes = self._volumes[samples]
        if isinstance(self.problem, Darcy):
            a, source = values, source_on_grid(self.problem.source_term, self.problem.grid)
            source = np.broadcast_to(source, (samples, *source.shape))
        else:
            a, source = xp.ones_like(values), values
        if a.ndim > d + 1:  # tensors: the sample axis takes any component
            a = xp.stack([a[:, 0], *(a[:, k] for k in range(d))])
        A, b = volumes.operator(a), volumes.right_hand_side(source, a)
        parts = [*A.faces[1:], *([] if A.reaction is None else [A.reaction])]
        scales = sample_scales(parts)
        faces = [xp.zeros_like(A.faces[0]), *(t * scales for t in A.faces[1:])]
        reaction = None if A.reaction is None else A.reaction * scales
        block = DiffusionOperator(faces, reaction, A.periodic)
        block.batched = True
        return block, b * scales


def _several(values: Array, samples: int) -> Array:
    """Return the samples, the only one twice if there have to be two."""
    return values if len(values) == samples else values.repeat(samples, axis=0)

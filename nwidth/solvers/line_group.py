"""A group of samples of a one-dimensional problem that are solved side by side."""

import numpy as np
from numpy.typing import NDArray

from nwidth.solvers.batched_thomas import BatchedThomas
from nwidth.solvers.diffusion_operator import DiffusionOperator
from nwidth.solvers.equations.darcy import Darcy
from nwidth.solvers.equations.diffusion_problem import DiffusionProblem, source_on_grid
from nwidth.solvers.finite_volume import FiniteVolume
from nwidth.solvers.krylov.batched_conjugate_gradient import LaneResult
from nwidth.solvers.lane_group import each_sample
from nwidth.solvers.problem import Inputs
from nwidth.solvers.solution import Status
from nwidth.solvers.stacked_volumes import check_item, sample_scales, stacked_volumes

Array = NDArray[np.float64]

# Samples of a group, and numbers in one of its arrays unless eight samples have more.
SAMPLES, NUMBERS = 32, 2**22


class LineGroup:
    """The work space of one group of samples of a problem in one dimension.

    Faces and right-hand sides of all samples are made at once by `FiniteVolume`, the sample as a
    second axis without couplings, and solved by `BatchedThomas` in float64. Different threads use
    different groups.

    Args:
        problem: Darcy's or Poisson's equation in one dimension.

    >>> from nwidth.meshes import Grid
    >>> group = LineGroup(Darcy(Grid.uniform(5)))
    >>> a, u = {"permeability": np.ones((2, 5))}, np.empty((2, 5))
    >>> [result.status.name for result in group.solve(0, a, None, 1e-8, 100, u)]
    ['CONVERGED', 'CONVERGED']
    >>> u[1].tolist()
    [0.0, 0.09375, 0.125, 0.09375, 0.0]
    """

    method = "batched-thomas"
    reason = "one dimension: elimination, samples side by side"

    def __init__(self, problem: DiffusionProblem):
        from nwidth.solvers._lanes_numba import LANES

        self.problem, self.points = problem, problem.volumes.shape[0]
        #: Samples of a group, at most.
        self.lanes = max(min(SAMPLES, NUMBERS // self.points // LANES * LANES), LANES)
        self._step = LANES
        self._spaces: dict[int, tuple[FiniteVolume, BatchedThomas]] = {}

    def solve(
        self,
        first: int,
        inputs: Inputs,
        guesses: Array | None,
        rtol: float,
        max_iterations: int,
        out: Array,
        right: Array | None = None,
    ) -> list[LaneResult]:
        """Solve for samples `first`, `first` + 1, ... and return how each ended.

        The arguments are those of `LaneGroup`; guesses and the limit are for iterations.
        """
        samples = len(out)
        each_sample(first, inputs, lambda item: check_item(self.problem, item))
        width = -(-samples // self._step) * self._step
        if width not in self._spaces:
            volumes = stacked_volumes(self.problem, width, last=True)
            self._spaces[width] = volumes, BatchedThomas(self.points, width, volumes.periodic[0])
        volumes, lines = self._spaces[width]
        A, b = self._system(volumes, first, inputs, right)
        parts = [A.faces[0], *([] if A.reaction is None else [A.reaction])]
        scales, sizes = sample_scales(parts, axis=0), sample_scales([b, -b], axis=0)
        reaction = None if A.reaction is None else A.reaction * scales
        x, residuals = lines.solve(A.faces[0] * scales, reaction, b * sizes)
        x *= scales / sizes
        if volumes.singular:
            widths = self.problem.volumes.volumes[:, None]
            x -= (widths * x).sum(axis=0) / widths.sum()
        out[...] = (volumes.field(x) if right is None else x)[:, :samples].T
        return [LaneResult(_status(float(r), rtol), [float(r)]) for r in residuals[:samples]]

    def _system(
        self, volumes: FiniteVolume, first: int, inputs: Inputs, right: Array | None
    ) -> tuple[DiffusionOperator, Array]:
        """Return the faces of all samples, and their right-hand sides unless these are given."""
        width = volumes.shape[1]
        fields = {name: _sample_last(values, width) for name, values in inputs.items()}
        if isinstance(self.problem, Darcy):
            a, values = fields["permeability"], self.problem.source_term
            source = source_on_grid(values, self.problem.grid)[:, None]
            source = np.broadcast_to(source, (source.size, width))
        else:
            source = fields["source"]
            a = np.ones_like(source)
        if right is None and volumes.singular:  # each sample is balanced by itself
            right = np.stack(each_sample(first, inputs, self.problem.source))
        if right is None:
            return volumes.operator(a), volumes.right_hand_side(source, a)
        return volumes.operator(a), _sample_last(right, width)


def _status(residual: float, rtol: float) -> Status:
    if not np.isfinite(residual):
        return Status.NON_FINITE
    return Status.CONVERGED if residual <= rtol else Status.STAGNATED


def _sample_last(values: Array, width: int) -> Array:
    """Return fields or tensors of one component in float64, the last sample repeated."""
    lines = values.reshape(len(values), -1)
    numbers = np.minimum(np.arange(width), len(values) - 1)
    return np.ascontiguousarray(lines[numbers].T, dtype=np.float64)

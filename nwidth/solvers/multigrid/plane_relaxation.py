"""Gauss-Seidel relaxation by whole planes of points."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_instance, require_integer
from nwidth.errors import InputError
from nwidth.solvers.diffusion_operator import DiffusionOperator
from nwidth.solvers.multigrid.subspace_correction import SubspaceCorrection

Array = NDArray[Any]


class PlaneRelaxation(SubspaceCorrection):
    """Zebra plane Gauss-Seidel relaxation of A u = f in three dimensions.

        u <- u + M_planes (f - A u)    on every second plane at once, then on the others

    Planes lie across one axis. M_planes ~ A_planes^-1 is one two-dimensional V-cycle, which halves
    the strongly coupled axes of the planes, for all planes at once: without the couplings between
    planes the operator is still in flux form, and that axis is never halved. Errors are smoothed
    however strongly the points of a plane are coupled, whatever their anisotropy. Planes in
    opposite order are the adjoint. Reference: Trottenberg, Oosterlee & Schueller (2001), Multigrid,
    section 5.2.

    Use it as `Multigrid(A, smoother=partial(PlaneRelaxation, axis=0), semi_coarsening=False)`. It
    costs about ten red-black sweeps; semi-coarsening with red-black relaxation does where the
    strong axes are the same everywhere.

    Args:
        operator: A, on three axes.
        axis: the axis across the planes.

    Raises `InputError` for other dimensions, and axes that A lacks.

    >>> A = DiffusionOperator((np.zeros((3, 1, 1)), np.ones((2, 2, 1)), np.zeros((2, 1, 2))))
    >>> u = np.zeros((2, 1, 1))
    >>> PlaneRelaxation(A).smooth(u, np.ones((2, 1, 1)))
    >>> u.ravel().round(12).tolist()
    [0.5, 0.5]
    """

    def __init__(self, operator: DiffusionOperator, axis: int = 0):
        d = len(require_instance(operator, "planes", DiffusionOperator).domain_shape)
        if d != 3 or require_integer(axis, "axis", 0) > 2:
            raise InputError(
                f"planes: expected three dimensions and an axis from 0 to 2, got {d} and {axis!r}"
            )
        super().__init__(operator)
        self.axis = axis

    @cached_property
    def corrections(self) -> list[Callable[[Array, Array], None]]:
        """Cycles for every second plane, then for the others."""
        n = self.operator.domain_shape[self.axis]
        odd_cycle = self.operator.periodic[self.axis] and n % 2 == 1 and n > 1
        ranges = [slice(0, n - odd_cycle, 2), slice(1, n, 2)]
        if odd_cycle:
            ranges.append(slice(n - 1, n))
        return [_Planes(self.operator, self.axis, r).add for r in ranges if r.start < n]


class _Planes:
    """Some of the planes, without the couplings between them, and the cycle for these."""

    def __init__(self, operator: DiffusionOperator, axis: int, chosen: slice):
        from nwidth.solvers.multigrid.multigrid import Multigrid

        self.at = (slice(None),) * axis + (chosen,)
        faces, n = [], operator.domain_shape[axis]
        reaction = np.zeros(operator.domain_shape, operator.dtype)
        if operator.reaction is not None:
            reaction += operator.reaction
        for k, t in enumerate(operator.faces):
            if k != axis:
                faces.append(t[self.at])
                continue
            if not (operator.periodic[k] and n == 1):  # else the plane is its own neighbour
                along = np.moveaxis(t, k, 0)
                reaction += np.moveaxis(along[:-1] + along[1:], 0, k)
            cut = np.zeros_like(t)[(*self.at[:-1], slice(0, 1 + reaction[self.at].shape[k]))]
            faces.append(cut)
        open_planes = [p and k != axis for k, p in enumerate(operator.periodic)]
        self.cycle = Multigrid(
            DiffusionOperator(faces, reaction[self.at], open_planes), sweeps=(1,)
        )
        self.r, self.z = (np.empty(self.cycle.domain_shape, operator.dtype) for _ in range(2))

    def add(self, u: Array, r: Array) -> None:
        """Add the result of one cycle for the residual r of these planes."""
        np.copyto(self.r, r[self.at])
        self.cycle.apply_into(self.z, self.r)
        u[self.at] += self.z

"""The stencils of a multigrid solver for -Laplace u = f, as weights of a learned cycle."""

from typing import Any

import torch
from torch import Tensor

from nwidth.errors import InputError
from nwidth.operators.multigrid.grid_convolutions import linear_stencil
from nwidth.solvers.multigrid.jacobi import DAMPING


@torch.no_grad()
def poisson_stencils(layer: Any) -> None:
    """Give a `MultigridLayer` the stencils with which it is a cycle for -Laplace u = f.

        A = (2 d; -1, ..., -1),   S = omega / (2 d),   P linear,   R = P^T,   Pi = 0

    Every channel is treated alike and by itself; channels of f and u are paired by number. These
    are the five-point operator times h^2 (seven points in space), damped Jacobi and the transfers
    of `nwidth.solvers.Multigrid`, whose coarse operators have the same stencil where the
    coefficient is constant: R = P^T is full weighting times 2^d, which stands for the h^2 of the
    coarse grid. For f given in h^2 f the layer returns the result of one cycle from the guess zero,
    and w <- w + W (h^2 f - A w) contracts errors as the solver's iteration does. Trottenberg,
    Oosterlee & Schueller (2001), Multigrid, sections 2.1 to 2.4.

    That takes `restricts="residual"` and `guess="zero"`, which is checked: restricting f itself, as
    the published code does, solves for the smooth part twice.
    """
    cycle, d = layer.cycle, layer.dimension
    if cycle.restricts != "residual" or cycle.guess != "zero":
        raise InputError(
            'initial: "poisson" expects restricts="residual" and guess="zero", the correction '
            f"scheme of a solver, got {cycle.restricts!r} and {cycle.guess!r}"
        )
    if set(cycle.stencils) - {3}:
        raise InputError(f'initial: "poisson" expects prolongation=3, got {cycle.prolongation}')
    point = linear_stencil((False,) * d)
    star = point * 2 * d
    for k in range(d):
        for side in (0, 2):
            star[tuple(side if j == k else 1 for j in range(d))] = -1.0
    linear = linear_stencil((True,) * d)
    relaxation = point * DAMPING[d - 1] / (2 * d)
    for stencils, values in ((layer.A, star), (layer.S, relaxation)):
        for level in stencils:
            for stencil in level:
                _set_diagonal(stencil, values)
    for stencil in layer.residual:
        _set_diagonal(stencil, star)
    # Per axis R weighs with (1/2, 1, 1/2), and A of the coarse grid is h^2 times its operator: in d
    # dimensions full weighting, a factor 2^-d, times 4.
    for stencil in layer.R:
        _set_diagonal(stencil, linear * 2.0 ** (2 - d))
    for stencil in layer.P:
        _set_diagonal(stencil, linear)


def _set_diagonal(stencil: Tensor, values: Tensor) -> None:
    """Set the stencil between channels of equal number, and zero between others."""
    stencil.zero_().diagonal()[:] = values.unsqueeze(-1)

"""The residual of Fisher's equation, and a bound on the error that follows from it."""

from copy import deepcopy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nwidth.arguments import require_instance
from nwidth.arrays import to_numpy
from nwidth.errors import InputError
from nwidth.operators.evolution_residual import EvolutionResidual
from nwidth.solvers import Fisher


class ReactionDiffusionResidual(EvolutionResidual):
    """R = u_t - nu u_xx - r u (1 - u), the reaction-diffusion equation of the publication.

    See `EvolutionResidual`. Published: nu in {0.005, 0.01, 0.05, 0.1}, r = 5, T = 1, 32 x 64
    modes, initial densities of `PeriodicKernelField`: Du, Chalapathi & Krishnapriyan (2024),
    arXiv:2312.05225, section 4.

    `error_bound` bounds the error of any u with these initial values, whatever it came from.

    >>> from nwidth.meshes import Grid
    >>> residual = ReactionDiffusionResidual(Fisher(Grid.periodic(9)), 1.0, 8).double()
    >>> one = torch.ones(1, 8, 9, dtype=torch.float64)  # the land is full, and stays so
    >>> bool(residual.losses(one, one[:, 0], "residual") < 1e-20)
    True
    """

    problem: Fisher

    def __init__(self, problem: Fisher, *arguments: Any, **options: Any):
        super().__init__(require_instance(problem, "problem", Fisher), *arguments, **options)

    def symbol(self, squared: Any) -> Any:
        """Return r - nu k^2."""
        given = self.problem.coefficients
        return given["growth"] - given["diffusivity"] * squared

    def nonlinear(self, v: Tensor) -> Tensor:
        """Return -r u^2."""
        return -self.problem.coefficients["growth"] * self.finer(v).square()

    def error_bound(self, u: Tensor, a: Tensor) -> NDArray[np.float64]:
        """Return bounds on the errors of w = u(t, x), relative in L2 of the box, (sample,).

            e_t = nu e_xx + r (1 - u - w) e - R,    e = u - w,    u the solution
            eps_t = nu eps_xx + R + rho,    eps(0) = 0,    d = e + eps
            d/dt ||d|| <= alpha ||d|| + r ||c eps|| + ||rho||,    ||e|| <= ||eps|| + ||d||
            alpha = r (1 - m - min_x w),    c = max(|1 - m - w|, |w|)

        eps is e~ of the indicator, rho what its polynomials miss. Initial densities in [0, 1] stay
        between the logistic growth m(t) of the least of them and 1 (comparison), so that 1 - u - w
        lies between -w and 1 - m - w. The least of w between points is that of any function of its
        waves (Ehlich & Zeller 1964, doi:10.1007/BF01111276). Integrals over time are trapezoid sums
        at 32 times as many points as there are polynomials; neither round-off nor what the waves of
        the initial density leave [0, 1] by, up to 1e-3, is counted. Infinite where the bound is as
        large as the solution. Measured: 5 to 10 times the error.

        Raises `InputError` for initial densities that leave [0, 1] by more.
        """
        self.require(u, a)
        exact = deepcopy(self).double()
        w, start = (torch.tensor(to_numpy(x.detach()), dtype=torch.float64) for x in (u, a))
        residual = exact.coefficients(w, start)
        time, space = self.fine
        t = np.linspace(0.0, self.final_time, 32 * time.size + 1)
        at, many = time.at(t), space.resized(16 * space.size)
        flow = at @ time.synthesis
        shape = space.at(many.points) @ space.synthesis

        def there(v: Any) -> NDArray[np.float64]:
            return np.asarray(flow @ v @ shape.T)

        eps = exact.preconditioned(residual).numpy()
        slope = (at @ time.derivative() @ time.synthesis) @ eps
        bent = -self.problem.coefficients["diffusivity"] * space.wavenumbers**2
        rho = slope - flow @ (bent * eps) - flow @ residual.numpy()
        first, last = self.collocation
        values = first.at(t) @ w.numpy() @ last.at(many.points).T
        r = self.problem.coefficients["growth"]
        low = _least(values, last.size // 2)
        least = values[:, 0].min(-1, keepdims=True)
        if least.min() < -1e-3 or values[:, 0].max() > 1 + 1e-3:
            raise InputError(
                f"{self.inputs[0]}: expected initial densities in [0, 1], got {least.min():.4g} to "
                f"{values[:, 0].max():.4g} between the points; the bound needs them"
            )
        grown = np.maximum(least, 0.0) * np.exp(r * t)
        m = grown / (1 - np.maximum(least, 0.0) + grown)
        c = np.maximum(abs(1 - m[..., None] - values), abs(values))
        known = np.sqrt((there(eps) ** 2).mean(-1))
        load = r * np.sqrt(((c * there(eps)) ** 2).mean(-1)) + np.sqrt((rho**2).sum(-1))
        rate = _running(r * (1 - m - low), t)
        with np.errstate(over="ignore"):
            total = known + np.exp(rate) * _running(np.exp(-rate) * load, t)
        error = np.sqrt(_running(total**2, t)[:, -1] / self.final_time)
        size = np.sqrt(exact.squares(w).numpy()) - error
        return np.where(size > 0, error / np.where(size > 0, size, 1.0), np.inf)


def _least(values: NDArray[np.float64], waves: int) -> NDArray[np.float64]:
    """Return a lower bound of functions with so many waves, of their values along the last axis."""
    low, high = values.min(-1), values.max(-1)
    return (low + high) / 2 - (high - low) / 2 / np.cos(np.pi * waves / values.shape[-1])


def _running(f: NDArray[np.float64], t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the integral from the first time to each of them."""
    steps = (f[:, 1:] + f[:, :-1]) / 2 * np.diff(t)
    return np.concatenate([np.zeros((len(f), 1)), steps.cumsum(-1)], axis=1)

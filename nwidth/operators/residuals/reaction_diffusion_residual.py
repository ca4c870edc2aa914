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
from nwidth.operators.residuals.evolution_residual import EvolutionResidual
from nwidth.solvers import Fisher


class ReactionDiffusionResidual(EvolutionResidual):
    """R = u_t - nu u_xx - r u (1 - u), the reaction-diffusion equation of the publication.

        g = w / (w + (1 - w) exp(-r t)),    w = exp(t nu d_xx) u_0

    The first guess g, see `EvolutionResidual`, lets densities spread and then grow, each by its
    exact flow: Lie's splitting in one step, with errors of about 1 %, which a network mends in
    units of a tenth. Published: nu in {0.005, 0.01, 0.05, 0.1}, r = 5, T = 1, 32 x 64 modes,
    initial densities of `PeriodicKernelField`, g = u_0: Du, Chalapathi & Krishnapriyan (2024),
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
        growth = self.problem.coefficients["growth"] * self.collocation[0].points
        self.keep("left", np.exp(-np.minimum(growth, 60.0))[:, None])

    def symbol(self, squared: Any) -> Any:
        """Return r - nu k^2."""
        given = self.problem.coefficients
        return given["growth"] - given["diffusivity"] * squared

    def nonlinear(self, v: Tensor) -> Tensor:
        """Return -r u^2."""
        return -self.problem.coefficients["growth"] * self.finer(v).square()

    def guess(self, a: Tensor) -> Tensor:
        """Return g; where w < 0, from which densities would explode, w itself."""
        spread = self.linear_flow(a)
        some = spread.clamp_min(0.0)
        grown: Tensor = some / (some + (1 - some) * self.left) + (spread - some)
        return grown

    def ansatz(self, raw: Tensor, a: Tensor) -> Tensor:
        """Return g + (t / T) raw / 10."""
        return super().ansatz(0.1 * raw, a)

    def error_bound(self, u: Tensor, a: Tensor) -> NDArray[np.float64]:
        """Return bounds on the errors of w = u(t, x), relative in L2 of the box, (sample,).

            e_t = nu e_xx + r (1 - u - w) e - R,    e = u - w,    u the solution
            eps_t = nu eps_xx + R + rho,    eps(0) = 0,    d = e + eps
            d/dt ||d|| <= alpha ||d|| + r ||c eps|| + ||rho||,    ||e|| <= ||eps|| + ||d||
            alpha = r (1 - m - min_x w),    c = max(|1 - m - w|, |1 - M - w|)

        eps is e~ of the indicator, rho what its polynomials miss. Densities stay between the
        logistic growth m(t) of the least and M(t) of the largest initial one (comparison), so that
        1 - u - w lies between 1 - M - w and 1 - m - w. Extremes between points are those of any
        function of as many waves (Ehlich & Zeller 1964, doi:10.1007/BF01111276). If w does not
        begin with a, d does with the difference. Integrals over time are trapezoid sums at 32 times
        as many points as there are polynomials, dense at the ends as these are; round-off is not
        counted. Infinite where the bound is as large as the solution. Measured: 5 to 10 times the
        error.

        Raises `InputError` for initial densities that leave [0, 1] by more than 1e-3.
        """
        self.require(u, a)
        exact = deepcopy(self).double()
        w, start = (torch.tensor(to_numpy(x.detach()), dtype=torch.float64) for x in (u, a))
        residual = exact.coefficients(w, start)
        time, space = self.fine
        t = self.final_time * (1 - np.cos(np.linspace(0, np.pi, 32 * time.size + 1))) / 2
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
        r, waves = self.problem.coefficients["growth"], last.size // 2
        low = _extremes(values, waves)[0]
        least, most = _extremes(_refined(start.numpy(), 512), waves)
        if least.min() < -1e-3 or most.max() > 1 + 1e-3:
            raise InputError(
                f"{self.inputs[0]}: expected initial densities in [0, 1], got {least.min():.4g} to "
                f"{most.max():.4g} between the points; the bound needs them"
            )
        m, M = (_logistic(one[:, None], np.exp(-r * t)) for one in (least, most))
        c = np.maximum(abs(1 - m[..., None] - values), abs(1 - M[..., None] - values))
        known = np.sqrt((there(eps) ** 2).mean(-1))
        begun = np.sqrt(((values[:, 0] - start.numpy() @ last.at(many.points).T) ** 2).mean(-1))
        load = r * np.sqrt(((c * there(eps)) ** 2).mean(-1)) + np.sqrt((rho**2).sum(-1))
        rate = _running(r * (1 - m - low), t)
        with np.errstate(over="ignore", invalid="ignore"):
            total = known + np.exp(rate) * (begun[:, None] + _running(np.exp(-rate) * load, t))
            error = np.sqrt(_running(total**2, t)[:, -1] / self.final_time)
        size = np.sqrt(exact.squares(w).numpy()) - error
        return np.where(size > 0, error / np.where(size > 0, size, 1.0), np.inf)


def _logistic(u: NDArray[np.float64], left: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logistic growth of u when exp(-r t) is left; -infinity once it has exploded."""
    below = u + (1 - u) * left
    return np.where(below > 0, u / np.where(below > 0, below, 1.0), -np.inf)


def _refined(u: NDArray[np.float64], factor: int) -> NDArray[np.float64]:
    """Return the waves of values at points of a circle at so many times as many points."""
    n = u.shape[-1]
    v = np.fft.rfft(u)
    if n % 2 == 0:
        v[..., -1] /= 2
    return np.fft.irfft(v, factor * n) * factor


def _extremes(values: NDArray[np.float64], waves: int) -> tuple[Any, Any]:
    """Return bounds of functions with so many waves, of their values along the last axis."""
    low, high = values.min(-1), values.max(-1)
    middle = (low + high) / 2
    reach = (high - low) / 2 / np.cos(np.pi * waves / values.shape[-1])
    return middle - reach, middle + reach


def _running(f: NDArray[np.float64], t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the integral from the first time to each of them."""
    steps = (f[:, 1:] + f[:, :-1]) / 2 * np.diff(t)
    return np.concatenate([np.zeros((len(f), 1)), steps.cumsum(-1)], axis=1)

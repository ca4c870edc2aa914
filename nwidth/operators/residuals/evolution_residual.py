"""The residual of u_t = L u + N(u) in space and time: polynomials in time, waves in space."""

from abc import abstractmethod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nwidth.arguments import require_integer, require_number
from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.operators.residuals.collocation_axis import CollocationAxis
from nwidth.operators.residuals.spectral_residual import SpectralResidual, along
from nwidth.solvers import EvolutionProblem, simulate

# Relative error of a step of the solutions that networks are compared with.
REFERENCE_RTOL = 1e-8


class EvolutionResidual(SpectralResidual):
    """R = u_t - L u - N(u) on [0, T] x torus, for an equation of one real field and real symbol.

        u = g + (t / T) v,    g = exp(t L') u_0,    L' = L - max(0, largest growth of L)
        e = P^-1 R:    e_k' = l'_k e_k + R_k,    e_k(0) = 0

    v is what a network says: initial values hold exactly, whatever it says. A subclass may have a
    better first guess g. R has polynomials of
    twice the degree and waves of twice the number of u, exact for quadratic N. P^-1 solves the
    equation of each wave by an integral, which is exact but for cutting e to those polynomials.
    Reference: Du, Chalapathi & Krishnapriyan (2024), arXiv:2312.05225, section 3, without P.

    Args:
        problem: an evolution problem on a periodic grid, whose points are the collocation points.
        final_time: T.
        time_modes: Chebyshev points in [0, T].
        oversampling: how many times as many points products are computed at; 2 has all of R,
            1.5 has R without aliases of what it shows.

    Raises `InputError` for problems and numbers that do not fit.
    """

    feature_channels = 2

    def __init__(
        self,
        problem: EvolutionProblem,
        final_time: float,
        time_modes: int,
        *,
        oversampling: float = 2.0,
    ):
        super().__init__()
        self.problem = problem
        self.final_time = require_number(final_time, "final_time", "(0, inf)")
        self.time_modes = require_integer(time_modes, "time_modes", 3)
        self.oversampling = require_number(oversampling, "oversampling", "[1, 4]")
        axes = problem.grid.axes
        if not all(axis.periodic and axis.is_uniform for axis in axes):
            raise InputError(f"problem: expected a periodic uniform grid, got {problem.grid}")
        self.field = next(iter(problem.outputs))
        self.inputs = (problem.inputs[0].name,)
        time = CollocationAxis("chebyshev", self.time_modes, 0.0, self.final_time)
        space = [CollocationAxis("fourier", a.size, a.lower, a.lower + a.length) for a in axes]
        self.collocation = (time, *space)
        fine = tuple(one.resized(self._more(one.size)) for one in self.collocation)
        self.fine = fine
        squared = sum(
            np.reshape(one.wavenumbers**2, [-1 if i == j else 1 for j in range(len(space))])
            for i, one in enumerate(fine[1:])
        )
        symbol = self.symbol(squared)
        first = tuple(slice(0, one.size) for one in space)
        for k, (one, more) in enumerate(zip(self.collocation, fine, strict=True)):
            self.keep(f"analysis_{k}", one.analysis)
            self.keep(f"fine_analysis_{k}", more.analysis)
            # From values in time, and from coefficients in space, to values at the finer points.
            self.keep(f"fine_{k}", one.at(more.points) if k == 0 else more.synthesis[:, : one.size])
            if k > 0:
                slopes = more.derivative() @ more.synthesis[:, : one.size]
                self.keep(f"fine_slope_{k}", slopes)
                self.keep(f"synthesis_{k}", one.synthesis)
        self.keep("rate", time.analysis @ time.derivative())
        self.keep("times", time.points / self.final_time)
        self.keep("symbol_here", symbol[first])
        self.keep("inverse_laplacian", 1 / np.where(squared > 0, squared, np.inf)[first])
        calm = symbol - max(0.0, float(symbol.max()))
        self.keep("decay", np.exp(np.multiply.outer(time.points, calm[first])))
        self.keep("inverse", self._inverse(fine[0], calm))
        self.where = first

    def _more(self, size: int) -> int:
        """Return how many points products of two need; an odd number, which has no middle wave."""
        more = int(np.ceil(self.oversampling * size))
        return more + 1 - more % 2 if self.oversampling > 1 else size

    @staticmethod
    def _inverse(time: CollocationAxis, symbol: Any) -> Any:
        """Return the matrices from R~ to e~ in time, one for each wave: (waves, m, m)."""
        integral = time.antiderivative
        found = {}
        for value in np.unique(symbol):
            solved = np.linalg.solve(np.eye(time.size) - value * integral, integral)
            found[value] = time.analysis @ solved @ time.synthesis
        return np.stack([found[value] for value in symbol.ravel()])

    @property
    def axis_names(self) -> tuple[str, ...]:
        """T and the names of the problem's axes."""
        return ("t", *(axis.name for axis in self.problem.grid.axes))

    @abstractmethod
    def symbol(self, squared: Any) -> Any:
        """Return l of waves with |k|^2."""

    @abstractmethod
    def nonlinear(self, v: Tensor) -> Tensor:
        """Return N(u) at the finer points, of the coefficients of u in space (batch, t, *waves)."""

    def spatial(self, u: Tensor) -> Tensor:
        """Return the coefficients in space of values (batch, t, *points)."""
        d = len(self.collocation) - 1
        for k in range(1, d + 1):
            u = along(getattr(self, f"analysis_{k}"), u, k - d - 1)
        return u

    def finer(self, v: Tensor, slope: int = 0) -> Tensor:
        """Return values at the finer points of coefficients in space, or of a derivative."""
        d = len(self.collocation) - 1
        v = along(self.fine_0, v, -d - 1)
        for k in range(1, d + 1):
            matrix = getattr(self, f"fine_slope_{k}" if k == slope else f"fine_{k}")
            v = along(matrix, v, k - d - 1)
        return v

    def coefficients(self, u: Tensor, a: Tensor) -> Tensor:
        """Return R~: Legendre's polynomials in time, waves in space, all that R has."""
        self.require(u, a)
        v, d = self.spatial(u), len(self.collocation) - 1
        linear = along(self.rate, v, -d - 1) - along(self.analysis_0, self.symbol_here * v, -d - 1)
        out = self.nonlinear(v)
        for k in range(d + 1):
            out = along(getattr(self, f"fine_analysis_{k}"), out, k - d - 1)
        out = -out
        out[(slice(None), slice(0, self.time_modes), *self.where)] += linear
        return out

    def preconditioned(self, residual: Tensor) -> Tensor:
        """Return e~ of each wave."""
        flat = residual.flatten(2).permute(2, 1, 0)
        return (self.inverse @ flat).permute(2, 1, 0).reshape(residual.shape)

    def linear_flow(self, a: Tensor) -> Tensor:
        """Return exp(t L') u_0 at the collocation points."""
        d = len(self.collocation) - 1
        u = self.decay * self.spatial(a[:, None])
        for k in range(1, d + 1):
            u = along(getattr(self, f"synthesis_{k}"), u, k - d - 1)
        return u

    def guess(self, a: Tensor) -> Tensor:
        """Return g, what a network mends, at the collocation points."""
        return self.linear_flow(a)

    def features(self, a: Tensor) -> Tensor:
        """Return g and t / T."""
        guess = self.guess(a)
        times = self.times.reshape(-1, *[1] * (guess.ndim - 2))
        return torch.stack([guess, times.expand_as(guess)], dim=1)

    def ansatz(self, raw: Tensor, a: Tensor) -> Tensor:
        """Return g + (t / T) raw."""
        guess = self.guess(a)
        return guess + self.times.reshape(-1, *[1] * (guess.ndim - 2)) * raw

    def draw(self, seed: int, indices: Any) -> Any:
        """Return initial fields of the problem's sampler, (sample, *points)."""
        sampler = self.problem.inputs[0].sampler
        if sampler is None:
            raise InputError("problem: expected a sampler of initial fields, got none")
        return sampler.samples(seed, indices)

    def reference(self, a: Any) -> Any:
        """Return the solver's solution at the collocation points, on a grid three times as fine."""
        axes = self.problem.grid.axes
        fine = [one.resized(3 * one.size) for one in self.collocation[1:]]
        lower = [axis.lower for axis in axes]
        upper = [axis.lower + axis.length for axis in axes]
        problem = self.problem.on(Grid.periodic([one.size for one in fine], lower, upper))
        found = []
        for one in np.asarray(a, np.float64):
            u = one
            for k, axis in enumerate(self.collocation[1:]):
                u = np.moveaxis(np.tensordot(axis.at(fine[k].points), u, axes=(1, k)), 0, k)
            inputs = {self.inputs[0]: np.ascontiguousarray(u)}
            times = self.collocation[0].points
            done = simulate(problem, inputs, times, rtol=REFERENCE_RTOL).checked()
            values = done.fields[self.field]
            found.append(values[(slice(None), *[slice(None, None, 3)] * len(fine))])
        return np.stack(found)

    def describe(self) -> dict[str, Any]:
        """Return the equation, T and the points."""
        return {
            "problem": self.problem.describe(),
            "final_time": self.final_time,
            "time_modes": self.time_modes,
            "oversampling": self.oversampling,
        }

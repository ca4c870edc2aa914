"""The residual of Poisson's equation between walls or on a torus."""

from typing import Any

import numpy as np
from torch import Tensor

from nwidth.arguments import require_choice, require_instance
from nwidth.errors import InputError
from nwidth.meshes import RandomField
from nwidth.operators.residuals.collocation_axis import CollocationAxis
from nwidth.operators.residuals.spectral_residual import SpectralResidual, along


class PoissonResidual(SpectralResidual):
    """R = -laplace u - f in two dimensions; u vanishes at the walls, or repeats with mean zero.

        e_k = R_k / |k|^2:    what is left of the error, exactly

    The equation is linear and diagonal in sines and waves: the form "error" is the relative error
    itself, of those modes. A first exercise of the publication, 31 x 31 modes: Du, Chalapathi &
    Krishnapriyan (2024), arXiv:2312.05225, section 4. The source is what its interpolation by the
    modes is; on a torus its mean is left out, for which there is no solution.

    Args:
        sampler: draws sources, on the grid of the collocation points: uniform nodes between walls,
            or periodic.
        boundary: "dirichlet" or "periodic".

    >>> import torch
    >>> from nwidth.meshes import GaussianRandomField, Grid
    >>> sampler = GaussianRandomField(Grid.uniform((9, 9)), 2.0, 3.0, boundary="dirichlet")
    >>> residual = PoissonResidual(sampler, "dirichlet").double()
    >>> f = torch.tensor(residual.draw(0, 2))
    >>> bool((residual.indicator(torch.tensor(residual.reference(f)), f) < 1e-12).all())
    True
    """

    field, inputs, feature_channels = "potential", ("source",), 1

    def __init__(self, sampler: RandomField, boundary: str = "dirichlet"):
        super().__init__()
        self.sampler = require_instance(sampler, "sampler", RandomField)
        self.boundary = require_choice(boundary, "boundary", ("dirichlet", "periodic"))
        axes, wraps = sampler.grid.axes, boundary == "periodic"
        nodes = [a.is_uniform and (a.periodic if wraps else a.centering == "node") for a in axes]
        if len(axes) != 2 or not all(nodes) or any(a.periodic != wraps for a in axes):
            raise InputError(
                f"sampler: expected a grid of two uniform {'periodic axes' if wraps else 'axes'} "
                f"of nodes for boundary '{boundary}', got {sampler.grid}"
            )
        kind = "fourier" if wraps else "sine"
        self.collocation = tuple(
            CollocationAxis(kind, a.size, a.lower, a.lower + a.length) for a in axes
        )
        squared = np.add.outer(*(one.wavenumbers**2 for one in self.collocation))
        self.keep("squared", squared)
        self.keep("inverse", 1 / np.where(squared > 0, squared, np.inf))
        inside = np.ones(())
        for k, one in enumerate(self.collocation):
            self.keep(f"analysis_{k}", one.analysis)
            self.keep(f"synthesis_{k}", one.synthesis)
            kept = np.ones(one.size)
            kept[[0, -1]] = 1.0 if wraps else 0.0
            inside = np.multiply.outer(inside, kept)
        self.keep("inside", inside)
        # So that what a network says is of order one: the slowest wave has the largest response.
        self.scale = float(1 / squared[squared > 0].min())

    @property
    def axis_names(self) -> tuple[str, ...]:
        """Those of the sampler's grid."""
        return tuple(axis.name for axis in self.sampler.grid.axes)

    def spatial(self, u: Tensor) -> Tensor:
        """Return coefficients of values."""
        return along(self.analysis_1, along(self.analysis_0, u, -2), -1)

    def coefficients(self, u: Tensor, a: Tensor) -> Tensor:
        """Return |k|^2 u~_k - f~_k, without the mean on a torus."""
        self.require(u, a)
        residual: Tensor = self.squared * self.spatial(u) - self.spatial(a)
        if self.boundary == "periodic":
            residual = residual * (self.squared > 0)
        return residual

    def preconditioned(self, residual: Tensor) -> Tensor:
        """Return R~_k / |k|^2."""
        return residual * self.inverse

    def features(self, a: Tensor) -> Tensor:
        """Return the source, divided by its root mean square: solutions are as large as sources."""
        return (a / self._size(a))[:, None]

    def ansatz(self, raw: Tensor, a: Tensor) -> Tensor:
        """Return raw, scaled: the sines of its inner values, or without its mean on a torus."""
        u: Tensor = self.scale * self._size(a) * self.inside * raw
        return u - u.mean((-2, -1), keepdim=True) if self.boundary == "periodic" else u

    @staticmethod
    def _size(a: Tensor) -> Tensor:
        return a.square().mean((-2, -1), keepdim=True).sqrt().clamp_min(1e-30)

    def draw(self, seed: int, indices: Any) -> Any:
        """Return sources of the sampler."""
        return self.sampler.samples(seed, indices)

    def reference(self, a: Any) -> Any:
        """Return the solution of those modes, wave by wave."""
        v = np.asarray(a, np.float64)
        one, two = self.collocation
        v = one.analysis @ v @ two.analysis.T
        squared = np.add.outer(one.wavenumbers**2, two.wavenumbers**2)
        v = v / np.where(squared > 0, squared, np.inf)
        return one.synthesis @ v @ two.synthesis.T

    def describe(self) -> dict[str, Any]:
        """Return sampler, grid and boundary."""
        return {
            "equation": "poisson",
            "sampler": self.sampler.describe(),
            "grid": self.sampler.grid.describe(),
            "boundary": self.boundary,
        }

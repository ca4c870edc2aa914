"""The matrix-free operator of Helmholtz' equation."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.errors import InputError
from nwidth.solvers.diffusion_operator import DiffusionOperator
from nwidth.solvers.star_operator import StarOperator

Array = NDArray[Any]


class HelmholtzOperator(StarOperator):
    """Diffusion minus a mass, with damping: complex symmetric, not Hermitian, indefinite.

        A u = D u - m u - i c u

    With waves exp(-i omega t), m = k^2 times the control volume, and c = k times the area of the
    absorbing sides du/dn - i k u = 0. c >= 0 takes energy out: Im (A u, u) = -sum c |u|^2 <= 0.

    Args:
        diffusion: D, the flux operator of -div grad.
        mass: m, real or complex, on the unknowns; a positive imaginary part damps as c does.
        damping: c, real, on the unknowns.

    The precision is that of D: complex64 for float32. Raises `InputError` for other kinds of D and
    for shapes that do not fit, `NonFiniteError` for NaN and infinity.

    >>> D = DiffusionOperator((np.array([0.0, 1.0, 0.0]),))
    >>> A = HelmholtzOperator(D, np.array([0.5, 0.5]), np.array([0.0, 1.0]))
    >>> A.to_dense().tolist()
    [[(0.5+0j), (-1+0j)], [(-1+0j), (0.5-1j)]]
    """

    def __init__(self, diffusion: DiffusionOperator, mass: Array, damping: Array):
        if not isinstance(diffusion, DiffusionOperator):
            raise InputError(f"diffusion: expected a DiffusionOperator, got {diffusion!r:.80}")
        for name, part in (("mass", mass), ("damping", damping)):
            if np.shape(part) != diffusion.domain_shape:
                raise InputError(
                    f"{name}: expected shape {diffusion.domain_shape}, got {np.shape(part)}"
                )
        if np.iscomplexobj(damping):
            raise InputError("damping: expected real numbers; put complex ones into the mass")
        kind = np.result_type(diffusion.dtype, np.complex64)
        self.diffusion = diffusion
        self.mass, self.damping = np.asarray(mass), np.asarray(damping)
        diagonal = (diffusion.diagonal - mass - 1j * self.damping).astype(kind)
        # The diagonal of D knows that the single point of a ring is its own neighbour.
        rings = zip(diffusion.periodic, diffusion.domain_shape, strict=True)
        single = [wrap and n == 1 for wrap, n in rings]
        faces = [
            np.zeros_like(t) if alone else t
            for t, alone in zip(diffusion.faces, single, strict=True)
        ]
        super().__init__(diagonal, faces, faces, diffusion.periodic)

    def shifted(self, real: float, imaginary: float) -> "HelmholtzOperator":
        """Return D - (real + i imaginary) m - i c: waves that are damped in the volume.

        >>> D = DiffusionOperator((np.array([0.0, 1.0, 0.0]),))
        >>> A = HelmholtzOperator(D, np.ones(2), np.zeros(2)).shifted(1.0, 0.5)
        >>> A.diagonal.tolist()
        [-0.5j, -0.5j]
        """
        factor = complex(real, imaginary)
        return HelmholtzOperator(self.diffusion, factor * self.mass, self.damping)

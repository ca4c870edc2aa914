"""The system that Burgers' equation and its relatives have in Fourier space."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import lives_on_gpu, namespace
from nwidth.solvers.spectral import FourierSpace
from nwidth.solvers.stepping import QuadraticSystem

Array = NDArray[Any]


class QuadraticAdvection(QuadraticSystem):
    """u_t + c (u^2)_x = L u for one real field on a circle, by its Fourier coefficients.

        v_k' = l_k v_k - i k c (u^2)_k,    |k| < k_n / 3

    Modes of which u^2 has aliases are left out (2/3 rule). The mean is conserved if l_0 is zero,
    and without L the energy as well: int u (u^2)_x = 0 for such modes. `quadratic_evolution`
    steps many samples of it at once.

    Args:
        space: the modes.
        symbol: l, real or complex.
        scale: c.
        like: an array of the library that states are of.

    >>> from nwidth.meshes import Grid
    >>> space = FourierSpace(Grid.periodic(12, upper=2 * np.pi))
    >>> system = QuadraticAdvection(space, -space.squared, 0.5)
    >>> v = space.transform.forward(np.sin(space.grid.axes[0].points))
    >>> system.nonlinear(0.0, v, out := np.empty_like(v))
    >>> space.transform.backward(out).round(12)[:3].tolist()  # -1/2 sin(2 x)
    [0.0, -0.433012701892, -0.433012701892]
    """

    def __init__(self, space: FourierSpace, symbol: Array, scale: float, like: Any = None):
        xp = namespace(like) if lives_on_gpu(like) else np
        factor = np.where(space.kept, -1j * scale * space.wavenumbers[0], 0)
        super().__init__(space.transform, xp.asarray(symbol), xp.asarray(factor))

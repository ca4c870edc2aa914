"""Steps as long as Courant's condition allows, measured as the solution goes."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_number
from nwidth.arrays import namespace
from nwidth.errors import InputError
from nwidth.solvers.stepping.evolution_system import EvolutionSystem, euclidean_norm
from nwidth.solvers.stepping.explicit_runge_kutta import ExplicitRungeKutta
from nwidth.solvers.stepping.linear_part import DiagonalPart, LinearPart
from nwidth.solvers.stepping.stepping_method import SteppingMethod

Array = NDArray[Any]

# Steps aim at this part of the longest one, and are kept while they are between LONG and one of it.
AIM, LONG, LARGEST = 0.8, 0.6, 5.0
# Of the power iteration for how fast L damps.
ITERATIONS = 20


class CourantControl:
    """The size of steps by Courant's condition, for any method, with an estimate of errors or none.

        h <= courant reach / rate(t, v)

    `rate` is measured after each step; h is 0.8 of the bound where it changes, and stays while it
    is between 0.6 and 1 of it, so that coefficients of a step size serve for some while. Errors are
    those of the method at such steps: nothing is estimated. Reference: Courant, Friedrichs & Lewy
    (1928), doi:10.1007/BF01448839.

    Args:
        system: one that tells its `rate`.
        method: one whose `reach` is neither zero nor infinite.
        courant: the part of the longest stable step, above 0 and at most 1.

    Raises `InputError` for systems and methods of which the condition is not known.

    >>> import numpy as np
    >>> from nwidth.solvers.stepping import RK4, QuadraticSystem
    >>> from nwidth.solvers.spectral import FastFourier
    >>> k = np.arange(5.0)
    >>> system = QuadraticSystem(FastFourier(8), -(k**2), np.where(k < 8 / 3, -0.5j * k, 0))
    >>> control = CourantControl(system, RK4, 0.5)
    >>> round(control.longest(0.0, np.array([0, 0.5, 0, 0, 0], complex)), 3)  # 2.828 / 2 / 2
    0.707
    """

    def __init__(self, system: EvolutionSystem, method: SteppingMethod, courant: float):
        self.system, self.method = system, method
        self.courant = require_number(courant, "courant", "(0, 1]")
        if not 0 < method.reach < math.inf:
            raise InputError(
                f"courant: expected a method with a longest stable step for waves, got "
                f"{method.name}; give dt or rtol"
            )

    def longest(self, t: float, v: Array) -> float:
        """Return the longest step from a state, infinity where nothing moves."""
        rate = courant_rate(self.system, self.method, t, v, 0.0)
        if rate is None:
            raise InputError(
                f"courant: expected a system that tells its rate, got {type(self.system).__name__}"
                "; give dt or rtol"
            )
        longest = self.method.reach / rate if rate > 0 else math.inf
        return self.courant * min(longest, decay_limit(self.system, self.method, v))

    def next(self, h: float, t: float, v: Array) -> float:
        """Return the size of the next step, after one of size h."""
        longest = self.longest(t, v)
        return h if LONG * longest <= h <= longest else min(AIM * longest, LARGEST * h)


def courant_rate(
    system: EvolutionSystem, method: SteppingMethod, t: float, v: Array, held: float
) -> float | None:
    """Return about the largest |eigenvalue| that steps of a method must be short for.

    `held` is that of `EvolutionSystem.undamped_rate`.

    >>> from nwidth.solvers.stepping import RK4, FunctionSystem
    >>> import numpy as np
    >>> waves = FunctionSystem(lambda t, v: 0 * v, DiagonalPart([2j, 3j]))
    >>> courant_rate(waves, RK4, 0.0, np.array([1.0 + 0j, 1.0]), 0.0)
    3.0
    """
    rate = system.undamped_rate(t, v, held)
    if isinstance(method, ExplicitRungeKutta) and isinstance(system.linear, DiagonalPart):
        # They take L as well: how fast it turns the modes that the state has.
        turns = abs(system.linear.symbol.imag) * (v != 0)
        rate = (rate or 0.0) + float(turns.max())
    return rate


def decay_limit(system: EvolutionSystem, method: SteppingMethod, v: Array) -> float:
    """Return the longest step for what L damps in a state, infinity where L is not explicit.

    Eigenvalues are known of a `DiagonalPart`; of others a power iteration finds the largest one,
    from below.

    >>> import numpy as np
    >>> from nwidth.solvers.stepping import RK4, FunctionSystem
    >>> heat = FunctionSystem(lambda t, v: 0 * v, DiagonalPart([-1.0, -100.0]))
    >>> round(decay_limit(heat, RK4, np.ones(2)), 5)
    0.02785
    """
    linear = system.linear
    if not isinstance(method, ExplicitRungeKutta) or linear is None:
        return math.inf
    if isinstance(linear, DiagonalPart):
        rate = float((-linear.symbol.real * (v != 0)).max())
    else:
        rate = _largest_decay(linear, v)
    return method.decay_reach / rate if rate > 0 else math.inf


def _largest_decay(linear: LinearPart, v: Array) -> float:
    """Return about the size of the eigenvalue of L that is farthest to the left."""
    xp = namespace(v)
    w = xp.asarray(np.random.default_rng(0).standard_normal(v.shape).astype(v.dtype))
    out, found = xp.empty_like(w), 0.0
    for _ in range(ITERATIONS):
        w /= euclidean_norm(w)
        linear.apply(w, out)
        found = max(found, -float((w.conj() * out).real.sum()))
        size = euclidean_norm(out)
        if not 0 < size < math.inf:
            break
        w, out = out, w
    return found

"""Integration of quadratic systems by ETDRK4 in a compiled loop."""

from collections import OrderedDict
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import lives_on_gpu
from nwidth.solvers.spectral.real_fft import MARGIN, RealFFT
from nwidth.solvers.stepping.evolution_system import EvolutionSystem
from nwidth.solvers.stepping.exponential_runge_kutta import ETDRK4, KEPT, ExponentialStepper
from nwidth.solvers.stepping.integration import VANISHING, EvolutionStatus, Integration
from nwidth.solvers.stepping.quadratic_system import QuadraticSystem
from nwidth.solvers.stepping.step_control import StepControl
from nwidth.solvers.stepping.stepping_method import SteppingMethod

Array = NDArray[Any]

# What the kernel takes for the numbers of a `StepControl` where steps are fixed.
FIXED = (0.0,) * 8
# Points times steps of one call, a twentieth of a second: until it returns, Ctrl-C waits.
AT_ONCE = 2**22


class QuadraticIntegration(Integration):
    """An `Integration` whose steps of one size are a single compiled call, transforms included.

    Steps, their sizes and estimates are those of `Integration` up to round-off; at 256 points they
    take a tenth of the time. Reference: Cox & Matthews (2002), doi:10.1006/jcph.2002.6995, eqs.
    (26) to (29).

    Args:
        system: one that `takes` says is possible.
        method: ETDRK4.
        v, t, h, control, max_steps: see `Integration`.

    >>> from nwidth.solvers.spectral import FastFourier
    >>> k = np.arange(65.0)
    >>> system = QuadraticSystem(FastFourier(128), -0.1 * k**2, np.where(k < 43, -0.5j * k, 0))
    >>> v = np.zeros(65, complex)
    >>> v[1] = -0.5j  # sin x
    >>> QuadraticIntegration.takes(system, ETDRK4, v)
    True
    >>> run = QuadraticIntegration(system, ETDRK4, v, 0.0, 0.01)
    >>> run.advance(0.5), run.steps
    (<EvolutionStatus.FINISHED: 'the last time was reached'>, 50)
    """

    def __init__(
        self,
        system: QuadraticSystem,
        method: SteppingMethod,
        v: Array,
        t: float,
        h: float,
        control: StepControl | None = None,
        max_steps: int = 1_000_000,
    ):
        from nwidth.solvers.stepping import _quadratic_etdrk4_numba as kernels

        self.kernels, self.turning = kernels, system.linear.symbol.dtype.kind == "c"
        fft, kind = RealFFT(system.transform.shape[0], system.transform.precision), v.real.dtype
        n, self.area = fft.half, fft.half + MARGIN
        # Transforms there and back leave twice the modes, and n points of two numbers each.
        factor = np.zeros((2, self.area), kind)
        factor[:, : n + 1] = [system.factor.real / (4 * n), system.factor.imag / (4 * n)]
        used = np.flatnonzero(system.factor)
        top = int(used[-1]) + 1 if used.size else 0
        self.rest = (factor.reshape(-1), top, fft.radices, fft.turns, fft.waves)
        self.areas = np.zeros((kernels.AREAS, self.area), kind)
        limits = np.finfo(kind)
        # Sums of squares above it have their digits; see `euclidean_norm`.
        self.tiny = 2 * len(v) * float(limits.tiny) / float(limits.eps)
        self.tables: OrderedDict[float, tuple[Array, Array | None]] = OrderedDict()
        super().__init__(system, method, v, t, h, control, max_steps)

    @staticmethod
    def takes(system: EvolutionSystem, method: SteppingMethod, v: Array) -> bool:
        """Return whether there is a compiled loop: one state on the host, sizes of `RealFFT`.

        These are 128 2^a 3^b 5^c points: smaller ones, and 160 or 192, leave the first stage of the
        transform without a whole block. Padding them would change the digits of whatever has
        aliases, so that they go without.
        """
        return (
            isinstance(system, QuadraticSystem)
            and type(system).nonlinear is QuadraticSystem.nonlinear
            and method == ETDRK4
            and not any(map(lives_on_gpu, (v, system.factor, system.linear.symbol)))
            and v.shape == system.transform.modes
            and v.dtype == system.transform.complex
            and RealFFT.takes(system.transform.shape[0])
        )

    def begin(self, v: Array, t: float) -> None:
        """Start again, from another state; see `Integration.begin`."""
        super().begin(v, t)
        self._load()

    def advance(self, time: float) -> EvolutionStatus:
        """Go on to a time; see `Integration.advance`."""
        status = super().advance(time)
        first = self.kernels.STATE
        self.v.real, self.v.imag = self.areas[first : first + 2, : len(self.v)]
        return status

    def restore(self, arrays: dict[str, Array], told: dict[str, Any]) -> None:
        """Take what `memory` gave; see `Integration.restore`."""
        super().restore(arrays, told)
        self._load()

    def _load(self) -> None:
        """Hand the state to the kernel."""
        first = self.kernels.STATE
        self.areas[...] = 0  # nothing of a state that blew up
        self.areas[first : first + 2, : len(self.v)] = self.v.real, self.v.imag
        self.known = False

    def _run(self, h: float, number: int, time: float) -> tuple[EvolutionStatus | None, float]:
        """Make n steps of one size, fewer if another is wanted; return a failure, and what size."""
        if h <= VANISHING * max(abs(self.t), abs(time)):
            return EvolutionStatus.STEP_VANISHED, h
        count = min(number, self.max_steps - self.steps - self.rejected)
        if count <= 0:
            return EvolutionStatus.MAX_STEPS, h
        kernels, control = self.kernels, cast(StepControl | None, self.control)
        numbers = np.array(FIXED if control is None else control.numbers())
        n, most = len(self.v) - 1, max(1, AT_ONCE // (2 * len(self.v)))
        arguments = (self.areas.reshape(-1), n, self.area, *self._table(h), *self.rest)
        made, ended, excess = 0, kernels.ALL, 0.0
        self.stepper.evaluations += not self.known
        while made < count and ended == kernels.ALL:
            some, ended, excess = kernels.steps(
                *arguments, self.tiny, min(count - made, most), self.known, numbers
            )
            made, self.known = made + some, True
        again = ended in (kernels.REPEAT, kernels.BLOWN_UP)
        self.stepper.evaluations += 4 * (made + again)
        self.steps += made
        if made:
            self.t = time if made == number else self.t + made * h
        if ended == kernels.BLOWN_UP:
            return EvolutionStatus.BLOWN_UP, h
        if control is None:
            return None, h
        control.previous = float(numbers[-1])
        if ended == kernels.ALL:
            return None, h
        self.rejected += again
        return None, control.next(h, excess, accepted=not again)

    def _table(self, h: float) -> tuple[Array, Array | None]:
        """Return the coefficients of a step size, real parts and imaginary parts if there are."""
        if h in self.tables:
            self.tables.move_to_end(h)
            return self.tables[h]
        (half, _, _, whole), _ = cast(ExponentialStepper, self.stepper).coefficients(h)
        f1, f2, _, f3 = whole.weights
        values = np.zeros((6, self.area), self.v.dtype)
        values[:, : len(self.v)] = half.factor, half.weights[0], whole.factor, f1, f2, f3
        self.tables[h] = values.real.ravel(), values.imag.ravel() if self.turning else None
        if len(self.tables) > KEPT:
            self.tables.popitem(last=False)
        return self.tables[h]

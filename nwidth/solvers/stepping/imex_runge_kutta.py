"""Implicit-explicit Runge-Kutta methods: L implicitly, N explicitly."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import namespace
from nwidth.solvers.stepping.evolution_system import EvolutionSystem
from nwidth.solvers.stepping.linear_part import require_linear_part
from nwidth.solvers.stepping.stepping_method import Stepper, SteppingMethod
from nwidth.solvers.stepping.weighted_sums import add_numbers

Array = NDArray[Any]
Row = tuple[float, ...]


@dataclass(frozen=True)
class ImexRungeKutta(SteppingMethod):
    """A method by its two tableaus, with one number on the diagonal of the implicit one.

        y_i = v + h sum_{j<i} a_ij N(t + c_j h, y_j) + h sum_{j<=i} A_ij L y_j
        v(t + h) = y_s + h sum_j (b_j - a_sj) N(t + c_j h, y_j)

    `explicit` and `implicit` hold the rows of the stages after the first, b the weights of N; those
    of L are the last row of `implicit` (stiffly accurate), so that stiff parts decay at once.
    `embedded` are the weights of the solution it is compared with, for L and N alike. A step solves
    with 1 - h A_ii L, s - 1 times. Where N drives modes with h |l| >> 1 directly, as a source that
    does not vanish at a boundary, orders fall towards two. References: Ascher, Ruuth & Spiteri
    (1997), doi:10.1016/S0168-9274(97)00056-1; Kennedy & Carpenter (2003),
    doi:10.1016/S0168-9274(02)00138-1.

    >>> from nwidth.solvers.stepping import DiagonalPart, FunctionSystem, evolve
    >>> system = FunctionSystem(lambda t, v: np.cos(t) + 0 * v, DiagonalPart([-1e6]))
    >>> found = evolve(system, [1.0], [1.0], method=ARS443, dt=0.1).checked()
    >>> bool(0 < found.states[0, 0] < 1e-6)
    True
    """

    explicit: tuple[Row, ...] = ()
    implicit: tuple[Row, ...] = ()
    b: Row = ()
    c: Row = ()
    embedded: Row | None = None

    def start(self, system: EvolutionSystem, v: Array) -> "ImexStepper":
        """Return a stepper for arrays like v; raises `InputError` for systems without L."""
        return ImexStepper(self, system, v)


class ImexStepper(Stepper):
    """Steps of an implicit-explicit Runge-Kutta method."""

    def __init__(self, method: ImexRungeKutta, system: EvolutionSystem, v: Array):
        super().__init__(system)
        self.method = method
        self.linear = require_linear_part(system.linear, v, method.name)
        xp, s = namespace(v), len(method.b)
        # N of all stages, then L of all stages.
        self.slopes = xp.zeros((2 * s, *v.shape), v.dtype)
        self.stage, self.known, self.zero = xp.empty_like(v), False, xp.zeros_like(v)
        self.sum, self.error = xp.empty_like(v), xp.empty_like(v)
        self.rows = [
            np.array([*a, *[0.0] * (s - len(a)), *A[:-1], *[0.0] * (s - len(A) + 1)])
            for a, A in zip(method.explicit, method.implicit, strict=True)
        ]
        self.gamma = method.implicit[-1][-1]
        self.end = np.array([*method.b, *[0.0] * s])
        self.end[: s - 1] -= method.explicit[-1]
        # Where v(t + h) is the last stage, N of it belongs to the next step.
        self.ends_at_stage = not self.end.any()
        self.first_linear = any(A[0] != 0 for A in method.implicit)
        if method.embedded is not None:
            differences = np.subtract(method.b, method.embedded)
            self.difference = np.concatenate([differences, differences])

    def begin_with(self, slope: Array) -> None:
        """Take N(t, v) of the next step, where somebody knows it."""
        self.slopes[0] = slope
        self.known = True

    def step(self, t: float, h: float, v: Array, out: Array) -> Array | None:
        """Write v(t + h) and return the difference of the embedded solution."""
        m, s, xp = self.method, len(self.method.b), namespace(v)
        solve = self.linear.kept_shifted(h * self.gamma)
        if not self.known:
            self.evaluate(t, v, self.slopes[0])
            self.known = True
        if self.first_linear:
            self.linear.apply(v, self.slopes[s])
        for i, row in enumerate(self.rows, 1):
            add_numbers(self.sum, v, h * row, self.slopes)
            ends = i == s - 1 and self.ends_at_stage
            stage = out if ends else self.stage
            solve(self.sum, stage)
            if ends and m.embedded is None:
                break
            # L y without a product: nothing of the size of L is rounded.
            xp.subtract(stage, self.sum, out=self.slopes[s + i])
            self.slopes[s + i] *= 1 / (h * self.gamma)
            if not ends:
                self.evaluate(t + m.c[i] * h, stage, self.slopes[i])
        if not self.ends_at_stage:
            add_numbers(out, self.stage, h * self.end, self.slopes)
        if m.embedded is None:
            return None
        add_numbers(self.error, self.zero, h * self.difference, self.slopes)
        return self.error

    def accept(self) -> None:
        """Forget N at the beginning of the step."""
        self.known = False


_ROOT = math.sqrt(2)
# Section 2.6.
ARS222 = ImexRungeKutta(
    "ARS(2,2,2)",
    2,
    None,
    0.0,
    ((1 - _ROOT / 2,), (-_ROOT / 2, 1 + _ROOT / 2)),
    ((0.0, 1 - _ROOT / 2), (0.0, _ROOT / 2, 1 - _ROOT / 2)),
    (-_ROOT / 2, 1 + _ROOT / 2, 0.0),
    (0.0, 1 - _ROOT / 2, 1.0),
)


def _ars343() -> ImexRungeKutta:
    """Return the method (3, 4, 3) in all digits, from those that are free in the paper."""
    g = 0.43586652150845899942  # the middle root of 6 x^3 - 18 x^2 + 9 x - 1
    free = 0.5529291479
    b = (0.0, -1.5 * g**2 + 4 * g - 0.25, 1.5 * g**2 - 5 * g + 1.25, g)
    c = (0.0, g, (1 + g) / 2, 1.0)
    # The third-order condition of N in N, sum b_i a_ij c_j = 1/6, leaves this for the third stage.
    inner = (1 / 6 - g * free * (c[1] + c[2])) / (b[2] * g)
    return ImexRungeKutta(
        "ARS(3,4,3)",
        3,
        None,
        2.8284271,
        ((g,), (c[2] - inner, inner), (1 - 2 * free, free, free)),
        ((0.0, g), (0.0, (1 - g) / 2, g), b),
        b,
        c,
    )


ARS343 = _ars343()
# Section 2.8.
ARS443 = ImexRungeKutta(
    "ARS(4,4,3)",
    3,
    None,
    1.5698548,
    ((1 / 2,), (11 / 18, 1 / 18), (5 / 6, -5 / 6, 1 / 2), (1 / 4, 7 / 4, 3 / 4, -7 / 4)),
    (
        (0.0, 1 / 2),
        (0.0, 1 / 6, 1 / 2),
        (0.0, -1 / 2, 1 / 2, 1 / 2),
        (0.0, 3 / 2, -3 / 2, 1 / 2, 1 / 2),
    ),
    (1 / 4, 7 / 4, 3 / 4, -7 / 4, 0.0),
    (0.0, 1 / 2, 2 / 3, 1 / 2, 1.0),
)
_B3 = (
    1471266399579 / 7840856788654,
    -4482444167858 / 7529755066697,
    11266239266428 / 11593286722821,
    1767732205903 / 4055673282236,
)
ARK324L2SA = ImexRungeKutta(
    "ARK3(2)4L[2]SA",
    3,
    2,
    2.4841794,
    (
        (1767732205903 / 2027836641118,),
        (5535828885825 / 10492691773637, 788022342437 / 10882634858940),
        (
            6485989280629 / 16251701735622,
            -4246266847089 / 9704473918619,
            10755448449292 / 10357097424841,
        ),
    ),
    (
        (_B3[3], _B3[3]),
        (2746238789719 / 10658868560708, -640167445237 / 6845629431997, _B3[3]),
        _B3,
    ),
    _B3,
    (0.0, 1767732205903 / 2027836641118, 3 / 5, 1.0),
    (
        2756255671327 / 12835298489170,
        -10771552573575 / 22201958757719,
        9247589265047 / 10645013368117,
        2193209047091 / 5459859503100,
    ),
)
_B4 = (82889 / 524892, 0.0, 15625 / 83664, 69875 / 102672, -2260 / 8211, 1 / 4)
ARK436L2SA = ImexRungeKutta(
    "ARK4(3)6L[2]SA",
    4,
    3,
    4.0007291,
    (
        (1 / 2,),
        (13861 / 62500, 6889 / 62500),
        (
            -116923316275 / 2393684061468,
            -2731218467317 / 15368042101831,
            9408046702089 / 11113171139209,
        ),
        (
            -451086348788 / 2902428689909,
            -2682348792572 / 7519795681897,
            12662868775082 / 11960479115383,
            3355817975965 / 11060851509271,
        ),
        (
            647845179188 / 3216320057751,
            73281519250 / 8382639484533,
            552539513391 / 3454668386233,
            3354512671639 / 8306763924573,
            4040 / 17871,
        ),
    ),
    (
        (1 / 4, 1 / 4),
        (8611 / 62500, -1743 / 31250, 1 / 4),
        (5012029 / 34652500, -654441 / 2922500, 174375 / 388108, 1 / 4),
        (
            15267082809 / 155376265600,
            -71443401 / 120774400,
            730878875 / 902184768,
            2285395 / 8070912,
            1 / 4,
        ),
        _B4,
    ),
    _B4,
    (0.0, 1 / 2, 83 / 250, 31 / 50, 17 / 20, 1.0),
    (
        4586570599 / 29645900160,
        0.0,
        178811875 / 945068544,
        814220225 / 1159782912,
        -3700637 / 11593932,
        61727 / 225920,
    ),
)

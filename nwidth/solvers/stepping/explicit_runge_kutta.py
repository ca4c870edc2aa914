"""Explicit Runge-Kutta methods, with embedded estimates of their errors."""

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
class ExplicitRungeKutta(SteppingMethod):
    """A method by its tableau: stages a, weights b, nodes c, and the weights of the embedded one.

        k_i = F(t + c_i h, v + h sum_{j<i} a_ij k_j),    v(t + h) = v + h sum_i b_i k_i

    F = L + N is taken explicitly as a whole. Where the last row of a is b, the last stage is the
    first of the next step, and states between steps are known. Reference: Hairer, Norsett & Wanner
    (1993), Solving Ordinary Differential Equations I, doi:10.1007/978-3-540-78862-1, sections II.1,
    II.4, II.5 and II.6.

    >>> from nwidth.solvers.stepping import FunctionSystem, evolve
    >>> waves = FunctionSystem(lambda t, v: 1j * v)
    >>> found = evolve(waves, [1.0 + 0j], [1.0], method=DORMAND_PRINCE, rtol=1e-9).checked()
    >>> bool(abs(found.states[0, 0] - np.exp(1j)) < 1e-8)
    True
    """

    a: tuple[Row, ...] = ()
    b: Row = ()
    c: Row = ()
    embedded: Row | None = None
    continuous: tuple[Row, ...] | None = None

    @property
    def repeats(self) -> bool:
        """Whether the last stage is the first one of the next step."""
        return len(self.a) > 0 and self.a[-1] == self.b[:-1] and self.b[-1] == 0

    @property
    def decay_reach(self) -> float:
        """How far the region of stability goes along the negative real axis.

        It is the smallest x > 0 with |R(-x)| = 1 of R(z) = 1 + z sum_k z^k b a^k 1: Hairer & Wanner
        (1996), doi:10.1007/978-3-642-05221-7, section IV.2.

        >>> round(RK4.decay_reach, 3), round(DORMAND_PRINCE.decay_reach, 3)
        (2.785, 3.307)
        """
        stages = len(self.b)
        a, power = np.zeros((stages, stages)), np.ones(stages)
        for i, row in enumerate(self.a, start=1):
            a[i, : len(row)] = row
        R = [1.0]
        for k in range(stages):
            R.append((-1.0) ** (k + 1) * float(np.dot(self.b, power)))
            power = a @ power
        polynomial = np.polynomial.Polynomial(R)
        roots = np.concatenate([(polynomial - side).roots() for side in (1, -1)])
        real = roots.real[(abs(roots.imag) < 1e-9) & (roots.real > 1e-9)]
        return float(real.min())

    @property
    def interpolates(self) -> bool:
        """Whether there are values between the steps, from slopes that are there."""
        return self.repeats

    def weights(self, theta: float) -> Array:
        """Return the b_i(theta) of v(t + theta h) = v + h sum_i b_i(theta) k_i, 0 <= theta <= 1.

        Those of `continuous`, where it is given as the coefficients of theta, theta^2 ..., else of
        the cubic through both states and slopes: Hairer, Norsett & Wanner, section II.6.

        >>> RK43.weights(0.5).round(3).tolist()
        [0.208, 0.167, 0.167, 0.083, -0.125]
        """
        if self.continuous is not None:
            return np.array(self.continuous) @ theta ** np.arange(1, len(self.continuous[0]) + 1)
        found = np.array(self.b) * theta**2 * (3 - 2 * theta)
        found[0] += theta * (theta - 1) ** 2
        found[-1] += theta**2 * (theta - 1)
        return found

    def start(self, system: EvolutionSystem, v: Array) -> "ExplicitStepper":
        """Return a stepper for arrays like v; raises `InputError` for an L that is not of v."""
        if system.linear is not None:
            require_linear_part(system.linear, v, self.name)
        return ExplicitStepper(self, system, v)


class ExplicitStepper(Stepper):
    """Steps of an explicit Runge-Kutta method."""

    def __init__(self, method: ExplicitRungeKutta, system: EvolutionSystem, v: Array):
        super().__init__(system)
        xp = namespace(v)
        # Whether the first slope is that of v, and whether the last one is.
        self.method, self.known, self.passed = method, False, False
        self.slopes = xp.zeros((len(method.b), *v.shape), v.dtype)
        self.stage, self.work = xp.empty_like(v), xp.empty_like(v)
        self.zero = xp.zeros_like(v)
        self.repeats = method.repeats
        self.error = xp.empty_like(v)

    def step(self, t: float, h: float, v: Array, out: Array) -> Array | None:
        """Write v(t + h) and return the difference of the embedded solution."""
        m = self.method
        if self.passed:
            self.slopes[0], self.known, self.passed = self.slopes[-1], True, False
        for i in range(len(m.b)):
            if i == 0 and self.known:
                continue
            at = v
            if i > 0:
                at = out if i == len(m.b) - 1 and self.repeats else self.stage
                add_numbers(at, v, h * np.array(m.a[i - 1]), self.slopes)
            self.system.full(t + m.c[i] * h, at, self.slopes[i], self.work)
            self.evaluations += 1
        self.known = True
        if not self.repeats:
            add_numbers(out, v, h * np.array(m.b), self.slopes)
        if m.embedded is None:
            return None
        add_numbers(self.error, self.zero, h * np.subtract(m.b, m.embedded), self.slopes)
        return self.error

    def accept(self) -> None:
        """Let the last stage be the first of the next step, or forget the first one."""
        self.known, self.passed = False, self.repeats

    def interpolate(self, theta: float, h: float, v: Array, out: Array) -> None:
        """Write v(t + theta h) of the last step, which went from v at t."""
        add_numbers(out, v, h * self.method.weights(theta), self.slopes)

    def memory(self) -> dict[str, Array]:
        """Return the slope that the next step starts with: it is of t + h as rounded."""
        if self.passed:
            return {"slope": self.slopes[-1]}
        return {"slope": self.slopes[0]} if self.known else {}

    def restore(self, memory: dict[str, Array]) -> None:
        """Take what `memory` gave."""
        self.known, self.passed = "slope" in memory, False
        if self.known:
            self.slopes[0] = namespace(self.slopes).asarray(memory["slope"])


EULER = ExplicitRungeKutta("Euler", 1, None, 0.0, (), (1.0,), (0.0,))
HEUN = ExplicitRungeKutta("Heun", 2, 1, 0.0, ((1.0,),), (0.5, 0.5), (0.0, 1.0), (1.0, 0.0))
# Shu & Osher (1988), doi:10.1016/0021-9991(88)90177-5, eq. (2.18).
SSPRK3 = ExplicitRungeKutta(
    "SSPRK3",
    3,
    None,
    1.7320508,
    ((1.0,), (1 / 4, 1 / 4)),
    (1 / 6, 1 / 6, 2 / 3),
    (0.0, 1.0, 1 / 2),
)
RK4 = ExplicitRungeKutta(
    "RK4",
    4,
    None,
    2.8284271,
    ((1 / 2,), (0.0, 1 / 2), (0.0, 0.0, 1.0)),
    (1 / 6, 1 / 3, 1 / 3, 1 / 6),
    (0.0, 1 / 2, 1 / 2, 1.0),
)
# The same, whose error is estimated by a fifth slope, the first one of the next step: what the pair
# of Whalen, Brio & Moloney (2015), doi:10.1016/j.jcp.2014.09.038, is for L = 0. Of the adaptive
# methods here it takes the longest steps for waves, per right-hand side.
RK43 = ExplicitRungeKutta(
    "RK4(3)",
    4,
    3,
    2.8284271,
    ((1 / 2,), (0.0, 1 / 2), (0.0, 0.0, 1.0), (1 / 6, 1 / 3, 1 / 3, 1 / 6)),
    (1 / 6, 1 / 3, 1 / 3, 1 / 6, 0.0),
    (0.0, 1 / 2, 1 / 2, 1.0, 1.0),
    (1 / 6, 1 / 3, 1 / 3, 0.0, 1 / 6),
)
# Bogacki & Shampine (1989), doi:10.1016/0893-9659(89)90079-7.
BOGACKI_SHAMPINE = ExplicitRungeKutta(
    "Bogacki-Shampine 3(2)",
    3,
    2,
    1.7320508,
    ((1 / 2,), (0.0, 3 / 4), (2 / 9, 1 / 3, 4 / 9)),
    (2 / 9, 1 / 3, 4 / 9, 0.0),
    (0.0, 1 / 2, 3 / 4, 1.0),
    (7 / 24, 1 / 4, 1 / 3, 1 / 8),
)
# Dormand & Prince (1980), doi:10.1016/0771-050X(80)90013-3, RK5(4)7M; between steps the polynomials
# of Shampine (1986), doi:10.1090/S0025-5718-1986-0815836-3, whose error is of order five.
DORMAND_PRINCE = ExplicitRungeKutta(
    "Dormand-Prince 5(4)",
    5,
    4,
    1.0,
    (
        (1 / 5,),
        (3 / 40, 9 / 40),
        (44 / 45, -56 / 15, 32 / 9),
        (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
        (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
        (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
    ),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84, 0.0),
    (0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0),
    (5179 / 57600, 0.0, 7571 / 16695, 393 / 640, -92097 / 339200, 187 / 2100, 1 / 40),
    (
        (
            1.0,
            -8048581381 / 2820520608,
            8663915743 / 2820520608,
            -12715105075 / 11282082432,
        ),
        (0.0, 0.0, 0.0, 0.0),
        (
            0.0,
            131558114200 / 32700410799,
            -68118460800 / 10900136933,
            87487479700 / 32700410799,
        ),
        (0.0, -1754552775 / 470086768, 14199869525 / 1410260304, -10690763975 / 1880347072),
        (
            0.0,
            127303824393 / 49829197408,
            -318862633887 / 49829197408,
            701980252875 / 199316789632,
        ),
        (0.0, -282668133 / 205662961, 2019193451 / 616988883, -1453857185 / 822651844),
        (0.0, 40617522 / 29380423, -110615467 / 29380423, 69997945 / 29380423),
    ),
)

"""Exponential time differencing: Runge-Kutta methods that are exact for the linear part."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import namespace, to_numpy
from nwidth.errors import InputError
from nwidth.solvers.stepping.evolution_system import EvolutionSystem
from nwidth.solvers.stepping.linear_part import DiagonalPart, require_linear_part
from nwidth.solvers.stepping.phi_functions import phi_functions
from nwidth.solvers.stepping.stepping_method import Stepper, SteppingMethod
from nwidth.solvers.stepping.weighted_sums import add_modes

Array = NDArray[Any]
# Weights of phi_1, phi_2, phi_3.
Weights = tuple[float, ...]
# (stage that is used, its weights)
Row = tuple[tuple[int, Weights], ...]

# Step sizes whose coefficients are kept.
KEPT = 4


@dataclass(frozen=True)
class ExponentialRungeKutta(SteppingMethod):
    """A method by its coefficients, sums of phi functions of the diagonal linear part.

        n_i = N(t + c_i h, a_i)
        a_i = e^(c_i h L) v + h sum_j A_ij n_j,   A_ij = sum_k w_ijk phi_k(c_i h L)
        v(t + h) = e^(h L) v + h sum_j B_j n_j,   B_j  = sum_k w_jk phi_k(h L)

    `rows` holds the A of the stages after the first, `last` the B. A row may start from an earlier
    stage s instead of v, `origins`: e^((c_i - c_s) h L) a_s, with phi_k((c_i - c_s) h L). If
    `embedded` is j, the error is estimated by B_j (n_j - N(t + h, v(t + h))), whose new right-hand
    side is the first one of the next step. References: Cox & Matthews (2002),
    doi:10.1006/jcph.2002.6995; Kassam & Trefethen (2005), doi:10.1137/S1064827502410633; Whalen,
    Brio & Moloney (2015), doi:10.1016/j.jcp.2014.09.038, on the embedded pair.

    >>> from nwidth.solvers.stepping import FunctionSystem, evolve
    >>> stiff = FunctionSystem(lambda t, v: -(v**2), DiagonalPart([-1e6]))
    >>> found = evolve(stiff, [1.0], [1e-6], method=ETDRK4, dt=1e-6).checked()
    >>> bool(abs(found.states[0, 0] - np.exp(-1)) < 1e-6)
    True
    """

    # Up to 2/3 in truth, for all coefficients below.
    held: ClassVar[float] = 0.5

    c: tuple[float, ...] = (0.0,)
    rows: tuple[Row, ...] = ()
    last: Row = ()
    origins: tuple[int | None, ...] = ()
    embedded: int | None = None

    def start(self, system: EvolutionSystem, v: Array) -> "ExponentialStepper":
        """Return a stepper for arrays like v; raises `InputError` unless L is diagonal."""
        if not isinstance(system.linear, DiagonalPart):
            raise InputError(
                f"{self.name}: expected a system whose linear part is diagonal, got "
                f"{system.linear!r:.80}; take an implicit or an explicit method"
            )
        require_linear_part(system.linear, v, self.name)
        return ExponentialStepper(self, system, v)


@dataclass(frozen=True)
class _Sum:
    """One stage for one step size: a factor, the slopes that are used, and their weights."""

    factor: Array
    used: Array
    weights: Array


class ExponentialStepper(Stepper):
    """Steps of an exponential Runge-Kutta method."""

    def __init__(self, method: ExponentialRungeKutta, system: EvolutionSystem, v: Array):
        super().__init__(system)
        assert isinstance(system.linear, DiagonalPart)
        self.method, self.like = method, v
        # Symbols of whole wavenumbers repeat themselves, four times on a square and more in space.
        self.points, place = np.unique(to_numpy(system.linear.symbol), return_inverse=True)
        self.place = place.reshape(system.linear.symbol.shape)
        xp, s = namespace(v), len(method.c)
        self.slopes = xp.zeros((s, *v.shape), v.dtype)
        self.stages = [xp.empty_like(v) for _ in range(s - 1)]
        self.known = False
        self.next: Array | None = None
        if method.embedded is not None:
            self.next, self.error = xp.empty_like(v), xp.empty_like(v)
        self.kept: OrderedDict[float, tuple[list[_Sum], Array | None]] = OrderedDict()

    def step(self, t: float, h: float, v: Array, out: Array) -> Array | None:
        """Write v(t + h) and return the embedded estimate."""
        m, (sums, weight) = self.method, self.coefficients(h)
        if not self.known:
            self.evaluate(t, v, self.slopes[0])
            self.known = True
        for i, stage in enumerate(self.stages):
            origin = m.origins[i] if m.origins else None
            start = v if origin is None else self.stages[origin - 1]
            add_modes(stage, sums[i].factor, start, sums[i].used, sums[i].weights, self.slopes)
            self.evaluate(t + m.c[i + 1] * h, stage, self.slopes[i + 1])
        add_modes(out, sums[-1].factor, v, sums[-1].used, sums[-1].weights, self.slopes)
        if m.embedded is None or self.next is None:
            return None
        self.evaluate(t + h, out, self.next)
        namespace(v).subtract(self.slopes[m.embedded], self.next, out=self.error)
        self.error *= weight
        return self.error

    def accept(self) -> None:
        """Keep the right-hand side at the end of the step, if it is known."""
        self.known = self.next is not None
        if self.known:
            self.slopes[0] = self.next

    def memory(self) -> dict[str, Array]:
        """Return the right-hand side that the next step starts with: it is of t + h as rounded."""
        return {"slope": self.slopes[0]} if self.known else {}

    def restore(self, memory: dict[str, Array]) -> None:
        """Take what `memory` gave."""
        self.known = "slope" in memory
        if self.known:
            self.slopes[0] = namespace(self.slopes).asarray(memory["slope"])

    def coefficients(self, h: float) -> tuple[list[_Sum], Array | None]:
        """Return the sums of all stages and of the end, and the weight of the embedded estimate."""
        if h in self.kept:
            self.kept.move_to_end(h)
            return self.kept[h]
        m, phis = self.method, {}
        starts = [0.0] + [0.0 if o is None else m.c[o] for o in (m.origins or [None] * len(m.rows))]
        spans = [c - start for c, start in zip(m.c[1:], starts[1:], strict=True)] + [1.0]
        rows = [*m.rows, m.last]
        for span in {*spans}:
            used = (row for c, row in zip(spans, rows, strict=True) if c == span)
            last = max(len(ws) for row in used for _, ws in row)
            phis[span] = phi_functions(span * h * self.points, last)
        sums = [self._sum(h, row, phis[c]) for c, row in zip(spans, rows, strict=True)]
        weight = None
        if m.embedded is not None:
            weight = sums[-1].weights[list(sums[-1].used).index(m.embedded)]
        self.kept[h] = sums, weight
        if len(self.kept) > KEPT:
            self.kept.popitem(last=False)
        return self.kept[h]

    def _sum(self, h: float, row: Row, phi: Array) -> _Sum:
        """Return one row for one step size, in the precision of v and where v lives."""
        xp, real = namespace(self.like), self.like.real.dtype
        kind = self.like.dtype if phi.dtype.kind == "c" else real
        weights = [h * sum(w * p for w, p in zip(ws, phi[1:], strict=False)) for _, ws in row]

        def whole(values: Array) -> Array:
            """Return values at the points where they belong."""
            return xp.asarray(np.take(values.astype(kind), self.place, axis=-1))

        return _Sum(whole(phi[0]), np.array([j for j, _ in row]), whole(np.stack(weights)))


ETD1 = ExponentialRungeKutta("ETD1", 1, None, 0.0, (0.0,), (), ((0, (1.0,)),))
# Cox & Matthews (2002), eqs. (20) to (22), (23) to (25) and (26) to (29).
ETDRK2 = ExponentialRungeKutta(
    "ETDRK2",
    2,
    None,
    0.0,
    (0.0, 1.0),
    (((0, (1.0,)),),),
    ((0, (1.0, -1.0)), (1, (0.0, 1.0))),
)
ETDRK3 = ExponentialRungeKutta(
    "ETDRK3",
    3,
    None,
    1.7320508,
    (0.0, 0.5, 1.0),
    (((0, (0.5,)),), ((0, (-1.0,)), (1, (2.0,)))),
    ((0, (1.0, -3.0, 4.0)), (1, (0.0, 4.0, -8.0)), (2, (0.0, -1.0, 4.0))),
)
ETDRK4 = ExponentialRungeKutta(
    "ETDRK4",
    4,
    3,
    2.8284271,
    (0.0, 0.5, 0.5, 1.0),
    (((0, (0.5,)),), ((1, (0.5,)),), ((0, (-0.5,)), (2, (1.0,)))),
    (
        (0, (1.0, -3.0, 4.0)),
        (1, (0.0, 2.0, -4.0)),
        (2, (0.0, 2.0, -4.0)),
        (3, (0.0, -1.0, 4.0)),
    ),
    (None, None, 1),
    3,
)

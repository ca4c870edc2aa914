"""Exponential Rosenbrock methods: exact for the linear part of L + N at the present state."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_integer, require_number
from nwidth.arrays import lives_on_gpu, namespace
from nwidth.solvers.stepping.evolution_system import EvolutionSystem, euclidean_norm
from nwidth.solvers.stepping.krylov_phi import krylov_phi
from nwidth.solvers.stepping.linear_part import require_linear_part
from nwidth.solvers.stepping.phi_matrices import phi_matrices
from nwidth.solvers.stepping.stepping_method import Stepper, SteppingMethod

Array = NDArray[Any]

# dN/dt comes from N at t, t + d and t + 2 d, where d is this part of the step.
PART = 1 / 32


@dataclass(frozen=True)
class ExponentialRosenbrock(SteppingMethod):
    """The exponential Rosenbrock-Euler method, and exprb32, which corrects it.

        J = L + N'(v),   D = dN/dt
        u = v + h phi_1(h J) (L v + N(t, v)) + h^2 phi_2(h J) D
        v(t + h) = u + 2 h phi_3(h J) (N(t + h, u) - N(t, v) - N'(v)(u - v) - h D)

    The last term is exprb32's, and the estimate of the error of u. N itself may be stiff. Up to
    `dense` real numbers J is a matrix and its functions come from `phi_matrices`; larger systems
    take products with N'(v) alone and `krylov_phi`, whose error is `tolerance` of ||v||
    (`dataclasses.replace(EXPRB32, tolerance=1e-8)` is cheaper). Krylov spaces need about
    (h ||J||)^(1/2) products for diffusion and h ||J|| for waves: for stiff diagonal L alone ETDRK4
    is the cheaper one. Systems that know N'(v) w, or that N does not depend on t, should say so.
    Raises `InputError` for a `dense` or `tolerance` that is none. References: Hochbruck, Ostermann
    & Schweitzer (2009), doi:10.1137/080717717; Hochbruck & Ostermann (2010),
    doi:10.1017/S0962492910000048.

    >>> from nwidth.solvers.stepping import FunctionSystem, evolve
    >>> stiff = FunctionSystem(lambda t, v: -1e4 * (v**3 - np.cos(t)))
    >>> found = evolve(stiff, [1.0], [1.0], method=EXPRB32, dt=0.05).checked()
    >>> bool(abs(found.states[0, 0] - np.cos(1.0) ** (1 / 3)) < 2e-4)
    True
    """

    corrected: bool = False
    dense: int = 200
    tolerance: float = 1e-12

    def __post_init__(self) -> None:
        require_integer(self.dense, "dense", 0)
        require_number(self.tolerance, "tolerance", "(0, 1)")

    def start(self, system: EvolutionSystem, v: Array) -> "RosenbrockStepper":
        """Return a stepper for arrays like v."""
        return RosenbrockStepper(self, system, v)


class RosenbrockStepper(Stepper):
    """Steps of an exponential Rosenbrock method."""

    def __init__(self, method: ExponentialRosenbrock, system: EvolutionSystem, v: Array):
        super().__init__(system)
        if system.linear is not None:
            require_linear_part(system.linear, v, method.name)
        self.method, xp = method, namespace(v)
        self.slope, self.full, self.change = (xp.empty_like(v) for _ in range(3))
        self.later, self.work, self.error = (xp.empty_like(v) for _ in range(3))
        self.real = v.real.dtype
        self.size = v.view(self.real).size
        self.is_dense = self.size <= method.dense and not lives_on_gpu(v)
        self.known, self.J, self.scale = False, np.empty((0, 0)), 0.0
        self.table: Array | None = None
        exact = type(system).jacobian is not EvolutionSystem.jacobian
        self.cost = 1 if exact else 2
        self.tolerance = max(method.tolerance, 10 * float(np.finfo(v.dtype).eps))

    def step(self, t: float, h: float, v: Array, out: Array) -> Array | None:
        """Write v(t + h) and return the correction, which is the error without it."""
        xp = namespace(v)
        if not self.known:
            self.evaluate(t, v, self.slope)
            self.full[...] = self.slope
            if self.system.linear is not None:
                self.system.linear.apply(v, self.work)
                self.full += self.work
            self.J = self._matrix(t, v) if self.is_dense else self.J
            self.known = True
        self.scale = euclidean_norm(v) or h * euclidean_norm(self.full)
        self.table = None
        moving = not self.system.autonomous
        if moving:
            self._in_time(t, h, v)
        step = self._phi_sum(t, h, v, [self.full, self.change if moving else None])
        xp.add(v, step, out=out)
        if not self.method.corrected:
            return None
        self.evaluate(t + h, out, self.later)
        self._derivative(t, v, step, self.work)
        xp.subtract(self.later, self.slope, out=self.later)
        self.later -= self.work
        if moving:
            self.change *= h
            self.later -= self.change
        self.later *= 2 / h**2
        self.error[...] = self._phi_sum(t, h, v, [None, None, self.later])
        out += self.error
        return self.error

    def accept(self) -> None:
        """Forget the Jacobian."""
        self.known = False

    def _in_time(self, t: float, h: float, v: Array) -> None:
        """Write dN/dt by a one-sided difference of second order: it looks at later times alone."""
        d = PART * h
        self.evaluate(t + d, v, self.change)
        self.evaluate(t + 2 * d, v, self.later)
        self.change *= 4.0
        self.change -= self.later
        self.later[...] = self.slope
        self.later *= 3.0
        self.change -= self.later
        self.change *= 1 / (2 * d)

    def _derivative(self, t: float, v: Array, w: Array, out: Array) -> None:
        self.system.jacobian(t, v, w, out)
        self.evaluations += self.cost

    def _phi_sum(self, t: float, h: float, v: Array, vectors: list[Array | None]) -> Array:
        """Return sum_k h^k phi_k(h J) b_k."""
        if all(b is None or not b.any() for b in vectors):
            return namespace(v).zeros_like(v)
        if not self.is_dense:
            found = [None if b is None or not b.any() else b for b in vectors]
            while found[-1] is None:
                found.pop()

            def product(w: Array, result: Array) -> None:
                self._derivative(t, v, w, result)
                if self.system.linear is not None:
                    self.system.linear.apply(w, self.work)
                    result += self.work

            return krylov_phi(product, h, found, self.tolerance, self.scale)
        if not np.isfinite(self.J).all():
            return np.full_like(v, np.nan)
        if self.table is None:
            self.table = phi_matrices(h * self.J, 3)
        total = np.zeros(self.size)
        for k, b in enumerate(vectors, 1):
            if b is not None:
                total += h**k * (self.table[k] @ b.view(self.real).reshape(-1))
        return total.astype(self.real).view(v.dtype).reshape(v.shape)

    def _matrix(self, t: float, v: Array) -> Array:
        """Return L + N'(v), for complex v as a matrix of its real and imaginary parts."""
        J = np.empty((self.size, self.size))
        w, column = np.zeros_like(v), np.empty_like(v)
        entries = w.view(self.real).reshape(-1)
        for j in range(self.size):
            entries[j] = 1
            self._derivative(t, v, w, column)
            if self.system.linear is not None:
                self.system.linear.apply(w, self.work)
                column += self.work
            J[:, j] = column.view(self.real).reshape(-1)
            entries[j] = 0
        return J


EXPRB2 = ExponentialRosenbrock("exponential Rosenbrock-Euler", 2, None, math.inf)
EXPRB32 = ExponentialRosenbrock("exprb32", 3, 2, math.inf, corrected=True)

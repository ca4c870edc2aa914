"""How fast two solutions of an equation can part: what turns defects of steps into error bounds."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.meshes import Grid
from nwidth.solvers.equations import AdvectionDiffusion, AllenCahn, Fisher, NavierStokes
from nwidth.solvers.equations.periodic_evolution import PeriodicEvolution
from nwidth.solvers.equations.quadratic_advection import QuadraticAdvection
from nwidth.solvers.evolution_problem import EvolutionProblem
from nwidth.solvers.spectral import FourierSpace

Array = NDArray[Any]

# Points per highest wave on which largest values are read; what lies between is allowed for.
POINTS_PER_WAVE = 8


class ErrorGrowth(ABC):
    """A comparison inequality y' <= M(w) y for norms y of a difference e = w - u of two solutions.

    w is known, u is not: M is read off w alone. M has no negative entry off its diagonal, so that
    larger norms at one time are larger ones ever after. The inequalities are those of the energy
    method, e tested with itself. They hold for the semi-discrete flow, as that is a Galerkin
    method: its products have no aliases in the modes that are kept. Norms are means over the
    box, (1/|box| int e^2)^(1/2). Reference: Temam (1997), doi:10.1007/978-1-4612-0645-3,
    chapter III.
    """

    #: The inequality in words, for reports.
    words: str

    @abstractmethod
    def norms(self, e: Array) -> Array:
        """Return y of a difference of states."""

    @abstractmethod
    def rates(self, w: Array) -> Array:
        """Return what M has of a known state, numbers of which larger ones are the safer."""

    @abstractmethod
    def grown(self, y: Array, h: float, rates: Array) -> Array:
        """Return y after a time h in which the rates were at most those given."""

    def size(self, y: Array) -> float:
        """Return the norm of the whole difference."""
        return float(np.hypot.reduce(y))

    def at_most(self, size: float) -> Array:
        """Return norms y that no difference of this size exceeds."""
        return np.array([size, size])


def error_growth(problem: EvolutionProblem) -> ErrorGrowth | None:
    """Return the comparison inequality of an equation, None where none is known here.

    Known are advection-diffusion, Allen-Cahn, Fisher, the plane Navier-Stokes equations, and those
    with the term c (u^2)_x: Burgers, Korteweg-de Vries, Kuramoto-Sivashinsky.

    >>> from nwidth.solvers import Burgers
    >>> growth = error_growth(Burgers(Grid.periodic(32, upper=2 * np.pi), viscosity=0.5))
    >>> y = growth.grown(np.array([0.0, 1.0]), 1.0, growth.rates(np.zeros(17, complex)))
    >>> float(y[1]) == float(np.exp(-0.5))  # the slowest mode of u_t = u_xx / 2
    True
    """
    if isinstance(problem, AdvectionDiffusion):
        return LinearGrowth(problem)
    if isinstance(problem, AllenCahn):
        return AllenCahnGrowth(problem)
    if isinstance(problem, Fisher):
        return FisherGrowth(problem)
    if isinstance(problem, NavierStokes):
        return VorticityGrowth(problem)
    if isinstance(problem, PeriodicEvolution) and isinstance(problem.field, str):
        system = problem.system({problem.field: np.zeros(problem.grid.shape)})
        if isinstance(system, QuadraticAdvection):
            return QuadraticGrowth(problem, system)
    return None


class LinearGrowth(ErrorGrowth):
    """u_t + c . grad u = nu laplace u: the mean of e stays, the rest decays by exp(-nu k_1^2 t)."""

    words = "||e||' <= 0 (linear, no growth); what has no mean decays by exp(-nu k_1^2 t)"

    def __init__(self, problem: AdvectionDiffusion):
        self.space = problem.space
        squared = problem.space.squared[problem.space.squared > 0]
        self.rate = -problem.coefficients["diffusivity"] * float(squared.min())

    def norms(self, e: Array) -> Array:
        """Return |mean of e| and the norm of the rest."""
        return _mean_and_rest(self.space, e)

    def rates(self, w: Array) -> Array:
        """Return nothing: M is constant."""
        return np.zeros(0)

    def grown(self, y: Array, h: float, rates: Array) -> Array:
        """Return y after a time h."""
        return np.array([y[0], y[1] * np.exp(self.rate * h)])


class AllenCahnGrowth(ErrorGrowth):
    """u_t = eps^2 laplace u + f(u), f' <= 1: ||e||' <= ||e||, whatever the solutions.

    -(w^3 - u^3) e = -(w^2 + w u + u^2) e^2 <= 0.
    """

    words = "||e||' <= ||e||, as f' = 1 - 3 u^2 <= 1"

    def __init__(self, problem: AllenCahn):
        self.space = problem.space

    def norms(self, e: Array) -> Array:
        """Return the norm of e alone."""
        return np.array([np.hypot.reduce(_mean_and_rest(self.space, e))])

    def rates(self, w: Array) -> Array:
        """Return nothing: M is constant."""
        return np.zeros(0)

    def grown(self, y: Array, h: float, rates: Array) -> Array:
        """Return y after a time h."""
        with np.errstate(over="ignore"):
            return y * np.exp(h) if y[0] > 0 else y

    def at_most(self, size: float) -> Array:
        """Return the size itself."""
        return np.array([size])


class FisherGrowth(ErrorGrowth):
    """u_t = nu u_xx + r u (1 - u): a Riccati inequality, as u may be anywhere within e of w.

        ||e||' <= r max(1 - 2 w) ||e|| + r max|e| ||e||,      max|e| <= M^(1/2) ||e||

    for M modes. It ends at a finite time where errors are large: the bound is infinite then.
    """

    words = "||e||' <= r max(1 - 2 w) ||e|| + r M^(1/2) ||e||^2 along the known flow w, M modes"

    def __init__(self, problem: Fisher):
        self.space, self.growth = problem.space, problem.coefficients["growth"]
        self.degree = int(self.space.numbers[0][self.space.kept].max())
        self.fine = _fine(self.space, self.degree)
        self.quadratic = self.growth * float(np.sqrt(2 * self.degree + 1))

    def norms(self, e: Array) -> Array:
        """Return the norm of e alone."""
        return np.array([np.hypot.reduce(_mean_and_rest(self.space, e))])

    def rates(self, w: Array) -> Array:
        """Return r max(1 - 2 w)."""
        return np.array([self.growth * (1 + 2 * _largest(self.space, self.fine, -w, self.degree))])

    def grown(self, y: Array, h: float, rates: Array) -> Array:
        """Return y after a time h."""
        (a,) = rates
        if y[0] == 0:
            return y
        with np.errstate(over="ignore"):
            grown = np.expm1(a * h) / a if a != 0 else h
            left = 1 - self.quadratic * y[0] * grown
            return np.array([y[0] * np.exp(a * h) / left if left > 0 else np.inf])

    def at_most(self, size: float) -> Array:
        """Return the size itself."""
        return np.array([size])


class QuadraticGrowth(ErrorGrowth):
    """u_t + c (u^2)_x = L u: errors grow where the known flow is compressed.

    With m the mean of e, which stays, and e' the rest,

        ||e'||' <= (c max(-w_x) + max_k Re l_k) ||e'|| + 2 c |m| ||w_x||

    since int e (e^2)_x = 0. For Burgers c = 1/2 and Re l_k = -nu k^2.
    """

    words = "||e||' <= (c max(-w_x) + max Re l_k) ||e|| along the known flow w, mean apart"

    def __init__(self, problem: PeriodicEvolution, system: QuadraticAdvection):
        self.space = problem.space
        k = self.space.wavenumbers[0]
        self.scale = abs(float(system.factor[1].imag / k[1]))
        symbol = np.real(system.linear.symbol)
        self.rate, self.mean = float(symbol[1:][self.space.kept[1:]].max()), float(symbol[0])
        # The slopes of -c u u_x with c < 0 count with the other sign.
        self.sign = 1.0 if system.factor[1].imag < 0 else -1.0
        self.degree = int(self.space.numbers[0][self.space.kept].max())
        self.fine = _fine(self.space, self.degree)

    def norms(self, e: Array) -> Array:
        """Return |mean of e| and the norm of the rest."""
        return _mean_and_rest(self.space, e)

    def rates(self, w: Array) -> Array:
        """Return c max(-w_x) and 2 c ||w_x||."""
        slope = self.space.derivative(w)
        largest = _largest(self.space, self.fine, -self.sign * slope, self.degree)
        return self.scale * np.array([largest, 2 * weighted_norm(slope, self.space.weights)])

    def grown(self, y: Array, h: float, rates: Array) -> Array:
        """Return y after a time h."""
        return _triangular(y, h, self.mean, rates[1], rates[0] + self.rate)


class VorticityGrowth(ErrorGrowth):
    """Plane Navier-Stokes: errors of velocity grow by the strain, and drive those of vorticity.

    With v the difference of velocities, e of vorticities, S the strain rate of the known flow of
    vorticity w, k_1 the smallest wavenumber:

        ||v||' <= (max |S| - nu k_1^2 - mu) ||v||
        ||e||' <= max |grad w| ||v|| - (nu k_1^2 + mu) ||e||,        ||v|| <= ||e|| / k_1

    as the unknown flow only carries both along. |S| is the larger eigenvalue.
    """

    words = (
        "||v||' <= (max |S| - nu k_1^2 - mu) ||v|| and ||e||' <= max |grad w| ||v|| - (nu k_1^2 + "
        "mu) ||e|| along the known flow, v the error of velocity, e of vorticity"
    )

    def __init__(self, problem: NavierStokes):
        self.problem, self.space = problem, problem.modes
        squared = self.space.squared[self.space.squared > 0]
        self.lowest = float(np.sqrt(squared.min()))
        self.decay = problem.viscosity * self.lowest**2 + problem.drag
        degrees = [int(abs(m).max()) for m in self.space.numbers]
        self.fine = _fine(self.space, *degrees)
        # Ehlich & Zeller (1964), Math. Z. 86, 41, on each axis.
        ratios = [np.pi * m / n for m, n in zip(degrees, self.fine.shape, strict=True)]
        self.between = float(1 / np.prod(np.cos(ratios)))

    def norms(self, e: Array) -> Array:
        """Return the norms of velocity and vorticity."""
        squared = np.where(self.space.squared > 0, self.space.squared, np.inf)
        weights = self.space.weights
        return np.array([weighted_norm(e, weights / squared), weighted_norm(e, weights)])

    def rates(self, w: Array) -> Array:
        """Return max |S| and max |grad w|."""
        space = self.space
        kx, ky = space.wavenumbers
        psi = self.problem.streamfunction(w)
        shear = 0.5 * (kx**2 - ky**2) * psi  # (u_y + v_x) / 2 of u = psi_y, v = -psi_x
        parts = np.stack([-kx * ky * psi, shear, 1j * kx * w, 1j * ky * w])
        stretch, shear, w_x, w_y = self.fine.transform.backward(space.resampled(parts, self.fine))
        return self.between * np.array([np.hypot(stretch, shear).max(), np.hypot(w_x, w_y).max()])

    def grown(self, y: Array, h: float, rates: Array) -> Array:
        """Return y after a time h."""
        out = _triangular(y, h, rates[0] - self.decay, rates[1], -self.decay)
        out[0] = min(out[0], out[1] / self.lowest)
        return out

    def size(self, y: Array) -> float:
        """Return the norm of the vorticity."""
        return float(y[1])

    def at_most(self, size: float) -> Array:
        """Return norms y that no difference of vorticities of this size exceeds."""
        return np.array([size / self.lowest, size])


def weighted_norm(e: Array, weights: Any) -> float:
    """Return (sum weights |e|^2)^(1/2), of numbers so small or large that squares are none, too.

    >>> weighted_norm(np.array([3e-200, 4e-200]), 1.0)
    5e-200
    """
    sizes = abs(e)
    largest = float(sizes.max())
    if not 0 < largest < np.inf:
        return largest
    return largest * float(np.sqrt((weights * (sizes / largest) ** 2).sum()))


def _mean_and_rest(space: FourierSpace, e: Array) -> Array:
    """Return |mean| and the root mean square of the rest."""
    flat, weights = e.ravel(), space.weights.ravel()
    return np.array([abs(flat[0]), weighted_norm(flat[1:], weights[1:])])


def _fine(space: FourierSpace, *degrees: int) -> FourierSpace:
    """Return the space of the box on a grid fine enough to read largest values from."""
    axes = space.grid.axes
    shape = tuple(POINTS_PER_WAVE * m + 2 * POINTS_PER_WAVE for m in degrees)
    lower = [axis.lower for axis in axes]
    upper = [axis.lower + axis.length for axis in axes]
    return FourierSpace(Grid.periodic(shape, lower, upper))


def _largest(space: FourierSpace, fine: FourierSpace, w: Array, degree: int) -> float:
    """Return at least the largest value of a function of one coordinate and so many waves.

    Between points h apart it rises by at most (k h / 2)^2 / 2 of its largest modulus (Bernstein).
    """
    double = np.asarray(w, np.complex128)
    values = fine.transform.backward(space.resampled(double, fine))
    between = (np.pi * degree / fine.shape[0]) ** 2 / 2
    return float(values.max() + between / (1 - between) * abs(values).max())


def _triangular(y: Array, h: float, a: float, b: float, c: float) -> Array:
    """Return exp(h [[a, 0], [b, c]]) y, infinity where that is beyond all numbers."""
    with np.errstate(over="ignore", invalid="ignore"):
        first = y[0] * np.exp(h * a) if y[0] > 0 else 0.0
        second = y[1] * np.exp(h * c) if y[1] > 0 else 0.0
        if b > 0 and y[0] > 0:
            z = h * (a - c)
            mixed = 1.0 if z == 0 else np.expm1(z) / z
            second += y[0] * b * h * np.exp(h * c) * mixed
    return np.array([first, np.inf if np.isnan(second) else second])

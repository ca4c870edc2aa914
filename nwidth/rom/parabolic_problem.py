"""A linear parabolic problem that depends affinely on its parameters, and its time steps."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_choice, require_instance
from nwidth.arrays import as_floating, real_floating, require_finite
from nwidth.errors import InputError
from nwidth.rom.affine_problem import AffineProblem, Coefficients
from nwidth.rom.archived_parts import archived_part, archived_parts
from nwidth.rom.inner_product import InnerProduct
from nwidth.rom.matrix_span import MatrixSpan
from nwidth.rom.parameter_expressions import ParameterExpressions
from nwidth.solvers.elimination import elimination

Array = NDArray[Any]

# The coefficient of a single term.
_ONE = ParameterExpressions(("1",))
#: Names of the coefficient functions, as loading takes them.
FUNCTIONS = ("theta", "phi", "mass_coefficients", "initial_coefficients")
#: Schemes, and the weight w of the new time in each step.
SCHEMES = {"implicit-euler": 1.0, "crank-nicolson": 0.5}
# Steps may differ by so much of one, and by so many units of the last place of the times.
_UNEVEN, _ROUNDED = 1e-9, 4
# Eigenvalues of one mass matrix of several may go down to minus so much of the largest diagonal.
_SEMIDEFINITE = 1e-8


@dataclass(frozen=True, eq=False)
class ParabolicProblem:
    """The problem M(mu) u' + A(mu) u = f(mu, t), u(t_0) = u_0(mu), stepped through even times.

        A(mu) = sum_q theta_q(mu) A_q,    f(mu, t) = sum_q phi_q(mu) g_q(t) f_q
        M(mu) = sum_q m_q(mu) M_q,        u_0(mu) = sum_j c_j(mu) u_0j

    Step k goes from t_(k-1) to t_k = t_(k-1) + dt by

        M (u^k - u^(k-1)) / dt + A (w u^k + (1 - w) u^(k-1)) = w f(t_k) + (1 - w) f(t_(k-1))

    with w = 1, implicit Euler of first order, or w = 1/2, Crank-Nicolson of second order.
    Reference: Quarteroni & Valli (1994), doi:10.1007/978-3-540-85268-1, section 11.3.

    Args:
        problem: A and f, of which `theta`, `matrices`, `phi` and `sources` are taken.
        mass: M, n x n, Hermitian and positive definite; or several M_q, each positive semidefinite
            and their sum definite. Dense or sparse.
        times: t_0 < t_1 < ... < t_K in even steps, shape (K + 1,).
        signals: g_q at the times, shape (Qf, K + 1), or a function t -> (Qf,); ones by default.
        initial: u_0, shape (n,), or several u_0j, shape (J, n); zero by default.
        scheme: "implicit-euler" or "crank-nicolson".
        mass_coefficients: function mu -> m (Q_m,), positive; needed for several M_q.
        initial_coefficients: function mu -> c (J,); needed for several u_0j.

    Raises `InputError` for times that do not increase in even steps, another number of signals
    than of sources or of their values than of times, and mass matrices that are not definite;
    `NonFiniteError` for NaN and infinity.

    >>> decay = AffineProblem(lambda mu: mu, [np.eye(1)], lambda mu: [0.0], [[1.0]])
    >>> heat = ParabolicProblem(decay, np.eye(1), [0.0, 0.5, 1.0], initial=[1.0])
    >>> heat.trajectory([2.0]).ravel().tolist()
    [1.0, 0.5, 0.25]
    """

    problem: AffineProblem
    mass: Any
    times: Array
    signals: Any = None
    initial: Any = None
    scheme: str = "implicit-euler"
    mass_coefficients: Coefficients | None = None
    initial_coefficients: Coefficients | None = None
    #: M and u_0 in the form that A and f have.
    start: AffineProblem = field(init=False, repr=False)

    def __post_init__(self) -> None:
        require_instance(self.problem, "problem", AffineProblem)
        require_choice(self.scheme, "scheme", SCHEMES)
        times = _even(self.times)
        signals = _sampled(self.signals, times, len(self.problem.sources))
        mass, initial = self._mass(), self._initial()
        parts = [
            (mass, self.mass_coefficients, "mass"),
            (initial, self.initial_coefficients, "initial"),
        ]
        for span, coefficients, name in parts:
            if coefficients is None and len(span) > 1:
                raise InputError(
                    f"{name}_coefficients: expected a function mu -> ({len(span)},) for the "
                    f"{len(span)} terms of {name}, got none"
                )
        start = AffineProblem(
            _ONE if self.mass_coefficients is None else self.mass_coefficients,
            mass,
            _ONE if self.initial_coefficients is None else self.initial_coefficients,
            initial,
        )
        for name, value in (
            ("times", times),
            ("signals", signals),
            ("mass", mass),
            ("initial", initial),
            ("start", start),
        ):
            object.__setattr__(self, name, value)

    @property
    def size(self) -> int:
        """Number n of unknowns."""
        return self.problem.size

    @property
    def steps(self) -> int:
        """Number K of time steps."""
        return len(self.times) - 1

    @property
    def dt(self) -> float:
        """Length of a time step."""
        return float(self.times[-1] - self.times[0]) / self.steps

    @property
    def weight(self) -> float:
        """Weight w of the new time in a step."""
        return SCHEMES[self.scheme]

    @property
    def loads(self) -> Array:
        """Signals of the steps, w g_q(t_k) + (1 - w) g_q(t_(k-1)), shape (Qf, K)."""
        w = self.weight
        return w * self.signals[:, 1:] + (1 - w) * self.signals[:, :-1]

    def coefficients(self, mus: Any) -> tuple[Array, Array, Array, Array]:
        """Return theta (m, Q), phi (m, Qf), masses (m, Q_m) and c (m, J) of parameters (m, p)."""
        theta, phi = self.problem.coefficients(mus)
        masses, c = self.start.coefficients(mus)
        wrong = np.argwhere(~((masses.real > 0) & (masses.imag == 0)))
        if len(wrong):
            k, q = wrong[0]
            raise InputError(
                f"mass_coefficients: expected positive numbers, so that M(mu) is positive "
                f"definite, got {masses[k, q]} as number {q} at {np.asarray(mus)[k]}"
            )
        return theta, phi, masses.real, c

    def trajectory(self, mu: Any) -> Array:
        """Return u at all times for one parameter, shape (K + 1, n); factorizes once."""
        if "operator" in (self.problem.matrices.kind, self.mass.kind):
            raise InputError(
                "trajectory: expected dense or sparse matrices, got operators that are known by "
                "their action; compute trajectories by your own code"
            )
        theta, phi, masses, c = (row[0] for row in self.coefficients(np.asarray(mu)[None]))
        A, M = self.problem.matrices.combine(theta), self.mass.combine(masses)
        solve = elimination(M / self.dt + self.weight * A)
        first = self.initial.combine(c)
        f = (phi[:, None] * self.loads).T @ np.stack(self.problem.sources.matrices)
        u = np.empty((self.steps + 1, self.size), np.result_type(A.dtype, M.dtype, first, f))
        u[0] = first
        for k in range(self.steps):
            # the scheme for u^k - u^(k-1): no digits are lost to M / dt
            u[k + 1] = u[k] + solve(f[k] - A @ u[k])
        return require_finite(u, "trajectory")

    def archived(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """Return what files hold: arrays and a description; not functions, which are code."""
        arrays: dict[str, Array] = {"times": self.times, "signals": self.signals}
        own, told = archived_parts({"problem": self.problem, "start": self.start})
        return arrays | own, {"scheme": self.scheme} | told

    @classmethod
    def from_archived(
        cls, arrays: dict[str, Array], told: dict[str, Any], functions: Mapping[str, Any]
    ) -> Self:
        """Return the problem of what `archived` gave.

        `functions` are those that are code, by the names "theta", "phi", "mass_coefficients" and
        "initial_coefficients".
        """
        theta, phi, masses, c = (functions.get(name) for name in FUNCTIONS)
        problem = AffineProblem.from_archived(*archived_part(arrays, told, "problem"), theta, phi)
        start = AffineProblem.from_archived(*archived_part(arrays, told, "start"), masses, c)
        for name, given in ((FUNCTIONS[2], start.theta), (FUNCTIONS[3], start.phi)):
            if given is None:
                raise InputError(f"{name}: expected the function, which files do not hold")
        initial = np.stack(list(start.sources.matrices))
        return cls(
            problem,
            start.matrices,
            arrays["times"],
            arrays["signals"],
            initial,
            told["scheme"],
            start.theta,
            start.phi,
        )

    def _mass(self) -> MatrixSpan:
        """Return the mass matrices, each checked to be Hermitian and positive."""
        several = isinstance(self.mass, MatrixSpan | list | tuple) or np.ndim(self.mass) == 3
        mass = self.mass if isinstance(self.mass, MatrixSpan) else None
        if mass is None:
            mass = MatrixSpan(self.mass if several else [self.mass])
        if mass.shape != (self.size, self.size):
            raise InputError(
                f"mass: expected matrices of shape ({self.size}, {self.size}), got {mass.shape}"
            )
        if mass.kind == "operator":
            raise InputError("mass: expected dense or sparse matrices, got operators")
        whole = mass.combine(np.ones(len(mass)))
        _require_definite(whole, "mass")
        if len(mass) > 1:
            import scipy.sparse as sp

            shift = _SEMIDEFINITE * float(whole.diagonal().real.max())
            for q, M in enumerate(mass.matrices):
                one = sp.eye_array(self.size) if sp.issparse(M) else np.eye(self.size)
                _require_definite(M + shift * one, f"mass[{q}]")
        return mass

    def _initial(self) -> MatrixSpan:
        """Return the initial values, one per row."""
        initial = np.zeros(self.size) if self.initial is None else self.initial
        rows = np.atleast_2d(as_floating(np.asarray(initial), "initial"))
        if rows.ndim != 2 or rows.shape[1] != self.size or len(rows) == 0:
            raise InputError(
                f"initial: expected shape ({self.size},) or (J, {self.size}), got {rows.shape}"
            )
        return MatrixSpan(require_finite(rows, "initial"))


def known_functions(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the coefficient functions of a problem by their names, None for those not given.

    >>> sorted(known_functions({"phi": abs}))
    ['initial_coefficients', 'mass_coefficients', 'phi', 'theta']
    """
    unknown = sorted(given.keys() - set(FUNCTIONS))
    if unknown:
        raise InputError(f"load: expected functions named {', '.join(FUNCTIONS)}, got {unknown[0]}")
    return dict.fromkeys(FUNCTIONS) | dict(given)


def _even(times: Any) -> Array:
    """Return times in even steps, as float64."""
    times = np.asarray(real_floating(np.asarray(times), "times"), np.float64)
    if times.ndim != 1 or len(times) < 2:
        raise InputError(f"times: expected t_0, ..., t_K of at least one step, got {times.shape}")
    require_finite(times, "times")
    steps = np.diff(times)
    even = steps.mean()
    uneven = float(np.abs(steps - even).max())
    if not (steps > 0).all():
        k = int(np.argmin(steps))
        raise InputError(
            f"times: expected increasing ones, got {times[k]} before {times[k + 1]} in step {k + 1}"
        )
    if uneven > _UNEVEN * even + _ROUNDED * float(np.spacing(np.abs(times).max())):
        raise InputError(
            f"times: expected even steps, got steps from {steps.min()} to {steps.max()}; take for "
            "example numpy.linspace, and the smallest step throughout"
        )
    return times


def _sampled(signals: Any, times: Array, count: int) -> Array:
    """Return the values of the signals at the times, shape (count, K + 1)."""
    if signals is None:
        return np.ones((count, len(times)))
    given: Any = signals
    if callable(signals):
        columns = [np.atleast_1d(as_floating(np.asarray(signals(t)), "signals")) for t in times]
        for t, column in zip(times, columns, strict=True):
            if column.shape != (count,):
                raise InputError(
                    f"signals: expected {count} values, one per source, got {column.shape} at {t}"
                )
        given = np.stack(columns, axis=1)
    values = as_floating(np.asarray(given), "signals")
    if values.shape != (count, len(times)):
        raise InputError(
            f"signals: expected shape ({count}, {len(times)}), one row per source and one value "
            f"per time, got {values.shape}"
        )
    return require_finite(values, "signals")


def _require_definite(matrix: Any, name: str) -> None:
    """Raise in words if a mass matrix is not Hermitian and positive definite."""
    try:
        InnerProduct(matrix)
    except InputError as error:
        raise InputError(f"{name}: expected a positive definite matrix; {error}") from None

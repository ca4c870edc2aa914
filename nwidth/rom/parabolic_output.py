"""Outputs of reduced parabolic models at every time, with bounds."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from nwidth.archive import save_archive
from nwidth.arguments import require_instance, require_number
from nwidth.arrays import as_floating, require_finite, require_shape
from nwidth.rom.archived_parts import archived_part, restored
from nwidth.rom.compensated_matrix import CompensatedMatrix
from nwidth.rom.growing_parabolic_basis import GrowingParabolicBasis
from nwidth.rom.inner_product import InnerProduct
from nwidth.rom.parabolic_basis import EPS, ParabolicBasis
from nwidth.rom.parabolic_problem import known_functions
from nwidth.rom.reduced_model import one_parameter
from nwidth.rom.reduced_solution import ReducedStatus

Array = NDArray[Any]

_KIND = "parabolic-output"
# Rounding of the dual norm of l, whose solve is refined, with much to spare.
_MARGIN = 1 + 1e-8


class OutputTrajectory(NamedTuple):
    """The output for one parameter at all times.

    Attributes:
        value: s_N (K + 1,).
        bound: upper bounds (K + 1,) of |s - s_N|; infinite unless `status` is CERTIFIED.
        inside: whether the parameter lies in the box of the model.
        status: a `ReducedStatus`.
    """

    value: Array
    bound: Array
    inside: bool
    status: ReducedStatus


@dataclass(frozen=True, eq=False)
class OutputTrajectories:
    """Outputs for many parameters, as arrays with the names of `OutputTrajectory`."""

    value: Array
    bound: Array
    inside: Array
    status: tuple[ReducedStatus, ...]

    def __len__(self) -> int:
        return len(self.status)

    def __getitem__(self, j: int) -> OutputTrajectory:
        return OutputTrajectory(self.value[j], self.bound[j], bool(self.inside[j]), self.status[j])


@dataclass(frozen=True, eq=False)
class ParabolicOutput:
    """The output s(t, mu) = l^H u(t, mu) of a reduced parabolic model.

        |s^k - l^H V x^k|  <=  ||l||_(M^-1) |||e^k|||,    M(mu) >= min_q m_q(mu) sum_q M_q

    as the norm in which errors are bounded contains (e . M e)^1/2. Reference: Grepl & Patera
    (2005), doi:10.1051/m2an:2005006, section 4.2.

    Attributes:
        model: the reduced model.
        row: l^H V, shape (N,), computed in twice the working precision.
        norm: upper bound of the norm of l in the inverse of sum_q M_q.

    >>> from nwidth.rom import AffineProblem, ParabolicProblem
    >>> from nwidth.rom.stability import MinTheta
    >>> elliptic = AffineProblem(lambda mu: mu, [np.eye(2)], lambda mu: [1.0], [[1.0, 0.0]])
    >>> problem = ParabolicProblem(elliptic, np.eye(2), [0.0, 1.0])
    >>> growing = GrowingParabolicBasis(problem, np.eye(2), MinTheta([[1.0]], [1.0]))
    >>> growing.extend([1.0, 0.0])
    1
    >>> found = ParabolicOutput.of(growing, [1.0, 1.0]).evaluate(1.0)
    >>> found.value.tolist(), bool(found.bound.max() < 1e-14)
    ([0.0, 0.5], True)
    """

    model: ParabolicBasis
    row: Array
    norm: float

    def __post_init__(self) -> None:
        require_instance(self.model, "model", ParabolicBasis)
        row = as_floating(np.asarray(self.row), "row")
        require_finite(require_shape(row, (self.model.size,), "row"), "row")
        object.__setattr__(self, "row", row)
        object.__setattr__(self, "norm", require_number(self.norm, "norm", "[0, inf)"))

    @classmethod
    def of(cls, growing: GrowingParabolicBasis, functional: Any) -> Self:
        """Return the output of a basis and the functional l, shape (n,)."""
        require_instance(growing, "growing", GrowingParabolicBasis)
        problem = growing.problem
        given = as_floating(np.asarray(functional), "functional")
        require_finite(require_shape(given, (problem.size,), "functional"), "functional")
        model = growing.model()
        zero = np.zeros((1, growing.size))
        row = CompensatedMatrix(given.conj()[None]).subtract(-growing.basis, zero, zero)[0][0]
        mass = InnerProduct(problem.mass.combine(np.ones(len(problem.mass))))
        return cls(model, row, float(mass.dual_norm(given)) * _MARGIN)

    def evaluate(self, mu: Any) -> OutputTrajectory:
        """Return the output for one parameter, a number or shape (p,)."""
        return self.evaluate_many(one_parameter(mu, "evaluate_many"))[0]

    def evaluate_many(self, mus: Any) -> OutputTrajectories:
        """Return the outputs for many parameters (m, p)."""
        found = self.model.solve_many(mus)
        masses = self.model.problem.coefficients(mus)[2]
        norm = self.norm / np.sqrt(masses.min(axis=1, keepdims=True)) * (1 + 8 * EPS)
        unit = 2 * (self.model.size + 8) * EPS
        bound = found.bound * norm + unit * (np.abs(found.x) @ np.abs(self.row))
        return OutputTrajectories(found.x @ self.row, bound, found.inside, found.status)

    def save(self, path: str | Path) -> None:
        """Write the output and its model, without the fields of its basis, to one HDF5 file."""
        own, told = self.model.archived(basis=False)
        arrays = {"row": self.row} | {f"model/{key}": value for key, value in own.items()}
        save_archive(path, _KIND, arrays, {"norm": self.norm, "model": told})

    @classmethod
    def load(cls, path: str | Path, **functions: Any) -> Self:
        """Read an output back; executes nothing. Functions are those of `ParabolicBasis.load`."""

        def read(arrays: dict[str, Array], told: dict[str, Any], given: Mapping[str, Any]) -> Any:
            model = ParabolicBasis.from_archived(*archived_part(arrays, told, "model"), given)
            return cls(model, arrays["row"], told["norm"])

        return restored(path, _KIND, read, known_functions(functions))

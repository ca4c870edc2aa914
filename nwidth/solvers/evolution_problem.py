"""A problem in time: inputs to a semilinear system and its initial state, states to fields."""

from abc import abstractmethod
from collections.abc import Collection, Mapping
from typing import Any

from numpy.typing import NDArray

from nwidth.arguments import require_instance
from nwidth.errors import InputError
from nwidth.meshes import Grid, random_field
from nwidth.solvers.problem import Inputs, ParametrizedProblem
from nwidth.solvers.stepping import ETDRK4, EvolutionSystem, SteppingMethod

Array = NDArray[Any]


class EvolutionProblem(ParametrizedProblem):
    """An equation u' = F(u; mu) on a grid, parametrized by named inputs mu, the initial fields too.

    It does not know how it is stepped: `nwidth.solvers.simulate` does that. `state` and `fields` go
    between fields on the grid and what is stepped, such as Fourier coefficients. `outputs` has the
    fields by name, with their units, each of so many `components`, which are the axis before those
    of the grid if there are several; `method` is the stepper that suits the equation.
    """

    outputs: dict[str, str]
    components: int = 1
    time_unit: str = "1"
    method: SteppingMethod = ETDRK4

    @property
    def numbers(self) -> int:
        """How many numbers the outputs are at each point, all together."""
        return len(self.outputs) * self.components

    @abstractmethod
    def system(self, inputs: Inputs) -> EvolutionSystem:
        """Return the system that is stepped; its work space belongs to the caller's thread."""

    @abstractmethod
    def state(self, inputs: Inputs) -> Array:
        """Return the initial state."""

    @abstractmethod
    def fields(self, v: Array) -> dict[str, Array]:
        """Return the fields on the grid of a state, or of several, stacked."""

    def admissible(self, name: str, u: Array) -> Array:
        """Return the field nearest to a given one that `state` takes as an initial field."""
        return u

    def invariants(self, v: Array) -> dict[str, Array]:
        """Return what the equation conserves or dissipates, by name, of one state or of several."""
        return {}

    def measured(self, v: Array, inputs: Inputs) -> dict[str, Array]:
        """Return `invariants`, also those that depend on coefficients which are inputs."""
        return self.invariants(v)

    def tail(self, v: Array) -> Array | None:
        """Return which part of a state is in the finest modes, None where this is not known."""
        return None

    @abstractmethod
    def on(self, grid: Grid) -> "EvolutionProblem":
        """Return the same problem on another grid of the same box."""


def arguments_of(
    description: Mapping[str, Any],
    equation: str,
    settings: Collection[str],
    drawn: Collection[str] = ("sampler",),
) -> dict[str, Any]:
    """Return the arguments of a problem, grid and `drawn` fields rebuilt, from its description.

    Raises `InputError` for another equation, missing or unknown keys.

    >>> described = {"equation": "still", "grid": Grid.periodic(8).describe(), "speed": 2.0}
    >>> arguments_of(described, "still", ["speed"])["speed"]
    2.0
    """
    wanted = {"equation", "grid", *settings}
    if {*description} != wanted or description["equation"] != equation:
        raise InputError(
            f"problem description: expected {equation} with the keys {', '.join(sorted(wanted))}, "
            f"got {', '.join(sorted(map(str, description)))}"
        )
    grid = Grid.from_description(description["grid"])
    given = {name: description[name] for name in settings}
    for name in {*drawn} & {*given}:
        if isinstance(given[name], Mapping):
            given[name] = random_field(given[name], grid)
    return {"grid": grid, **given}


def require_same_box(ours: Grid, grid: Any) -> Grid:
    """Return another grid of the same box, or raise `InputError`: of another, fields would move.

    >>> require_same_box(Grid.periodic(8), Grid.periodic(16)).shape
    (16,)
    """
    if not ours.same_box(require_instance(grid, "grid", Grid)):
        raise InputError(f"grid: expected one of the same box as {ours}, got {grid}")
    return grid

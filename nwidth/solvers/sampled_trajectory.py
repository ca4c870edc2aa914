"""One numbered sample of a problem in time: drawn, followed, restricted to the grid of the file."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arrays import generator, to_numpy
from nwidth.errors import InputError, NotConvergedError
from nwidth.meshes import Grid
from nwidth.solvers._one_blas_thread import one_blas_thread
from nwidth.solvers.evolution_problem import EvolutionProblem
from nwidth.solvers.spectral import FourierSpace
from nwidth.solvers.stepping import SteppingMethod, evolve

if TYPE_CHECKING:
    from nwidth.fields import Field

Array = NDArray[Any]

RESTRICTIONS = ("subsample", "fourier")


@dataclass(frozen=True)
class SampledTrajectory:
    """What makes sample i of a data set in time: a function of i that depends on nothing else.

    See `generate_trajectories` for the arguments. Objects go to other processes.

    >>> from nwidth.meshes import GaussianRandomField
    >>> from nwidth.solvers import Burgers
    >>> grid = Grid.periodic(32)
    >>> u = GaussianRandomField(grid, alpha=2, tau=5, boundary="periodic")
    >>> recipe = SampledTrajectory(Burgers(grid, 0.1, u), (0.0, 1.0), 0, 2, dt=0.01)
    >>> fields, scalars = recipe(7)
    >>> fields["velocity"].shape, scalars["steps"]
    ((2, 16), 100.0)
    """

    problem: EvolutionProblem
    times: tuple[float, ...]
    seed: int
    restrict: int = 1
    restriction: str = "subsample"
    method: SteppingMethod | None = None
    dt: float | None = None
    rtol: float | None = None
    atol: float = 0.0
    max_steps: int = 1_000_000

    def __call__(self, i: int) -> tuple[dict[str, Array], dict[str, float]]:
        """Return the fields `(time, *grid[, component])` and the scalars of sample i.

        Raises what stopped it, with its number in front.
        """
        problem = self.problem
        kept: dict[str, Array] = {}
        tails: list[float] = []

        def keep(k: int, t: float, v: Array) -> None:
            for name, u in problem.fields(v).items():
                u = self.restricted(to_numpy(u))
                kept.setdefault(name, np.empty((len(self.times), *u.shape), u.dtype))[k] = u
            watch(v)

        def watch(v: Array) -> None:
            tail = problem.tail(v)
            if tail is not None:
                tails.append(float(np.max(to_numpy(tail))))

        try:
            with one_blas_thread():  # last digits of sums depend on the number
                inputs = problem.sample(generator(self.seed, i))
                state = problem.state(inputs)
                watch(state)  # what is not periodic shows at once, and may decay
                found = evolve(
                    problem.system(inputs),
                    state,
                    self.times,
                    method=problem.method if self.method is None else self.method,
                    dt=self.dt,
                    rtol=self.rtol,
                    atol=self.atol,
                    max_steps=self.max_steps,
                    output=keep,
                ).checked()
        except (InputError, NotConvergedError) as error:
            raise type(error)(f"sample {i} of seed {self.seed}: {error}") from None
        for name in self._constants():
            kept[name] = self.restricted(inputs[name])
        scalars = {"steps": float(found.counts.steps)}
        return kept, {**scalars, "tail": max(tails)} if tails else scalars

    def restricted(self, u: Array) -> Array:
        """Return a field on the grid of the file, components last."""
        grid = self.problem.grid
        if self.restriction == "fourier" and self.restrict > 1:
            fine, coarse = _space(grid), _space(grid.coarsen(self.restrict))
            v = fine.transform.forward(np.ascontiguousarray(u, np.float64))
            out = coarse.transform.backward(fine.resampled(v, coarse)).astype(u.dtype)
        else:
            out = grid.restrict(u, self.restrict)
        components = out.ndim - grid.dimension
        return np.moveaxis(out, range(components), range(-components, 0))

    def layout(self) -> tuple[dict[str, "Field"], dict[str, str]]:
        """Return the fields and the units of the scalars that the file has, from a sample at rest.

        Raises `InputError` for problems without samplers and grids that cannot be restricted so.
        """
        from nwidth.fields import Field

        problem, d = self.problem, self.problem.grid.dimension
        if self.restriction == "fourier":
            _space(problem.grid)
            if any(axis.centering != "node" for axis in problem.grid.axes):
                raise InputError("restriction: expected nodes to cut the Fourier series, got cells")
        inputs = problem.sample(generator(self.seed, 0))
        state = problem.state(inputs)
        found = {
            name: Field(problem.outputs[name], self.restricted(to_numpy(u)).shape[d:])
            for name, u in problem.fields(state).items()
        }
        units = {item.name: item.unit for item in problem.inputs}
        for name in self._constants():
            shape = self.restricted(inputs[name]).shape[d:]
            found[name] = Field(units[name], shape, constant=True)
        return found, dict.fromkeys(("steps", "tail")[: 1 + (problem.tail(state) is not None)], "1")

    def _constants(self) -> list[str]:
        """Return the inputs that are no initial fields, of which the file has one per sample.

        Complex initial fields are outputs by their real and imaginary parts.
        """
        names, outputs = [item.name for item in self.problem.inputs], self.problem.outputs
        return [n for n in names if n not in outputs and f"{n}_real" not in outputs]


def _space(grid: Grid) -> FourierSpace:
    try:
        return FourierSpace(grid)
    except InputError as error:
        raise InputError(f"restriction: {error}; or take 'subsample'") from None

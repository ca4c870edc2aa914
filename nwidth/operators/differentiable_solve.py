"""The solution of a diffusion problem as a differentiable function of its coefficients."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from nwidth.arguments import require_choice, require_instance
from nwidth.arrays import require_finite, require_shape
from nwidth.errors import InputError
from nwidth.solvers import BatchSolver, Darcy, Solution
from nwidth.solvers.automatic_choice import choose
from nwidth.solvers.coefficient_gradient import coefficient_gradient
from nwidth.solvers.krylov.iterate import check_limits
from nwidth.solvers.lane_group import each_sample
from nwidth.solvers.operator_solver import METHODS as SOLVERS
from nwidth.solvers.operator_solver import OperatorSolver
from nwidth.solvers.problem import Inputs

Array = NDArray[Any]

# Full multigrid is none of them: it leaves a residual, which the adjoint does not see.
METHODS = ("auto", *SOLVERS)


class DifferentiableSolve(torch.nn.Module):
    """Darcy's pressure as a layer, which PyTorch differentiates by one adjoint solve.

        A(a) u = b(a, f),    A lambda = dJ/du,    dJ/df = volumes lambda,
        dJ/da = sum over faces of -(lambda_i - lambda_j) (u_i - u_j) dT/da

    Nothing of the iteration is kept on a tape: memory is that of the operator and its hierarchy,
    which the adjoint solve uses again. Batches are solved side by side, forwards and backwards, as
    `solve_batch` does; they keep fields alone and the hierarchies of one group per thread, each
    sample the same number by number whatever else is in its batch. Reference: Blondel et al.
    (2022), arXiv:2105.15183, section 2.1; `coefficient_gradient` for the faces.

    Args:
        problem: Darcy's equation: grid, boundary and, where none is given to the layer, the source.
        rtol: relative residual of both solves; by default 1e-8, and 1e-5 for float32. Good values:
            1e-12 to compare gradients with finite differences.
        method: one of METHODS, see `nwidth.solvers.solve`.
        max_iterations: see `nwidth.solvers.solve`.

    Gradients of gradients are not available. Raises `InputError` for a problem or tensors that do
    not fit, and `NotConvergedError` where an iteration fails.

    >>> from nwidth.meshes import Grid
    >>> a = torch.ones(3, dtype=torch.float64, requires_grad=True)
    >>> DifferentiableSolve(Darcy(Grid.uniform(3)))(a)[1].backward()  # 4 u = 1/2
    >>> a.grad.tolist()
    [-0.03125, -0.0625, -0.03125]
    """

    def __init__(
        self,
        problem: Darcy,
        rtol: float | None = None,
        *,
        method: str = "auto",
        max_iterations: int = 200,
    ):
        super().__init__()
        require_instance(problem, "problem", Darcy)
        require_choice(method, "method", METHODS)
        check_limits(0.0 if rtol is None else rtol, max_iterations)
        self.problem, self.rtol, self.method = problem, rtol, method
        self.max_iterations = max_iterations
        #: What solves batches side by side, where it can.
        self.batches = BatchSolver(problem)

    def tolerance(self, dtype: torch.dtype) -> float:
        """Return the relative residual of solves for coefficients of a dtype."""
        default = 1e-5 if dtype == torch.float32 else 1e-8
        return default if self.rtol is None else self.rtol

    def forward(self, permeability: Tensor, source: Tensor | None = None) -> Tensor:
        """Return u of shape `grid.shape`, or `(sample, 1, *grid.shape)`, in the dtype of a.

        Args:
            permeability: a > 0 on the CPU, float32 or float64, of shape `grid.shape`, or
                `(d, *grid.shape)` for a diagonal tensor; a batch has shape
                `(sample, 1, *grid.shape)` or `(sample, d, *grid.shape)`, as networks have it.
            source: f of shape `grid.shape`, or `(sample, 1, *grid.shape)` for a batch.
        """
        for name, tensor in (("permeability", permeability), ("source", source)):
            usable = isinstance(tensor, Tensor) and tensor.device.type == "cpu"
            if tensor is not None and not usable:
                raise InputError(f"{name}: expected a tensor on the CPU, got {type(tensor)}")
            # The answer has the dtype of a: integers would cut a pressure to zero.
            if tensor is not None and tensor.dtype not in (torch.float32, torch.float64):
                raise InputError(f"{name}: expected float32 or float64, got {tensor.dtype}")
        shape = self.problem.grid.shape
        if permeability.ndim != len(shape) + 2:
            return _Solve.apply(permeability, source, self)
        samples = len(permeability)
        if samples == 0 or (source is not None and source.shape != (samples, 1, *shape)):
            raise InputError(
                f"source: expected shape {(samples, 1, *shape)} with at least one sample, got "
                f"{None if source is None else tuple(source.shape)}"
            )
        if self.method == "auto" and self.batches.why is None:
            return _SolveBatch.apply(permeability, source, self)[:, None]
        solved = []
        for i in range(samples):
            a = permeability[i, 0] if permeability.shape[1] == 1 else permeability[i]
            solved.append(_Solve.apply(a, None if source is None else source[i, 0], self))
        return torch.stack(solved)[:, None]


class _Solve(torch.autograd.Function):
    """One solve and, backwards, its adjoint."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, f: Tensor | None, layer: DifferentiableSolve) -> Tensor:
        """Solve for the pressure and keep the operator with its hierarchy."""
        problem = layer.problem
        inputs = {problem.inputs[0].name: a.detach().numpy()}
        operator = problem.operator(inputs)
        if f is None:
            b = problem.source(inputs)
        else:
            values = require_shape(f.detach().numpy(), problem.grid.shape, "source")
            values = require_finite(values, "source")
            b = problem.volumes.right_hand_side(values, inputs[problem.inputs[0].name])
        method = layer.method
        if method == "auto":
            method, _ = choose(problem, inputs, operator, layer.tolerance(a.dtype))
        solver = OperatorSolver(operator, problem.grid, method)
        x = _solved(layer, solver, b, a.dtype)
        if operator.singular:
            volumes = problem.volumes.volumes
            x = x - ((volumes * x).sum() / volumes.sum()).astype(x.dtype)
        u = torch.from_numpy(problem.field(x, inputs))
        ctx.layer, ctx.solver, ctx.has_source = layer, solver, f is not None
        ctx.save_for_backward(a, u)
        return u

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, towards: Tensor) -> Any:
        """Solve the adjoint system and collect the gradients."""
        a, u = ctx.saved_tensors
        problem, operator = ctx.layer.problem, ctx.solver.operator
        volumes = problem.volumes.volumes
        right = problem.unknowns(towards.detach().numpy()).astype(operator.dtype)
        if operator.singular:  # adjoint of fixing the mean
            right = right - (right.sum() / volumes.sum() * volumes).astype(right.dtype)
        adjoint = _solved(ctx.layer, ctx.solver, right, a.dtype)
        if operator.singular:  # adjoint of balancing the source
            adjoint = adjoint - ((volumes * adjoint).sum() / volumes.sum()).astype(adjoint.dtype)
        to_a = to_f = None
        if ctx.needs_input_grad[0]:
            gradient = coefficient_gradient(problem, a.detach().numpy(), u.numpy(), adjoint)
            to_a = torch.from_numpy(gradient).to(a.dtype)
        if ctx.has_source and ctx.needs_input_grad[1]:
            whole = np.zeros(problem.grid.shape)
            whole[problem.volumes.interior] = volumes * adjoint
            to_f = torch.from_numpy(whole).to(u.dtype)
        return to_a, to_f, None


class _SolveBatch(torch.autograd.Function):
    """The solves of a batch side by side and, backwards, their adjoints."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, f: Tensor | None, layer: DifferentiableSolve) -> Tensor:
        """Solve for the pressures; a and f are `(sample, channel, *grid.shape)`."""
        problem, name = layer.problem, layer.problem.inputs[0].name
        values = a.detach().numpy()
        inputs = {name: values[:, 0] if values.shape[1] == 1 else values}
        if f is None:
            u = _batch_solved(layer, layer.batches.solve, a.dtype, inputs)
        else:
            data = {
                name: inputs[name],
                "source": require_finite(f.detach().numpy(), "source")[:, 0],
            }

            def right(item: Inputs) -> Array:
                own = problem.coefficient({name: item[name]}).astype(np.float64)
                return problem.volumes.right_hand_side(item["source"], own)

            b = np.stack(each_sample(0, data, right))
            x = _batch_solved(layer, layer.batches.solve_systems, a.dtype, inputs, b)
            u = np.stack([problem.volumes.field(one) for one in x])
        ctx.layer, ctx.inputs, ctx.has_source = layer, inputs, f is not None
        ctx.save_for_backward(a, torch.from_numpy(u))
        return torch.from_numpy(u).to(a.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, towards: Tensor) -> Any:
        """Solve the adjoint systems and collect the gradients."""
        a, u = ctx.saved_tensors
        problem, volumes = ctx.layer.problem, ctx.layer.problem.volumes
        right = problem.unknowns(towards.detach().numpy()).astype(np.float64)
        if volumes.singular:  # adjoint of fixing the mean; solve_systems has that of balancing
            axes = tuple(range(1, right.ndim))
            total = right.sum(axis=axes, keepdims=True)
            right = right - total / volumes.volumes.sum() * volumes.volumes
        solve = ctx.layer.batches.solve_systems
        adjoint = _batch_solved(ctx.layer, solve, a.dtype, ctx.inputs, right)
        to_a = to_f = None
        if ctx.needs_input_grad[0]:
            values = next(iter(ctx.inputs.values()))
            gradients = [
                coefficient_gradient(problem, *parts)
                for parts in zip(values, u.numpy(), adjoint, strict=True)
            ]
            to_a = torch.from_numpy(np.stack(gradients)).to(a.dtype).reshape(a.shape)
        if ctx.has_source and ctx.needs_input_grad[1]:
            whole = np.zeros(u.shape)
            whole[(slice(None), *volumes.interior)] = volumes.volumes * adjoint
            to_f = torch.from_numpy(whole).to(a.dtype)[:, None]
        return to_a, to_f, None


def _batch_solved(
    layer: DifferentiableSolve, solve: Any, dtype: torch.dtype, *arguments: Any
) -> Array:
    """Return the solutions of a batch, or raise with the remedy."""
    rtol = layer.tolerance(dtype)
    return solve(*arguments, rtol, max_iterations=layer.max_iterations).checked().u


def _solved(
    layer: DifferentiableSolve, solver: OperatorSolver, b: Array, dtype: torch.dtype
) -> Array:
    """Return the unknowns, or raise with the remedy."""
    rtol = layer.tolerance(dtype)
    result, _ = solver.solve(b, rtol=rtol, max_iterations=layer.max_iterations)
    Solution(result.x, result.status, result.residuals, solver.method).checked()
    return result.x

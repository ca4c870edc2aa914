"""Any linear operator as a layer that PyTorch differentiates by its adjoint."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nwidth.arguments import require_instance
from nwidth.errors import InputError
from nwidth.solvers import LinearOperator


class OperatorLayer(nn.Module):
    """The layer v = A u of a `LinearOperator`, for one field or a batch of them.

        dJ/du = A^* dJ/dv

    Nothing of A is kept on a tape, and gradients of gradients are there, since the layer of the
    adjoint has the layer itself as adjoint. So residuals of discretizations, A u - b, are losses.

    Args:
        operator: real, on the host, with an adjoint.

    Takes tensors on the CPU of shape `domain_shape` or `(batch, *domain_shape)`, computes in the
    precision of the operator and returns that of the tensor. Raises `InputError` for others.

    >>> from nwidth.solvers import SparseOperator
    >>> import scipy.sparse as sp
    >>> layer = OperatorLayer(SparseOperator(sp.csr_array([[1.0, 2.0], [0.0, 3.0]])))
    >>> u = torch.ones(2, dtype=torch.float64, requires_grad=True)
    >>> layer(u).sum().backward()
    >>> u.grad.tolist()
    [1.0, 5.0]
    """

    def __init__(self, operator: LinearOperator):
        super().__init__()
        self.operator = require_instance(operator, "operator", LinearOperator)
        if np.dtype(operator.dtype).kind == "c":
            raise InputError(f"operator: expected a real one, got {operator.dtype}")

    def forward(self, u: Tensor) -> Tensor:
        """Return A u."""
        shape = self.operator.domain_shape
        if not isinstance(u, Tensor) or u.device.type != "cpu" or not u.is_floating_point():
            kind = f"{u.dtype} on {u.device}" if isinstance(u, Tensor) else type(u).__name__
            raise InputError(f"u: expected a tensor of floats on the CPU, got {kind}")
        if tuple(u.shape) == shape:
            return _Apply.apply(u[None], self.operator, False)[0]
        if tuple(u.shape[1:]) != shape or len(u) == 0:
            raise InputError(
                f"u: expected shape {shape} or (batch, *{shape}), got {tuple(u.shape)}"
            )
        found: Tensor = _Apply.apply(u, self.operator, False)
        return found


class _Apply(torch.autograd.Function):
    """A u for each of a batch and, backwards, A* v, which is differentiated alike."""

    @staticmethod
    def forward(ctx: Any, u: Tensor, operator: LinearOperator, adjoint: bool) -> Tensor:
        """Apply the operator or its adjoint."""
        ctx.operator, ctx.adjoint = operator, adjoint
        action = operator.adjoint if adjoint else operator.apply
        values = u.detach().numpy().astype(operator.dtype)
        found = np.stack([np.asarray(action(np.ascontiguousarray(one))) for one in values])
        return torch.from_numpy(found).to(u.dtype)

    @staticmethod
    def backward(ctx: Any, towards: Tensor) -> Any:
        """Apply the other of the two."""
        return _Apply.apply(towards, ctx.operator, not ctx.adjoint), None, None

"""The two linear parts of a spectral neural operator, with gradients written by hand.

Plain PyTorch gives the same numbers (the tests compare them). Here sums are accumulated by the
matrix products themselves, no block matrices are assembled, and the hidden layer of the projection
is computed twice instead of stored: together about a third of the time of a training step.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional

from nwidth.errors import InputError
from nwidth.operators.spectral.spectral_transform import SpectralTransform
from nwidth.operators.training.mixed_precision import in_full_precision

# Rows handled at once by `projected`: its hidden values, 2 MB at width 128, then stay in the cache.
_ROWS = 4096


@in_full_precision
def spectral_layer(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    pointwise: Tensor | None,
    transform: SpectralTransform,
    activated: bool = False,
) -> Tensor:
    """Return S (W . (A x)) + P x + b: analysis, product per frequency, synthesis, and the rest.

    Shapes: x (batch, *grid, in) contiguous; weight (part, frequency, in, out); bias (out,);
    pointwise (out, in); result (batch * points, out). With `activated`, gelu(x) takes the place of
    x: it is computed again in the backward pass, and not stored.
    """
    return _SpectralLayer.apply(x, weight, bias, pointwise, transform, activated)


@in_full_precision
def projected(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    """Return gelu(x w1^T + b1) w2^T + b2 for rows x (n, width), shape (n, out)."""
    return _Projected.apply(x, w1, b1, w2, b2)


def _only_once(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Refuse to build a graph of the gradients: PyTorch would take some of them as constants."""
    plain = once_differentiable(backward)

    @wraps(backward)
    def checked(ctx: Any, *gradients: Tensor) -> Any:
        if torch.is_grad_enabled():
            raise InputError(
                "spectral layer: expected gradients without create_graph=True, got it; they are "
                "written by hand and have no second derivatives; take differences in space "
                "(loss 'h1')"
            )
        return plain(ctx, *gradients)

    return checked


class _SpectralLayer(Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        pointwise: Tensor | None,
        transform: SpectralTransform,
        activated: bool,
    ) -> Tensor:
        v = functional.gelu(x) if activated else x
        c = transform.analyse(v)
        z = _product(c, weight)
        direct = None if pointwise is None else torch.mm(v.view(-1, v.shape[-1]), pointwise.t())
        if bias is not None and transform.constant is not None:
            z[:, transform.constant, 0] += bias
        ctx.save_for_backward(x, c, weight, pointwise)
        ctx.transform, ctx.activated = transform, activated
        u = transform.synthesise(z, direct)
        return u.add_(bias) if bias is not None and transform.constant is None else u

    @staticmethod
    @_only_once
    def backward(ctx: Any, g: Tensor) -> tuple[Any, ...]:
        x, c, weight, pointwise = ctx.saved_tensors
        transform = ctx.transform
        g = g.contiguous()
        d_z = transform.synthesise_adjoint(g, len(x))
        d_x = d_weight = d_bias = d_pointwise = None
        if ctx.needs_input_grad[0]:
            # The adjoint of a complex product is the product with the conjugate transpose.
            d_c = _product(d_z, weight.transpose(-1, -2), conjugate=True)
            direct = None if pointwise is None else torch.mm(g, pointwise)
            d_x = transform.analyse_adjoint(d_c, direct).view(x.shape)
            if ctx.activated:
                torch.ops.aten.gelu_backward.grad_input(d_x, x, grad_input=d_x)
        if ctx.needs_input_grad[1]:
            d_weight = _weight_gradient(c, d_z, torch.empty_like(weight))
        if ctx.needs_input_grad[2]:
            constant = transform.constant
            d_bias = g.sum(0) if constant is None else d_z[:, constant, 0].sum(0)
        if ctx.needs_input_grad[3]:
            v = functional.gelu(x) if ctx.activated else x
            d_pointwise = torch.mm(g.t(), v.view(-1, v.shape[-1]))
        return d_x, d_weight, d_bias, d_pointwise, None, None


class _Projected(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
        ctx.save_for_backward(x, w1, b1, w2)
        u = x.new_empty(len(x), len(w2))
        hidden = x.new_empty(min(len(x), _ROWS), len(w1))
        for rows, part in _pieces(x):
            h = torch.mm(part, w1.t(), out=hidden[: len(part)]).add_(b1)
            torch.addmm(b2, functional.gelu(h), w2.t(), out=u[rows])
        return u

    @staticmethod
    @_only_once
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, ...]:
        x, w1, b1, w2 = ctx.saved_tensors
        g = g.contiguous()
        d_x = torch.empty_like(x)
        d_w1, d_b1, d_w2 = torch.zeros_like(w1), torch.zeros_like(b1), torch.zeros_like(w2)
        hidden, slope = x.new_empty(2, min(len(x), _ROWS), len(w1))
        for rows, part in _pieces(x):
            h = torch.mm(part, w1.t(), out=hidden[: len(part)]).add_(b1)
            d_w2.addmm_(g[rows].t(), functional.gelu(h))
            d = torch.mm(g[rows], w2, out=slope[: len(part)])
            d = torch.ops.aten.gelu_backward(d, h)
            d_w1.addmm_(d.t(), part)
            d_b1 += d.sum(0)
            torch.mm(d, w1, out=d_x[rows])
        return d_x, d_w1, d_b1, d_w2, g.sum(0)


def _product(c: Tensor, weight: Tensor, *, conjugate: bool = False) -> Tensor:
    """Return c W per frequency, or c times conj(W), shape (batch, frequency, part, channel)."""
    parts = _by_frequency(c)
    z = c.new_empty(len(parts), c.shape[1], len(c), weight.shape[-1])
    if len(parts) == 1:
        torch.bmm(parts[0], weight[0], out=z[0])
    else:
        (re, im), (w_re, w_im), sign = parts, weight, -1 if conjugate else 1
        torch.bmm(re, w_re, out=z[0]).baddbmm_(im, w_im, alpha=-sign)
        torch.bmm(im, w_re, out=z[1]).baddbmm_(re, w_im, alpha=sign)
    return z.permute(2, 1, 0, 3).contiguous()


def _weight_gradient(c: Tensor, d: Tensor, out: Tensor) -> Tensor:
    """Return conj(c)^T d per frequency, summed over the batch, shape (part, frequency, in, out)."""
    parts, slopes = [part.transpose(1, 2) for part in _by_frequency(c)], _by_frequency(d)
    torch.bmm(parts[0], slopes[0], out=out[0])
    if len(parts) == 2:
        out[0].baddbmm_(parts[1], slopes[1])
        torch.bmm(parts[0], slopes[1], out=out[1]).baddbmm_(parts[1], slopes[0], alpha=-1)
    return out


def _by_frequency(c: Tensor) -> tuple[Tensor, ...]:
    """Return views (frequency, batch, channel) of the parts."""
    return c.transpose(0, 1).unbind(2)


def _pieces(x: Tensor) -> list[tuple[slice, Tensor]]:
    """Return the row ranges handled at once, and these rows."""
    ranges = [slice(k, min(k + _ROWS, len(x))) for k in range(0, len(x), _ROWS)]
    return [(rows, x[rows]) for rows in ranges]

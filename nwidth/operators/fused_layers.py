"""The two linear parts of a Fourier neural operator, with gradients written by hand.

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

# Matrices in order of use, each with the number of points that lie behind its axis in memory.
Transforms = tuple[tuple[Tensor, int], ...]

# Rows handled at once by `projected`: its hidden values, 2 MB at width 128, then stay in the cache.
_ROWS = 4096


def fourier_layer(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    pointwise: Tensor | None,
    analysis: Transforms,
    synthesis: Transforms,
    mean: int,
) -> Tensor:
    """Return S (W . (A x)) + P x + b: analysis, product per frequency, synthesis, and the rest.

    Shapes: x (batch, *grid, in) contiguous; weight (2, frequency, in, out), real and imaginary
    part; bias (out,), added at frequency number `mean`; pointwise (out, in); result
    (batch * points, out).
    """
    return _FourierLayer.apply(x, weight, bias, pointwise, analysis, synthesis, mean)


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
                "FNO: expected gradients without create_graph=True, got it; they are written by "
                "hand and have no second derivatives; take differences in space (loss 'h1')"
            )
        return plain(ctx, *gradients)

    return checked


class _FourierLayer(Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        pointwise: Tensor | None,
        analysis: Transforms,
        synthesis: Transforms,
        mean: int,
    ) -> Tensor:
        channels = weight.shape[-1]
        c = _transformed(x, analysis).view(len(x), -1, 2, x.shape[-1])
        z = _complex_product(*_by_frequency(c), *weight)
        if bias is not None:
            z[:, mean, 0] += bias
        ctx.save_for_backward(x, c, weight, pointwise)
        ctx.transforms, ctx.mean = (analysis, synthesis), mean
        direct = None if pointwise is None else torch.mm(x.view(-1, x.shape[-1]), pointwise.t())
        return _transformed(z, synthesis, direct).view(-1, channels)

    @staticmethod
    @_only_once
    def backward(ctx: Any, g: Tensor) -> tuple[Any, ...]:
        x, c, weight, pointwise = ctx.saved_tensors
        analysis, synthesis = ctx.transforms
        g = g.contiguous()
        d_z = _transformed(g, _adjoint(synthesis)).view(len(x), -1, 2, g.shape[-1])
        (re, im), (d_re, d_im) = _by_frequency(c), _by_frequency(d_z)
        d_x = d_weight = d_bias = d_pointwise = None
        if ctx.needs_input_grad[0]:
            # The adjoint of a complex product is the product with the conjugate transpose.
            w_re, w_im = weight.transpose(-1, -2)
            d_c = _complex_product(d_re, d_im, w_re, w_im, conjugate=True)
            direct = None if pointwise is None else torch.mm(g, pointwise)
            d_x = _transformed(d_c, _adjoint(analysis), direct).view(x.shape)
        if ctx.needs_input_grad[1]:
            d_weight = torch.empty_like(weight)
            re, im = re.transpose(1, 2), im.transpose(1, 2)
            torch.bmm(re, d_re, out=d_weight[0]).baddbmm_(im, d_im)
            torch.bmm(re, d_im, out=d_weight[1]).baddbmm_(im, d_re, alpha=-1)
        if ctx.needs_input_grad[2]:
            d_bias = d_z[:, ctx.mean, 0].sum(0)
        if ctx.needs_input_grad[3]:
            d_pointwise = torch.mm(g.t(), x.view(-1, x.shape[-1]))
        return d_x, d_weight, d_bias, d_pointwise, None, None, None


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


def _transformed(x: Tensor, transforms: Transforms, plus: Tensor | None = None) -> Tensor:
    """Apply one matrix per axis, in order, and add `plus` with the last one.

    What lies in memory behind an axis is one long row, so every product is of the form
    matrix @ (columns, row), and its result is laid out for the next axis: nothing is transposed.
    """
    channels = x.shape[-1]
    for k, (matrix, behind) in enumerate(transforms):
        x = x.reshape(-1, matrix.shape[1], behind * channels)
        matrices = matrix.expand(len(x), -1, -1)
        if plus is not None and k == len(transforms) - 1:
            return plus.view(len(x), matrix.shape[0], -1).baddbmm_(matrices, x)
        x = torch.bmm(matrices, x)
    return x


def _adjoint(transforms: Transforms) -> Transforms:
    """Return the transposed matrices in reverse order."""
    return tuple((matrix.t(), behind) for matrix, behind in reversed(transforms))


def _complex_product(
    re: Tensor, im: Tensor, w_re: Tensor, w_im: Tensor, *, conjugate: bool = False
) -> Tensor:
    """Return (re + i im) (w_re +- i w_im) per frequency, shape (batch, frequency, 2, channel)."""
    sign = -1 if conjugate else 1
    z = re.new_empty(2, len(re), re.shape[1], w_re.shape[-1])
    torch.bmm(re, w_re, out=z[0]).baddbmm_(im, w_im, alpha=-sign)
    torch.bmm(im, w_re, out=z[1]).baddbmm_(re, w_im, alpha=sign)
    return z.permute(2, 1, 0, 3).contiguous()


def _by_frequency(c: Tensor) -> tuple[Tensor, Tensor]:
    """Return views (frequency, batch, channel) of real and imaginary parts."""
    re, im = c.transpose(0, 1).unbind(2)
    return re, im


def _pieces(x: Tensor) -> list[tuple[slice, Tensor]]:
    """Return the row ranges handled at once, and these rows."""
    ranges = [slice(k, min(k + _ROWS, len(x))) for k in range(0, len(x), _ROWS)]
    return [(rows, x[rows]) for rows in ranges]

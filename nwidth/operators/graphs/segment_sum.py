"""Integrals with a kernel over the neighbours of each point, forward and backward."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from nwidth.errors import InputError
from nwidth.operators.graphs._segment_sum_numba import segment_products, segment_sum
from nwidth.operators.graphs.radius_graph import RadiusGraph

# Numbers of the sums z that are in memory at once: 4 MB in single precision.
_NUMBERS_AT_ONCE = 1 << 20


def kernel_integral(h: Tensor, v: Tensor, weight: Tensor, graph: RadiusGraph) -> Tensor:
    r"""Return the integral of a matrix-valued kernel times v over the neighbours of each point.

        (K v)_i = sum_{e: y_e -> x_i} kappa_e v(y_e),     kappa_e = sum_m h_em W_m

    evaluated as K v = sum_m (sum_e h_em v(y_e)) W_m: the matrices kappa_e (in x out) are never
    formed. With w channels and M functions this costs E M w + n M w^2 operations in place of
    E M w^2, and its memory is that of h, v and the result, and 4 MB.

    The backward pass sorts the edges by sender and is of the same form,

        q_m(y) = sum_{e from y} h_em g(x_e),   dv = sum_m q_m W_m^T,   dW_m = sum_y v(y) q_m(y)^T

    so nothing is stored for it, nothing is added by two threads at once, and the digits do not
    depend on the number of threads.

    Shapes: h (edges, M), v (points, batch, in), weight (M, in, out); the result has shape
    (receivers, batch, out).
    Tensors that are not on the CPU take a plain path of PyTorch operations. Gradients have no
    second derivatives (`InputError`).
    """
    edges, functions = h.shape
    if (
        edges != len(graph)
        or len(v) != len(graph.points)
        or weight.shape[:2]
        != (
            functions,
            v.shape[-1],
        )
    ):
        raise InputError(
            f"kernel integral: expected h ({len(graph)}, M), v ({len(graph.points)}, batch, in) "
            f"and weight (M, in, out), got {tuple(h.shape)}, {tuple(v.shape)} and "
            f"{tuple(weight.shape)}"
        )
    return _KernelIntegral.apply(h, v, weight, graph)


def reference_integral(h: Tensor, v: Tensor, weight: Tensor, graph: RadiusGraph) -> Tensor:
    """Return the same by forming every matrix kappa_e: short, and what the fast path must equal."""
    kappa = torch.einsum("em,mio->eio", h, weight)
    senders = torch.as_tensor(graph.senders, device=v.device).long()
    terms = torch.einsum("eio,ebi->ebo", kappa, v[senders])
    owners = torch.as_tensor(graph.owners, device=v.device).long()
    zeros = terms.new_zeros(len(graph.receivers), *terms.shape[1:])
    return zeros.index_add(0, owners, terms)


class _KernelIntegral(Function):
    @staticmethod
    def forward(ctx: Any, h: Tensor, v: Tensor, weight: Tensor, graph: RadiusGraph) -> Tensor:
        h, v = h.contiguous(), v.contiguous()
        ctx.save_for_backward(h, v, weight)
        ctx.graph = graph
        out = v.new_empty(len(graph.receivers), v.shape[1], weight.shape[-1])
        matrix = weight.reshape(-1, weight.shape[-1])
        for first, last, z in _sums(h, v, graph.senders, graph.starts):
            torch.mm(z, matrix, out=out[first:last].view(-1, weight.shape[-1]))
        return out

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            raise InputError(
                "kernel integral: expected gradients without create_graph=True, got it; they are "
                "written by hand and have no second derivatives"
            )
        return _gradients(ctx, g.contiguous())


@once_differentiable
def _gradients(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
    h, v, weight = ctx.saved_tensors
    graph: RadiusGraph = ctx.graph
    functions, inputs, outputs = weight.shape
    d_h = d_v = d_weight = None
    if ctx.needs_input_grad[1] or ctx.needs_input_grad[2]:
        starts, receivers, order = graph.reverse
        back = weight.transpose(1, 2).reshape(-1, inputs)
        d_v = torch.empty_like(v)
        d_matrix = torch.zeros_like(back)
        turned = h[torch.as_tensor(order, device=h.device)]
        for first, last, q in _sums(turned, g, receivers, starts):
            torch.mm(q, back, out=d_v[first:last].view(-1, inputs))
            d_matrix.addmm_(q.t(), v[first:last].view(-1, inputs))
        d_weight = d_matrix.view(functions, outputs, inputs).transpose(1, 2)
    if ctx.needs_input_grad[0]:
        d_h = torch.empty_like(h)
        spread = weight.permute(2, 0, 1).reshape(outputs, -1)
        columns = v.shape[1] * inputs
        rows = v.view(len(v), columns)
        step = max(1, _NUMBERS_AT_ONCE // (functions * columns))
        for first in range(0, len(g), step):
            some = g[first : first + step]
            z = torch.mm(some.view(-1, outputs), spread).view(*some.shape[:2], functions, inputs)
            z = z.transpose(1, 2).reshape(len(some), functions, columns)
            edges = slice(int(graph.starts[first]), int(graph.starts[first + len(some)]))
            starts = graph.starts[first : first + len(some) + 1] - edges.start
            _products(d_h[edges], z, rows, graph.senders[edges], starts)
    return d_h, d_v, d_weight, None


def _sums(h: Tensor, v: Tensor, senders: Any, starts: Any) -> Any:
    """Give (first, last, z) for some receivers after others, z (their number * batch, M * in)."""
    functions, (batch, inputs) = h.shape[1], v.shape[1:]
    columns = batch * inputs
    rows, n = v.view(len(v), columns), len(starts) - 1
    step = max(1, min(n, _NUMBERS_AT_ONCE // max(1, functions * columns)))
    buffer = v.new_empty(step, functions, columns)
    for first in range(0, n, step):
        last = min(n, first + step)
        edges = slice(int(starts[first]), int(starts[last]))
        z = buffer[: last - first]
        part = starts[first : last + 1] - edges.start
        if v.device.type == "cpu":
            arrays = (z.numpy(), h[edges].detach().numpy(), rows.detach().numpy())
            segment_sum(*arrays, senders[edges], part)
        else:
            _plain_sum(z, h[edges], rows, senders[edges], part)
        z = z.view(last - first, functions, batch, inputs).transpose(1, 2)
        yield first, last, z.reshape(-1, functions * inputs)


def _products(out: Tensor, z: Tensor, rows: Tensor, senders: Any, starts: Any) -> None:
    """Set out[e, m] = z[receiver of e, m] . rows[sender of e]."""
    if out.device.type == "cpu":
        arrays = (out.numpy(), z.numpy(), rows.detach().numpy())
        segment_products(*arrays, senders, starts)
        return
    owners, chosen = _indices(senders, starts, out.device)
    torch.sum(z[owners] * rows[chosen][:, None], dim=-1, out=out)


def _plain_sum(out: Tensor, h: Tensor, rows: Tensor, senders: Any, starts: Any) -> None:
    """Set out[i, m] = sum over edges e of i of h[e, m] rows[sender of e]."""
    owners, chosen = _indices(senders, starts, out.device)
    out.zero_().index_add_(0, owners, h[:, :, None] * rows[chosen][:, None])


def _indices(senders: Any, starts: Any, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return receivers and senders of the edges as tensors."""
    counts = torch.as_tensor(starts[1:] - starts[:-1], device=device)
    owners = torch.repeat_interleave(torch.arange(len(counts), device=device), counts)
    return owners, torch.as_tensor(senders, device=device).long()

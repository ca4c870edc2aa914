"""A learned kernel on the edges of a graph, as a sum of few learned functions."""

from typing import Any
from weakref import ref

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from nwidth.operators.graphs.radius_graph import RadiusGraph
from nwidth.operators.graphs.segment_sum import kernel_integral
from nwidth.operators.node_network import coordinates_of

# Edges whose hidden values are in memory at once; and numbers h that are kept whole in training
# (128 MB in single precision) and in prediction (512 MB). More are worked off in parts.
_EDGES_AT_ONCE = 1 << 17
_NUMBERS_KEPT = (1 << 25, 1 << 27)
# Factor on the first weights of the positions.
_SLOPE = 4.0


class EdgeKernel(nn.Module):
    """Functions h_1 = 1, h_2, ..., h_M of an edge, from which kernels are made.

        kappa(x, y, a(x), a(y)) = sum_m h_m(y - x, x [, a(x), a(y)]) W_m

    h is a perceptron with two hidden layers and W_m are matrices (in, out) of the layer that uses
    it. That is the published form (Li et al. 2020, arXiv:2003.03485, section 3: a perceptron whose
    last linear layer has in x out outputs), with M in the place of its last hidden width. Written
    so, sums over neighbours come before the matrices (`kernel_integral`), and all layers share h.

    With `channels=0` the kernel sees positions only: h is then the same for all samples of a batch
    and is computed once. With the `channels` of the input it sees a(x) and a(y), sample by sample:
    as published, and as many times dearer as the batch is long.

    Positions are (y - x) / r, 1 - |y - x|^2 / r^2, and the coordinates of x (if `coordinates`).
    """

    def __init__(
        self, dimension: int, functions: int, hidden: int, coordinates: int, channels: int
    ):
        super().__init__()
        self.coordinates, self.channels = coordinates, channels
        features = dimension + 1 + coordinates + 2 * channels
        self.first = nn.Linear(features, hidden)
        self.second = nn.Linear(hidden, hidden)
        self.last = nn.Linear(hidden, functions - 1)
        # Functions that differ within the ball from the beginning learn faster.
        with torch.no_grad():
            self.first.weight[:, : dimension + 1 + coordinates].mul_(_SLOPE)
            self.first.bias.mul_(_SLOPE)
        self._known: tuple[Any, ...] = (None, None, None)

    def integrals(
        self, graph: RadiusGraph, like: Tensor, a: Tensor | None = None, b: Tensor | None = None
    ) -> "EdgeIntegrals":
        """Return integrals over the edges of a graph; a and b are inputs at receivers, senders.

        Shapes: a (receivers, batch, channels) and b (senders, batch, channels), if there are
        channels.
        """
        return EdgeIntegrals(self, graph, like, a, b)

    def functions_on(
        self, graph: RadiusGraph, like: Tensor, a: Tensor | None, b: Tensor | None
    ) -> Tensor:
        """Return w_e h_m(e) of shape (edges, M), with the weights of the graph.

        Without gradients, the last result is kept as long as graph and parameters are the same.
        """
        versions = not any(p.is_inference() for p in self.parameters())
        if torch.is_grad_enabled() or a is not None or not versions:
            self._known = (None, None, None)
            return self._computed(graph, like, a, b)
        state = tuple((p.data_ptr(), p._version, p.dtype) for p in self.parameters())
        known, when, h = self._known
        if known is None or known() is not graph or when != state:
            h = self._computed(graph, like, a, b)
            self._known = (ref(graph), state, h)
        return h

    def __getstate__(self) -> dict[str, Any]:
        """Return what copies and pickles get: all but the last result."""
        return {**self.__dict__, "_known": (None, None, None)}

    def _computed(
        self, graph: RadiusGraph, like: Tensor, a: Tensor | None, b: Tensor | None
    ) -> Tensor:
        """Return the same anew."""
        offsets = torch.as_tensor(graph.offsets, dtype=like.dtype, device=like.device)
        owners = torch.as_tensor(graph.owners, device=like.device).long()
        columns = [offsets, 1 - offsets.square().sum(1, keepdim=True)]
        if self.coordinates:
            columns.append(coordinates_of(graph.receivers, like, self.coordinates)[owners])
        if a is not None and b is not None:
            senders = torch.as_tensor(graph.senders, device=like.device).long()
            columns += [a[owners], b[senders]]
        features = torch.cat(columns, dim=1)
        parts = []
        for some in features.split(_EDGES_AT_ONCE):
            if torch.is_grad_enabled() and len(features) > _EDGES_AT_ONCE:
                parts.append(checkpoint(self._perceptron, some, use_reentrant=False))
            else:
                parts.append(self._perceptron(some))
        weights = torch.tensor(graph.weights, dtype=like.dtype, device=like.device)
        h = functional.pad(torch.cat(parts), (1, 0), value=1.0)
        return h * weights[:, None]

    def _perceptron(self, features: Tensor) -> Tensor:
        x = functional.gelu(self.first(features))
        return self.last(functional.gelu(self.second(x)))


class EdgeIntegrals:
    """Integrals sum_e kappa_e v(y_e) for one graph and one batch; the layers share their h.

    If h would have more than 2^25 numbers (2^27 without gradients), the graph is worked off in
    parts, whose h is computed anew for each layer and for the backward pass: memory is that of one
    part, whatever the graph.
    """

    def __init__(
        self,
        kernel: EdgeKernel,
        graph: RadiusGraph,
        like: Tensor,
        a: Tensor | None,
        b: Tensor | None,
    ):
        self.kernel, self.graph, self.like = kernel, graph, like
        self.a, self.b = (a, b) if kernel.channels else (None, None)
        self.shared: list[Tensor] | None = None

    def __call__(self, v: Tensor, weight: Tensor) -> Tensor:
        """Return the integrals (receivers, batch, out) of v (senders, batch, in)."""
        if self._numbers(len(self.graph)) <= self._most():
            if self.shared is None:
                self.shared = self._functions(self.graph, self.a)
            return _integrated(self.shared, v, weight, self.graph)
        results = []
        for first, last in self._parts():
            part = self.graph.part(first, last)
            a = None if self.a is None else self.a[first:last]
            if torch.is_grad_enabled():
                results.append(checkpoint(self._once, v, weight, part, a, use_reentrant=False))
            else:
                results.append(self._once(v, weight, part, a))
        return torch.cat(results)

    def _once(self, v: Tensor, weight: Tensor, graph: RadiusGraph, a: Tensor | None) -> Any:
        return _integrated(self._functions(graph, a), v, weight, graph)

    def _functions(self, graph: RadiusGraph, a: Tensor | None) -> list[Tensor]:
        """Return h once, or for each sample if it depends on the sample."""
        if a is None or self.b is None:
            return [self.kernel.functions_on(graph, self.like, None, None)]
        pairs = zip(a.unbind(1), self.b.unbind(1), strict=True)
        return [self.kernel.functions_on(graph, self.like, *pair) for pair in pairs]

    def _numbers(self, edges: int) -> int:
        """Return how many numbers h has on so many edges, of all samples if they differ."""
        functions = self.kernel.last.out_features + 1
        return edges * functions * (1 if self.a is None else self.a.shape[1])

    @staticmethod
    def _most() -> int:
        return _NUMBERS_KEPT[0 if torch.is_grad_enabled() else 1]

    def _parts(self) -> list[tuple[int, int]]:
        """Return ranges of receivers, each with a quarter of the numbers that may be kept."""
        starts, most = self.graph.starts, max(1, self._most() // 4 // self._numbers(1))
        ranges, first = [], 0
        for i in range(1, len(starts)):
            if starts[i] - starts[first] >= most or i == len(starts) - 1:
                ranges.append((first, i))
                first = i
        return ranges


def _integrated(h: list[Tensor], v: Tensor, weight: Tensor, graph: RadiusGraph) -> Tensor:
    """Return the integrals by one h for all samples, or by one for each."""
    if len(h) == 1:
        return kernel_integral(h[0], v, weight, graph)
    samples = [kernel_integral(own, v[:, k : k + 1], weight, graph) for k, own in enumerate(h)]
    return torch.cat(samples, dim=1)


def kernel_matrices(functions: int, inputs: int, outputs: int) -> nn.Parameter:
    """Return matrices W_m drawn such that integrals of order one are of order one."""
    return nn.Parameter(torch.randn(functions, inputs, outputs) / (functions * inputs) ** 0.5)

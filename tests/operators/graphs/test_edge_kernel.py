import copy
import pickle

import numpy as np
import pytest
import torch

from nwidth.meshes import PointCloud
from nwidth.operators.graphs import edge_kernel as module
from nwidth.operators.graphs.edge_kernel import EdgeKernel, kernel_matrices
from nwidth.operators.graphs.radius_graph import radius_graph
from nwidth.operators.graphs.segment_sum import reference_integral

CLOUD = PointCloud(np.random.default_rng(0).random((40, 2)))


@pytest.mark.parametrize("channels", [0, 2])
def test_large_graphs_are_worked_off_in_parts_with_the_same_result(channels, monkeypatch):
    torch.manual_seed(0)
    kernel = EdgeKernel(2, 4, 8, 2, channels).double()
    v = torch.randn(40, 3, 5, dtype=torch.float64, requires_grad=True)
    a = torch.randn(40, 3, 2, dtype=torch.float64)
    matrices = kernel_matrices(4, 5, 6).double()
    graph = radius_graph(CLOUD, CLOUD, 0.4)
    results = []
    for most in (1 << 21, 100):
        monkeypatch.setattr(module, "_NUMBERS_KEPT", (16 * most, 16 * most))
        monkeypatch.setattr(module, "_EDGES_AT_ONCE", most)
        u = kernel.integrals(graph, v, a, a)(v, matrices)
        wanted = [v, kernel.first.weight]
        results.append((u, *torch.autograd.grad(u.square().sum(), wanted)))
    for one, other in zip(*results, strict=True):
        assert torch.allclose(one, other, rtol=1e-10)


def test_kernels_of_fields_see_the_inputs_at_both_ends():
    torch.manual_seed(0)
    kernel = EdgeKernel(2, 3, 8, 0, 1).double()
    graph = radius_graph(CLOUD, CLOUD, 0.4)
    a = torch.randn(40, 2, 1, dtype=torch.float64)
    v = torch.randn(40, 2, 4, dtype=torch.float64)
    matrices = kernel_matrices(3, 4, 4).double()
    u = kernel.integrals(graph, v, a, a)(v, matrices)
    offsets = torch.as_tensor(graph.offsets)
    for b in range(2):
        columns = [offsets, 1 - offsets.square().sum(1, keepdim=True)]
        columns += [a[graph.owners.tolist(), b], a[graph.senders.tolist(), b]]
        x = kernel._perceptron(torch.cat(columns, 1))
        h = torch.cat([torch.ones(len(graph), 1), x], 1) * torch.as_tensor(graph.weights)[:, None]
        own = reference_integral(h, v[:, b : b + 1], matrices, graph)
        assert torch.allclose(u[:, b : b + 1], own)


def test_without_gradients_h_is_kept_until_weights_or_graph_change():
    torch.manual_seed(0)
    kernel = EdgeKernel(2, 3, 8, 2, 0)
    v = torch.randn(40, 1, 4)
    graph, wider = radius_graph(CLOUD, CLOUD, 0.4), radius_graph(CLOUD, CLOUD, 0.5)
    with torch.no_grad():
        first = kernel.functions_on(graph, v, None, None)
        assert kernel.functions_on(graph, v, None, None) is first
        assert len(kernel.functions_on(wider, v, None, None)) == len(wider)
        assert torch.equal(kernel.functions_on(graph, v, None, None), first)
        kernel.last.bias += 1
        assert not torch.equal(kernel.functions_on(graph, v, None, None), first)
        kernel.double()
        assert kernel.functions_on(graph, v.double(), None, None).dtype == torch.float64
    assert kernel.functions_on(graph, v.double(), None, None).requires_grad


def test_kernels_are_pickled_and_copied_without_their_last_result():
    kernel, v = EdgeKernel(2, 3, 8, 2, 0), torch.randn(40, 1, 4)
    graph = radius_graph(CLOUD, CLOUD, 0.4)
    with torch.no_grad():
        h = kernel.functions_on(graph, v, None, None)
        for same in (pickle.loads(pickle.dumps(kernel)), copy.deepcopy(kernel)):
            assert same._known[0] is None
            assert torch.equal(same.functions_on(graph, v, None, None), h)


def test_weights_that_count_no_versions_are_evaluated_anew():
    graph = radius_graph(CLOUD, CLOUD, 0.4)
    with torch.inference_mode():
        kernel, v = EdgeKernel(2, 3, 8, 2, 0), torch.randn(40, 1, 4)
        first = kernel.functions_on(graph, v, None, None)
        kernel.last.bias += 1
        assert not torch.equal(kernel.functions_on(graph, v, None, None), first)

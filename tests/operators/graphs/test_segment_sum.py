import numpy as np
import pytest
import torch

from nwidth.errors import InputError
from nwidth.meshes import PointCloud
from nwidth.operators.graphs import segment_sum as module
from nwidth.operators.graphs.radius_graph import radius_graph
from nwidth.operators.graphs.segment_sum import kernel_integral, reference_integral


def graph_of(to=13, of=29, radius=0.5):
    rng = np.random.default_rng(1)
    return radius_graph(PointCloud(rng.random((to, 2))), PointCloud(rng.random((of, 2))), radius)


def tensors(graph, dtype, functions=5, batch=3, inputs=4, outputs=6):
    torch.manual_seed(0)
    shapes = [
        (len(graph), functions),
        (len(graph.points), batch, inputs),
        (functions, inputs, outputs),
    ]
    return [torch.randn(shape, dtype=dtype, requires_grad=True) for shape in shapes]


@pytest.mark.parametrize(("dtype", "slack"), [(torch.float64, 1e-12), (torch.float32, 1e-4)])
@pytest.mark.parametrize("batch", [1, 3, 90])
def test_it_equals_the_sum_over_all_kernel_matrices(dtype, slack, batch, monkeypatch):
    monkeypatch.setattr(module, "_NUMBERS_AT_ONCE", 400)  # several blocks of receivers
    graph = graph_of()
    parts = tensors(graph, dtype, batch=batch)
    ours, plain = kernel_integral(*parts, graph), reference_integral(*parts, graph)
    g = torch.randn_like(ours)
    pairs = zip(
        (ours, *torch.autograd.grad(ours, parts, g)),
        (plain, *torch.autograd.grad(plain, parts, g)),
        strict=True,
    )
    for mine, other in pairs:
        assert (mine - other).abs().max() < slack * other.abs().max()


def test_gradients_are_those_of_differences():
    graph = graph_of(4, 6, 0.8)
    parts = tensors(graph, torch.float64, functions=2, batch=2, inputs=2, outputs=3)
    assert torch.autograd.gradcheck(lambda *p: kernel_integral(*p, graph), parts)


def test_the_path_of_other_devices_gives_the_same(monkeypatch):
    graph = graph_of()
    parts = tensors(graph, torch.float64)
    ours = kernel_integral(*parts, graph)
    g = torch.randn_like(ours)
    expected = (ours, *torch.autograd.grad(ours, parts, g))

    def total(z, h, rows, senders, starts):
        module._plain_sum(torch.from_numpy(z), *map(torch.from_numpy, (h, rows)), senders, starts)

    monkeypatch.setattr(module, "segment_sum", total)
    real = module._products
    monkeypatch.setattr(
        module,
        "segment_products",
        lambda out, z, rows, senders, starts: out.__setitem__(
            slice(None),
            (z[np.repeat(np.arange(len(z)), np.diff(starts))] * rows[senders][:, None]).sum(-1),
        ),
    )
    assert real is module._products
    plain = kernel_integral(*parts, graph)
    for mine, other in zip((plain, *torch.autograd.grad(plain, parts, g)), expected, strict=True):
        assert torch.allclose(mine, other, rtol=1e-11)


def test_memory_is_that_of_a_block(monkeypatch):
    """Never (edges, in, out), nor (receivers, functions, batch, in)."""
    graph = graph_of(200, 300)
    parts = tensors(graph, torch.float64, functions=6, batch=2, inputs=8, outputs=8)
    monkeypatch.setattr(module, "_NUMBERS_AT_ONCE", 4096)
    sizes, empty = [], torch.Tensor.new_empty
    monkeypatch.setattr(
        torch.Tensor,
        "new_empty",
        lambda self, *shape: sizes.append(int(np.prod(shape))) or empty(self, *shape),
    )
    kernel_integral(*parts, graph).sum().backward()
    assert max(sizes) <= 4096 < 200 * 6 * 16 < len(graph) * 64


def test_bad_shapes_and_second_derivatives_are_told():
    graph = graph_of()
    h, v, weight = tensors(graph, torch.float64)
    with pytest.raises(InputError, match=rf"expected h \({len(graph)}, M\)"):
        kernel_integral(h[1:], v, weight, graph)
    with pytest.raises(InputError, match="no second derivatives"):
        u = kernel_integral(h, v, weight, graph).sum()
        torch.autograd.grad(u, v, create_graph=True)

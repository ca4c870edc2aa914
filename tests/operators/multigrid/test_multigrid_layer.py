import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

from nwidth.errors import InputError  # noqa: E402
from nwidth.operators import LearnedCycle, MultigridLayer  # noqa: E402
from nwidth.operators.multigrid.grid_convolutions import (  # noqa: E402
    ENDS,
    hierarchy,
    injected,
    prolonged,
    restricted,
    smoothed,
)


def by_the_paper(layer, f, ends):
    """The cycle level by level, all of them stored, in the order of the published algorithm."""
    cycle = layer.cycle
    depth = min(len(hierarchy(f.shape[2:], ends)), cycle.levels)
    numbers = [cycle.levels - 1 - k for k in range(depth)]
    if cycle.counted_from == "coarsest":
        numbers = list(reversed(range(depth)))
    elif depth > 1 or cycle.levels == 1:
        numbers[-1] = 0

    def relax(k, u, first, last):
        S, A = layer.S[k], layer.A[k]
        for j in range(first, last):
            if u is None:
                u = smoothed(fs[-1], S[j], ends)
            else:
                a = A[j - (len(S) - len(A))]
                u = u + smoothed(fs[-1] - smoothed(u, a, ends), S[j], ends)
        return u

    fs, us = [f], []
    guess = None
    for k in numbers:
        before = cycle.coarsest if k == 0 else cycle.sweeps[0]
        us.append(relax(k, guess, 0, before))
        if k == numbers[-1] and k != 0:
            us[-1] = relax(k, us[-1], cycle.sweeps[0], sum(cycle.sweeps))
        if k == numbers[-1]:
            break
        r = fs[-1]
        if cycle.restricts == "residual":
            r = r - smoothed(us[-1], layer.residual[k - 1], ends)
        guess = None
        if cycle.guess == "restricted":
            guess = restricted(us[-1], layer.Pi[k - 1], ends)
        fs.append(restricted(r, layer.R[k - 1], ends))
    u = us.pop()
    while us:
        fs.pop()
        k = numbers[len(us) - 1]
        u = us.pop() + prolonged(u, layer.P[k - 1], ends, fs[-1].shape[2:])
        u = relax(k, u, cycle.sweeps[0], sum(cycle.sweeps))
    return u


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("sizes", [(13, 10), (11,), (5, 6, 7)], ids=str)
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"sweeps": (2, 1), "guess": "zero"},
        {"restricts": "residual", "counted_from": "finest"},
    ],
    ids=str,
)
def test_cycle_agrees_with_the_published_order(end, sizes, settings):
    cycle = LearnedCycle(levels=4, initial="random", **settings)
    layer = MultigridLayer(2, 3, cycle, dimension=len(sizes)).double()
    f, ends = torch.randn(2, 2, *sizes, dtype=torch.float64), (end,) * len(sizes)
    torch.testing.assert_close(layer(f, ends), by_the_paper(layer, f, ends))


def test_cycle_is_linear_and_differentiable():
    layer = MultigridLayer(1, 2, LearnedCycle(levels=2, sweeps=(1, 1)), dimension=2).double()
    torch.manual_seed(0)
    for p in layer.parameters():
        torch.nn.init.normal_(p, std=0.3)
    ends = ("walls", "periodic")
    f, g = torch.randn(2, 1, 1, 5, 4, dtype=torch.float64)
    torch.testing.assert_close(layer(2 * f - g, ends), 2 * layer(f, ends) - layer(g, ends))
    names, weights = zip(*layer.named_parameters(), strict=True)

    def of(f, *values):
        return torch.func.functional_call(layer, dict(zip(names, values, strict=True)), (f, ends))

    inputs = (f.clone().requires_grad_(), *(w.detach().requires_grad_() for w in weights))
    assert torch.autograd.gradcheck(of, inputs, atol=1e-7)


@pytest.mark.parametrize(("end", "n"), [("walls", 11), ("mirrored", 9), ("periodic", 8)])
def test_finer_grids_take_the_values_of_the_coarser_at_its_points(end, n):
    """A level more: with weights that begin as interpolation, and without weights for it."""
    ends = (end, end)
    m = {"walls": 2 * n + 1, "mirrored": 2 * n - 1, "periodic": 2 * n}[end]
    f = torch.randn(2, 3, m, m, dtype=torch.float64)
    levels = len(hierarchy((n, n), ends))
    for more in (0, 1):
        cycle = LearnedCycle(levels=levels + more, initial="nested")
        layer = MultigridLayer(3, 2, cycle).double()
        if more == 0:
            for p in layer.parameters():
                torch.nn.init.normal_(p, std=0.2)
        coarse = layer(injected(f, ends), ends)
        torch.testing.assert_close(injected(layer(f, ends), ends), coarse)


def test_counted_from_the_finest_stencils_belong_to_points():
    layer = MultigridLayer(1, 1, LearnedCycle(levels=2, counted_from="finest"))
    impulse = torch.zeros(2, 1, 1, 17, 17)
    impulse[0, ..., 7, 7] = impulse[1, ..., 9, 9] = 1.0
    here, there = (layer(f, ("zeros", "zeros")) for f in impulse)
    torch.testing.assert_close(here[..., 2:13, 2:13], there[..., 4:15, 4:15])


def test_bad_input_is_told():
    layer = MultigridLayer(2, 1, LearnedCycle(levels=2))
    with pytest.raises(InputError, match=r"expected shape \(batch, 2, grid of 2 axes\)"):
        layer(torch.zeros(1, 3, 8, 8), ("walls", "walls"))
    with pytest.raises(InputError, match="Tensor"):
        layer(None, ("walls", "walls"))
    for ends in ("walls", None, ("walls",)):
        with pytest.raises(InputError, match="a word for each of 2 axes"):
            layer(torch.zeros(1, 2, 8, 8), ends)
    with pytest.raises(InputError, match="walls, zeros, mirrored, doubled, periodic"):
        layer(torch.zeros(1, 2, 8, 8), ("walls", "open"))
    with pytest.raises(InputError, match="1, 2 or 3"):
        MultigridLayer(1, 1, dimension=4)

import copy
import pickle

import numpy as np
import pytest
import torch

from nwidth.errors import InputError, NotConvergedError
from nwidth.meshes import Axis, Grid
from nwidth.operators import DifferentiableSolve
from nwidth.solvers import Boundary, Darcy, Dirichlet, Neumann, Poisson, Robin, solve

RNG = np.random.default_rng(3)
FLOW = Boundary({"x_lower": Dirichlet(1.0), "x_upper": Neumann(0.5)}, default=Dirichlet(0.3))
NO_FLOW = Boundary(default=Neumann())
STRETCHED = Grid.tensor([np.linspace(0, 1, 5) ** 1.5, np.linspace(0, 2, 6)])
HALF_PERIODIC = Grid((Axis.uniform(4, name="x", periodic=True), Axis.uniform(5, name="y")))

PROBLEMS = {
    "nodes": Darcy(Grid.uniform((5, 6)), FLOW),
    "cells": Darcy(Grid.uniform((4, 5), centering="cell"), FLOW),
    "stretched": Darcy(STRETCHED, FLOW),
    "one": Darcy(Grid.uniform(6), FLOW),
    "three": Darcy(Grid.uniform((4, 3, 4), centering="cell"), FLOW),
    "periodic": Darcy(HALF_PERIODIC, source=lambda x, y: np.sin(6 * x) + y),
    "robin": Darcy(
        Grid.uniform((4, 5), centering="cell"),
        Boundary({"x_lower": Robin(2.0, 1.0), "y_upper": Neumann(0.5)}),
        reaction=3.0,
    ),
    "ring": Darcy(Grid.periodic(6), source=lambda x: np.sin(6 * x), reaction=2.0),
    "no flow": Darcy(Grid.uniform((4, 5), centering="cell"), NO_FLOW, source=0.0),
}


def field(*shape, dtype=torch.float64, grad=True):
    return torch.tensor(np.exp(0.5 * RNG.standard_normal(shape)), dtype=dtype, requires_grad=grad)


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("tensor", [False, True])
def test_gradcheck_of_coefficient_and_source(name, tensor):
    problem = PROBLEMS[name]
    shape = problem.grid.shape
    a = field(*((len(shape), *shape) if tensor else shape))
    f = torch.tensor(RNG.standard_normal(shape), requires_grad=True)

    def run(a, f):
        if name == "no flow":  # the source must balance
            weights = torch.tensor(problem.grid.weights)
            f = f - (weights * f).sum() / weights.sum()
        return DifferentiableSolve(problem, 1e-13, method="direct")(a, f)

    assert torch.autograd.gradcheck(run, (a, f), eps=1e-6, atol=1e-7, rtol=1e-5)


@pytest.mark.parametrize("name", ["nodes", "stretched", "one", "three", "robin", "no flow", "ring"])
@pytest.mark.parametrize("tensor", [False, True])
def test_gradcheck_of_batches(name, tensor):
    problem = PROBLEMS[name]
    shape = problem.grid.shape
    a = field(2, len(shape) if tensor else 1, *shape)
    f = torch.tensor(RNG.standard_normal((2, 1, *shape)), requires_grad=True)
    layer = DifferentiableSolve(problem, 1e-14 if len(shape) == 1 else 1e-13)
    assert layer.batches.why is None

    def run(a, f):
        if problem.volumes.singular:  # the source must balance
            weights = torch.tensor(problem.grid.weights)
            axes = tuple(range(2, 2 + len(shape)))
            f = f - (weights * f).sum(axes, keepdim=True) / weights.sum()
        return layer(a, f)

    assert torch.autograd.gradcheck(run, (a, f), eps=1e-6, atol=1e-7, rtol=1e-5)


@pytest.mark.parametrize("name", ["wide", "one", "anything"])
def test_batches_are_the_same_numbers_whatever_their_size(name):
    problem = {
        "wide": Darcy(Grid.uniform((33, 20), upper=(30.0, 1.0)), FLOW),  # one by one in the end
        "one": PROBLEMS["one"],
        "anything": Darcy(Grid.uniform((33, 20)), FLOW),
    }[name]
    shape = problem.grid.shape
    a, f = field(11, 1, *shape), field(11, 1, *shape)
    layer = DifferentiableSolve(problem)

    def run(a, f=None):
        a = a.detach().requires_grad_()
        u = layer(a, f)
        u.square().sum().backward()
        return u.detach(), a.grad

    for sources in (None, f):
        u, gradient = run(a, sources)
        for start, stop in ((0, 1), (3, 11)):
            part = None if sources is None else sources[start:stop]
            some, its = run(a[start:stop], part)
            assert torch.equal(some, u[start:stop]) and torch.equal(its, gradient[start:stop])


def test_batches_agree_with_single_samples_and_solve_side_by_side(monkeypatch):
    problem = Darcy(Grid.uniform((33, 31)), FLOW)
    a, f = field(9, 2, 33, 31), field(9, 1, 33, 31)
    u = DifferentiableSolve(problem, 1e-12)(a, f)
    found = torch.autograd.grad(u.square().sum(), (a, f))
    alone = DifferentiableSolve(problem, 1e-12, method="multigrid-cg")
    for i in (0, 8):
        one, source = a[i].detach().requires_grad_(), f[i, 0].detach().requires_grad_()
        x = alone(one, source)
        torch.testing.assert_close(u[i, 0], x, rtol=1e-9, atol=1e-11)
        wanted = torch.autograd.grad(x.square().sum(), (one, source))
        torch.testing.assert_close(found[0][i], wanted[0], rtol=1e-6, atol=1e-9)
        torch.testing.assert_close(found[1][i, 0], wanted[1], rtol=1e-6, atol=1e-11)
    monkeypatch.setattr("nwidth.operators.differentiable_solve.OperatorSolver", None)
    DifferentiableSolve(problem)(a).sum().backward()  # takes no solver of one sample


def test_batches_in_single_precision_are_iterated_in_float64():
    problem = Darcy(Grid.uniform((17, 18)), FLOW)
    a = field(3, 1, 17, 18, dtype=torch.float32)
    u = DifferentiableSolve(problem, 1e-10)(a, torch.ones(3, 1, 17, 18))
    u.square().sum().backward()
    assert u.dtype is a.grad.dtype is torch.float32
    double = a.detach().double().requires_grad_()
    exact = DifferentiableSolve(problem, 1e-10)(double)
    torch.testing.assert_close(u, exact.float(), rtol=1e-6, atol=1e-7)
    exact.square().sum().backward()
    torch.testing.assert_close(a.grad, double.grad.float(), rtol=1e-5, atol=1e-7)


def test_samples_that_fail_are_named_and_layers_can_be_copied():
    problem = Darcy(Grid.uniform((9, 8)), FLOW)
    layer = copy.deepcopy(pickle.loads(pickle.dumps(DifferentiableSolve(problem))))
    a = field(3, 1, 9, 8, grad=False)
    assert torch.equal(layer(a), DifferentiableSolve(problem)(a))
    a[2, 0, 3, 3] = -1.0
    for source in (None, torch.ones(3, 1, 9, 8, dtype=torch.float64)):
        with pytest.raises(InputError, match="sample 2: permeability: expected numbers > 0"):
            layer(a, source)
    with pytest.raises(InputError, match="source"):
        layer(a, torch.full((3, 1, 9, 8), torch.nan))
    with pytest.raises(NotConvergedError, match=r"samples did not converge.*raise max_iterations"):
        DifferentiableSolve(Darcy(Grid.uniform((40, 40))), max_iterations=1)(field(2, 1, 40, 40))


@pytest.mark.parametrize("method", ["multigrid-cg", "multigrid", "direct"])
def test_iterative_methods_give_the_same_gradient(method):
    problem = Darcy(Grid.uniform((33, 31)), FLOW)
    a = field(33, 31)
    wanted = torch.autograd.grad(
        DifferentiableSolve(problem, 1e-12, method="direct")(a).square().sum(), a
    )[0]
    u = DifferentiableSolve(problem, 1e-10, method=method)(a)
    found = torch.autograd.grad(u.square().sum(), a)[0]
    torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-9 * float(wanted.abs().max()))


def test_the_value_is_that_of_solve_and_the_dtype_follows():
    problem = Darcy(Grid.uniform((17, 18)), FLOW)
    a = field(17, 18, dtype=torch.float32)
    u = DifferentiableSolve(problem, 1e-5)(a)
    u.sum().backward()
    assert u.dtype is a.grad.dtype is torch.float32
    known = solve(problem, {"permeability": a.detach().double().numpy()}, 1e-10).u
    np.testing.assert_allclose(u.detach().numpy(), known, atol=1e-4)


def test_batches_equal_single_solves():
    problem = Darcy(Grid.uniform((9, 8)), FLOW)
    for channels in (1, 2):
        a, f = field(3, channels, 9, 8), field(3, 1, 9, 8)
        u = DifferentiableSolve(problem, 1e-12)(a, f)
        assert u.shape == (3, 1, 9, 8)
        gradient = torch.autograd.grad(u[1].sum(), a)[0]
        assert not gradient[0].any() and not gradient[2].any()
        one = a[1, 0] if channels == 1 else a[1]
        alone = DifferentiableSolve(problem, 1e-12)(one, f[1, 0])
        torch.testing.assert_close(u[1, 0], alone)


def test_the_adjoint_is_one_solve_with_the_hierarchy_of_the_first(monkeypatch):
    from nwidth.solvers import multigrid

    built, original = [], multigrid.Multigrid.__init__
    monkeypatch.setattr(
        multigrid.Multigrid,
        "__init__",
        lambda self, *a, **k: built.append(1) or original(self, *a, **k),
    )
    a = field(40, 40)
    DifferentiableSolve(Darcy(Grid.uniform((40, 40))), method="multigrid-cg")(a).sum().backward()
    assert len(built) == 1 and a.grad.abs().sum() > 0


def test_bad_input_is_told():
    layer = DifferentiableSolve(Darcy(Grid.uniform((9, 8))))
    with pytest.raises(InputError, match="expected numbers > 0"):
        layer(-field(9, 8))
    with pytest.raises(InputError, match="shape"):
        layer(field(8, 9))
    with pytest.raises(InputError, match="source: expected shape"):
        layer(field(3, 1, 9, 8), field(2, 1, 9, 8))
    with pytest.raises(InputError, match="source"):
        layer(field(9, 8), field(9, 8, grad=False) * torch.nan)
    with pytest.raises(InputError, match="tensor on the CPU"):
        layer(np.ones((9, 8)))
    with pytest.raises(InputError, match="Darcy"):
        DifferentiableSolve(Poisson(Grid.uniform((9, 8))))
    for method in ("full-multigrid", "magic"):
        with pytest.raises(InputError, match="method: expected one of auto, multigrid-cg"):
            DifferentiableSolve(Darcy(Grid.uniform((9, 8))), method=method)
    with pytest.raises(NotConvergedError, match="raise max_iterations"):
        large = Darcy(Grid.uniform((40, 40)))
        DifferentiableSolve(large, method="multigrid-cg", max_iterations=1)(field(40, 40))


@pytest.mark.parametrize("dtype", [torch.int64, torch.float16, torch.bfloat16, torch.complex64])
@pytest.mark.parametrize("shape", [(7, 7), (2, 1, 7, 7)])
def test_other_dtypes_are_told(dtype, shape):
    layer, a = DifferentiableSolve(Darcy(Grid.uniform((7, 7)))), torch.ones(shape)
    with pytest.raises(InputError, match="permeability: expected float32 or float64"):
        layer(a.to(dtype))
    with pytest.raises(InputError, match="source: expected float32 or float64"):
        layer(a, a.to(dtype))


def test_single_precision_has_a_tolerance_it_can_reach():
    problem = Darcy(Grid.uniform((41, 43)))
    a = (1 + torch.rand(41, 43, generator=torch.Generator().manual_seed(0))).requires_grad_()
    layer = DifferentiableSolve(problem)
    u = layer(a)
    u.sum().backward()
    wide = a.detach().double().requires_grad_()
    exact = layer(wide)
    exact.sum().backward()
    assert u.dtype == a.grad.dtype == torch.float32
    torch.testing.assert_close(u.double(), exact, rtol=0, atol=1e-4 * float(exact.abs().max()))
    scale = float(wide.grad.abs().max())
    torch.testing.assert_close(a.grad.double(), wide.grad, rtol=0, atol=1e-3 * scale)

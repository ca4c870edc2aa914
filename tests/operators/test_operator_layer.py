import numpy as np
import pytest
import scipy.sparse as sp
import torch

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.operators.operator_layer import OperatorLayer
from nwidth.solvers import Darcy, SparseOperator

RNG = np.random.default_rng(0)


def test_values_and_gradients():
    matrix = sp.csr_array(RNG.standard_normal((4, 6)))
    layer = OperatorLayer(SparseOperator(matrix))
    u = torch.tensor(RNG.standard_normal((3, 6)), requires_grad=True)
    np.testing.assert_allclose(layer(u).detach().numpy(), u.detach().numpy() @ matrix.T.toarray())
    assert torch.autograd.gradcheck(layer, (u,)) and torch.autograd.gradgradcheck(layer, (u,))
    torch.testing.assert_close(layer(u[0]), layer(u)[0])
    assert layer(u.float()).dtype == torch.float32


def test_residual_of_a_discretization_is_a_loss():
    """Its gradient is A* (A u - b)."""
    problem = Darcy(Grid.uniform((5, 6)))
    inputs = {"permeability": np.exp(RNG.standard_normal((5, 6)))}
    operator, b = problem.operator(inputs), problem.source(inputs)
    u = torch.tensor(RNG.standard_normal(operator.domain_shape), requires_grad=True)
    residual = OperatorLayer(operator)(u) - torch.from_numpy(b)
    (0.5 * residual.square().sum()).backward()
    known = operator.adjoint(operator.apply(u.detach().numpy()) - b)
    np.testing.assert_allclose(u.grad.numpy(), known, rtol=1e-12)


def test_what_does_not_fit():
    layer = OperatorLayer(SparseOperator(sp.eye_array(4).tocsr()))
    for given, words in (
        (torch.ones(5), "shape"),
        (torch.ones(4, dtype=torch.int64), "floats"),
        (np.ones(4), "tensor"),
        (torch.ones(0, 4), "shape"),
    ):
        with pytest.raises(InputError, match=words):
            layer(given)
    for operator, words in ((None, "operator"), (SparseOperator(1j * sp.eye_array(4)), "real")):
        with pytest.raises(InputError, match=words):
            OperatorLayer(operator)

"""The network: one map of functions on every grid, exact where its input is."""

import numpy as np
import pytest
import torch

from nwidth.errors import InputError
from nwidth.meshes import Axis
from nwidth.operators import NeuralSpectralNetwork

TIME, SPACE = Axis.chebyshev(7, 0.0, 2.0), Axis.uniform(10, periodic=True)


def network_of(**given):
    settings = {"points": (7, 10), "modes": (4, 3), "width": 6, "layers": 2, "projection": 5}
    return NeuralSpectralNetwork(**settings | given).double()


def field(time, space):
    """Return a polynomial in time times few waves, of shape (1, 1, *grid)."""
    t, x = time.points[:, None], 2 * np.pi * space.points[None, :]
    return torch.tensor(1 + t**3 * np.sin(x) - np.cos(2 * x + t[:1]))[None, None]


def test_one_function_on_every_grid():
    """Odd and even, finer and other points: nonlinear layers see one grid of their own."""
    network = network_of()
    own = (TIME, SPACE)
    known = network(field(*own), own)
    for time, space in (
        (Axis.chebyshev(13, 0.0, 2.0), Axis.uniform(20, periodic=True)),
        (Axis.uniform(129, 0.0, 2.0), Axis.uniform(50, periodic=True)),
    ):
        got = network(field(time, space), (time, space))
        step = space.size // 10
        ends = got[:, :, [0, -1]][..., ::step]
        torch.testing.assert_close(ends, known[:, :, [0, -1]], rtol=1e-9, atol=1e-9)
    space = Axis.uniform(11, periodic=True)
    other = network(field(TIME, space), (TIME, space))
    assert torch.allclose(other[..., 0], known[..., 0], atol=1e-9)


def test_translations_and_layers():
    network = network_of()
    v = field(TIME, SPACE)
    moved = network(v.roll(3, -1), (TIME, SPACE))
    torch.testing.assert_close(moved, network(v, (TIME, SPACE)).roll(3, -1))
    walls = network_of(bases=("sine", "cosine"), points=(7, 6), modes=(5, 6))
    axes = Axis.uniform(7), Axis.uniform(6)
    assert walls(torch.randn(2, 1, 7, 6).double(), axes).shape == (2, 1, 7, 6)


def test_description_and_seeds():
    network = network_of(seed=4)
    same = NeuralSpectralNetwork.from_description(network.describe()).double()
    v = field(TIME, SPACE)
    assert torch.equal(network(v, (TIME, SPACE)), same(v, (TIME, SPACE)))
    other = network_of(seed=5)
    assert not torch.equal(network(v, (TIME, SPACE)), other(v, (TIME, SPACE)))


def test_what_does_not_fit():
    for given, words in (
        ({"modes": (8, 3)}, "at most 7 of 'chebyshev'"),
        ({"modes": (4, 6)}, "at most 5 of 'fourier'"),
        ({"points": (7,)}, "as many as modes"),
        ({"bases": ("legendre", "fourier")}, "bases"),
        ({"width": 0}, "width"),
    ):
        with pytest.raises(InputError, match=words):
            network_of(**given)
    network, v = network_of(), field(TIME, SPACE)
    with pytest.raises(InputError, match="periodic one for the basis 'fourier'"):
        network(v, (TIME, Axis.uniform(10)))
    with pytest.raises(InputError, match="two ends for the basis 'chebyshev'"):
        network(v, (Axis.uniform(7, periodic=True), SPACE))
    with pytest.raises(InputError, match="modes: expected at most"):
        network.check((TIME, Axis.uniform(4, periodic=True)))

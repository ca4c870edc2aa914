import numpy as np
import pytest

from nwidth.solvers.stepping import DiagonalPart, EvolutionSystem, FunctionSystem, evolve


@pytest.fixture(scope="session")
def stiff():
    """A stiff, non-autonomous complex system of two modes, its state and its exact end."""

    def coupled(t, v):
        return np.array([np.cos(t) * v[1] - v[0] ** 2, 2 * np.sin(v[0]) + 1j * np.cos(3 * t)])

    system = FunctionSystem(coupled, DiagonalPart([-1.0, -50.0 + 20j]))
    v = np.array([1.0 + 0j, 0.5])
    return system, v, evolve(system, v, [1.0], dt=1 / 8000).checked().states[-1]


class Advection(EvolutionSystem):
    """v' = i k v, all of it explicit, whose rate is known."""

    def __init__(self, n):
        self.k = np.arange(n) * 1.0

    def nonlinear(self, t, v, out):
        np.multiply(1j * self.k, v, out=out)

    def rate(self, t, v):
        return float(self.k[-1])


@pytest.fixture
def advection():
    return Advection(11)

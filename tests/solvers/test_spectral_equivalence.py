import numpy as np
import pytest

from nwidth.solvers import DiffusionOperator
from nwidth.solvers.spectral_equivalence import spectral_equivalence

RNG = np.random.default_rng(0)


def operator(reaction=True):
    faces = [RNG.uniform(1, 9, (6, 4)), RNG.uniform(1, 9, (5, 5))]
    return DiffusionOperator(faces, RNG.uniform(1, 9, (5, 4)) if reaction else None)


def test_bounds_the_rayleigh_quotients():
    a, k = operator(), operator()
    lower, upper = spectral_equivalence(a, k.faces, k.reaction)
    values = np.linalg.eigvals(np.linalg.solve(k.to_dense(), a.to_dense())).real
    assert 1 / 9 <= lower <= values.min() <= values.max() <= upper <= 9


def test_multiples_are_found_exactly_through_broadcasting():
    faces = [np.full((6, 4), 3.0), np.full((5, 5), 6.0)]
    a = DiffusionOperator(faces, np.full((5, 4), 12.0))
    own = [np.ones((1, 1)), np.full((1, 5), 2.0)]
    assert spectral_equivalence(a, own, np.full((1, 4), 4.0)) == (3.0, 3.0)


@pytest.mark.parametrize("part", ["face", "reaction"])
def test_couplings_that_one_of_both_lacks(part):
    a, k = operator(), operator()
    faces, reaction = [t.copy() for t in k.faces], k.reaction.copy()
    (faces[0] if part == "face" else reaction)[2, 1] = 0
    less = DiffusionOperator(faces, reaction)
    assert spectral_equivalence(a, less.faces, less.reaction)[1] == np.inf
    assert spectral_equivalence(less, a.faces, a.reaction)[0] == 0.0
    assert spectral_equivalence(operator(False), a.faces, a.reaction)[0] == 0.0
    assert spectral_equivalence(a, faces)[1] == np.inf


def test_nothing_is_equal_to_nothing():
    nothing = DiffusionOperator((np.zeros(4),))
    assert spectral_equivalence(nothing, nothing.faces) == (1.0, 1.0)

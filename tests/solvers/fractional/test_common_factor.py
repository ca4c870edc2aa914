import numpy as np

from nwidth.solvers.fractional.common_factor import common_factor


def test_products_are_taken_apart_in_three_dimensions():
    rng = np.random.default_rng(0)
    shape = (3, 4, 5)
    s, lines = 1 + rng.random(shape), [1 + rng.random(n) for n in shape]
    K = [s * line.reshape([-1 if i == j else 1 for i in range(3)]) for j, line in enumerate(lines)]
    factor, own = common_factor(K)
    for j in range(3):
        line = own[j].reshape([-1 if i == j else 1 for i in range(3)])
        assert np.allclose(factor * line, K[j])


def test_one_axis_keeps_nothing_to_itself():
    factor, (own,) = common_factor([np.array([1.0, 2.0, 5.0])])
    assert np.allclose(factor, [1, 2, 5])
    assert np.allclose(own, 1)

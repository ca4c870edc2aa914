import numpy as np
import pytest

from nwidth.rom.sampled_norm import norm_factor

RNG = np.random.default_rng(1)


@pytest.mark.parametrize("values", [[1.0], [1.0, 1.0], [1.0, 0.3, 0.1], [1.0] * 50])
@pytest.mark.parametrize("kind", [float, complex])
def test_failures_are_as_rare_as_stated(values, kind):
    """Singular values say all of a matrix: rank one is the worst."""
    samples, trials, failure = 4, 20000, 0.05
    shape = (trials, samples, len(values))
    w = RNG.standard_normal(shape)
    if kind is complex:
        w = (w + 1j * RNG.standard_normal(shape)) / np.sqrt(2)
    means = (abs(w * np.array(values)) ** 2).sum(axis=2).mean(axis=1)
    bound = norm_factor(samples, np.dtype(kind), failure) * np.sqrt(means)
    missed = (bound < np.linalg.norm(values)).mean()
    assert missed <= failure
    if len(values) == 1:
        assert missed > failure / 20  # not idle either


def test_it_is_the_bound_of_the_formula():
    for samples in (1, 8, 32, 1000):
        t = norm_factor(samples, np.dtype(float), 1e-6) ** -2
        assert t < 1
        assert (t * np.exp(1 - t)) ** (samples / 2) == pytest.approx(1e-6, rel=1e-6)
    assert norm_factor(10, np.dtype(complex)) == norm_factor(20, np.dtype(float))

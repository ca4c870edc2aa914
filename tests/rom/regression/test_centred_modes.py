import numpy as np
import pytest

from nwidth.rom.regression.centred_modes import CentredModes

RNG = np.random.default_rng(1)
FIELDS = 5 + RNG.standard_normal((7, 3)) @ RNG.standard_normal((3, 20))
WEIGHTS = RNG.uniform(0.5, 2, 20)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fields_come_back_from_their_scores(dtype):
    fields = FIELDS.astype(dtype).reshape(7, 4, 5)
    found = CentredModes.of(fields, WEIGHTS.reshape(4, 5), rtol=1e-5)
    assert found.rank == 3 and found.shape == (4, 5) and found.modes.dtype == dtype
    flat = found.modes.reshape(3, -1).astype(float)
    np.testing.assert_allclose((flat * WEIGHTS) @ flat.T, np.eye(3), atol=1e-5)
    scores = found.scores(fields)
    assert scores.dtype == np.float64
    np.testing.assert_allclose(scores.sum(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(found.combine(scores), fields, rtol=1e-4)


def test_norms_are_those_of_the_weights():
    found = CentredModes.of(FIELDS, WEIGHTS)
    np.testing.assert_allclose(found.norms(FIELDS), np.sqrt(FIELDS**2 @ WEIGHTS))
    scores = found.scores(FIELDS)
    centred = found.norms(FIELDS - found.mean)
    np.testing.assert_allclose(np.linalg.norm(scores, axis=1), centred)


@pytest.mark.parametrize("value", [0.0, 0.1, -1e30])
def test_fields_that_never_differ_have_no_modes(value):
    found = CentredModes.of(np.full((5, 20), value), WEIGHTS)
    assert found.rank == 0
    np.testing.assert_allclose(found.combine(np.zeros((2, 0))), value)


def test_a_file_gives_the_modes_back_or_says_what_is_wrong():
    found = CentredModes.of(FIELDS, WEIGHTS)
    arrays = found.archived()
    again = CentredModes.from_archived(arrays)
    np.testing.assert_array_equal(again.scores(FIELDS), found.scores(FIELDS))
    for name in arrays:
        for wrong in (arrays[name][:-1, None], np.nan * arrays[name], arrays[name] * 1j):
            with pytest.raises(ValueError):
                CentredModes.from_archived({**arrays, name: wrong})

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.rom import CertificateStatus, CertifiedPrediction, DualNorm, certify_fields
from nwidth.solvers import Darcy

PROBLEM = Darcy(Grid.uniform((21, 24)))


def permeabilities(count):
    return np.exp(np.random.default_rng(0).standard_normal((count, 21, 24)))


def test_chunks_join_to_the_whole():
    a = permeabilities(5)
    u = np.random.default_rng(3).random((5, 21, 24))
    norm = DualNorm(PROBLEM)
    whole = certify_fields(PROBLEM, {"permeability": a}, u, 1e-3)
    parts = [
        certify_fields(PROBLEM, {"permeability": a[k]}, u[k], 1e-3, dual_norm=norm)
        for k in (slice(0, 2), slice(2, 5))
    ]
    joined = CertifiedPrediction.join(parts)
    assert len(joined) == 5 and joined.status == whole.status
    for name in ("u", "bound", "bound_before", "absolute_bound", "polished", "iterations"):
        assert np.array_equal(getattr(joined, name), getattr(whole, name)), name
    assert joined.scalars(3)["bound"] == whole.bound[3]
    assert {"bound", "bound_before", "polished", "iterations"} <= {*joined.scalars(0)}
    other = certify_fields(PROBLEM, {"permeability": a}, u)
    with pytest.raises(InputError, match="same rtol"):
        CertifiedPrediction.join([whole, other])
    with pytest.raises(InputError, match="at least one"):
        CertifiedPrediction.join([])
    empty = certify_fields(PROBLEM, {"permeability": a[:0]}, u[:0], 1e-3)
    assert len(empty.checked()) == 0 and "nothing" in repr(empty)


def test_the_report_says_what_is_bounded():
    a = permeabilities(2)
    answer = certify_fields(PROBLEM, {"permeability": a}, np.ones((2, 21, 24)), 1e-3, polish=False)
    text = repr(answer)
    assert "to the discrete solution on the problem's grid" in text
    assert "was not estimated" in text and "2 not certified" in text


def test_every_status_tells_what_to_do():
    assert all(len(status.value) > 20 for status in CertificateStatus)
    assert len({status.value for status in CertificateStatus}) == len(CertificateStatus)

import sys

import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.rom.stability import choose_stability

RNG = np.random.default_rng(0)
LAPLACE = 2.1 * np.eye(12) - np.eye(12, k=1) - np.eye(12, k=-1)
SKEW = np.eye(12, k=1) - np.eye(12, k=-1)
TILT = np.diag(np.linspace(-0.05, 0.05, 12))


def coercivity(theta, matrices):
    A = sum(t * M for t, M in zip(theta, matrices, strict=True))
    return np.linalg.eigvalsh((A + A.conj().T) / 2)[0]


def inf_sup(theta, matrices):
    A = sum(t * M for t, M in zip(theta, matrices, strict=True))
    return np.linalg.svd(A, compute_uv=False)[-1]


@pytest.mark.parametrize(
    ("matrices", "low", "name", "constant"),
    [
        ([LAPLACE, np.diag(np.arange(12.0))], 0.5, "min-theta", coercivity),
        ([LAPLACE, TILT], -1.0, "successive constraints", coercivity),
        ([LAPLACE, SKEW], -1.0, "min-theta", coercivity),
        ([LAPLACE - 1.5 * np.eye(12), 1j * np.eye(12)], 0.5, "inf-sup", inf_sup),
    ],
)
def test_the_first_that_holds_is_chosen(matrices, low, name, constant):
    training = np.column_stack([np.ones(40), np.linspace(low, 1, 40)])
    bound = choose_stability(matrices, None, training)
    assert bound.name.startswith(name)
    fresh = np.column_stack([np.ones(100), RNG.uniform(low, 1, 100)])
    exact = np.array([constant(theta, matrices) for theta in fresh])
    assert (bound.lower(training) > 0).all()
    assert (bound.lower(fresh) <= exact * (1 + 1e-12)).all()


@pytest.mark.parametrize(
    ("kind", "name"),
    [("constraints", "successive"), ("eigenvalues", "eigenvalue"), ("inf-sup", "inf-sup")],
)
def test_any_can_be_asked_for(kind, name):
    training = np.column_stack([np.ones(30), np.linspace(0.5, 1, 30)])
    bound = choose_stability([LAPLACE, np.eye(12)], None, training, kind)
    assert bound.name.startswith(name) and (bound.lower(training) > 0).all()


def test_nothing_holds():
    training = [[1.0, 0.0], [-1.0, 0.0], [0.0, 0.0]]
    with pytest.raises(
        InputError, match=r"no bound is positive everywhere; min-theta: .*; inf-sup"
    ):
        choose_stability([LAPLACE, np.eye(12)], None, training)
    with pytest.raises(InputError, match="kind: expected one of"):
        choose_stability([LAPLACE, np.eye(12)], None, training, "best")


def test_parameters_that_fill_the_box_leave_no_gaps_between_them():
    """Coefficients that change sign and wind: few training parameters, and many."""
    points = np.linspace(0, 1, 60)
    bumps = [np.exp(-((points - c) ** 2) / 0.05) for c in np.linspace(0, 1, 6)]
    matrices = [np.diag(bump) for bump in bumps]

    def theta(mu):
        wanted = 1 + 3 * np.exp(-(np.subtract.outer(mu, points) ** 2) / 0.02)
        return np.linalg.lstsq(np.transpose(bumps), wanted.T, rcond=None)[0].T

    unseen = theta(np.random.default_rng(0).uniform(0, 1, 500))
    exact = (unseen @ np.array(bumps)).min(axis=1)
    assert (exact > 0).all() and (unseen < 0).any()
    bounds = {
        m: choose_stability(matrices, None, theta(np.linspace(0, 1, m))).lower(unseen)
        for m in (3, 400)
    }
    assert (bounds[3] == -np.inf).any()
    assert (bounds[400] > 0).all()
    assert all((bound <= exact).all() for bound in bounds.values())


def test_a_bound_that_cannot_be_proved_gives_way_to_the_next(monkeypatch):
    from nwidth.errors import NotConvergedError
    from nwidth.rom.stability import choose_stability as function

    module = sys.modules[function.__module__]

    def unproved(*args, **options):
        raise NotConvergedError("no lower bound could be proved")

    monkeypatch.setattr(module, "min_theta", unproved)
    A = [np.diag([1.0, 0.0]), np.diag([0.0, 1.0])]
    assert choose_stability(A, None, [[1.0, 2.0], [3.0, 1.0]]).name == "successive constraints"
    with pytest.raises(NotConvergedError, match="proved"):
        choose_stability(A, None, [[1.0, 2.0]], "min-theta")

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

from nwidth.errors import InputError  # noqa: E402
from nwidth.operators import LearnedCycle, MultigridLayer  # noqa: E402
from nwidth.solvers import DiffusionOperator  # noqa: E402
from nwidth.solvers.multigrid import Jacobi, Multigrid  # noqa: E402

SOLVER = {"restricts": "residual", "guess": "zero", "initial": "poisson"}


def poisson(sizes):
    """-h^2 Laplace with walls one step beyond the grid."""
    d = len(sizes)
    return DiffusionOperator(
        [np.ones([n + (j == k) for j, n in enumerate(sizes)]) for k in range(d)]
    )


def layer_for(levels, dimension, sweeps=(1, 1), coarsest=2):
    cycle = LearnedCycle(levels=levels, sweeps=sweeps, coarsest=coarsest, **SOLVER)
    return MultigridLayer(1, 1, cycle, dimension=dimension).double()


def as_map(layer, d):
    ends = ("walls",) * d

    def apply(r):
        return layer(torch.tensor(r)[None, None], ends)[0, 0].detach().numpy()

    return apply


def contraction(operator, apply, cycles):
    """The factor that the last of some cycles w <- w + M (b - A w) leaves of the error."""
    rng = np.random.default_rng(0)
    error = rng.normal(size=operator.domain_shape)
    for _ in range(cycles):
        before = np.linalg.norm(error)
        error = error - apply(operator.apply(error))
    return np.linalg.norm(error) / before


@pytest.mark.parametrize("d", [1, 2, 3])
def test_two_grids_are_smoothing_restriction_and_correction_of_the_solver(d):
    n = 7
    fine, coarse = poisson((n,) * d), poisson((3,) * d)
    layer = layer_for(2, d, sweeps=(1, 0), coarsest=1)
    r = np.random.default_rng(1).normal(size=(n,) * d)
    u = np.zeros_like(r)
    relaxation = Jacobi(fine)
    relaxation.smooth(u, r)
    f = r - fine.apply(u)
    # The solver's transfer along an axis, (1/2, 1, 1/2) to the second, fourth, ... point and back.
    P = np.zeros((n, 3))
    for k in range(3):
        P[2 * k : 2 * k + 3, k] = 0.5, 1.0, 0.5
    for k in range(d):
        f = np.moveaxis(np.tensordot(P.T, f, (1, k)), 0, k)
    f *= 2.0 ** (2 - d)
    e = np.zeros_like(f)
    Jacobi(coarse).smooth(e, f)
    for k in range(d):
        e = np.moveaxis(np.tensordot(P, e, (1, k)), 0, k)
    # Weights in single precision: 0.8 / 4 is not exact there.
    np.testing.assert_allclose(as_map(layer, d)(r), u + e, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("sizes", "levels"), [((63, 63), 5), ((64, 53), 5), ((15, 15, 15), 3)], ids=str
)
def test_an_untrained_layer_contracts_errors_like_the_solvers_cycle(sizes, levels):
    operator, d = poisson(sizes), len(sizes)
    ours = contraction(operator, as_map(layer_for(levels, d, coarsest=20), d), 8)
    cycle = Multigrid(operator, sweeps=1, smoother=Jacobi, semi_coarsening=False)
    theirs = contraction(operator, cycle.apply, 8)
    if all(n & (n + 1) == 0 for n in sizes):  # walls where they are, on every level
        assert abs(ours - theirs) < 0.01
    assert ours < 0.8  # everywhere else a wall moves inwards by a spacing, and more is left over


def test_other_schemes_are_refused():
    with pytest.raises(InputError, match='restricts="residual" and guess="zero"'):
        MultigridLayer(1, 1, LearnedCycle(initial="poisson"))
    with pytest.raises(InputError, match="expects prolongation=3"):
        MultigridLayer(1, 1, LearnedCycle(prolongation=4, **SOLVER))

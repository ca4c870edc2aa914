import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.meshes import Grid
from nwidth.solvers import Darcy, Status
from nwidth.solvers.equations import ConvectionDiffusion
from nwidth.solvers.krylov.fgmres import fgmres
from nwidth.solvers.multigrid import DownstreamMultigrid


def straight(*x):
    return [1.0, -2.0, 0.5][: len(x)]


def vortex(*x):
    return [-(x[1] - 0.5), x[0] - 0.5, 0 * x[0]][: len(x)]


def operator(shape, flow, eps, dtype=np.float64):
    problem = ConvectionDiffusion(Grid.uniform(shape), flow)
    inputs = {"diffusivity": np.full(shape, eps, dtype)}
    return problem.operator(inputs), problem.source(inputs)


def iterations(shape, flow, eps, **options):
    A, b = operator(shape, flow, eps)
    M = DownstreamMultigrid(A, **options)
    result = fgmres(A, b, preconditioner=M, rtol=1e-8, max_iterations=40)
    assert result.status is Status.CONVERGED
    return len(result.residuals) - 1


@pytest.mark.parametrize("eps", [1.0, 1e-2, 1e-6])
def test_straight_flow_at_any_peclet_number_and_grid(eps):
    counts = [iterations((n, n), straight, eps) for n in (33, 129)]
    assert max(counts) <= (1 if eps < 1e-4 else 11)


def test_vortices_take_more():
    assert max(iterations((n, n), vortex, 1e-2) for n in (33, 129)) <= 10
    assert iterations((65, 66), vortex, 1e-5) <= 15
    assert iterations((65, 66), vortex, 1e-5, cycle="W") <= 15


def test_in_three_dimensions_on_a_line_and_in_single_precision():
    assert iterations((25, 20, 22), straight, 1e-2) <= 9
    assert iterations((25, 20, 22), vortex, 1e-2, dtype=np.float32) <= 11
    assert iterations((200,), straight, 1e-2) <= 9


def test_periodic_axes_and_any_size():
    for n in (20, 21):
        grid = Grid.uniform((n, 19), periodic=(True, False))
        problem = ConvectionDiffusion(grid, [1.0, 0.2])
        inputs = {"diffusivity": np.full(grid.shape, 0.05)}
        A, b = problem.operator(inputs), problem.source(inputs)
        result = fgmres(A, b, preconditioner=DownstreamMultigrid(A), max_iterations=15)
        assert result.status is Status.CONVERGED


def test_orders_follow_the_flow():
    assert DownstreamMultigrid(operator((9, 9), straight, 1.0)[0]).orders == [(True, False)]
    assert len(DownstreamMultigrid(operator((9, 9, 9), vortex, 1.0)[0]).orders) == 4


def test_coarse_levels_keep_flow_and_m_matrix():
    A, _ = operator((31, 31), straight, 1e-3)
    M = DownstreamMultigrid(A)
    assert len(M.levels) == 2
    for level in M.levels:
        assert all(t.min() >= 0 for t in (*level.operator.below, *level.operator.above))
    # What the flow carries through a coarse face is what it carries through its two fine ones.
    fine, coarse = (level.operator for level in M.levels)
    carried = [A.below[0][5, 5] - A.above[0][5, 5] for A in (fine, coarse)]
    assert carried[1] == pytest.approx(2 * carried[0])


def test_bad_settings_are_refused():
    A, _ = operator((9, 9), straight, 1.0)
    with pytest.raises(InputError, match="expected a ConvectionDiffusionOperator"):
        DownstreamMultigrid(Darcy(Grid.uniform((5, 5))).operator({"permeability": np.ones((5, 5))}))
    with pytest.raises(InputError, match="cycle"):
        DownstreamMultigrid(A, cycle="U")
    with pytest.raises(InputError, match="dtype"):
        DownstreamMultigrid(A, dtype=np.complex128)

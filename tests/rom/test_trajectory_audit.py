"""The parts of an audit: sums of defects, restarts of the solver, failures that are told."""

from dataclasses import replace

import numpy as np

from nwidth.meshes import Grid
from nwidth.rom import StepStatus
from nwidth.rom.restarted_steps import RestartedSteps, SolverStep
from nwidth.rom.trajectory_audit import TrajectoryAudit
from nwidth.solvers import AdvectionDiffusion, simulate
from nwidth.solvers.error_growth import error_growth

PROBLEM = AdvectionDiffusion(Grid.periodic(16), 0.0, 0.02)
TIMES = np.linspace(0, 1, 5)


def audited(u, steps=None, known=1):
    steps = RestartedSteps(PROBLEM, growth=error_growth(PROBLEM)) if steps is None else steps
    audit = TrajectoryAudit(steps, {"density": u}, {}, TIMES, known)
    audit.run()
    return audit


def exact():
    u = np.sin(2 * np.pi * PROBLEM.grid.axes[0].points)
    return simulate(PROBLEM, {"density": u}, TIMES).fields["density"]


def test_errors_that_decay_are_bounded_by_what_is_left_of_them():
    u = exact()
    u[1:] *= 1.1  # the first step errs, the others do not
    audit = audited(u)
    assert np.allclose(audit.defect, [0, 0.1, 0, 0, 0], atol=1e-6)
    assert np.allclose(audit.bound, [0, 0.1, 0.1, 0.1, 0.1], rtol=1e-4)


def test_what_is_beyond_the_modes_of_the_problem_counts_as_error():
    u = exact()
    u[2] += 0.01 * (-1.0) ** np.arange(16)  # the cosine that no state has
    audit = audited(u)
    assert np.isclose(audit.rest[2], 0.01) and audit.bound[2] > 0.01 / audit.size[2]
    assert audit.bound[3] < 1e-5  # the next step starts from the state, without it


def test_a_step_that_the_solver_cannot_take_is_told():
    class Stubborn(RestartedSteps):
        def step(self, state, inputs, start, end):
            if start == TIMES[2]:
                return SolverStep(None, (), (), ())
            return super().step(state, inputs, start, end)

    audit = audited(exact(), Stubborn(PROBLEM, growth=error_growth(PROBLEM)))
    assert audit.bound[2] < 1e-6 and np.isinf(audit.bound[3:]).all()
    status, count = audit.settle(1e-3)
    assert status[3] is StepStatus.FAILED and status[1] is not StepStatus.FAILED and count > 0


def test_history_is_given():
    u = exact()
    u[:2] *= 7.0
    audit = audited(u, known=3)
    assert (audit.bound[:3] == 0).all() and audit.bound[4] < 1e-6
    status, _ = audit.settle(None)
    assert status[:3] == (StepStatus.GIVEN,) * 3


def test_the_tolerance_of_the_solver_is_in_the_bound():
    tight, loose = (
        audited(
            exact(), replace(RestartedSteps(PROBLEM, growth=error_growth(PROBLEM)), tolerance=t)
        )
        for t in (1e-10, 1e-4)
    )
    assert tight.bound[-1] < 1e-7 < 1e-5 < loose.bound[-1]

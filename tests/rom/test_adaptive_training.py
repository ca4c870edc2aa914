import numpy as np
import pytest

from nwidth.errors import InputError
from nwidth.rom.adaptive_training import adaptive_training
from nwidth.rom.greedy import GreedyStatus, excess, greedy
from nwidth.rom.parameter_box import ParameterBox


@pytest.fixture(scope="module")
def thermal(block_problem):
    return block_problem("thermal", 8)


def adaptive(case, rtol, **options):
    options = {"stability": case.stability, "inner_product": case.X} | options
    return adaptive_training(case.problem, case.box, rtol, **options)


@pytest.fixture(scope="module")
def found(thermal):
    return adaptive(thermal, 0.1)


def test_training_and_unseen_parameters_meet_the_tolerance(found):
    assert found.status is GreedyStatus.CONVERGED
    for points, last in (
        (found.training, found.training_excess[-1]),
        (found.validation, found.validation_excess[-1]),
    ):
        worst = excess(found.model, points, 0.1, 0.0)[0].max()
        assert worst == pytest.approx(last, rel=1e-9) and worst <= 1


def test_corners_alone_overfit_and_refinement_heals_it(thermal, found):
    corners = thermal.box.grid(2)
    plain = greedy(
        thermal.problem, corners, 0.1, stability=thermal.stability, inner_product=thermal.X
    ).checked()
    assert excess(plain.model, found.validation, 0.1, 0.0)[0].max() > 1
    assert len(found.training) > len(corners)


def test_cells_cover_the_box_without_overlap(thermal, found):
    volume = sum(
        np.prod(thermal.box.unit(c.upper) - thermal.box.unit(c.lower)) for c in found.cells
    )
    assert volume == pytest.approx(1)
    inside = np.sum([c.contains(thermal.box.random(300, 5)) for c in found.cells], axis=0)
    assert (inside == 1).all()
    corners = np.concatenate([c.grid(2) for c in found.cells])
    assert np.array_equal(np.unique(corners, axis=0), found.training)


def test_the_same_again(thermal, found):
    again = adaptive(thermal, 0.1)
    assert np.array_equal(again.result.parameters, found.result.parameters)
    assert np.array_equal(again.training, found.training)


def test_limits_end_it_with_their_status(thermal):
    assert adaptive(thermal, 1e-3, max_size=5).status is GreedyStatus.MAX_SIZE
    few = adaptive(thermal, 1e-3, max_training=30)
    assert few.status is GreedyStatus.MAX_TRAINING
    assert few.validation_excess[-1] > 1
    sizes = []

    def progress(step, model):
        sizes.append(step.size)
        return step.size == 3

    stopped = adaptive(thermal, 1e-3, progress=progress)
    assert stopped.status is GreedyStatus.STOPPED and sizes[-1] == stopped.model.size == 3


def test_given_validation_parameters_and_logarithmic_axes(thermal):
    box = ParameterBox([0.1] * 4, [1.0] * 4, log=True)
    unseen = box.random(20, 1)
    found = adaptive_training(
        thermal.problem, box, 0.3, stability=thermal.stability, inner_product=thermal.X,
        validation=unseen,
    )  # fmt: skip
    assert found.status is GreedyStatus.CONVERGED
    assert found.validation is unseen
    assert found.model.solve_many(unseen).inside.all()


def test_arguments_that_do_not_fit(thermal):
    for wrong, told in (
        ({"validation": np.full((3, 4), 2.0)}, "validation"),
        ({"validation": np.ones(3)}, "validation|mu"),
        ({"validation": 0}, "validation"),
        ({"overfitting": 0.5}, "overfitting"),
        ({"refined": 0.0}, "refined"),
        ({"max_training": 3}, "max_training"),
        ({"start": None}, "start: expected none"),
    ):
        with pytest.raises(InputError, match=told):
            adaptive(thermal, 0.1, **wrong)
    wide = ParameterBox(np.zeros(13), np.ones(13))
    with pytest.raises(InputError, match="at most 12"):
        adaptive_training(thermal.problem, wide, 0.1, stability=thermal.stability)
    with pytest.raises(InputError, match="box"):
        adaptive_training(thermal.problem, [0, 1], 0.1, stability=thermal.stability)

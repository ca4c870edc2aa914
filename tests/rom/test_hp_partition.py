import h5py
import numpy as np
import pytest

from nwidth.archive import load_archive, save_archive
from nwidth.errors import FileFormatError, InputError, NonFiniteError
from nwidth.rom.affine_problem import AffineProblem
from nwidth.rom.full_solution import full_solution
from nwidth.rom.greedy import GreedyStatus
from nwidth.rom.hp_partition import HpReducedBasis, hp_partition
from nwidth.rom.inner_product import InnerProduct

RTOL = 0.05


@pytest.fixture(scope="module")
def thermal(block_problem):
    return block_problem("thermal", 8)


@pytest.fixture(scope="module")
def parts():
    return []


@pytest.fixture(scope="module")
def model(thermal, parts):
    return hp_partition(
        thermal.problem, thermal.box, RTOL, stability=thermal.stability, inner_product=thermal.X,
        max_size=10, samples=24, progress=lambda box, result: parts.append((box, result)),
    )  # fmt: skip


def test_leaves_cover_the_box_and_a_query_finds_its_own(thermal, model):
    assert len(model.leaves) > 2
    mus = thermal.box.random(400, 3)
    leaf = model.leaf_of(mus)
    inside = np.stack([part.box.contains(mus) for part in model.leaves])
    assert (inside.sum(axis=0) == 1).all()
    assert np.array_equal(np.argmax(inside, axis=0), leaf)
    volume = sum(
        np.prod(thermal.box.unit(b.box.upper) - thermal.box.unit(b.box.lower)) for b in model.leaves
    )
    assert volume == pytest.approx(1)
    corners = thermal.box.grid(2)
    for k, mu in zip(model.leaf_of(corners), corners, strict=True):
        assert model.leaves[k].box.contains(mu)


def test_small_bases_meet_the_tolerance_and_their_bounds_hold(thermal, model):
    assert model.converged and model.size <= 10
    mus = thermal.box.random(60, 4)
    answers, leaf = model.solve_many(mus)
    product, solution = InnerProduct(thermal.X), full_solution(thermal.problem, None)
    fields = model.lift(answers.x, leaf)
    errors = np.array([product.norm(solution(mu) - v) for mu, v in zip(mus, fields, strict=True)])
    assert (errors <= answers.bound).all()
    assert (answers.bound <= 4 * RTOL * np.linalg.norm(answers.x, axis=1)).all()
    assert answers.inside.all() and answers.certified.all()


def test_each_leaf_meets_the_tolerance_at_its_training_parameters(model, parts):
    finished = [result for _, result in parts if result.status is GreedyStatus.CONVERGED]
    assert {id(result.model) for result in finished} == {id(leaf) for leaf in model.leaves}
    assert all(result.history[-1].excess <= 1 for result in finished)


def test_one_parameter_and_many_agree(thermal, model):
    mus = thermal.box.random(12, 6)
    answers, leaves = model.solve_many(mus)
    for j, mu in enumerate(mus):
        answer, leaf = model.solve(mu)
        assert leaf == leaves[j]
        assert answer.bound == pytest.approx(answers.bound[j], rel=1e-9)
        size = model.leaves[leaf].size
        assert np.allclose(answer.x, answers.x[j, :size], rtol=1e-9, atol=1e-12)
        assert (answers.x[j, size:] == 0).all()
        assert np.allclose(model.lift(answer.x, leaf), model.lift(answers.x[j], leaf), rtol=1e-9)


def test_solutions_are_not_computed_twice(thermal):
    seen, exact = [], full_solution(thermal.problem, None)

    def solve(mu):
        seen.append(tuple(mu))
        return exact(mu)

    hp_partition(
        thermal.problem, thermal.box, 0.1, stability=thermal.stability, inner_product=thermal.X,
        max_size=8, samples=16, solve=solve,
    )  # fmt: skip
    assert len(seen) == len({*seen}) > 8


def test_at_the_limit_of_leaves_their_status_says_so(thermal):
    model = hp_partition(
        thermal.problem, thermal.box, 1e-3, stability=thermal.stability, inner_product=thermal.X,
        max_size=4, max_leaves=3, samples=8,
    )  # fmt: skip
    assert len(model.leaves) == 3 and not model.converged
    assert {*model.statuses} == {GreedyStatus.MAX_SIZE}
    mus = thermal.box.random(50)
    assert np.bincount(model.leaf_of(mus), minlength=3).all()


def test_complex_problems_and_one_leaf(block_problem):
    case = block_problem("wave", 6)
    model = hp_partition(
        case.problem, case.box, 0.2, stability=case.stability, inner_product=case.X, samples=8,
        max_size=30,
    )  # fmt: skip
    assert len(model.leaves) == 1
    answers, leaf = model.solve_many(case.box.random(5))
    assert answers.x.dtype == complex and (leaf == 0).all()


def test_the_file_gives_the_same_answers(thermal, model, tmp_path):
    model.save(tmp_path / "model.h5")
    again = HpReducedBasis.load(tmp_path / "model.h5")
    mus = thermal.box.random(40, 8)
    (one, leaf), (two, other) = model.solve_many(mus), again.solve_many(mus)
    assert np.array_equal(leaf, other)
    assert np.array_equal(one.x, two.x) and np.array_equal(one.bound, two.bound)
    assert np.allclose(model.lift(one.x, leaf), again.lift(two.x, leaf), rtol=1e-13)
    assert again.statuses == model.statuses
    model.save(tmp_path / "small.h5", basis=False)
    bare = HpReducedBasis.load(tmp_path / "small.h5")
    with pytest.raises(InputError, match="without its basis"):
        bare.lift(one.x[0], leaf[0])


def test_functions_are_brought_to_load(thermal, tmp_path):
    problem = AffineProblem(
        lambda mu: mu, thermal.problem.matrices, lambda mu: [1.0], thermal.problem.sources
    )
    model = hp_partition(
        problem, thermal.box, 0.5, stability=thermal.stability, inner_product=thermal.X,
        max_size=6, samples=4, max_leaves=2,
    )  # fmt: skip
    model.save(tmp_path / "model.h5")
    again = HpReducedBasis.load(tmp_path / "model.h5", problem.theta, problem.phi)
    mu = thermal.box.at(np.full(4, 0.4))
    assert again.solve(mu)[0].bound == model.solve(mu)[0].bound


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("axes", lambda a: a + 9),
        ("axes", lambda a: a[:-1]),
        ("axes", lambda a: a.astype(float)),
        ("cuts", lambda a: a * np.nan),
        ("children", lambda a: a * 0),
        ("children", lambda a: a + 1),
        ("children", lambda a: -a),
        ("leaf0/residual", lambda a: a[:, 1:]),
        ("box/upper", lambda a: -a),
        ("leaf1/box/upper", None),
    ],
)
def test_damaged_files_are_refused(model, tmp_path, name, change):
    model.save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5") as file:
        kind = file["nwidth"].attrs["kind"].decode()
    arrays, told = load_archive(tmp_path / "model.h5", kind)
    if change is None:
        del arrays[name]
    else:
        arrays[name] = change(arrays[name])
    save_archive(tmp_path / "other.h5", kind, arrays, told)
    with pytest.raises(FileFormatError, match=r"other\.h5"):
        HpReducedBasis.load(tmp_path / "other.h5")


def test_parameters_outside_and_bad_ones(thermal, model):
    beyond = thermal.box.upper + 0.5
    with pytest.warns(UserWarning, match="outside"):
        answer, leaf = model.solve(beyond)
    assert not answer.inside and model.leaves[leaf].box.contains(thermal.box.upper)
    with pytest.raises(InputError, match="mu"):
        model.solve_many(np.ones((3, 5)))
    with pytest.raises(NonFiniteError, match="mu"):
        model.solve([0.5, np.nan, 0.5, 0.5])
    with pytest.raises(InputError, match="one row for each leaf"):
        model.lift(np.ones((2, 10)), [0, 1, 0])


def test_no_parameters_have_no_answers(thermal, model):
    answers, leaf = model.solve_many(np.zeros((0, thermal.box.dimension)))
    assert answers.x.shape == (0, model.size)
    assert len(answers.bound) == len(leaf) == 0


def test_arguments_that_do_not_fit(thermal):
    for wrong in ({"max_size": 0}, {"max_leaves": 0}, {"samples": 0}, {"rtol": -1.0}):
        options = {"stability": thermal.stability, "rtol": 0.1} | wrong
        with pytest.raises(InputError, match=next(iter(wrong))):
            hp_partition(thermal.problem, thermal.box, **options)
    with pytest.raises(InputError, match="box"):
        hp_partition(thermal.problem, [0.1, 1], 0.1, stability=thermal.stability)

import numpy as np
import pytest

from nwidth import plotting
from nwidth.arrays import generator
from nwidth.cli.plot_in_time import invariants, parse_slopes
from nwidth.errors import ConfigError
from nwidth.fields import Field, FieldDataset
from nwidth.meshes import DampedNoise, GaussianRandomField, Grid, RandomSines
from nwidth.plotting import trajectories
from nwidth.solvers import (
    Burgers,
    NavierStokes,
    NonlinearSchroedinger,
    RayleighBenard,
    WaveEquation,
    generate_trajectories,
    simulate,
)

TIMES = [0.0, 0.1, 0.3]
GOOD = [
    ((8,), "spacetime", "space_time"),
    ((8,), "snapshots", "snapshots"),
    ((8,), "spectrum", "energy_spectra"),
    ((8,), "conservation", "conservation"),
    ((6, 5), "snapshots", "snapshots"),
    ((6, 5), "spectrum", "energy_spectra"),
    ((4, 5, 6), "snapshots", "snapshots"),
    ((4, 5, 6), "spectrum", "energy_spectra"),
    ((4, 5, 6), "conservation", "conservation"),
]


def in_time(path, grid, fields=None, times=TIMES, **more):
    rng = np.random.default_rng(0)
    fields = fields or {"velocity": "m/s"}
    with FieldDataset.create(path, grid, fields, times=times, time_unit="s", **more) as data:
        shapes = data.layout.sample_shapes
        data.append({name: rng.standard_normal(shapes[name]) for name in fields})
        data.finish()
    return path


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were drawn, by the name of their function."""
    seen = []

    def spy(name):
        function = getattr(plotting, name)

        def called(*arguments, **options):
            seen.append((name, arguments, options))
            return function(*arguments, **options)

        return called

    for name in ("space_time", "snapshots", "energy_spectra", "conservation", "movie"):
        monkeypatch.setattr(plotting, name, spy(name))
    return seen


@pytest.mark.parametrize(("shape", "kind", "function"), GOOD)
def test_each_kind_of_a_field_on_a_torus(nwidth, drawn, tmp_path, shape, kind, function):
    path = in_time(tmp_path / "a.h5", Grid.periodic(shape))
    answer = nwidth("plot", path, "--kind", kind)
    assert answer.code == 0, answer.err
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert [name for name, *_ in drawn] == [function]


@pytest.mark.parametrize("shape", [(8,), (4, 5, 6)])
def test_a_movie_by_its_kind_is_a_gif(nwidth, drawn, tmp_path, shape):
    path = in_time(tmp_path / "a.h5", Grid.periodic(shape))
    assert nwidth("plot", path, "--kind", "movie").code == 0
    assert (tmp_path / "a.gif").read_bytes().startswith(b"GIF")


def test_mp4_without_ffmpeg_is_refused_in_words(nwidth, tmp_path, monkeypatch):
    path = in_time(tmp_path / "a.h5", Grid.periodic(8))
    monkeypatch.setattr(trajectories.FFMpegWriter, "isAvailable", classmethod(lambda cls: False))
    answer = nwidth("plot", path, "-o", tmp_path / "a.mp4")
    assert answer.code == 1 and "ffmpeg" in answer.sentence and "use .gif" in answer.sentence
    assert [p.name for p in tmp_path.iterdir()] == ["a.h5"]


def test_of_vectors_lengths_are_drawn_or_a_component(nwidth, drawn, tmp_path):
    grid = Grid.periodic((4, 5, 6))
    path = in_time(tmp_path / "a.h5", grid, {"velocity": Field("m/s", (3,))})
    assert nwidth("plot", path, "-o", tmp_path / "a.png").code == 0
    assert nwidth("plot", path, "--component", 1, "-o", tmp_path / "b.png").code == 0
    assert nwidth("plot", path, "--kind", "spectrum", "-o", tmp_path / "c.png").code == 0
    with FieldDataset.open(path) as data:
        u = data["velocity"][0]
    (_, lengths, _), (_, parts, _), (_, (_, spectra, *_), _) = drawn
    np.testing.assert_allclose(lengths[2], np.linalg.norm(u[:, :, :, 3], axis=-1))
    np.testing.assert_array_equal(parts[2], u[:, :, :, 3, 1])
    assert lengths[4] == "|velocity| (m/s)" and parts[4] == "velocity, component 1 (m/s)"
    assert lengths[3] == "sample 0 at z = 0.5"
    # Parseval: all shells together have the kinetic energy.
    energies = 0.5 * (u**2).sum(axis=-1).mean(axis=(1, 2, 3))
    np.testing.assert_allclose([e.sum() for e in spectra.values()], energies)
    assert list(spectra) == ["t = 0 s", "t = 0.1 s", "t = 0.3 s"]


@pytest.mark.filterwarnings("ignore:sample 0 of seed 0")
def test_the_spectrum_of_a_vorticity_is_that_of_its_flow(nwidth, drawn, tmp_path):
    grid = Grid.periodic((16, 16), upper=2 * np.pi)
    problem = NavierStokes(
        grid, 0.1, GaussianRandomField(grid, alpha=9, tau=3, boundary="periodic")
    )
    with generate_trajectories(problem, tmp_path / "a.h5", 1, TIMES) as data:
        energy = problem.invariants(problem.state({"vorticity": data["vorticity"][0, 0]}))["energy"]
    answer = nwidth("plot", tmp_path / "a.h5", "--kind", "spectrum", "--slopes=-3,-5/3")
    assert answer.code == 0, answer.err
    _, (_, spectra, slopes, title), options = drawn[0]
    assert sum(spectra["t = 0"]) == pytest.approx(energy, rel=1e-12)
    assert slopes == [-3.0, -5 / 3] and title == "navier-stokes, sample 0: vorticity"
    assert options["label"] == "kinetic energy, per shell"


def waves(grid):
    sampler = RandomSines(grid, waves=3, highest=2)
    return NonlinearSchroedinger(grid, sampler=sampler)


@pytest.mark.parametrize(
    "problem",
    [
        Burgers(Grid.periodic(32), 0.1, RandomSines(Grid.periodic(32), waves=3, highest=2)),
        waves(Grid.periodic(32)),
        WaveEquation(Grid.periodic(32), speed=2.0, sampler=RandomSines(Grid.periodic(32), waves=3)),
        NavierStokes(
            Grid.periodic((16, 16)),
            0.01,
            GaussianRandomField(Grid.periodic((16, 16)), alpha=5, tau=3, boundary="periodic"),
        ),
    ],
    ids=lambda problem: problem.equation,
)
def test_invariants_of_a_file_are_those_of_the_simulation(tmp_path, problem):
    with generate_trajectories(problem, tmp_path / "a.h5", 2, TIMES, seed=3) as data:
        words, found = invariants(data, 1)
        truth = simulate(problem, problem.sample(generator(3, 1)), TIMES).invariants
    assert words == "" and {*found} == {*truth}
    for name, values in truth.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-9, atol=1e-12)


def test_invariants_of_stored_points_and_single_precision(tmp_path):
    grid = Grid.periodic((32, 32))
    problem = NavierStokes(
        grid, 1e-2, GaussianRandomField(grid, alpha=5, tau=3, boundary="periodic")
    )
    options = {"restrict": 2, "dtype": "float32"}
    with generate_trajectories(problem, tmp_path / "a.h5", 1, TIMES, **options) as data:
        words, found = invariants(data, 0)
    assert words == ", of the 16 x 16 stored points"
    truth = simulate(problem, problem.sample(generator(0, 0)), TIMES).invariants
    np.testing.assert_allclose(found["enstrophy"], truth["enstrophy"], rtol=1e-3)


@pytest.mark.filterwarnings("ignore:sample 0 of seed 0")
def test_states_that_fields_leave_open_are_not_guessed(tmp_path):
    """Of convection the inputs are temperatures: a flow that has begun is not among them."""
    grid = Grid.chebyshev((16, 17), upper=(4.0, 1.0), names="xz", periodic=(True, False))
    noise = DampedNoise(grid, 0.1, lower=1.0, upper=0.0)
    with generate_trajectories(
        RayleighBenard(grid, 1e4, sampler=noise), tmp_path / "a.h5", 1, [0.0, 2.0], rtol=1e-3
    ) as data:
        words, found = invariants(data, 0)
    assert "leave the state open" in words and "mean of buoyancy" in found


def test_files_of_others_have_means(tmp_path):
    grid = Grid.uniform((4, 5), upper=(2.0, 1.0))
    fields = {"velocity": Field("m/s", (2,)), "depth": "m", "ground": Field("m", constant=True)}
    strange = {"problem": {"equation": "none of ours"}}
    path = in_time(tmp_path / "a.h5", grid, fields, provenance=strange)
    with FieldDataset.open(path) as data:
        words, found = invariants(data, 0)
        assert "not known" in words
        assert {*found} == {
            "mean of velocity 0", "mean of velocity 1", "mean square of velocity",
            "mean of depth", "mean square of depth",
        }  # fmt: skip
        depth = data["depth"][0]
        np.testing.assert_allclose(found["mean of depth"], [grid.integrate(h) / 2 for h in depth])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--kind", "film"), "expected one of spacetime, snapshots, movie, spectrum"),
        (("--kind", "spacetime"), "fields of one axis"),
        (("--kind", "movie", "-o", "a.png"), "ending in .gif, .mp4 for movie"),
        (("--kind", "spectrum", "-o", "a.gif"), ".png, .pdf or .svg for spectrum"),
        (("--kind", "spectrum", "--slopes", "steep"), "--slopes"),
        (("--kind", "spectrum", "--slopes", "1/0"), "--slopes"),
        (("--component", 0), "expected a field of vectors"),
    ],
)
def test_wrong_wishes(nwidth, tmp_path, monkeypatch, options, words):
    monkeypatch.chdir(tmp_path)
    in_time(tmp_path / "f.h5", Grid.periodic((6, 5)))
    answer = nwidth("plot", "f.h5", *options)
    assert answer.code == 2 and words in answer.sentence
    assert [p.name for p in tmp_path.iterdir()] == ["f.h5"]


def test_spectra_need_a_torus_and_components_a_number_below(nwidth, tmp_path):
    path = in_time(tmp_path / "a.h5", Grid.uniform((6, 5)))
    answer = nwidth("plot", path, "--kind", "spectrum")
    assert answer.code == 2 and "periodic" in answer.sentence
    path = in_time(tmp_path / "b.h5", Grid.periodic((6, 5)), {"flow": Field("m/s", (2,))})
    answer = nwidth("plot", path, "--component", 2)
    assert answer.code == 2 and "below 2" in answer.sentence


@pytest.mark.parametrize("kind", ["spacetime", "snapshots", "movie", "spectrum", "conservation"])
def test_files_without_times_are_refused_in_words(nwidth, made, tmp_path, kind):
    suffix = ".gif" if kind == "movie" else ".png"
    options = ("--kind", kind, "-o", tmp_path / f"a{suffix}")
    answer = nwidth("plot", made / "darcy.h5", *options)
    assert answer.code == 2 and f"in time of {kind}" in answer.sentence
    assert "has no times" in answer.sentence and "leave --kind out" in answer.sentence
    answer = nwidth("plot", made / "fno.h5", *options)
    assert answer.code == 2 and "--kind: expected a data set" in answer.sentence
    one = in_time(tmp_path / "one.h5", Grid.periodic(8), times=[0.5])
    answer = nwidth("plot", one, *options)
    assert answer.code == 2 and "or one alone" in answer.sentence


def test_several_fields_name_the_others(nwidth, tmp_path):
    path = in_time(tmp_path / "a.h5", Grid.periodic(8), {"u": "1", "v": "1"})
    answer = nwidth("plot", path)
    assert answer.code == 0 and "drawn: u; --field takes others: v" in answer.err


def test_slopes_are_read():
    assert parse_slopes("-5/3, -3") == [-5 / 3, -3.0]
    with pytest.raises(ConfigError, match="--slopes"):
        parse_slopes("")


def test_the_help_teaches(nwidth):
    answer = nwidth("plot", "--help")
    for word in ("--kind", "spacetime", "snapshots", "movie", "spectrum", "conservation", "ffmpeg"):
        assert word in answer.out

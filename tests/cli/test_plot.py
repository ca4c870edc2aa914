import numpy as np
import pytest

from nwidth import plotting
from nwidth.fields import FieldDataset
from nwidth.meshes import Grid


@pytest.mark.parametrize("name", ["darcy.h5", "fno.h5"])
def test_what_is_in_the_file_decides(nwidth, made, tmp_path, name):
    answer = nwidth("plot", made / name, "-o", tmp_path / "a.png")
    assert answer.code == 0
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_predictions_with_and_without_bounds(nwidth, made, tmp_path):
    model, test = made / "fno.h5", made / "darcy_test.h5"
    assert nwidth("predict", model, test, "-o", tmp_path / "p.h5").code == 0
    assert nwidth("certify", model, test, "--rtol", 0.5, "-o", tmp_path / "c.h5").code == 0
    for name in ("p", "c"):
        answer = nwidth("plot", tmp_path / f"{name}.h5", "--sample", 3)
        assert answer.code == 0, answer.err
        assert (tmp_path / f"{name}.png").stat().st_size > 20_000


def test_interpolations_and_sensors(nwidth, made, tmp_path):
    import numpy as np

    from nwidth.rom import RectangularEIM, eim

    model = eim(1 / (1 + np.add.outer(np.arange(9.0), np.arange(8.0))))
    model.save(tmp_path / "e.h5")
    assert nwidth("plot", tmp_path / "e.h5").code == 0
    assert nwidth("sensors", made / "darcy.h5", "-n", 3, "-o", tmp_path / "s.h5").code == 0
    assert nwidth("plot", tmp_path / "s.h5").code == 0
    for name in ("e", "s"):
        assert (tmp_path / f"{name}.png").stat().st_size > 10_000
    RectangularEIM.of(model).save(tmp_path / "r.h5")
    answer = nwidth("plot", tmp_path / "r.h5")
    assert answer.code == 1 and "that `nwidth sensors` wrote" in answer.sentence


def test_one_field_as_pdf(nwidth, made, tmp_path):
    out = tmp_path / "a.pdf"
    assert nwidth("plot", made / "darcy.h5", "--field", "pressure", "-o", out).code == 0
    assert out.read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--sample", 99), "--sample: expected a number below 12"),
        (("--field", "presure"), "--field: expected one of permeability, pressure"),
        (("-o", "a.txt"), "ending in .png"),
    ],
)
def test_wrong_wishes(nwidth, made, tmp_path, monkeypatch, options, words):
    monkeypatch.chdir(tmp_path)
    options = options if "-o" in options else (*options, "-o", "a.png")
    answer = nwidth("plot", made / "darcy.h5", *options)
    assert answer.code == 2 and words in answer.sentence
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_draw(nwidth, tmp_path):
    (tmp_path / "a.h5").write_text("no")
    assert nwidth("plot", tmp_path / "a.h5").code == 1
    assert nwidth("plot", tmp_path / "none.h5").code == 1


def in_time(path, shape, names=("velocity",)):
    grid = Grid.periodic(shape)
    rng = np.random.default_rng(0)
    with FieldDataset.create(path, grid, dict.fromkeys(names, "1"), times=[0.0, 0.5, 2.0]) as data:
        data.append({name: rng.standard_normal((3, *grid.shape)) for name in names})
        data.finish()
    return path


@pytest.mark.parametrize("shape", [(8,), (6, 5), (4, 4, 4)])
def test_fields_in_time_are_drawn_in_time(nwidth, tmp_path, shape, monkeypatch):
    drawn = []
    for name in ("space_time", "snapshots", "fields"):
        monkeypatch.setattr(plotting, name, spy(getattr(plotting, name), name, drawn))
    path = in_time(tmp_path / "a.h5", shape)
    assert nwidth("plot", path).code == 0
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert drawn == [{1: "space_time", 2: "snapshots", 3: "snapshots"}[len(shape)]]


def spy(function, name, seen):
    def called(*arguments, **options):
        seen.append(name)
        return function(*arguments, **options)

    return called


def test_movies_are_made_of_fields_in_time_alone(nwidth, made, tmp_path):
    path = in_time(tmp_path / "a.h5", (6, 5), ("vorticity", "dye"))
    assert nwidth("plot", path, "--field", "dye", "-o", tmp_path / "a.gif").code == 0
    assert (tmp_path / "a.gif").read_bytes().startswith(b"GIF")
    assert nwidth("plot", path, "-o", tmp_path / "several.png").code == 0
    answer = nwidth("plot", made / "darcy.h5", "-o", tmp_path / "b.gif")
    assert answer.code == 2 and "has no times" in answer.sentence
    answer = nwidth("plot", made / "fno.h5", "-o", tmp_path / "b.gif")
    assert answer.code == 2 and ".png, .pdf, .svg" in answer.sentence

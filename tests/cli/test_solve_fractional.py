import shutil
from pathlib import Path

import numpy as np

from nwidth.fields import FieldDataset

EXAMPLE = Path(__file__).parents[2] / "examples" / "fractional_diffusion.toml"

BUMP = """
[problem]
equation = "fractional-diffusion"
alpha = 1.6
intervals = 64
degree = 4
upper = 3.0
coefficient = 2.0
[source]
kind = "bump"
"""

PULSE = """
[problem]
equation = "fractional-diffusion"
alpha = [1.3, 1.8]
intervals = [24, 20]
growth = 0.5
output_unit = "mol"
[time]
end = 0.1
outputs = 4
unit = "s"
[initial]
kind = "pulse"
[solver]
rtol = 1e-6
"""


def write(folder, text):
    path = folder / "fractional.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_example_is_solved_written_and_drawn(nwidth, tmp_path):
    shutil.copy(EXAMPLE, tmp_path)
    file, figure = tmp_path / "u.h5", tmp_path / "u.png"
    answer = nwidth("solve", tmp_path / EXAMPLE.name, "-o", file, "--plot", figure)
    assert answer.code == 0, answer.err
    assert "diffusion of order 1.3 and 1.8, splines of degree 4 on 132 x 68 nodes" in answer.out
    assert "iterations  0" in answer.out
    assert figure.read_bytes().startswith(b"\x89PNG")
    with FieldDataset.open(file) as data:
        assert data.complete
        assert data.provenance["problem"]["equation"] == "fractional-diffusion"
        assert data.provenance["residual"] <= 1e-10
        u = data["density"][0]
        assert u.shape == data.grid.shape == (132, 68)
        assert 0.14 < u.max() < 0.16
    assert nwidth("inspect", file).code == 0
    assert nwidth("check", file).code == 0
    assert nwidth("plot", file, "-o", tmp_path / "again.png").code == 0


def test_a_known_solution_tells_the_error(nwidth, tmp_path):
    answer = nwidth("solve", write(tmp_path, BUMP))
    assert answer.code == 0, answer.err
    error = next(line for line in answer.out.splitlines() if line.startswith("error"))
    assert float(error.split()[1]) < 2e-6


def test_in_time_states_are_written_as_a_trajectory(nwidth, tmp_path):
    file = tmp_path / "t.h5"
    answer = nwidth("solve", write(tmp_path, PULSE), "-o", file, "-p", tmp_path / "t.png")
    assert answer.code == 0, answer.err
    for word in ("steps", "mass", "ETDRK4", "density"):
        assert word in answer.out
    with FieldDataset.open(file) as data:
        assert np.allclose(data.times, [0, 0.1 / 3, 0.2 / 3, 0.1])
        u = data["density"][0]
        assert u.shape == (4, 27, 23)
        assert u[3].max() < u[0].max()
    assert nwidth("plot", file, "--kind", "conservation", "-o", tmp_path / "mass.png").code == 0


def test_a_source_comes_from_the_file_of_another_run(nwidth, tmp_path):
    assert nwidth("solve", write(tmp_path, BUMP), "-o", tmp_path / "u.h5").code == 0
    text = BUMP.replace('kind = "bump"', 'kind = "file"\npath = "u.h5"\nname = "source"')
    again = nwidth("solve", write(tmp_path, text), "-o", tmp_path / "v.h5")
    assert again.code == 0, again.err
    with FieldDataset.open(tmp_path / "u.h5") as u, FieldDataset.open(tmp_path / "v.h5") as v:
        assert np.array_equal(u["source"][0], v["source"][0])
        assert np.allclose(u["density"][0], v["density"][0])


def test_a_constant_source_is_written_as_it_is(nwidth, tmp_path):
    """At the boundary, where the equation does not hold, too."""
    text = BUMP.replace('"bump"', '"constant"')
    assert nwidth("solve", write(tmp_path, text), "-o", tmp_path / "u.h5").code == 0
    with FieldDataset.open(tmp_path / "u.h5") as data:
        assert (data["source"][0] == 1).all()
        assert data["density"][0][0] == 0


def test_a_run_goes_on_from_the_file_of_another(nwidth, tmp_path):
    """Its last state, or the one that is asked for."""
    whole, first, rest = (tmp_path / f"{name}.h5" for name in ("whole", "first", "rest"))
    text = PULSE.replace("growth = 0.5\n", "")  # what is linear is exact in time
    assert nwidth("solve", write(tmp_path, text), "-o", whole).code == 0
    early = text.replace("end = 0.1", "end = 0.05")
    assert nwidth("solve", write(tmp_path, early), "-o", first).code == 0
    again = early.replace('"pulse"', '"file"\npath = "first.h5"')
    assert nwidth("solve", write(tmp_path, again), "-o", rest).code == 0
    with FieldDataset.open(whole) as one, FieldDataset.open(rest) as two:
        assert np.allclose(one["density"][0][-1], two["density"][0][-1], atol=1e-12)
    begin = write(tmp_path, again.replace('first.h5"', 'first.h5"\ntime = 0'))
    assert nwidth("solve", begin, "-o", rest, "--overwrite").code == 0
    with FieldDataset.open(first) as one, FieldDataset.open(rest) as two:
        assert np.allclose(one["density"][0], two["density"][0], atol=1e-12)
    late = nwidth("solve", write(tmp_path, again.replace('first.h5"', 'first.h5"\ntime = 4')))
    assert "fractional.toml: [initial] time: expected a number below 4" in late.sentence


def test_what_is_wrong_is_said_in_one_line(nwidth, tmp_path):
    path = write(tmp_path, BUMP)
    assert "--rtol" in nwidth("solve", path, "--rtol", 2).sentence
    assert "--method" in nwidth("solve", path, "--method", "direct").sentence
    assert "--sample" in nwidth("solve", path, "--sample", 3).sentence
    assert ".png" in nwidth("solve", path, "-p", tmp_path / "u.xyz").sentence
    few = nwidth("solve", write(tmp_path, BUMP.replace("64", "4"))).sentence
    assert "fractional.toml" in few and "intervals" in few
    wrong = nwidth("solve", write(tmp_path, BUMP.replace("1.6", "0.6"))).sentence
    assert "[problem] alpha: expected a number > 1.0, got 0.6" in wrong


def test_commands_for_other_equations_say_where_to_go(nwidth, tmp_path):
    path = write(tmp_path, BUMP)
    for command in ("run", "generate"):
        assert "`nwidth solve` takes fractional equations" in nwidth(command, path).sentence
    near = nwidth("solve", write(tmp_path, BUMP.replace("fractional-diff", "fracdiff"))).sentence
    assert "[problem] equation: expected 'fractional-diffusion', got 'fracdiffusion'" in near
    far = nwidth("solve", write(tmp_path, BUMP.replace("fractional-diff", "riesz-diff"))).sentence
    assert "[problem] equation: expected 'darcy' or 'poisson', got 'riesz-diffusion'" in far
    assert "'fractional-diffusion' as well" in far


def test_keys_are_printed(nwidth):
    answer = nwidth("solve", "--keys")
    assert answer.code == 0
    for word in ("[problem]", "alpha", "[time]", "[initial]", '"pulse"', "modes"):
        assert word in answer.out
    assert "fractional" in nwidth("solve", "--help").out

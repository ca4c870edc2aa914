import warnings

import numpy as np
import pytest

from nwidth.cli.build_fractional import build_fractional, bump_source, field_of
from nwidth.cli.fractional_config import FractionalConfig
from nwidth.errors import ConfigError, FileFormatError


def config(**sections):
    problem = {
        "equation": "fractional-diffusion",
        "alpha": [1.5, 1.2],
        "intervals": [8, 12],
        "lower": [-1.0, 0.0],
        "unit": "m",
    }
    given = {"source": {"kind": "constant", "value": 2.0}} | sections
    given["problem"] = problem | sections.get("problem", {})
    return FractionalConfig.model_validate(given)


def test_a_problem_has_the_box_the_units_and_the_source():
    problem = build_fractional(config(problem={"coefficient": [2.0, 3.0], "output_unit": "mol"}))
    assert problem.grid.shape == (11, 15)
    assert [axis.unit for axis in problem.grid.axes] == ["m", "m"]
    assert problem.space.lower == (-1.0, 0.0)
    assert [float(K) for K in problem.space.coefficients] == [2.0, 3.0]
    assert (problem.source == 2).all()
    assert problem.unit == "mol"


def test_pulses_and_bumps_are_what_they_say():
    problem = build_fractional(config())
    x, y = problem.grid.coordinates()
    settings = config(source={"kind": "pulse", "center": [0.5, 0.25], "width": 0.1, "amplitude": 3})
    pulse = field_of(settings.source, problem, None, "source")
    assert np.allclose(pulse, 3 * np.exp(-((x - 0.5) ** 2 + (y - 0.25) ** 2) / 0.02))
    middle = field_of(config(source={"kind": "pulse"}).source, problem, None, "source")
    assert np.allclose(middle, np.exp(-((x / 0.2) ** 2) / 2 - ((y - 0.5) / 0.1) ** 2 / 2))
    settings = config(source={"kind": "bump", "amplitude": 2.0}, problem={"reaction": 1.0})
    problem = build_fractional(settings)
    u = field_of(settings.source, problem, None, "source")
    found = problem.space.solve(bump_source(settings.source, problem)).u
    assert np.abs(found - u).max() < 0.1
    with warnings.catch_warnings(action="error"):
        thin = config(source={"kind": "pulse", "width": 1e-300}).source
        assert field_of(thin, problem, None, "source").sum() <= 1
    with pytest.raises(ConfigError, match=r"\[source\] center: expected 2"):
        field_of(config(source={"kind": "pulse", "center": [0.0]}).source, problem, None, "source")


def test_fields_from_files(tmp_path):
    values = np.random.default_rng(0).random((11, 15))
    np.savez(tmp_path / "f.npz", f=values, small=values[:3])
    given = {"kind": "file", "path": "f.npz", "name": "f"}
    problem = build_fractional(config(source=given), tmp_path)
    assert np.array_equal(problem.source, values[1:-1, 1:-1])
    with pytest.raises(
        ConfigError, match=r"\[source\] path: expected 11 x 15 numbers.*; \[3, 15\] came"
    ):
        build_fractional(config(source=given | {"name": "small"}), tmp_path)
    with pytest.raises(ConfigError, match=r"\[source\] name"):
        build_fractional(config(source=given | {"name": "g"}), tmp_path)
    with pytest.raises(ConfigError, match=r"\[source\] path: expected a file ending in .h5"):
        build_fractional(config(source=given | {"path": "f.toml"}), tmp_path)
    with pytest.raises(ConfigError, match=r"\[source\] time: expected a number below 1"):
        build_fractional(config(source=given | {"time": 1}), tmp_path)
    with pytest.raises(FileFormatError, match="no such file"):
        build_fractional(config(source=given | {"path": "g.npz"}), tmp_path)


def test_too_few_intervals_are_told_with_the_section():
    with pytest.raises(ConfigError, match=r"\[problem\] intervals: expected at least"):
        build_fractional(config(problem={"intervals": 4, "degree": 5}))

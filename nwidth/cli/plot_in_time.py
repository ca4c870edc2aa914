"""Figures of fields in time, by kind, for ``nwidth plot``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nwidth.errors import ConfigError, InputError

if TYPE_CHECKING:
    from nwidth.fields import FieldDataset
    from nwidth.plotting import Figure
    from nwidth.solvers.evolution_problem import EvolutionProblem

KINDS = ("spacetime", "snapshots", "movie", "spectrum", "conservation")
# What turbulence, and a shock on a line, are held against.
SLOPES = {1: (-2.0,), 2: (-5 / 3, -3.0), 3: (-5 / 3,)}
# Of a field, the part that may be in modes which a state does not have.
CUT = 0.1
# Spectra in one figure.
SPECTRA = 4


def parse_slopes(text: str) -> list[float]:
    """Return slopes written as numbers or fractions.

    >>> parse_slopes("-5/3,-3")
    [-1.6666666666666667, -3.0]
    """
    found = []
    for word in text.split(","):
        over, _, under = word.partition("/")
        try:
            found.append(float(over) / float(under or 1))
        except (ValueError, ZeroDivisionError):
            raise ConfigError(
                f"--slopes: expected numbers or fractions like -5/3,-3, got {text!r}"
            ) from None
    return found


def moves(data: "FieldDataset", name: str) -> bool:
    """Return whether a field has several times."""
    several = data.times is not None and len(data.times) > 1
    return several and not data.layout.fields[name].constant


def usual_kind(data: "FieldDataset") -> str:
    """Return the kind that shows most of fields in time."""
    return "spacetime" if data.grid.dimension == 1 else "snapshots"


def draw_in_time(
    data: "FieldDataset",
    kind: str,
    sample: int,
    name: str,
    *,
    component: int | None = None,
    slopes: list[float] | None = None,
) -> "Figure":
    """Return a figure of a moving field, of any kind but movies."""
    from nwidth import plotting

    title, time = _title(data, sample), _time_label(data)
    if kind == "conservation":
        words, found = invariants(data, sample)
        return plotting.conservation(data.times, found, time, f"{title}{words}")
    if kind == "spectrum":
        return _spectrum(data, sample, name, component, slopes, title)
    if kind == "spacetime" and data.grid.dimension > 1:
        raise ConfigError(
            f"--kind: spacetime is for fields of one axis, {name} has {data.grid.dimension}; "
            "take snapshots or movie"
        )
    draw = plotting.space_time if kind == "spacetime" else plotting.snapshots
    frames = None if kind == "spacetime" else 5
    grid, t, values, where = _frames(data, sample, name, component, frames)
    label = _label(data, name, component)
    return draw(grid, t, values, f"{title} {where}".strip(), label, time=time)


def film(
    data: "FieldDataset", sample: int, name: str, path: Path, *, component: int | None = None
) -> Path:
    """Write a movie of a moving field."""
    from nwidth import plotting

    grid, t, values, where = _frames(data, sample, name, component, None)
    label = _label(data, name, component)
    title = f"{_title(data, sample)} {where}".strip()
    return plotting.movie(grid, t, values, path, title, label, time=_time_label(data))


def _title(data: "FieldDataset", sample: int) -> str:
    """Return what is in the file, and the sample."""
    problem = data.provenance.get("problem")
    equation = problem.get("equation") if isinstance(problem, dict) else None
    name = data.provenance.get("setting") or equation
    return f"{name}, sample {sample}" if isinstance(name, str) else f"sample {sample}"


def _times(data: "FieldDataset") -> Any:
    """Return the times of a file that has some."""
    return np.asarray(data.times, np.float64)


def _time_label(data: "FieldDataset") -> str:
    unit = data.layout.time_unit
    return "t" if unit in ("", "1") else f"t ({unit})"


def _label(data: "FieldDataset", name: str, component: int | None) -> str:
    unit, vector = data.units[name], data.layout.fields[name].components
    words = name if component is None else f"{name}, component {component}"
    words = f"|{name}|" if vector and component is None else words
    return words if unit in ("", "1") else f"{words} ({unit})"


def _frames(
    data: "FieldDataset", sample: int, name: str, component: int | None, count: int | None
) -> tuple[Any, Any, Any, str]:
    """Return grid, times and values that are drawn: numbers, in space those of a plane."""
    from nwidth.plotting.trajectories import chosen_times, middle_plane

    grid, where = data.grid, ""
    plane: tuple[Any, ...] = ()
    if grid.dimension == 3:
        grid, index, where = middle_plane(grid)
        plane = (slice(None), slice(None), index)
    t = _times(data)
    chosen = range(len(t)) if count is None else chosen_times(len(t), count)
    values = [_scalar(data, name, data[name][(sample, k, *plane)], component) for k in chosen]
    return grid, t[list(chosen)], np.stack(values), where


def _scalar(data: "FieldDataset", name: str, u: Any, component: int | None) -> Any:
    """Return one number at each point: of vectors and tensors their length, or a component."""
    shape = data.layout.fields[name].components
    if not shape:
        if component is not None:
            raise ConfigError(f"--component: expected a field of vectors, {name} has numbers")
        return u
    u = u.reshape(*u.shape[: u.ndim - len(shape)], -1)
    if component is None:
        return np.linalg.norm(u, axis=-1)
    if component >= u.shape[-1]:
        raise ConfigError(
            f"--component: expected a number below {u.shape[-1]}, of {name}, got {component}"
        )
    return u[..., component]


def _spectrum(
    data: "FieldDataset",
    sample: int,
    name: str,
    component: int | None,
    slopes: list[float] | None,
    title: str,
) -> "Figure":
    """Return the figure of spectra at a few times; a vorticity has those of its flow."""
    from nwidth import plotting
    from nwidth.plotting.trajectories import chosen_times, moment
    from nwidth.solvers.spectral import FourierSpace, energy_spectrum

    try:
        space = FourierSpace(data.grid)
    except InputError as error:
        raise ConfigError(f"--kind: spectrum takes periodic axes: {error}") from None
    vector = data.layout.fields[name].components
    times, spectra, k = _times(data), {}, None
    for j in chosen_times(len(times), SPECTRA):
        u = data[name][sample, j]
        if component is not None:
            u = _scalar(data, name, u, component)
        u = u.reshape(*data.grid.shape, -1)  # of vectors, energies of components add up
        v = space.transform.forward(np.ascontiguousarray(np.moveaxis(u, -1, 0), np.float64))
        if name == "vorticity":
            v = v / np.sqrt(np.where(space.squared > 0, space.squared, np.inf))
        k, energies = energy_spectrum(space, v)
        spectra[moment(_time_label(data), times[j])] = energies.sum(axis=0)
    flow = name in ("vorticity", "velocity") and data.grid.dimension > 1 and component is None
    symbol = f"|{name}|" if vector else name
    square = f"mean square of {_label(data, name, component)} / 2"
    words = "kinetic energy" if flow else square
    unit = data.grid.axes[0].unit
    return plotting.energy_spectra(
        k,
        spectra,
        SLOPES[data.grid.dimension] if slopes is None else slopes,
        f"{title}: {symbol}",
        label=f"{words}, per shell",
        wavenumber="wavenumber k" if unit in ("", "1") else f"wavenumber k (rad/{unit})",
    )


def invariants(data: "FieldDataset", sample: int) -> tuple[str, dict[str, Any]]:
    """Return words for the title, and over time what the equation of a file conserves or loses.

    The problem that the provenance describes computes it of the fields in the file. Of other files
    it is mean and mean square of each field.
    """
    problem, reason = _problem(data)
    if problem is None:
        return f" ({reason}: means of fields)", _means(data, sample)
    found: dict[str, list[Any]] = {}
    for k in range(len(_times(data))):
        inputs = {item.name: _input(data, sample, k, item.name) for item in problem.inputs}
        state = problem.state(inputs)
        if k == len(_times(data)) - 1 and not _same_fields(data, sample, k, problem.fields(state)):
            return " (its fields leave the state open: means of fields)", _means(data, sample)
        for name, value in problem.measured(state, inputs).items():
            found.setdefault(name, []).append(float(value))
    if not found:
        return " (none are known of its equation: means of fields)", _means(data, sample)
    return reason, {name: np.array(values) for name, values in found.items()}


def _problem(data: "FieldDataset") -> tuple["EvolutionProblem | None", str]:
    """Return the problem of a file on the grid of the file, or None and why."""
    from nwidth.solvers import problem_from_description
    from nwidth.solvers.evolution_problem import EvolutionProblem

    described = data.provenance.get("problem")
    if not isinstance(described, dict):
        return None, "no equation in the file"
    # Nothing is drawn, and numbers that are fields later, such as a velocity, are inputs.
    moving = {name for name in data.field_names if moves(data, name)}
    described = {
        k: None if k.startswith("sampler") or k in moving else v for k, v in described.items()
    }
    try:
        problem = problem_from_description(described)
        if not isinstance(problem, EvolutionProblem):
            return None, "its equation has no time"
        words = ""
        if problem.grid.shape != data.grid.shape:
            words = f", of the {' x '.join(map(str, data.grid.shape))} stored points"
            problem = problem.on(data.grid)
    except InputError:
        return None, "its equation is not known here"
    missing = [item.name for item in problem.inputs if _parts(data, item.name) is None]
    if missing:
        return None, f"{', '.join(missing)} not stored"
    return problem, words


def _same_fields(data: "FieldDataset", sample: int, k: int, fields: dict[str, Any]) -> bool:
    """Return whether fields are those of the file, but for modes that are cut off."""
    for name, u in fields.items():
        stored = _input(data, sample, k, name)
        if np.linalg.norm(u - stored) > CUT * np.linalg.norm(stored):
            return False
    return True


def _parts(data: "FieldDataset", name: str) -> tuple[str, ...] | None:
    """Return the fields of a file that an input is made of, real and imaginary part of waves."""
    for parts in ((f"{name}_real", f"{name}_imag"), (name,)):
        if {*parts} <= {*data.field_names}:
            return parts
    return None


def _input(data: "FieldDataset", sample: int, k: int, name: str) -> Any:
    """Return an input of a problem at a time, components first."""
    parts, d = [], data.grid.dimension
    for part in _parts(data, name) or ():
        steady = data.layout.fields[part].constant
        u = np.asarray(data[part][sample] if steady else data[part][sample, k], np.float64)
        parts.append(np.moveaxis(u, range(d, u.ndim), range(u.ndim - d)))
    u = parts[0] if len(parts) == 1 else parts[0] + 1j * parts[1]
    # Of a curl on a torus; points of a finer grid, and single precision, leave some.
    return u - u.mean(axis=tuple(range(-d, 0)), keepdims=True) if name == "vorticity" else u


def _means(data: "FieldDataset", sample: int) -> dict[str, Any]:
    """Return mean and mean square of each field that moves."""
    d, weights = data.grid.dimension, data.grid.weights / data.grid.weights.sum()
    found = {}
    for name in data.field_names:
        if not moves(data, name):
            continue
        means, squares = [], []
        for k in range(len(_times(data))):
            u = np.asarray(data[name][sample, k], np.float64).reshape(*data.grid.shape, -1)
            means.append(np.tensordot(weights, u, d))
            squares.append(float(np.tensordot(weights, u**2, d).sum()))
        words = [""] if len(means[0]) == 1 else [f" {c}" for c in range(len(means[0]))]
        for c, word in enumerate(words):
            found[f"mean of {name}{word}"] = np.array([m[c] for m in means])
        found[f"mean square of {name}"] = np.array(squares)
    return found

import time

import numpy as np
import pytest

pytest.importorskip("torch", reason="the neural operators need PyTorch")

from nwidth.errors import InputError
from nwidth.meshes import Axis, Grid
from nwidth.operators import modes_by_energy
from nwidth.operators.spectral.orthonormal_modes import (
    coefficient_count,
    is_orthonormal,
    orthonormal_frame,
)

UNIFORM = [
    (Axis.uniform(9, 1.0, 3.0), "cosine", 8),
    (Axis.uniform(8, centering="cell"), "cosine", 8),
    (Axis.uniform(9, -1.0, 3.0), "sine", 7),
    (Axis.uniform(8, centering="cell"), "sine", 7),
    (Axis.uniform(9, 2.0, 5.0, periodic=True), "fourier", 5),
    (Axis.uniform(8, periodic=True), "fourier", 4),
]


@pytest.mark.parametrize(("axis", "basis", "modes"), UNIFORM)
def test_sums_over_points_are_sums_over_coefficients(axis, basis, modes):
    there, back = orthonormal_frame(axis, modes, basis)
    count = coefficient_count(basis, modes)
    assert there.shape == (count, axis.size) and back.shape == (axis.size, count)
    np.testing.assert_allclose(there @ back, np.eye(count), atol=1e-13)
    np.testing.assert_allclose(there, back.T * axis.widths / axis.length, atol=1e-13)
    assert is_orthonormal(axis, modes, basis)


def test_functions_are_the_published_ones():
    axis = Axis.uniform(9, 1.0, 3.0)
    s = np.linspace(0, 1, 9)
    np.testing.assert_allclose(
        orthonormal_frame(axis, 3, "cosine")[1],
        np.stack([s**0, np.sqrt(2) * np.cos(np.pi * s), np.sqrt(2) * np.cos(2 * np.pi * s)], 1),
        atol=1e-14,
    )
    s = np.arange(8) / 8
    waves = [s**0, np.sqrt(2) * np.cos(2 * np.pi * s), -np.sqrt(2) * np.sin(2 * np.pi * s)]
    periodic = Axis.uniform(8, periodic=True)
    np.testing.assert_allclose(
        orthonormal_frame(periodic, 2, "fourier")[1], np.stack(waves, 1), atol=1e-14
    )


def test_modes_are_as_few_as_the_energy_allows():
    grid = Grid.uniform((33, 32), centering="cell")
    x, y = grid.coordinates()
    field = np.cos(3 * np.pi * x) * (1 + 0.01 * np.cos(7 * np.pi * y))
    u = np.stack([field, 2 * field])[:, None]
    assert modes_by_energy(u, grid.axes, 0.1) == (4, 1)
    assert modes_by_energy(u, grid.axes, 1e-3) == (4, 8)


@pytest.mark.parametrize(("highest", "bases"), [(5, "cosine"), (200, "cosine"), (300, "fourier")])
def test_long_axes_cost_what_the_modes_cost(highest, bases):
    """As many modes as a Burgers grid has points are never factored for a few of them."""
    axis = Axis.uniform(4096, periodic=bases == "fourier")
    wave = np.cos((2 if bases == "fourier" else 1) * np.pi * highest * axis.points)
    start = time.process_time()
    assert modes_by_energy(wave[None, None], (axis,), 1e-3, bases) == (highest + 1,)
    assert time.process_time() - start < 5


@pytest.mark.parametrize("scale", [1e-300, 1e-200, 1e200])
def test_modes_do_not_depend_on_the_scale(scale):
    axis = Axis.uniform(32, centering="cell")
    field = np.cos(3 * np.pi * axis.points) + 0.01 * np.cos(7 * np.pi * axis.points)
    assert modes_by_energy(scale * field[None, None], (axis,), 1e-3) == (8,)


@pytest.mark.parametrize(
    ("u", "axes", "bases", "words"),
    [
        ("abc", Grid.uniform((9,)).axes, "cosine", "expected numbers"),
        (np.ones((1, 1, 9), complex), Grid.uniform((9,)).axes, "cosine", "real numbers"),
        (np.full((1, 1, 9), np.nan), Grid.uniform((9,)).axes, "cosine", "finite"),
        (np.ones((0, 1, 9)), Grid.uniform((9,)).axes, "cosine", "expected shape"),
        (np.ones((1, 1, 9)), Grid.uniform((9,)), "cosine", "`grid.axes`"),
        (np.ones((1, 1, 9)), Grid.uniform((9,)).axes, ("cosine", "sine"), "one word"),
    ],
)
def test_what_has_no_energy_is_refused(u, axes, bases, words):
    with pytest.raises(InputError, match=words):
        modes_by_energy(u, axes, 1e-3, bases)


def test_energies_that_no_number_of_modes_holds_are_refused():
    axis = Axis.uniform(9)
    with pytest.raises(InputError, match=r"all 7 of .* leave out"):
        modes_by_energy(np.ones((1, 1, 9)), (axis,), 1e-3, "sine")
    with pytest.raises(InputError, match="expected shape"):
        modes_by_energy(np.ones((1, 1, 8)), (axis,), 1e-3)


@pytest.mark.parametrize(
    ("axis", "basis", "modes"),
    [
        (Axis.uniform(9), "cosine", 10),
        (Axis.uniform(9), "sine", 8),
        (Axis.uniform(8, periodic=True), "fourier", 5),
    ],
)
def test_more_modes_than_points_tell_apart_are_refused(axis, basis, modes):
    with pytest.raises(InputError, match=f"at most {modes - 1} modes"):
        orthonormal_frame(axis, modes, basis)

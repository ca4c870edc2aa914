import numpy as np
import pytest

from nwidth import plotting
from nwidth.errors import InputError

R, T = np.meshgrid(np.linspace(1, 2, 4), np.linspace(0, 1, 5), indexing="ij")
X, Y = R * np.cos(T), R * np.sin(T)


def test_the_map_is_drawn_where_the_points_are():
    figure = plotting.mapped_field(X, Y, R * np.cos(3 * T), "ring", "u (1)")
    mesh = figure.axes[0].collections[0]
    assert mesh.get_array().size == 20
    assert mesh.get_datalim(figure.axes[0].transData).x1 == pytest.approx(2.0)
    assert mesh.get_clim()[0] == -mesh.get_clim()[1]  # both signs
    assert figure.axes[0].get_title() == "ring" and figure.axes[1].get_ylabel() == "u (1)"


def test_curves_of_errors_are_drawn_by_name():
    figure = plotting.convergence({"a": ([1, 10], [1e-1, 1e-4]), "b": ([1, 10], [1e-2, 1e-3])})
    axes = figure.axes[0]
    assert [line.get_label() for line in axes.lines] == ["a", "b"]
    assert axes.lines[0].get_ydata().tolist() == [1e-1, 1e-4]
    assert axes.get_yscale() == axes.get_xscale() == "log"


@pytest.mark.parametrize(
    "call",
    [
        lambda: plotting.mapped_field(X, Y[1:], R),
        lambda: plotting.mapped_field(X[0], Y[0], R[0]),
        lambda: plotting.mapped_field(X, Y, R[1:]),
        lambda: plotting.mapped_field(X, Y, R * np.nan),
        lambda: plotting.mapped_field(X, Y, R * 1j),
        lambda: plotting.convergence({}),
        lambda: plotting.convergence({"a": ([1], [1, 2])}),
        lambda: plotting.convergence({"a": ([1], [0.0])}),
        lambda: plotting.convergence([1, 2]),
        lambda: plotting.convergence({"a": 3}),
        lambda: plotting.convergence({"a": ([1], [1], [1])}),
    ],
)
def test_what_cannot_be_drawn_is_refused(call):
    with pytest.raises(InputError):
        call()

"""One function per figure: arrays in, a matplotlib `Figure` out, nothing shown and no global state.

To see a figure: in a notebook make it the last line of a cell; in a script write it to a file,

    plotting.save(plotting.field(grid, pressure), "pressure.png")

as no window opens: figures are made without pyplot, so `plt.show()` does not know them. Titles,
limits and labels are changed through `figure.axes` before that.

Colours: viridis and cividis for magnitudes, blue to red for signed errors, and the eight colours
of Okabe and Ito for lines and bars; all are told apart by colour-blind readers and in grey print.
"""

from matplotlib.figure import Figure

from nwidth.plotting.adaptive_splines import adaptive_spline
from nwidth.plotting.field_maps import field, fields
from nwidth.plotting.fractional import eigenvalues_against_symbol, spreading
from nwidth.plotting.mapped_fields import convergence, mapped_field
from nwidth.plotting.predictions import (
    PredictedSample,
    bound_histogram,
    certified,
    prediction,
    report,
    time_bars,
    training_history,
)
from nwidth.plotting.reduced_models import (
    effectivities,
    greedy_history,
    interpolation,
    reduction,
    response,
    sensors,
    singular_values,
)
from nwidth.plotting.rollouts import rollout
from nwidth.plotting.save import save
from nwidth.plotting.splines import nurbs_field, spline_functions
from nwidth.plotting.style import BLUE, DARK, GREEN, GREY, ORANGE
from nwidth.plotting.trajectories import (
    conservation,
    energy_spectra,
    movie,
    snapshots,
    space_time,
)

__all__ = [
    "BLUE",
    "DARK",
    "GREEN",
    "GREY",
    "ORANGE",
    "Figure",
    "PredictedSample",
    "adaptive_spline",
    "bound_histogram",
    "certified",
    "conservation",
    "convergence",
    "effectivities",
    "eigenvalues_against_symbol",
    "energy_spectra",
    "field",
    "fields",
    "greedy_history",
    "interpolation",
    "mapped_field",
    "movie",
    "nurbs_field",
    "prediction",
    "reduction",
    "report",
    "response",
    "rollout",
    "save",
    "sensors",
    "singular_values",
    "snapshots",
    "space_time",
    "spline_functions",
    "spreading",
    "time_bars",
    "training_history",
]

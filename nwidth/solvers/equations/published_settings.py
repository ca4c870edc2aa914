"""The settings of published data sets in time, by name: equation, initial fields, grids, times."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nwidth.arguments import require_choice, require_integer
from nwidth.errors import InputError
from nwidth.meshes import Grid, random_field
from nwidth.solvers.equations.burgers import Burgers
from nwidth.solvers.equations.gray_scott import PATTERNS, GrayScott
from nwidth.solvers.equations.korteweg_de_vries import KortewegDeVries
from nwidth.solvers.equations.kuramoto_sivashinsky import KuramotoSivashinsky
from nwidth.solvers.equations.navier_stokes import NavierStokes
from nwidth.solvers.equations.rayleigh_benard import RayleighBenard
from nwidth.solvers.equations.vorticity_forcing import VorticityForcing
from nwidth.solvers.equations.wave import WaveEquation
from nwidth.solvers.evolution_problem import EvolutionProblem


@dataclass(frozen=True)
class PublishedSetting:
    """What a source says of a data set; `problem` makes it one that can be generated.

    `points` per axis are solved on, `stored` are kept; `initial` is the description of a random
    field, of several for several fields, without frequencies beyond the published grid: on all
    grids that are as fine, one seed is one function (on coarser ones of one axis, it is cut).
    `rtol` is ours: of the steps, whose error is below that of the published scheme or told in
    `notes`, which say what is not as published. `samples` are training and test samples together;
    `grid` makes the grid of so many points where it is no cube of periodic axes, and is stored as
    it is solved on.
    """

    name: str
    summary: str
    source: str
    equation: Callable[..., EvolutionProblem]
    dimension: int
    points: int
    stored: int
    length: float
    initial: Mapping[str, Any] | tuple[Mapping[str, Any], ...]
    times: tuple[float, ...]
    samples: int
    rtol: float
    options: Mapping[str, Any] = field(default_factory=dict)
    notes: str = ""
    grid: Callable[[int], Grid] | None = None

    def problem(self, points: int | None = None) -> EvolutionProblem:
        """Return the problem on the published grid, or on one of other points per axis.

        >>> published_setting("burgers-fno-paper").problem(64).grid.shape
        (64,)
        """
        n = self.points if points is None else require_integer(points, "points", 8)
        if self.grid is not None:
            grid = self.grid(n)
        else:
            grid = Grid.periodic((n,) * self.dimension, upper=self.length)
        described = self.initial if isinstance(self.initial, tuple) else (self.initial,)
        drawn = []
        for initial in map(dict[str, Any], described):
            if "modes" in initial and self.grid is None:  # more would be aliases of others
                initial["modes"] = min(initial["modes"], (n + 1) // 2)
            drawn.append(random_field(initial, grid))
        sampler = drawn if isinstance(self.initial, tuple) else drawn[0]
        return self.equation(grid, sampler=sampler, **self.options)

    def restrict(self, points: int | None = None) -> int:
        """Return the factor to the stored grid: that of the source, 1 for grids no finer than it.

        >>> published_setting("burgers-fno-paper").restrict(64)
        1
        """
        n = self.points if points is None else require_integer(points, "points", 8)
        if n > self.stored and (n % self.stored or self.grid is not None):
            raise InputError(
                f"points: expected a multiple of the {self.stored} that are stored, or at most so "
                f"many, got {n}"
            )
        return max(1, n // self.stored)

    def about(self) -> dict[str, Any]:
        """Return what the provenance of a file says of its setting."""
        return {"setting": self.name, "source": self.source, "notes": self.notes}


# What people call the families of settings.
FAMILIES = {
    "burgers": "burgers",
    "navier-stokes": "navier-stokes",
    "ks": "kuramoto-sivashinsky",
    "kdv": "korteweg-de-vries",
    "wave": "wave",
    "rayleigh-benard": "rayleigh-benard",
    "gray-scott": "gray-scott",
}

FNO = "Li et al. (2021), Fourier neural operator, arXiv:2010.08895"
WELL = "Ohana et al. (2024), The Well, arXiv:2412.00568"
CNO = "Raonic et al. (2023), Convolutional neural operators, arXiv:2302.01178"
LPSDA = "Brandstetter, Welling & Worrall (2022), arXiv:2202.07643, script generate_data.py"


def _gaussian(alpha: float, tau: float, sigma: float, modes: int) -> dict[str, Any]:
    """Return N(0, sigma^2 (-Laplace + tau^2)^(-alpha)) without the mean, on the torus."""
    return {
        "kind": "GaussianRandomField",
        "alpha": alpha,
        "tau": tau,
        "sigma": sigma,
        "boundary": "periodic",
        "modes": modes,
    }


def _times(first: float, last: float, count: int) -> tuple[float, ...]:
    return tuple(float(t) for t in np.linspace(first, last, count))


def _burgers() -> list[PublishedSetting]:
    """Return both: the published file is that of neither (PR 35 of the code says so of the paper).

    Of the first mode exp(-0.1 (2 pi)^2) = 0.019 is left at t = 1 under the paper's viscosity.
    """
    return [
        PublishedSetting(
            "burgers-fno-paper",
            "Burgers, viscosity 0.1, as printed: u(0) to u(1), 8192 points",
            f"{FNO}, section 5.1",
            Burgers,
            dimension=1,
            points=8192,
            stored=8192,
            length=1.0,
            initial=_gaussian(2.0, 5.0, 25.0, 4096),
            times=(0.0, 1.0),
            samples=1200,
            rtol=1e-8,
            options={"viscosity": 0.1},
            notes="the published file was not made with the printed viscosity",
        ),
        PublishedSetting(
            "burgers-fno-script",
            "Burgers, viscosity 1/1000, as the script has it: 201 times to 1, 1024 points",
            f"{FNO}; script gen_burgers1.m",
            Burgers,
            dimension=1,
            points=1024,
            stored=1024,
            length=1.0,
            initial=_gaussian(2.5, 7.0, 49.0, 512),
            times=_times(0.0, 1.0, 201),
            samples=1,
            rtol=1e-8,
            options={"viscosity": 1e-3},
            notes=(
                "the script makes one sample, with steps of 1e-4, since April 2021 of 1/200, whose "
                "errors are 1e-12 and 1e-5, ours 1e-9; the published file has others; "
                "1024 points resolve the steepest fronts to 1e-5, 2048 to 1e-10"
            ),
        ),
    ]


def _navier_stokes() -> list[PublishedSetting]:
    """Return three viscosities with the covariances of the script, and with that of the paper.

    The script takes the real part of a transform of complex normals, of variance one in either
    part, times 2^(1/2) n^2 sigma (4 pi^2 |k|^2 + tau^2)^(-alpha/2), sigma = tau^(alpha - 1):
    a mode and its conjugate add up, so the covariance is 2 sigma^2 (-Laplace + tau^2)^(-alpha).
    So it was until June 2022, when the data had long been published; since then (commit 11971af)
    the complex normals have variance one in both parts together: half the covariance, "2022".
    Frequencies n/2 apart, that is the law of ours; they are none of the modes of the 2/3 rule.
    """
    found = []
    cases = (("1e-3", 1e-3, 50, 5000), ("1e-4", 1e-4, 30, 10000), ("1e-5", 1e-5, 20, 1200))
    forms = (
        ("", "covariance of the script", 2**0.5 * 7**1.5, "random_fields.py of 2020"),
        ("2022-", "covariance of 2022's script", 7**1.5, "random_fields.py of June 2022"),
        ("paper-", "covariance as printed", 7**0.75, "covariance of section 5.3"),
    )
    for prefix, words, sigma, where in forms:
        for label, viscosity, end, samples in cases:
            found.append(
                PublishedSetting(
                    f"navier-stokes-fno-{prefix}{label}",
                    f"Navier-Stokes vorticity, viscosity {label}, to t = {end}, {words}",
                    f"{FNO}, section 5.3; {where}",
                    NavierStokes,
                    dimension=2,
                    points=256,
                    stored=64,
                    length=1.0,
                    initial=_gaussian(2.5, 7.0, sigma, 128),
                    times=_times(0.0, end, end + 1),
                    samples=samples,
                    rtol=1e-6,
                    options={"viscosity": viscosity, "forcing": VorticityForcing.diagonal(0.1)},
                    notes="published steps: Crank-Nicolson and explicit Euler of 1e-4",
                )
            )
    return found


def _layer(points: int) -> Grid:
    """Return the box of length four and height one between plates, with so many points across."""
    return Grid.chebyshev(
        (4 * points, points), upper=(4.0, 1.0), names="xz", periodic=(True, False)
    )


def _layers() -> list[PublishedSetting]:
    """Return convection at the five Rayleigh numbers of the source."""
    return [
        PublishedSetting(
            f"rayleigh-benard-{label}",
            f"Rayleigh-Benard convection, Ra {label}, Pr 1: 200 times to 50, 512 x 128 points",
            f"{WELL}, data set rayleigh_benard",
            RayleighBenard,
            dimension=2,
            points=128,
            stored=128,
            length=4.0,
            initial={"kind": "DampedNoise", "scale": 1e-3, "modes": [512, 128]},
            times=_times(0.0, 49.75, 200),
            samples=50,
            rtol=1e-3,
            options={"rayleigh": float(label), "prandtl": 1.0},
            notes=(
                "of the 35 pairs of the source (Prandtl numbers 0.1, 0.2, 0.5, 1, 2, 5, 10) those "
                "of Prandtl number 1, and of its initial lines, 0.2 to 1 times 1 - z, the last; "
                "Chebyshev's points across, as its solver has, where the "
                "source says uniform; noise of our generator, of as many waves as points; "
                "published solver: Dedalus, single precision"
            ),
            grid=_layer,
        )
        for label in ("1e6", "1e7", "1e8", "1e9", "1e10")
    ]


def _waves() -> list[PublishedSetting]:
    """Return chaos and solitons; the script keeps the last 140 times.

    It has Radau's method of fifth order at a tolerance of 1e-9, and all modes of 256 points without
    de-aliasing: errors at t = 50 of 2e-9 for chaos, of 1e-7 for solitons. Ours are below these.
    """
    notes = (
        "the source draws length and end of each sample within 10 % of these, here they are fixed; "
        "frequencies 1 and 2 are those that the script draws"
    )
    sines = {"kind": "RandomSines", "waves": 10, "amplitude": 0.5, "lowest": 1, "highest": 2}
    return [
        PublishedSetting(
            "kuramoto-sivashinsky",
            "Kuramoto-Sivashinsky, length 64, 140 times from 72 to 100, 256 points",
            LPSDA,
            KuramotoSivashinsky,
            dimension=1,
            points=256,
            stored=256,
            length=64.0,
            initial=sines,
            times=_times(0.0, 100.0, 500)[-140:],
            samples=1536,
            rtol=1e-12,  # chaos makes a thousand times as much of an error from t = 50 to 100
            notes=notes,
        ),
        PublishedSetting(
            "korteweg-de-vries",
            "Korteweg-de Vries, length 128, 140 times from 44 to 100, 256 of 512 points",
            LPSDA,
            KortewegDeVries,
            dimension=1,
            points=512,
            stored=256,
            length=128.0,
            initial={**sines, "amplitude": 0.5 / 6},
            times=_times(0.0, 100.0, 250)[-140:],
            samples=1536,
            rtol=1e-8,
            notes=f"{notes}; height is a sixth of the source's u, of u_t + u u_x + u_xxx = "
            "0; the source solves on 256 points, of which the 2/3 rule makes errors of 1e-4",
        ),
    ]


def _waves_between_walls() -> list[PublishedSetting]:
    """Return waves of a square with u = 0 on its sides, whose published solution is their series.

    They are odd on a torus of side 2, of which 126 points have the 64 from wall to wall.
    """
    return [
        PublishedSetting(
            "wave-cno",
            "wave equation, speed 0.1, between walls: u(0) to u(5), 64 of 126 points",
            f"{CNO}, wave equation; CNOBenchmarks.py",
            WaveEquation,
            dimension=2,
            points=126,
            stored=126,
            length=2.0,
            initial={
                "kind": "RandomSineSeries",
                "modes": 24,
                "decay": 1.0,
                "amplitude": np.pi / 24**2,
            },
            times=(0.0, 5.0),
            samples=1408,
            rtol=1e-7,
            options={"speed": 0.1, "form": "laplace"},
            notes=(
                "the published square is [0:64, 0:64] of each field, walls included, the rest is "
                "its odd continuation; the source trains on samples 0 to 511, tests on the last "
                "256, and scales fields to [0, 1]; its solution is a series, ours is the same"
            ),
        )
    ]


def _gray_scott() -> list[PublishedSetting]:
    """Return six kinds of patterns; they start from clusters, of which the source says how many."""
    clusters = {"kind": "GaussianClusters", "clusters": (10, 100), "sharpness": (150.0, 300.0)}
    return [
        PublishedSetting(
            f"gray-scott-{name}",
            f"Gray-Scott {name}, feed {feed:g}, kill {kill:g}, 1001 times to t = 10000",
            f"{WELL}, data set gray_scott_reaction_diffusion; script gen_gs.m",
            GrayScott,
            dimension=2,
            points=256,
            stored=128,
            length=2.0,
            initial=({**clusters, "low": 1.0, "high": 0.0}, clusters),
            times=_times(0.0, 10_000.0, 1001),
            samples=100,
            rtol=1e-4,
            options={"feed": feed, "kill": kill},
            notes="the source solves on 128 x 128 points, by ETDRK4 with steps of 1; as many other "
            "samples start there from random Fourier series; its first field is 1 - clusters",
        )
        for name, (feed, kill) in PATTERNS.items()
    ]


def published_settings() -> dict[str, PublishedSetting]:
    """Return all settings by name.

    >>> list(published_settings())[:2]
    ['burgers-fno-paper', 'burgers-fno-script']
    """
    found = [*_burgers(), *_navier_stokes(), *_waves(), *_waves_between_walls(), *_layers()]
    return {one.name: one for one in [*found, *_gray_scott()]}


def short_names() -> dict[str, str]:
    """Return names of families, and of which setting each stands: the first of its family.

    >>> short_names()["burgers"], short_names()["ks"]
    ('burgers-fno-paper', 'kuramoto-sivashinsky')
    """
    names = list(published_settings())
    found = {}
    for short, family in FAMILIES.items():
        of_it = [name for name in names if name == family or name.startswith(f"{family}-")]
        if of_it and short not in names:
            found[short] = of_it[0]
    return found


def published_setting(name: str) -> PublishedSetting:
    """Return one setting, also by its short name, or raise with the names there are.

    >>> published_setting("burgers-fno-script").options["viscosity"]
    0.001
    >>> published_setting("navier-stokes").name
    'navier-stokes-fno-1e-3'
    """
    found = published_settings()
    name = short_names().get(name, name) if isinstance(name, str) else name
    return found[require_choice(name, "setting", found)]

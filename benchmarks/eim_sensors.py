"""Sensors that fail: what a lost one costs in accuracy, and how quickly the others stand in.

    python benchmarks/eim_sensors.py [--quick] [--json FILE]

f(x, y) = 1 / sqrt(4 (x - 0.5)^2 + 9 (y - x)^2 + 0.02), 400 rows, 500 points, 12 fields and sensors
of the maximum-norm greedy: the case of Casenave, Ern & Lelievre (2016), arXiv:1508.05330. Errors
are Frobenius norms relative to that of f; each sensor is lost in turn. Times are of one CPU.
"""

import time
from collections.abc import Callable

import numpy as np
from report import Row, finish, interleave, parse_arguments
from threadpoolctl import threadpool_limits

from nwidth.arrays import generator
from nwidth.rom import EmpiricalInterpolation, RectangularEIM, eim, sensor_failures

RANK = 12


def rows_of(x: np.ndarray) -> np.ndarray:
    """Return rows of the reference field for parameters x."""
    x, y = x[:, None], np.linspace(0, 1, 500)
    return 1 / np.sqrt(4 * (x - 0.5) ** 2 + 9 * (y - x) ** 2 + 0.02)


def accuracy(data: np.ndarray, chosen: EmpiricalInterpolation) -> list[Row]:
    """Worst errors over the sensor lost: field dropped too, all fields, weighted."""
    model, new = RectangularEIM.of(chosen, data), rows_of(generator(0).uniform(0, 1, 4000))
    found, dropped = sensor_failures(model, data, chosen.values), []
    unseen = sensor_failures(model, new, new[:, chosen.points]).weighted.max()
    for i in model.sensors:
        field = model.without_sensor(i).without_field(i)
        difference = field.interpolate(np.delete(chosen.values, i, axis=1)) - data
        dropped.append(float(np.linalg.norm(difference) / np.linalg.norm(data)))
    worst, peer = float(max(dropped)), "field dropped with the sensor"
    medians = (
        f"median {np.median(found.weighted):.2g} against {np.median(dropped):.2g}, all sensors "
        f"{found.intact_weighted:.2g}; on 4000 new rows {unseen:.3g}; goal 6.5e-2"
    )
    plain = (
        f"median {np.median(found.rectangular):.2g} against {np.median(dropped):.2g}, all sensors "
        f"{found.intact:.2g}"
    )
    tasks = (
        ("weighted by covariance", found.weighted, 9.1e-2 / 6.5e-2, medians),
        ("all fields on 11 sensors", found.rectangular, None, plain),
    )
    return [
        Row(f"worst of 12 sensors lost: {name}", float(e.max()), worst, peer, "1", goal, 1, note)
        for name, e, goal, note in tasks
    ]


def many(call: Callable[[], object], count: int) -> Callable[[], object]:
    """Return a function that calls another one so often."""

    def run() -> None:
        for _ in range(count):
            call()

    return run


def speed(data: np.ndarray, chosen: EmpiricalInterpolation, repeats: int) -> list[Row]:
    """Time of `without_sensor` against a new pseudo-inverse and against a new choice."""
    found = []
    model = RectangularEIM.of(chosen, data)
    F = np.delete(chosen.matrix, 5, axis=1)
    less = np.delete(data, chosen.points[5], axis=1)
    for name, peer, calls in (
        ("numpy.linalg.pinv", lambda: np.linalg.pinv(F), 500),
        ("eim anew", lambda: eim(less, 0.0, max_rank=RANK), 5),
    ):
        contenders = {"ours": many(lambda: model.without_sensor(5), 500), "peer": many(peer, calls)}
        times = interleave(contenders, repeats, time.process_time)
        note = f"median of {repeats}, loops of 500 and {calls} calls"
        ours, other = times["ours"] / 500, times["peer"] / calls
        found.append(Row("one of 12 sensors taken out", ours, other, name, "s", 1.0, 1, note))
    for d in (50, 200):
        F = generator(d).standard_normal((d, d))
        large = RectangularEIM.of(eim(F, 0.0))
        less = np.delete(large.matrix, 7, axis=1)
        contenders = {
            "ours": many(lambda large=large: large.without_sensor(7), 20),
            "peer": many(lambda less=less: np.linalg.pinv(less), 3),
        }
        times = interleave(contenders, repeats, time.process_time)
        ours, other = times["ours"] / 20, times["peer"] / 3
        task = f"one of {d} sensors taken out"
        found.append(Row(task, ours, other, "numpy.linalg.pinv", "s", 1.0, 1, "random fields"))
    return found


def agreement() -> list[Row]:
    """Distance to the direct pseudo-inverse after many failures, in units of what it may be."""
    worst = 0.0
    for seed in range(50):
        rng = generator(1, seed)
        F = rng.standard_normal((20, 25))
        model = RectangularEIM.chosen(np.hstack([F, F]), range(20), range(25))
        for i in rng.permutation(25)[:15]:
            model = model.without_sensor(int(i))
        for j in rng.permutation(20)[:8]:
            model = model.without_field(int(j))
        direct = np.linalg.pinv(F[np.ix_(model.fields, model.sensors)]).T
        D = model.coefficients(np.eye(len(model.sensors))).T
        scale = np.linalg.norm(direct, 2) ** 2 * np.linalg.norm(F, 2) * np.finfo(float).eps
        worst = max(worst, float(np.linalg.norm(D - direct, 2) / scale))
    note = "50 matrices of 20 fields and 25 sensors, 15 sensors and 8 fields lost in random order"
    task = "distance to the pseudo-inverse / (eps |F| |F^+|^2)"
    return [Row(task, worst, 10.0, "round-off", "1", 1.0, 1, note)]


def coverage(data: np.ndarray, chosen: EmpiricalInterpolation, count: int) -> list[Row]:
    """How many errors lie outside two error bars, with noise and failures, on new fields."""
    new, sigma = rows_of(generator(2).uniform(0, 1, count)), 0.02
    readings = new[:, chosen.points] + sigma * generator(3).standard_normal((count, RANK))
    model, outside, ratios = RectangularEIM.of(chosen, data), [], []
    for i in range(RANK):
        left = model.without_sensor(i)
        field, bars = left.reconstruct(np.delete(readings, i, axis=1), sigma)
        outside.append(float(np.mean(np.abs(field - new) > 2 * bars)))
        ratios.append(float(np.sqrt(np.mean(((field - new) / bars) ** 2))))
    note = (
        f"{count} new fields, each sensor lost in turn, noise {sigma}; root mean square of error / "
        f"error bar {np.mean(ratios):.3f}"
    )
    task = "share of errors beyond two error bars"
    return [Row(task, float(np.mean(outside)), 0.0455, "normal law", "1", None, 1, note)]


def main() -> None:
    arguments = parse_arguments(__doc__.splitlines()[0])
    quick = arguments.quick
    data = rows_of(np.linspace(0, 1, 400))
    with threadpool_limits(1):
        chosen = eim(data, 0.0, max_rank=RANK)
        rows = accuracy(data, chosen) + speed(data, chosen, 5 if quick else 21)
        rows += agreement() + coverage(data, chosen, 500 if quick else 4000)
    finish("Sensors that fail", rows, arguments)


if __name__ == "__main__":
    main()

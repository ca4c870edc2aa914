"""Whatever comes through a door of points and skeletons is taken or refused in words."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp

from nwidth import rom
from nwidth.errors import NwidthError

A = np.random.default_rng(0).standard_normal((3, 8))
MODEL, MODES, SKELETON = rom.deim(A), rom.pod(A), rom.cur(A, 1e-3)

WRONG = [
    *(None, "strange", b"x", 3, -1, 0.5, np.nan, 1j, True, [], {}, [1, "a"], [np.nan], ...),
    *(np.zeros(0), np.zeros((3, 3)), np.full((3, 8), np.nan), np.ones((3, 8), complex)),
    *(np.array(["a"]), np.zeros((3, 8), object), np.ma.masked_array(A, A > 1)),
    *(np.float64(2), (1, 2, 3), np.zeros((3, 0)), np.zeros((2, 3, 4))),
]

# What is called, and arguments that it takes.
DOORS = {
    "pod": (
        rom.pod,
        {"data": A, "rtol": 0.1, "max_rank": 2, "weights": None, "method": "qr", "seed": 0},
    ),
    "pod in an inner product": (rom.pod, {"data": A, "inner_product": np.eye(8)}),
    "streaming_pod": (
        rom.streaming_pod,
        {"data": A, "rtol": 0.1, "max_rank": 2, "weights": None, "memory": 1 << 20},
    ),
    "StreamingPOD": (rom.StreamingPOD, {"shape": 8, "rtol": 0.1, "dtype": "float64"}),
    "StreamingPOD.update": (lambda rows: rom.StreamingPOD(8).update(rows), {"rows": A}),
    "space_time_pod": (
        lambda max_rank, **given: rom.space_time_pod(max_ranks=(max_rank, None), **given),
        {"data": A[None], "max_rank": 2, "rtol": 0.1, "time_weights": None, "weights": None},
    ),
    "UpdatedSVD": (rom.UpdatedSVD, {"A": A, "rank": 2, "drift": 0.1}),
    "UpdatedSVD.append_rows": (lambda rows: rom.UpdatedSVD(A, 2).append_rows(rows), {"rows": A}),
    "UpdatedSVD.add": (
        lambda change: rom.UpdatedSVD(A, 2).add(change),
        {"change": sp.csr_array(A)},
    ),
    "POD.projection_error": (MODES.projection_error, {"fields": A}),
    "deim": (rom.deim, {"basis": A}),
    "qdeim": (rom.qdeim, {"basis": A}),
    "s_opt": (rom.s_opt, {"basis": A, "number": 4}),
    "gnat": (rom.gnat, {"basis": A, "number": 4}),
    "gappy_pod": (rom.gappy_pod, {"basis": A, "fields": A, "known": A > 0}),
    "aca": (
        rom.aca,
        {
            "entries": lambda i, j: A[i, j],
            "shape": A.shape,
            "rtol": 0.1,
            "max_rank": 2,
            "samples": 5,
            "seed": 0,
        },
    ),
    "entries of aca": (
        lambda entry: rom.aca(lambda i, j: entry + 0 * A[i, j], A.shape),
        {"entry": 1.0},
    ),
    "cur": (rom.cur, {"A": A, "rtol": 0.1, "max_rank": 2, "choice": "deim", "seed": 0}),
    "generalized_nystroem": (
        rom.generalized_nystroem,
        {"A": A, "rank": 2, "oversampling": 0.5, "seed": 0},
    ),
    "randomized_svd": (rom.randomized_svd, {"A": A, "rtol": 0.1, "max_rank": 2, "seed": 0}),
    "range_finder": (rom.range_finder, {"A": A, "rtol": 0.1, "max_rank": 2, "seed": 0}),
    "BasisInterpolation": (rom.BasisInterpolation, {"basis": A, "points": [0, 1, 2]}),
    "interpolate": (MODEL.interpolate, {"values": np.ones(3)}),
    "POD.coefficients": (MODES.coefficients, {"fields": A}),
    "POD.combine": (MODES.combine, {"coefficients": np.ones(3)}),
    "Skeleton": (
        rom.Skeleton,
        {
            "columns": A[:, :2],
            "core": np.eye(2),
            "rows": A[:2],
            "row_indices": [0, 1],
            "column_indices": [0, 1],
            "status": SKELETON.status,
            "domain_shape": (8,),
            "range_shape": (3,),
        },
    ),
    "Skeleton.of": (rom.Skeleton.of, {"model": rom.eim(A)}),
    "Skeleton.error_estimate": (SKELETON.error_estimate, {"A": A, "samples": 3, "seed": 0}),
    "Skeleton.apply": (SKELETON.apply, {"u": np.ones(8)}),
}
CASES = [(door, name) for door, (_, arguments) in DOORS.items() for name in arguments]


@pytest.mark.parametrize("door", DOORS)
def test_the_arguments_as_they_stand_are_taken(door):
    function, arguments = DOORS[door]
    function(**arguments)


@pytest.mark.parametrize(("door", "name"), CASES, ids="-".join)
def test_wrong_arguments_are_taken_or_refused_in_words(door, name):
    function, arguments = DOORS[door]
    for wrong in WRONG:
        if door == "entries of aca" and not isinstance(wrong, int | float | complex):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                function(**{**arguments, name: wrong})
            except NwidthError as error:
                assert len(str(error)) > 20

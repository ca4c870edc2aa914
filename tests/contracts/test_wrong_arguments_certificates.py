"""Whatever comes through a door of certificates is taken or refused in words."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp

from nwidth import rom
from nwidth.errors import NwidthError
from nwidth.rom.stability import MinTheta

N = 8
X = sp.csr_array(np.eye(N) * 2)
PROBLEM = rom.AffineProblem(lambda mu: mu, [np.eye(N)], lambda mu: [1.0], np.ones((1, N)))
PRODUCT, STABILITY = rom.InnerProduct(X), MinTheta([[2.0]], [1.0])
BASIS = np.eye(N)[:, :2]
RESIDUALS = rom.ResidualBasis(PROBLEM, PRODUCT, BASIS)
EXPANDED = rom.ExpandedResidual(PROBLEM, PRODUCT, BASIS)
BOUND = rom.AffineErrorBound(PROBLEM, PRODUCT, STABILITY)
MU, Z = np.linspace(1, 2, 6), np.stack([np.ones(6), 1 / np.linspace(1, 2, 6)])
FORMULA = rom.eim_error_bound(lambda mu: 1 + mu, MU, Z)


class Zero:
    """A surrogate that predicts zero."""

    def predict(self, inputs):
        return np.zeros((len(inputs["mu"]), N))


CERTIFIED = rom.certify(Zero(), PROBLEM, PRODUCT, STABILITY)
MUS = np.ones((3, 1))

WRONG = [
    *(None, "strange", b"x", 3, -1, 0.5, np.nan, 1j, True, [], {}, [1, "a"], [np.nan], ...),
    *(np.zeros(0), np.zeros((3, 3)), np.full((N, N), np.nan), np.ones((N, N), complex)),
    *(np.array(["a"]), np.zeros((N, N), object), np.ma.masked_array(BASIS, BASIS > 0)),
    *(np.float64(2), (1, 2, 3), np.zeros((N, 0)), np.zeros((2, 3, 4)), sp.eye_array(3), 1e308),
]

# What is called, and arguments that it takes.
DOORS = {
    "InnerProduct": (rom.InnerProduct, {"matrix": X}),
    "InnerProduct.of": (rom.InnerProduct.of, {"given": X, "size": N}),
    "euclidean": (rom.InnerProduct.euclidean, {"size": N}),
    "apply": (PRODUCT.apply, {"v": BASIS}),
    "inner": (PRODUCT.inner, {"U": BASIS, "V": BASIS}),
    "norm": (PRODUCT.norm, {"v": BASIS}),
    "riesz": (PRODUCT.riesz, {"r": BASIS}),
    "dual_norm": (PRODUCT.dual_norm, {"r": BASIS}),
    "dual_interval": (PRODUCT.dual_interval, {"r": BASIS}),
    "orthonormalize": (PRODUCT.orthonormalize, {"V": BASIS, "against": None, "rtol": 1e-13}),
    "ResidualBasis": (
        rom.ResidualBasis,
        {"problem": PROBLEM, "inner_product": X, "basis": BASIS, "product_error": 0.0},
    ),
    "extend": (lambda V: rom.ResidualBasis(PROBLEM, PRODUCT).extend(V), {"V": BASIS}),
    "truncated": (RESIDUALS.truncated, {"count": 1}),
    "dual_norm of residuals": (RESIDUALS.dual_norm, {"z": np.ones(3)}),
    "ExpandedResidual": (
        rom.ExpandedResidual,
        {"problem": PROBLEM, "inner_product": X, "basis": BASIS},
    ),
    "square": (EXPANDED.square, {"z": np.ones(3)}),
    "eim_error_bound": (
        lambda value=1.0, **given: rom.eim_error_bound(lambda mu: value, **given),
        {
            "value": 1.0,
            "parameters": MU,
            "z": Z,
            "rtol": 1e-13,
            "max_rank": 2,
            "validation": 2,
            "seed": 0,
        },
    ),
    "bound": (FORMULA.bound, {"z": Z}),
    "AffineErrorBound": (
        rom.AffineErrorBound,
        {"problem": PROBLEM, "inner_product": X, "stability": STABILITY},
    ),
    "bounds": (BOUND, {"mus": MUS, "fields": np.zeros((3, N))}),
    "certify": (
        rom.certify,
        {"surrogate": Zero(), "problem": PROBLEM, "inner_product": X, "stability": STABILITY},
    ),
    "certify_vectors": (
        rom.certify_vectors,
        {"error_bound": BOUND, "mus": MUS, "u": np.zeros((3, N)), "rtol": 0.1},
    ),
    "predict": (CERTIFIED.predict, {"inputs": {"mu": MUS}, "rtol": 0.1}),
}
CASES = [(door, name) for door, (_, arguments) in DOORS.items() for name in arguments]


@pytest.mark.parametrize("door", DOORS)
def test_the_arguments_as_they_stand_are_taken(door):
    function, arguments = DOORS[door]
    function(**arguments)


@pytest.mark.parametrize(("door", "name"), CASES, ids=[f"{door}-{name}" for door, name in CASES])
def test_wrong_arguments_are_taken_or_refused_in_words(door, name):
    function, arguments = DOORS[door]
    for wrong in WRONG:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                function(**{**arguments, name: wrong})
            except NwidthError as error:
                assert len(str(error)) > 20

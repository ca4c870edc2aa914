"""Reduced models from snapshots alone: scores of the solution's modes as functions of the inputs.

Regressors take points (m, p) and values (m, r), know what they are wrong by at left-out samples,
and are chosen by it; `PODRegression` puts them behind the interface of all surrogates.
"""

from nwidth.rom.regression.gaussian_process import GaussianProcess, gaussian_process
from nwidth.rom.regression.pod_regression import PODRegression
from nwidth.rom.regression.pod_surrogate import FieldEstimate, PODSurrogate
from nwidth.rom.regression.polynomial_regression import (
    PolynomialRegression,
    polynomial_regression,
)
from nwidth.rom.regression.radial_basis_functions import (
    RadialBasisFunctions,
    radial_basis_functions,
)
from nwidth.rom.regression.regressor import Regressor

__all__ = [
    "FieldEstimate",
    "GaussianProcess",
    "PODRegression",
    "PODSurrogate",
    "PolynomialRegression",
    "RadialBasisFunctions",
    "Regressor",
    "gaussian_process",
    "polynomial_regression",
    "radial_basis_functions",
]

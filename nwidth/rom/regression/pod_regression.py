"""POD of the fields and a regression of their scores on the parameters, chosen by its error."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nwidth.arguments import require_choice
from nwidth.errors import InputError
from nwidth.rom.regression.gaussian_process import GaussianProcess, gaussian_process
from nwidth.rom.regression.pod_surrogate import PODSurrogate
from nwidth.rom.regression.polynomial_regression import (
    PolynomialRegression,
    polynomial_regression,
)
from nwidth.rom.regression.radial_basis_functions import (
    RadialBasisFunctions,
    radial_basis_functions,
)
from nwidth.rom.regression.regressor import Regressor

Array = NDArray[Any]

# How each is found, and how it is read from a file: names are looked up here and nowhere else.
_FITS: dict[str, Any] = {
    GaussianProcess.name: gaussian_process,
    RadialBasisFunctions.name: radial_basis_functions,
    PolynomialRegression.name: polynomial_regression,
}
_CLASSES: dict[str, Any] = {
    found.name: found for found in (GaussianProcess, RadialBasisFunctions, PolynomialRegression)
}
REGRESSORS = (*_FITS,)


class PODRegression(PODSurrogate):
    """A reduced model from snapshots alone: modes of the output, scores by regression.

        u(mu) ~ u_0 + sum_k c_k(mu) u_k,    c_k(mu_j) ~ (u(mu_j) - u_0, u_k)

    The error at a sample that is left out, of the regression (in closed form) and of the modes
    together, is what `metrics["error"]` states; the modes are those of all samples, so that with
    few samples the error for new parameters is larger. It is no bound: `certify` has one.
    References: Guo & Hesthaven (2018), doi:10.1016/j.cma.2018.07.017, for Gaussian processes;
    Audouze, De Vuyst & Nair (2009), doi:10.1002/nme.2540, for radial functions.

    Args:
        inputs, output: names of the data set; and what else `PODSurrogate` takes.
        regressor: "gaussian-process", which alone has error bars, "radial-basis-functions",
            "polynomial", or "auto": that of the smallest error, all of which `metrics["errors"]`
            lists (of the scores alone, relative to the fields as `metrics["error"]` is).

    >>> model = PODRegression(inputs="mu", output="pressure")
    >>> model.predict({"mu": np.ones(1)})
    Traceback (most recent call last):
        ...
    nwidth.errors.InputError: pod-regression: expected a fitted model; call fit, or load one
    """

    _kind = "pod-regression"
    _settings = (*PODSurrogate._settings, "regressor")

    def __init__(
        self,
        *,
        inputs: str | Sequence[str],
        output: str,
        regressor: str = "auto",
        rtol: float = 1e-6,
        max_modes: int | None = None,
        feature_rtol: float = 1e-3,
        max_features: int | None = 10,
    ):
        super().__init__(
            inputs=inputs,
            output=output,
            rtol=rtol,
            max_modes=max_modes,
            feature_rtol=feature_rtol,
            max_features=max_features,
        )
        self.regressor = require_choice(regressor, "regressor", (*REGRESSORS, "auto"))

    def _regress(
        self, points: Array, scores: Array, size: float
    ) -> tuple[Regressor, dict[str, Any]]:
        found, reasons = [], []
        for name, fit in _FITS.items():
            if self.regressor not in (name, "auto"):
                continue
            try:
                found.append(fit(points, scores))
            except InputError as error:  # too few samples for this one
                reasons.append(error)
        if not found:
            raise reasons[0]
        total = size * float(np.sqrt(len(scores)))
        errors = {model.name: float(np.linalg.norm(model.left_out)) / total for model in found}
        return min(found, key=lambda model: errors[model.name]), {"errors": errors}

    @staticmethod
    def _restored(name: str, arrays: dict[str, Array], told: dict[str, Any]) -> Regressor:
        return _CLASSES[name].from_archived(arrays, told)

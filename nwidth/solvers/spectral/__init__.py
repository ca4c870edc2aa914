"""Spectral bases, their transforms and what is computed with their coefficients."""

from nwidth.solvers.spectral.energy_spectrum import energy_spectrum, spectral_tail
from nwidth.solvers.spectral.fast_fourier import FastFourier
from nwidth.solvers.spectral.fourier_space import FourierSpace

__all__ = ["FastFourier", "FourierSpace", "energy_spectrum", "spectral_tail"]

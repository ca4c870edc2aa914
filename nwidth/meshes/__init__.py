"""Geometry only: grids, quadrature, restriction, interpolation, random fields and grid files."""

from importlib import import_module
from typing import Any

from nwidth.meshes.axis import Axis
from nwidth.meshes.grid import Grid
from nwidth.meshes.knot_vector import KnotVector
from nwidth.meshes.random_field import RandomField, random_field

# These load scipy.fft or read files: on first use, so that the plain geometry imports quickly.
_HOME = {
    "DampedNoise": "nwidth.meshes.damped_noise",
    "GaussianClusters": "nwidth.meshes.gaussian_clusters",
    "GaussianRandomField": "nwidth.meshes.gaussian_random_field",
    "LogNormalField": "nwidth.meshes.log_normal_field",
    "PointCloud": "nwidth.meshes.point_cloud",
    "PeriodicKernelField": "nwidth.meshes.periodic_kernel_field",
    "RandomSineSeries": "nwidth.meshes.random_sine_series",
    "RandomSines": "nwidth.meshes.random_sines",
    "TwoPhaseField": "nwidth.meshes.two_phase_field",
    "read_eclipse": "nwidth.meshes.eclipse",
    "read_eclipse_field": "nwidth.meshes.eclipse",
}

__all__ = [
    "Axis",
    "DampedNoise",
    "GaussianClusters",
    "GaussianRandomField",
    "Grid",
    "KnotVector",
    "LogNormalField",
    "PeriodicKernelField",
    "PointCloud",
    "RandomField",
    "RandomSineSeries",
    "RandomSines",
    "TwoPhaseField",
    "random_field",
    "read_eclipse",
    "read_eclipse_field",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'nwidth.meshes' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)

"""Geometry only: grids, quadrature, restriction, interpolation, random fields and grid files."""

from nwidth.meshes.axis import Axis
from nwidth.meshes.grid import Grid
from nwidth.meshes.random_field import RandomField

__all__ = ["Axis", "Grid", "RandomField"]

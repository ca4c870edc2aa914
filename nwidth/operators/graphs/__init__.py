"""Integrals over the neighbours of points, on grids and clouds, and samples on clouds."""

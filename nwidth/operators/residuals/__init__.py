"""Residuals of equations by coefficients: losses that need no data."""

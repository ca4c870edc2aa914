"""Spectral layers: bases per axis, their transforms on any grid, and convolutions."""

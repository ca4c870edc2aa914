"""Surrogates of fields in time, and how they are trained over several steps."""

"""Leaves the doctests of the neural operators out where PyTorch is not installed."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("torch") else ["nwidth/operators/*"]

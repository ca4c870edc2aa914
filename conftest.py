"""What all tests share: no doctests of PyTorch code without PyTorch."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("torch") else ["nwidth/operators/*"]

"""The networks that files and commands may name."""

from importlib import import_module

from nwidth.errors import InputError
from nwidth.operators.operator_network import OperatorNetwork

# Name -> module of this package. Loading a file looks its network up here and nowhere else, so that
# no file can make anything but our own code run. One line per network.
ARCHITECTURES: dict[str, str] = {
    "FNO": "fno",
    "TFNO": "tfno",
    "FFNO": "ffno",
    "GNO": "gno",
    "LNO": "lno",
    "MGNO": "multipole_gno",
    "MgNO": "mgno",
    "T1": "t1",
    "NeuralSpectralNetwork": "neural_spectral_network",
}


def architecture(name: str) -> type[OperatorNetwork]:
    """Return the class of a network by its name.

    Raises `InputError` for a name that is not in the table.

    >>> architecture("FNO").__name__
    'FNO'
    """
    if not isinstance(name, str) or name not in ARCHITECTURES:
        raise InputError(f"expected one of the networks {', '.join(ARCHITECTURES)}, got {name!r}")
    found: type[OperatorNetwork] = getattr(
        import_module(f"nwidth.operators.{ARCHITECTURES[name]}"), name
    )
    return found


def require_network(network: object, who: str) -> OperatorNetwork:
    """Return a network that files can name, or raise `InputError`."""
    name = type(network).__name__
    if name not in ARCHITECTURES or architecture(name) is not type(network):
        raise InputError(
            f"{who}: expected a network of {', '.join(ARCHITECTURES)}, got {name}; a network of "
            "your own needs its line in nwidth/operators/architectures.py"
        )
    assert isinstance(network, OperatorNetwork)
    return network

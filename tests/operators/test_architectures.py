import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

from nwidth.errors import InputError  # noqa: E402
from nwidth.operators import FNO  # noqa: E402
from nwidth.operators.architectures import (  # noqa: E402
    ARCHITECTURES,
    architecture,
    require_network,
)
from nwidth.operators.operator_network import OperatorNetwork  # noqa: E402


@pytest.mark.parametrize("name", [*ARCHITECTURES])
def test_every_name_is_a_network(name):
    network = architecture(name)
    assert issubclass(network, OperatorNetwork)
    assert network.__name__ == name
    assert network.__module__ == f"nwidth.operators.{ARCHITECTURES[name]}"


@pytest.mark.parametrize("name", ["fno", "os.system", "Trainer", "", None, ["FNO"]])
def test_other_names_are_refused(name):
    with pytest.raises(InputError, match="expected one of the networks FNO"):
        architecture(name)


def test_only_the_class_in_the_table_is_taken():
    network = FNO(1, 1, (2,), width=2, layers=1)
    assert require_network(network, "test") is network
    foreign = type("FNO", (FNO,), {})(1, 1, (2,), width=2, layers=1)
    for other in (foreign, torch.nn.Linear(2, 2), None):
        with pytest.raises(InputError, match="test: expected a network of FNO"):
            require_network(other, "test")

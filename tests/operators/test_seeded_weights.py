import pytest

torch = pytest.importorskip("torch", reason="the neural operators need PyTorch")

from nwidth.errors import InputError  # noqa: E402
from nwidth.operators import FNO, GNO  # noqa: E402
from nwidth.operators.seeded_weights import seeded_weights  # noqa: E402


def drawn(*arguments):
    with seeded_weights(*arguments):
        return torch.rand(4)


@pytest.mark.parametrize(("arguments", "number"), [((7,), 7), ((7, 0), 7000), ((7, 3), 7003)])
def test_draws_are_those_of_the_seed_and_purpose(arguments, number):
    """The numbers that PyTorch draws: files of networks say nothing but the seed."""
    expected = torch.rand(4, generator=torch.Generator().manual_seed(number))
    assert torch.equal(drawn(*arguments), expected)


def test_the_generator_is_left_as_it_was():
    before = torch.get_rng_state()
    drawn(1)
    with pytest.raises(ZeroDivisionError), seeded_weights(1):
        torch.rand(1)
        raise ZeroDivisionError
    assert torch.equal(before, torch.get_rng_state())


def test_seeds_beyond_counting_are_told():
    drawn(2**64 - 1)
    for build in (lambda: drawn(2**64), lambda: FNO(seed=10**300), lambda: GNO(seed=2**60)):
        with pytest.raises(InputError, match=r"seed: expected an integer of fewer.*got 1\d+; take"):
            build()

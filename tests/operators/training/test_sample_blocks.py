import pytest

pytest.importorskip("torch", reason="the neural operators need PyTorch")

from nwidth.errors import InputError
from nwidth.operators.training.sample_blocks import POINTS_AT_ONCE, sample_blocks


@pytest.mark.parametrize(
    ("points", "batch", "step"),
    [
        (POINTS_AT_ONCE, None, 1),
        (POINTS_AT_ONCE + 1, None, 1),
        (POINTS_AT_ONCE // 3, None, 3),
        (1, None, 7),
        (1, 2, 2),
        (POINTS_AT_ONCE, 4, 4),
    ],
)
def test_every_sample_is_in_one_block(points, batch, step):
    blocks = list(sample_blocks(7, points, batch))
    assert [k for some in blocks for k in range(7)[some]] == [*range(7)]
    assert [some.stop - some.start for some in blocks[:-1]] == [step] * (len(blocks) - 1)
    assert all(some.stop <= 7 for some in blocks)


@pytest.mark.parametrize("batch", [0, -1, 1.5, True, "a"])
def test_batches_that_are_no_number_are_refused(batch):
    with pytest.raises(InputError, match="batch: expected an integer >= 1"):
        sample_blocks(7, 1, batch)

import pytest

from common.embedding import sizes


@pytest.mark.parametrize("width, blocks", [(16, 4), (18, 3), (6, 3), (10, 2), (7, 1), (1, 1)])
def test_blocks_divide_a_row(width: int, blocks: int) -> None:
    assert sizes.num_blocks(width) == blocks


def test_each_further_block_asks_for_four_times_as_much() -> None:
    assert sizes.block_limits(8, 4) == [8, 32, 128] and sizes.block_limits(8, 1) == []


@pytest.mark.parametrize("buckets, shared", [(1, 2), (16, 2), (100, 12), (100000, 12500)])
def test_cold_keys_share_an_eighth(buckets: int, shared: int) -> None:
    assert sizes.num_shared(buckets) == shared


@pytest.mark.parametrize("buckets, side", [(1, 1), (4, 2), (5, 3), (100000, 317)])
def test_two_tables_give_each_id_a_pair(buckets: int, side: int) -> None:
    assert sizes.side(buckets) == side and len({(i // side, i % side)
                                                for i in range(buckets)}) == buckets
    assert (buckets - 1) // side < side

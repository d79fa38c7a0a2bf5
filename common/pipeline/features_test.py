from typing import Dict, List

import numpy as np
import pytest

from common.pipeline.features import Block, Ragged, concat, feature_names, slices


def test_names_of_a_lists_features() -> None:
    assert feature_names("tags") == ("tags.values", "tags.row_splits", "tags.weights")


def lists_of(ragged: Ragged) -> List[Dict[int, float]]:
    return [dict(zip(ragged.values[low:high].tolist(), ragged.weights[low:high].tolist()))
            for low, high in zip(ragged.row_splits[:-1], ragged.row_splits[1:])]


@pytest.mark.parametrize("seed", range(20))
def test_take_and_concat_move_whole_rows(seed: int) -> None:
    rng = np.random.default_rng(seed)

    def block(size: int) -> Block:
        lengths = rng.integers(0, 4, size)
        ragged = Ragged(
            rng.integers(0, 99, lengths.sum()).astype(np.int32),
            np.concatenate([[0], np.cumsum(lengths)]),
            rng.random(lengths.sum()).astype(np.float32))
        return Block(rng.integers(0, 99, size), rng.random([size, 2]), rng.integers(0, 99, size),
                     rng.integers(0, 99, [size, 3]), rng.random([size, 1]), (ragged, ragged))

    def rows(block: Block) -> List[str]:
        lists = [[sorted(weights.items())
                  for weights in lists_of(ragged)]
                 for ragged in block.lists]
        return [repr(row) for row in zip(*[part.tolist() for part in block[:5]], *lists)]

    parts = [block(int(size)) for size in rng.integers(0, 9, 4)]
    joined = concat(list(parts))
    assert rows(joined) == [row for part in parts for row in rows(part)]
    order = rng.integers(0, max(len(joined.rows), 1), 6 if len(joined.rows) else 0)
    assert rows(joined.take(order)) == [rows(joined)[i] for i in order]
    pieces = list(slices(joined, order, 4))
    assert [row for piece in pieces for row in rows(piece)] == rows(joined.take(order))

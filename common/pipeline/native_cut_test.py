from typing import List, Tuple

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common.config.column_fields import KEYS
from common.kernels import native
from common.pipeline import batches, native_cut
from common.pipeline.features import Block, Ragged

pytestmark = pytest.mark.skipif(native.load().ops is None, reason=native.load().reason)


def random_block(num_rows: int, labels: int, ids: int, numbers: int, lists: int,
                 keyed: bool = False) -> Block:
    """A block of columns; of keyed ones, every second list has keys."""
    rng = np.random.RandomState(num_rows)
    ragged = []
    for i in range(lists):
        row_splits = np.concatenate([[0], np.cumsum(rng.randint(0, 4, num_rows))])
        ragged.append(
            Ragged(random_ids(rng, [row_splits[-1]], keyed and i % 2 == 0),
                   row_splits.astype(np.int64), rng.rand(row_splits[-1]).astype(np.float32)))
    return Block(rng.randint(0, 99, num_rows), rng.rand(labels, num_rows).astype(np.float32),
                 rng.randint(0, 99, num_rows), random_ids(rng, [ids, num_rows], keyed),
                 rng.rand(numbers, num_rows).astype(np.float32), tuple(ragged))


def random_ids(rng: np.random.RandomState, shape: List[int], keyed: bool) -> np.ndarray:
    return rng.randint(0, KEYS if keyed else 99, shape, np.int64 if keyed else np.int32)


def as_tensors(block: Block) -> Block:
    return Block(*[tf.constant(array) for array in block[:5]],
                 lists=tuple(
                     Ragged(*[tf.constant(array) for array in ragged]) for ragged in block.lists))


def flat(block: Block) -> List[np.ndarray]:
    return [
        block.rows, *block.labels, block.users, *block.ids, *block.numbers,
        *sum(map(list, block.lists), [])
    ]


@pytest.mark.parametrize("keyed", [False, True])
@pytest.mark.parametrize("sizes", [(1, 1, 0, 0), (2, 16, 1, 2), (1, 0, 0, 3), (1, 2, 3, 1)])
@pytest.mark.parametrize("num_rows, start, size", [(7, 0, 3), (7, 6, 3), (7, 3, 4), (7, 7, 2),
                                                   (0, 0, 1), (3, 1, 99)])
def test_cuts_what_plain_ops_cut(num_rows: int, start: int, size: int,
                                 sizes: Tuple[int, int, int, int], keyed: bool) -> None:
    block = as_tensors(random_block(num_rows, *sizes, keyed=keyed))
    with tf.Session() as session:
        ours = session.run(flat(native_cut.batch(block, tf.constant(start, tf.int64), size)))
        plain = session.run(
            flat(batches._cut_by_tensorflow(block, tf.constant(start, tf.int64), size)))
    assert len(ours) == len(plain)
    for one, other in zip(ours, plain):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def test_every_list_needs_values() -> None:
    block = as_tensors(random_block(3, 1, 1, 1, 1))
    made = native.load().ops.zoo_cut_batch(start=tf.constant(0, tf.int64), rows=block.rows,
                                           users=block.users, labels=block.labels, ids=block.ids,
                                           numbers=block.numbers,
                                           values=2 * [block.lists[0].values],
                                           row_splits=[block.lists[0].row_splits],
                                           weights=[block.lists[0].weights], size=1, K=1, C=1, M=1)
    with tf.Session() as session, pytest.raises(
            tf.errors.InvalidArgumentError,
            match="values must be as many as row_splits: 1. Got: 2"):
        session.run(made.batch_rows)


def lists_of(*ragged: Ragged) -> Block:
    return random_block(3, 1, 1, 0, 0)._replace(lists=ragged)


ITEMS, WEIGHTS = np.arange(4, dtype=np.int32), np.ones(4, np.float32)


@pytest.mark.parametrize("block, start, message", [
    (random_block(3, 1, 1, 1, 1), 4, "start must be from 0 to 3, the number of rows. Got: 4"),
    (random_block(3, 1, 1, 1, 1), -1, "start must be from 0 to 3, the number of rows. Got: -1"),
    (random_block(3, 1, 1, 1,
                  0)._replace(users=np.arange(2)), 0, r"users must be of shape \[3\]. Got: \[2\]"),
    (random_block(3, 1, 2, 1,
                  0)._replace(ids=np.zeros([2, 4], np.int32)), 0, r"ids must be of shape \[2,3\]"),
    (random_block(3, 1, 1, 1, 0)._replace(labels=np.ones(3, np.float32)), 0,
     r"labels must be of shape \[3,3\]"),
    (random_block(3, 1, 1, 1, 0)._replace(numbers=np.ones(3, np.float32)), 0,
     r"numbers must be of shape \[3,3\]"),
    (lists_of(Ragged(ITEMS, np.array([0, 4, 1, 3]),
                     WEIGHTS)), 0, "must ascend from 0 to 4. Got: 0 to 3"),
    (lists_of(Ragged(ITEMS, np.array([0, 1, 4]),
                     WEIGHTS)), 0, r"row_splits must be of shape \[4\]. Got: \[3\]"),
    (lists_of(Ragged(ITEMS, np.array([0, 1, 2, 4]),
                     WEIGHTS[:3])), 0, r"weights must be of shape \[4\]. Got: \[3\]"),
    (lists_of(Ragged(ITEMS, np.array([0, 1, 2, 5]),
                     WEIGHTS)), 0, "must ascend from 0 to 4. Got: 0 to 5"),
    (lists_of(Ragged(ITEMS, np.array([3, 1, 2, 2]),
                     WEIGHTS)), 0, "must ascend from 0 to 4. Got: 3 to 2"),
])
def test_errors(block: Block, start: int, message: str) -> None:
    made = native_cut.batch(as_tensors(block), tf.constant(start, tf.int64), 3)
    with tf.Session() as session, pytest.raises(tf.errors.InvalidArgumentError, match=message):
        session.run(flat(made))

"""Measures embedding variables beside tables of fixed size: python -m common.benchmark.tables
--keys 10000000.

Both look up and update (Adagrad) the same ids of a batch with the native ops of training, in turns,
with that many rows or keys in memory. Absolute figures hold for one machine, ratios within one run
for more.
"""

import argparse
import statistics
import sys
import time
from typing import Callable, Dict, List, NamedTuple, Optional

import numpy as np
import tensorflow.compat.v1 as tf

from common import runner
from common.benchmark import report
from common.config import flag_types
from common.embedding import graph_record, storage
from common.embedding.embedding_variable import EmbeddingVariable
from common.embedding.kinds import Kind
from common.embedding.storage import Storage
from common.embedding.table_spec import TableSpec
from common.kernels.embedding import lookup, table
from common.optimizers import catalog, table_updates

_WIDTH = 16
_FILLED = 500000  # keys made at a time


class Variant(NamedTuple):
    """A step that looks up and updates, and where its ids go."""

    ids: tf.Tensor
    step: tf.Operation


def fixed(keys: int) -> Variant:
    """A table of fixed size."""
    weights = tf.get_variable("fixed", [keys, _WIDTH], initializer=tf.zeros_initializer())
    ids = tf.placeholder(tf.int32, [None])
    loss = tf.reduce_mean(tf.square(lookup.lookup([weights], [lookup.Lookup(0, ids)]) - 1.0))
    return Variant(ids, catalog.make("adagrad", 0.01).minimize(loss, var_list=[weights]))


def grown(keys: int) -> Variant:
    """An embedding variable."""
    ids = tf.placeholder(tf.int64, [None])
    spec, record = TableSpec("grown", keys, _WIDTH, 0.0, "grown"), graph_record.of_graph()
    with record.collect_lookups() as lookups:
        rows, (index,) = storage.rows_of_batch(spec, [ids], Storage(Kind.EV), record)
    loss = tf.reduce_mean(tf.square(lookup.lookup([rows], [lookup.Lookup(0, index)]) - 1.0))
    gradients = tf.gradients(loss, [one.rows for one in lookups])
    merged = table_updates.merge(list(zip(lookups, gradients)))
    return Variant(ids, tf.group(table_updates.update_all(merged, "adagrad", 0.01)))


def key_of(ids: np.ndarray) -> np.ndarray:
    """A key of 63 bits for each id, distinct for distinct ones."""
    return (ids.astype(np.uint64) * np.uint64(0x9e3779b97f4a7c15)
            & np.uint64((1 << 63) - 1)).astype(np.int64)


def fill(session: tf.Session, variable: EmbeddingVariable, keys: int) -> int:
    """Gives ids 0 to before `keys` a row; returns the bytes that the variable takes."""
    given, count = tf.placeholder(tf.int64, [None]), tf.placeholder(tf.int64, [])
    ones = tf.ones_like(given)
    update = table.update(variable.parts[0], given, ones, tf.zeros([tf.size(given), _WIDTH]), count,
                          "adagrad", [0.01])
    for low in range(0, keys, _FILLED):
        session.run(update, {given: key_of(np.arange(low, min(low + _FILLED, keys))), count: 0})
    return int(session.run(table.size(variable.parts[0]))[2])


def measure(step: Callable[[np.ndarray], None], batches: List[np.ndarray]) -> float:
    """Ids a second."""
    began = time.monotonic()
    for batch in batches:
        step(batch)
    return sum(len(batch) for batch in batches) / (time.monotonic() - began)


def main(argv: Optional[List[str]] = None) -> None:
    """Prints ids/s of both, their ratio, and the bytes that a key takes."""
    parser = argparse.ArgumentParser(
        description="Measures embedding variables beside tables of fixed size.")
    parser.add_argument("--keys", type=flag_types.positive, default=10000000,
                        help="keys in memory (default 10000000)")
    parser.add_argument("--batch", type=flag_types.positive, default=10000,
                        help="ids a step (default 10000)")
    parser.add_argument("--rounds", type=flag_types.positive, default=5,
                        help="rounds of 100 steps (default 5)")
    args = parser.parse_args(argv)
    runner.quiet_tensorflow()
    random = np.random.default_rng(1)
    batches = [random.integers(0, args.keys, args.batch) for _ in range(100)]
    with tf.Graph().as_default(), tf.Session() as session:
        tf.train.get_or_create_global_step()
        variants: Dict[str, Variant] = {
            "fixed": fixed(args.keys), "embedding variable": grown(args.keys)
        }
        variable, = graph_record.of_graph().variables.values()
        session.run([tf.global_variables_initializer(), variable.make()])
        size = fill(session, variable, args.keys)
        rates: Dict[str, List[float]] = {name: [] for name in variants}
        for _ in range(args.rounds + 1):  # the first warms up
            for name, (ids, step) in variants.items():
                changed = [batch if name == "fixed" else key_of(batch) for batch in batches]
                rates[name].append(measure(lambda batch: session.run(step, {ids: batch}), changed))
    medians = [statistics.median(rates[name][1:]) for name in ("fixed", "embedding variable")]
    print(
        report.provenance(sys.argv[1:] if argv is None else argv, args.rounds,
                          "common.benchmark.tables"))
    print(
        "{:,} keys of width {}, {:,} distinct ids a step at most: fixed table {:,.0f} ids/s, "
        "embedding variable "
        "{:,.0f}, ratio {:.2f}; {:.0f} bytes a key, of which {} are its row and Adagrad's slot".
        format(args.keys, _WIDTH, args.batch, *medians, medians[1] / medians[0], size / args.keys,
               8 * _WIDTH))


if __name__ == "__main__":
    main()

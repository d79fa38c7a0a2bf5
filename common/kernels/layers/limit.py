"""The speed of the products of a model's dense layers alone, as the layers are defined: a yardstick for training.

A kernel that needs fewer of them, as that of DIN's attention, may come nearer to it than it works.
"""

import os
from typing import List, NamedTuple, Sequence

import tensorflow.compat.v1 as tf

from common.kernels import native
from common.kernels.layers import dense

_SECS = 0.5


class Product(NamedTuple):
    """The sizes of a product of matrices [m, k] and [k, n]."""

    m: int
    n: int
    k: int


def of_layer(rows: int, width: int, units: int) -> List[Product]:
    """The products of a dense layer, [rows, width] to [rows, units]: forward, and of the gradients of both inputs."""
    return [Product(rows, units, width), Product(rows, width, units), Product(width, units, rows)]


def rounds_per_sec(products: Sequence[Product], bf16: bool) -> float:
    """How often a second all products are computed, each core working for itself; FP32, or BF16 as --bf16 has it.

    Raises:
      RuntimeError: there are no native ops; the message says why.
    """
    loaded = native.load()
    if not loaded.ops:
        raise RuntimeError("the products cannot be measured: {}.".format(loaded.reason))
    threads = len(os.sched_getaffinity(0))
    m, n, k = [list(sizes) for sizes in zip(*products)]

    def secs(session: tf.Session, rounds: int) -> float:
        return session.run(loaded.ops.zoo_products_secs(m=m, n=n, k=k, rounds=rounds, precision=dense.precision(bf16)))

    with tf.Graph().as_default(), tf.Session(config=tf.ConfigProto(
            intra_op_parallelism_threads=threads, use_per_session_threads=True)) as session:
        once = secs(session, 1)
        rounds = max(1, int(_SECS / max(once, 1e-6)))
        return threads * rounds / secs(session, rounds)

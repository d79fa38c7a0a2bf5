"""The speed of a model's dense products alone: an upper limit for the speed of its training.

It counts the products of the layers as they are defined. A kernel that gets by with fewer, as that
of DIN's attention, may seem closer to the limit than it is.
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
    """The products of a dense layer from [rows, width] to [rows, units].

    They are the layer's own, and those of the gradients of its input and its kernel.
    """
    return [Product(rows, units, width), Product(rows, width, units), Product(width, units, rows)]


def rounds_per_sec(products: Sequence[Product], bf16: bool) -> float:
    """How many times a second all products can be computed, with every core on its own.

    Args:
      bf16: whether as with --bf16; else FP32.

    Raises:
      RuntimeError: there are no native ops; the message says why.
    """
    library = native.load()
    if not library.ops:
        raise RuntimeError("the products cannot be measured: {}.".format(library.reason))
    threads = len(os.sched_getaffinity(0))
    m, n, k = [list(sizes) for sizes in zip(*products)]
    precision = dense.precision(bf16)

    def secs(session: tf.Session, rounds: int) -> float:
        op = library.ops.zoo_products_secs(m=m, n=n, k=k, rounds=rounds, precision=precision)
        return session.run(op)

    config = tf.ConfigProto(intra_op_parallelism_threads=threads, use_per_session_threads=True)
    with tf.Graph().as_default(), tf.Session(config=config) as session:
        once = secs(session, 1)
        rounds = max(1, int(_SECS / max(once, 1e-6)))
        return threads * rounds / secs(session, rounds)

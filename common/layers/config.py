"""How dense layers are built."""

import argparse
from typing import Callable, List, NamedTuple, Optional

import tensorflow.compat.v1 as tf

from common.config.flag_types import FEATURES, TRAINING, FlagParser, amount, count
from common.config.toggles import Toggles
from common.deeprec import symbols as deeprec
from common.kernels import native
from common.kernels.layers import dense as dense_kernel

Partitioner = Callable[..., List[int]]

_MOST_SLICES = 1 << 20


def add_flags(parser: FlagParser) -> None:
    """Adds the flags of dense layers."""
    parser.group(TRAINING).add_argument(
        "--l2_regularization", type=amount, default=None, metavar="SCALE",
        help="adds SCALE * sum(kernel ** 2) / 2 of every dense kernel to the loss (default none)")
    parser.group(FEATURES).add_argument(
        "--dense_layer_partitioner", type=count, default=0, metavar="KB",
        help="largest slice of a dense layer's variable in kB; 0: whole (default 0)")


class Dense(NamedTuple):
    """How dense layers are built.

    Attributes:
      toggles: which kernels compute them.
      l2: the scale of their kernels' L2 terms.
      partitioner: cuts their variables.
    """

    toggles: Toggles
    l2: float = 0.0
    partitioner: Optional[Partitioner] = None

    @classmethod
    def from_flags(cls, args: argparse.Namespace) -> "Dense":
        """What flags say, whose toggles are parsed."""
        slices = partitioner(args.dense_layer_partitioner << 10)
        return cls(args.toggles, args.l2_regularization or 0.0, slices)

    @property
    def fused(self) -> bool:
        """Whether native ops compute the layers."""
        return self.toggles.op_fusion and native.load().ops is not None

    @property
    def in_bfloat16(self) -> bool:
        """Whether native ops multiply bfloat16."""
        return not deeprec.has("bf16") and dense_kernel.precision(self.toggles.bf16) == "bfloat16"

    def exported(self) -> "Dense":
        """The same with TensorFlow's own ops, as exported models need them."""
        return self._replace(toggles=self.toggles.plain())


def partitioner(slice_bytes: int) -> Optional[Partitioner]:
    """Cuts variables along their first axis into slices of at most slice_bytes; None for 0."""
    if not slice_bytes:
        return None
    return tf.variable_axis_size_partitioner(slice_bytes, max_shards=_MOST_SLICES)

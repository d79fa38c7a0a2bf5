"""Which kernels a graph uses."""

import argparse
from typing import NamedTuple

from common.config.flag_types import FEATURES, FlagParser, add_switch, count

_SWITCHES = (
    ("tf", False, "build everything with TF 1.15.5's own API and switch the features off"),
    ("bf16", False, "multiply in BF16 in the dense layers but the last; variables stay FP32"),
    ("emb_fusion", True, "look all columns of an input layer up in one native op"),
    ("op_fusion", True, "compute dense layers, batch normalisations, mixtures and DIN's attention "
                        "in native ops"),
    ("smartstaged", True, "read and decode rows ahead of the steps that need them"),
)


def add_flags(parser: FlagParser) -> None:
    """Adds a flag for each toggle."""
    group = parser.group(FEATURES)
    for name, default, text in _SWITCHES:
        add_switch(group, name, default, text)
    group.add_argument(
        "--micro_batch", type=count, default=0, metavar="N",
        help="slices of a batch that follow one another, to save memory; 0 or 1: whole "
             "(default 0)")


class _ToggleFields(NamedTuple):
    tf: bool = False
    bf16: bool = False
    emb_fusion: bool = False
    op_fusion: bool = False
    smartstaged: bool = False
    micro_batch: int = 0


class Toggles(_ToggleFields):
    """Which kernels a graph uses; none of them changes a variable.

    Attributes:
      tf: build everything as a TF 1.15.5 user writes it.
      bf16: the inputs of dense layers' products are rounded to bfloat16; variables and sums stay
        float32.
      emb_fusion: all columns of an input layer are looked up in one native op.
      op_fusion: dense layers, batch normalisations, mixtures, DIN's attention and activation are
        native ops.
      smartstaged: rows are read and decoded ahead of the steps that need them.
      micro_batch: the slices of a batch that follow one another in a step; 0 for whole batches.

    Raises:
      ValueError: tf together with a feature that it switches off.
    """

    __slots__ = ()

    def __new__(cls, *args: int, **kwargs: int) -> "Toggles":
        self = super().__new__(cls, *args, **kwargs)  # type: ignore[arg-type]
        for name in self._fields[1:]:
            if self.tf and getattr(self, name):
                raise ValueError("--tf switches every DeepRec feature off, so it cannot go with "
                                 "--{}. Drop one of them.".format(name))
        return self

    @classmethod
    def from_flags(cls, args: argparse.Namespace) -> "Toggles":
        """What flags say; those that are on by default give way to --tf.

        Raises:
          ValueError: batches are cut into more slices than they have rows, or as above.
        """
        if args.micro_batch > args.batch_size:
            raise ValueError(
                "--micro_batch {} cuts batches of --batch_size {} into slices without rows. Give "
                "{} or less.".format(args.micro_batch, args.batch_size, args.batch_size))
        fused = not args.tf
        return cls(
            tf=args.tf, bf16=args.bf16, emb_fusion=args.emb_fusion and fused,
            op_fusion=args.op_fusion and fused, smartstaged=args.smartstaged and fused,
            micro_batch=args.micro_batch if args.micro_batch > 1 else 0)

    @property
    def native(self) -> bool:
        """Whether native ops may be used at all."""
        return self.emb_fusion or self.op_fusion

    def plain(self) -> "Toggles":
        """The same numerics with TensorFlow's own ops alone, as exported models need them."""
        return self._replace(emb_fusion=False, op_fusion=False)

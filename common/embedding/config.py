"""How a model's columns are embedded."""

import argparse
from typing import Callable, List, NamedTuple, Optional

from common import layers
from common.config.column import Column
from common.config.flag_types import FEATURES, FlagParser, count
from common.config.toggles import Toggles
from common.embedding.deeprec_tables import DeepRecTables
from common.embedding.storage import Storage
from common.kernels import native

Partitioner = Callable[..., List[int]]


def add_flags(parser: FlagParser) -> None:
    """Adds the flag of how large slices of tables are."""
    parser.group(FEATURES).add_argument(
        "--input_layer_partitioner", type=count, default=0, metavar="MB",
        help="largest slice of an embedding table in MB; 0: whole (default 0)")


class Embedding(NamedTuple):
    """How columns are embedded.

    Attributes:
      dimension: the width D of columns that have none of their own.
      toggles: which kernels look them up.
      partitioner: cuts the tables of fixed size.
      stddev: of the initial values. Small, so that a row that was rarely seen adds little noise.
      storage: of hashed and vocabulary columns.
      deeprec_tables: DeepRec's own tables in place of `storage`, None where it has none or none are
        asked for.
    """

    dimension: int
    toggles: Toggles
    partitioner: Optional[Partitioner] = None
    stddev: float = 0.01
    storage: Storage = Storage()
    deeprec_tables: Optional[DeepRecTables] = None

    @classmethod
    def from_flags(cls, args: argparse.Namespace, dimension: int) -> "Embedding":
        """What flags say, whose toggles and storage are parsed, with width D."""
        slices = layers.partitioner(args.input_layer_partitioner << 20)
        return cls(dimension, args.toggles, slices, storage=args.storage,
                   deeprec_tables=args.deeprec_tables)

    def width(self, column: Column) -> int:
        """The width of a column's embedding."""
        return column.width or self.dimension

    @property
    def fused(self) -> bool:
        """Whether a native op looks columns up, where their tables are whole and in this
        process.
        """
        return self.toggles.emb_fusion and native.load().ops is not None

    def alone(self) -> "Embedding":
        """The same in a process without parameter servers."""
        settings = self.storage.settings._replace(servers=0)
        storage = self.storage._replace(settings=settings)
        return self._replace(storage=storage)

    def exported(self) -> "Embedding":
        """The same with TensorFlow's own ops, as exported models need them."""
        storage = self.storage._replace(exported=True)
        return self._replace(toggles=self.toggles.plain(), storage=storage)

"""How embedding variables are made, admit keys and forget them."""

import argparse
import math
from typing import NamedTuple

from common.config.flag_types import FEATURES, FlagParser, amount, choice, positive

L2_THRESHOLD = 0.001


def add_flags(parser: FlagParser) -> None:
    """Adds the flags of admission and eviction."""
    group = parser.group(FEATURES)
    group.add_argument(
        "--ev_filter", type=choice("counter", "cbf"), default=None,
        help="what admits keys to embedding variables: None, counter or cbf, a Bloom filter of "
             "counters (default None)")
    group.add_argument(
        "--ev_filter_freq", type=positive, default=3, metavar="N",
        help="how often a key must be seen to be admitted by --ev_filter (default 3)")
    group.add_argument(
        "--ev_elimination", type=choice("l2", "gstep"), default=None,
        help="what evicts keys of embedding variables when a checkpoint is saved: None, l2 or "
             "gstep (default None)")
    group.add_argument(
        "--ev_steps_to_live", type=positive, default=4000, metavar="STEPS",
        help="gstep evicts keys that no step updated for longer (default 4000)")
    group.add_argument(
        "--ev_l2_threshold", type=amount, default=L2_THRESHOLD, metavar="X",
        help="l2 evicts keys with half the squared norm of their row below X (default "
             "%(default)s)")


class Admission(NamedTuple):
    """When a key gets a row.

    Attributes:
      at: how often it must be seen; 0 for at once.
      counters: how many cells of 1 byte the Bloom filter has that counts keys without a row; 0 to
        count exactly.
      hashes: how many of these cells a key is counted in.
    """

    at: int = 0
    counters: int = 0
    hashes: int = 0


class Eviction(NamedTuple):
    """Which keys a full save forgets.

    Attributes:
      rule: 'gstep': those that were not updated for more than steps_to_live steps; 'l2': those with
        half the squared norm of the value below l2_threshold; '': none.
    """

    rule: str = ""
    steps_to_live: int = 0
    l2_threshold: float = 0.0


class Settings(NamedTuple):
    """How embedding variables are made.

    Attributes:
      filter: which keys get rows: '' all, 'counter' those that were seen filter_freq times, counted
        exactly, 'cbf' the same counted by a Bloom filter, which may admit a key too early.
      filter_freq: how often.
      error: the share of keys that a Bloom filter may admit too early once it holds as many keys as
        it is sized for, which is the number of rows of the fixed-size table.
      eviction: which keys a full checkpoint forgets.
      servers: how many parameter servers they are partitioned over; 0 for none.
    """

    filter: str = ""
    filter_freq: int = 3
    error: float = 0.01
    eviction: Eviction = Eviction()
    servers: int = 0

    @classmethod
    def from_flags(cls, args: argparse.Namespace, servers: int) -> "Settings":
        """What flags say, for tables that are cut over so many servers."""
        eviction = Eviction(
            args.ev_elimination or "", args.ev_steps_to_live, args.ev_l2_threshold)
        return cls(args.ev_filter or "", args.ev_filter_freq, eviction=eviction, servers=servers)

    def admission(self, expected: int) -> Admission:
        """When a key of a variable gets a row.

        Args:
          expected: how many distinct keys the variable will see.
        """
        if not self.filter:
            return Admission()
        if self.filter == "counter":
            return Admission(self.filter_freq)
        # A Bloom filter of n keys and error p is smallest with -n ln p / (ln 2)^2 cells and -log2 p
        # hashes.
        cells_per_key = -math.log(self.error) / math.log(2) ** 2
        hashes = math.ceil(-math.log2(self.error))
        return Admission(self.filter_freq, math.ceil(cells_per_key * expected), hashes)

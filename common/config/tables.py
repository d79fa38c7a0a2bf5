"""How embedding variables are made, admit keys and forget them."""

import math
from typing import NamedTuple


class Admission(NamedTuple):
    """When a key gets a row.

    Attributes:
      at: how often it must be seen; 0 for at once.
      counters, hashes: of a Bloom filter that counts the keys that wait, 1 byte each; 0 to count them exactly.
    """

    at: int = 0
    counters: int = 0
    hashes: int = 0


class Eviction(NamedTuple):
    """Which keys a full save forgets.

    Attributes:
      rule: 'gstep': those that were not updated for more than steps_to_live steps; 'l2': those with half the squared
        norm of the value below l2_threshold; '': none.
    """

    rule: str = ""
    steps_to_live: int = 0
    l2_threshold: float = 0.0


class Settings(NamedTuple):
    """How embedding variables are made.

    Attributes:
      filter: which keys get rows: '' all, 'counter' those that were seen filter_freq times, counted exactly, 'cbf' the
        same counted by a Bloom filter, which may admit a key too early.
      filter_freq: how often.
      error: the share of keys that a Bloom filter may admit too early when it has counted as many keys as it is made
        for, which are those of the table of fixed size.
      eviction: which keys a full checkpoint forgets.
      servers: how many parameter servers they are cut over; 0 for none.
    """

    filter: str = ""
    filter_freq: int = 3
    error: float = 0.01
    eviction: Eviction = Eviction()
    servers: int = 0

    def admission(self, expected: int) -> Admission:
        """When the keys of a variable get rows, of which so many distinct ones are expected."""
        if self.filter != "cbf":
            return Admission(self.filter_freq if self.filter else 0)
        counters = math.ceil(-math.log(self.error) / math.log(2) ** 2 * expected)
        return Admission(self.filter_freq, counters, math.ceil(-math.log2(self.error)))


L2_THRESHOLD = 0.001

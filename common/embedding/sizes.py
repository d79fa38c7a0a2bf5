"""How large tables are that give frequent ids more room than rare ones, ours and DeepRec's
alike.
"""

import math
from typing import List

_SHARE = 8  # cold keys share a table of this part of the rows of one of fixed size
_BLOCK_GROWTH = 4  # each further block asks for so many times the frequency


def num_shared(buckets: int) -> int:
    """The rows that cold keys share in place of a table of so many."""
    return max(buckets // _SHARE, 2)


def num_blocks(width: int) -> int:
    """How many blocks a row of that width has."""
    return next(count for count in (4, 3, 2, 1) if width % count == 0)


def block_limits(often: int, blocks: int) -> List[int]:
    """How often a key must have been seen for its second block, its third, ..."""
    return [often * _BLOCK_GROWTH ** block for block in range(blocks - 1)]


def side(buckets: int) -> int:
    """The rows of each of the two tables of multihash: as many in both, or two ids could share a
    row in each.
    """
    return math.ceil(math.sqrt(buckets))

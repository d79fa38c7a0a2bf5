"""Which kind of table stores the keys of hashed and vocabulary columns."""

import enum
from typing import Any, Mapping


class Kind(enum.Enum):
    """A kind of table; its value is the flag that asks for it.

    FIXED: a variable with one row for each id.
    EV: an embedding variable, which grows with its keys.
    ADAPTIVE: an embedding variable for keys that are seen often, a small shared table for the
      others.
    DYNAMIC: rows that get wider the more often their key is seen.
    MULTIHASH: two small tables whose rows are added, one by the quotient and one by the remainder
      of the id.
    """

    FIXED = ""
    EV = "ev"
    ADAPTIVE = "adaptive_emb"
    DYNAMIC = "dynamic_ev"
    MULTIHASH = "multihash"


# ADAPTIVE and DYNAMIC are made of embedding variables, so --ev may stand beside their flags and
# changes nothing.
_MOST_SPECIAL_FIRST = (Kind.MULTIHASH, Kind.DYNAMIC, Kind.ADAPTIVE, Kind.EV)


def of_flags(flags: Mapping[str, Any]) -> Kind:
    """The kind that flags ask for, each flag's name -> its value."""
    return next((kind for kind in _MOST_SPECIAL_FIRST if flags[kind.value]), Kind.FIXED)

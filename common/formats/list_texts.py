"""Text in a column of lists that no separator divides: lists as programs print them."""

from typing import Any, Optional

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from common.formats.parsing import shown
from common.formats.string_views import StringViews, from_arrow

_BRACKETS = ("[]", "()", "{}")


def printed_list(texts: Any) -> Optional[str]:
    """One of some texts if all that are not empty look like printed lists: ['a' 'b'], (1, 2).

    Args:
      texts: StringViews, or a DictionaryArray of binary values.
    """
    views = texts if isinstance(texts, StringViews) else from_arrow(texts.dictionary)
    is_filled = views.ends > views.starts
    if not is_filled.any() or not _is_opening(views, int(np.argmax(is_filled))):
        return None
    starts = views.starts[is_filled]
    ends = views.ends[is_filled]
    first = views.data[starts]
    last = views.data[ends - 1]
    for brackets in _BRACKETS:
        is_opened = first == ord(brackets[0])
        is_closed = last == ord(brackets[1])
        if is_opened.all() and is_closed.all():
            return shown(views.data[starts[0]:ends[0]].tobytes())
    return None


def _is_opening(views: StringViews, position: int) -> bool:
    """Whether one of some texts begins with a bracket."""
    return chr(views.data[views.starts[position]]) in [brackets[0] for brackets in _BRACKETS]


def may_be_printed(texts: Any) -> bool:
    """Whether one of some texts, as printed_list takes them, begins and ends with a bracket."""
    views = texts if isinstance(texts, StringViews) else from_arrow(texts.dictionary)
    filled = np.flatnonzero(views.ends > views.starts)
    first = views.data[views.starts[filled]]
    last = views.data[views.ends[filled] - 1]
    opening, closing = zip(*_BRACKETS)
    is_opened = np.isin(first, [ord(bracket) for bracket in opening])
    is_closed = np.isin(last, [ord(bracket) for bracket in closing])
    return bool((is_opened & is_closed).any())


def holds_both_nulls(values: pa.ChunkedArray) -> bool:
    """Whether a column of strings, encoded or not, has nulls and the text NULL too."""
    if not values.null_count:
        return False
    for chunk in values.chunks:
        if pa.types.is_dictionary(chunk.type):
            chunk = chunk.dictionary
        position = pc.index(chunk, pa.scalar("NULL").cast(chunk.type))
        if position.as_py() >= 0:
            return True
    return False

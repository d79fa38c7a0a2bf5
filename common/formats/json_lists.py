"""Lists that a writer stored as JSON text, as fastparquet does."""

import json
from typing import Any, List, NamedTuple, Optional

import numpy as np
import pyarrow as pa


class JsonLists(NamedTuple):
    """The lists that JSON texts [N] hold.

    Attributes:
      lists: of binary values; an empty one for a null and for what is no list.
      is_bad: which texts are no list of such items, bool [N].
    """

    lists: pa.ListArray
    is_bad: np.ndarray


def parse(texts: pa.DictionaryArray, as_numbers: bool) -> JsonLists:
    """Reads each distinct text once.

    Args:
      texts: binary values.
      as_numbers: whether the items may be numbers of any kind; else they are strings, or integers.
        Both are given as text, as CSV has them. A null is a missing item.
    """
    read_item = _number if as_numbers else _string
    values: List[Optional[list]] = []
    for text in texts.dictionary.to_pylist():
        values.append(_read(text, read_item))
    values.append([])  # of a null
    is_bad = [value is None for value in values]
    lists = pa.array([value or [] for value in values], pa.list_(pa.binary()))
    index = texts.indices.fill_null(len(values) - 1)
    return JsonLists(lists.take(index), np.array(is_bad)[index.to_numpy()])


def _read(text: bytes, read_item: Any) -> Optional[list]:
    """The items of a text; None where it is no list of them."""
    try:
        items = json.loads(text.decode("utf-8"))
        if items is None:
            return []
        if isinstance(items, list):
            return [None if item is None else read_item(item) for item in items]
    except ValueError:  # no UTF-8, no JSON, or another kind of item
        return None
    return None


def _string(item: object) -> bytes:
    if isinstance(item, str):
        return item.encode("utf-8")
    if type(item) is int:  # a bool is no integer here
        return str(item).encode()
    raise ValueError(item)


def _number(item: object) -> Optional[bytes]:
    if not isinstance(item, float):
        return _string(item)
    if item != item:  # NaN, which JSON does not have and Python's writes
        return None
    return repr(item).encode()

"""The releases of Amazon's reviews, of 2014, 2018 and 2023, told apart by their records' keys.

| | 2014 | 2018 | 2023 |
|---|---|---|---|
| user | reviewerID | reviewerID | user_id |
| item, in both files | asin | asin | parent_asin |
| rating | overall | overall | rating |
| time | unixReviewTime, seconds | unixReviewTime, seconds | timestamp, milliseconds |
| categories | categories, a list of paths | category, one path | categories, one path |

An item of 2023 is known by its parent's id, as the metadata have no other; where a record has
none, by its own.
"""

import re
from typing import Any, NamedTuple, Tuple

from data.din.records import BadRecord, Record, value_of
from data.din.samples import DEFAULT_CATEGORY

_UNFIT = re.compile("[\t\n\r\x02]")
_INT64 = 1 << 63
_NAME = "UTF-8 text that is not empty, without tab, line end or byte 0x02"
_PATHS = "a list of paths, each a list of names, or one such path"


class ReviewKeys(NamedTuple):
    """The keys of a review in a release, and the unit of its time."""

    user: str
    rating: str
    time: str
    unit: str


_OF_2014 = ReviewKeys("reviewerID", "overall", "unixReviewTime", "seconds")
_OF_2023 = ReviewKeys("user_id", "rating", "timestamp", "milliseconds")


def review_keys(record: Record) -> ReviewKeys:
    """The keys of the release that a review is of: those of which it has more.

    A file's first record tells for all, since the releases count time in different units.
    """
    num_old, num_new = [sum(key in record for key in keys) for keys in (_OF_2014, _OF_2023)]
    return _OF_2023 if num_new > num_old else _OF_2014


def review_line(keys: ReviewKeys, record: Record) -> str:
    """User, item, rating and time of a review, tab-separated; the time is in its release's unit.

    Raises:
      BadRecord: one of them is missing or not of its type.
    """
    rating = value_of(record, keys.rating, "a number")
    if not _is_number(rating, (int, float)):
        raise BadRecord(keys.rating, rating, "a number")
    whole = "a whole number of " + keys.unit
    time = value_of(record, keys.time, whole)
    if not _is_number(time, (int,)):
        raise BadRecord(keys.time, time, whole)
    user = _name(record, keys.user)
    item = _name(record, _item_key(record))
    return "\t".join([user, item, str(rating), str(time)])


def _item_key(record: Record) -> str:
    """The key of an item's id: that of its parent, or, in a record that lacks it, its own."""
    return "parent_asin" if record.get("parent_asin") else "asin"


def _is_number(value: Any, types: Tuple[type, ...]) -> bool:
    """Whether a value has one of the types and fits in 64 bits; NaN and bools are no numbers."""
    if isinstance(value, bool) or not isinstance(value, types):
        return False
    return -_INT64 <= value < _INT64


def item_line(record: Record) -> str:
    """An item and its category, tab-separated.

    The category is the last name of the first path of categories. It is DEFAULT_CATEGORY where the
    record has no categories.

    Raises:
      BadRecord: the item is missing, or one of them is not of its type.
    """
    item = _name(record, _item_key(record))
    return "\t".join([item, _category(record)])


def _category(record: Record) -> str:
    key = "categories" if "categories" in record else "category"
    paths: Any = record.get(key)
    if not paths:
        return DEFAULT_CATEGORY
    path = paths[0] if _is_list(paths) and _is_list(paths[0]) else paths
    if not _is_list(path):
        raise BadRecord(key, paths, _PATHS)
    if not path or path[-1] in ("", None):
        return DEFAULT_CATEGORY
    return _checked_name(key, path[-1])


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _name(record: Record, field: str) -> str:
    return _checked_name(field, value_of(record, field, _NAME))


def _checked_name(field: str, value: object) -> str:
    if not isinstance(value, str) or not value or _UNFIT.search(value):
        raise BadRecord(field, value, _NAME)
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:  # half of a surrogate pair
        raise BadRecord(field, value, _NAME)
    return value

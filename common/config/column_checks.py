"""What a column may say: each field by its kind."""

import math
import re

from common.config.column_fields import FEATURES, ColumnFields
from common.config.label import VARIABLE_NAME

MAX_BUCKETS = 2 ** 31 - 1
_MAX_WIDTH = 2 ** 16
_MAX_NEWEST = 2 ** 31 - 1
_MAX_NAME = 128  # characters of a name, which is also one of variables and of files
_COMBINERS = ("mean", "sum")
_OF_LABELS = ("task", "role", "positive", "at_least", "labels")
# Which kinds read a field: of any other kind it would say what nobody reads.
_READERS = {
    "group": (*FEATURES, "number"),
    "table": FEATURES,
    "words": ("words",),
    "combiner": FEATURES,
    "default": (*FEATURES, "number", "user", "keep", "unused"),
}


def check(column: ColumnFields) -> None:
    """Checks the fields of a column whose kind is known.

    Raises:
      ValueError: a field has a value that Column's attributes do not allow, or one that columns of
        its kind do not read.
    """
    _check_readers(column)
    _check_buckets(column)
    _check_vocabulary(column)
    _check_words(column)
    _check_default(column)
    _check_embedding(column)
    _check_list(column)
    _check_label(column)
    _check_names(column)


def wrong(column: ColumnFields, problem: str) -> ValueError:
    """The error of a column with some problem."""
    return ValueError("column {!r}: {}".format(column.name, problem))


def _check_readers(column: ColumnFields) -> None:
    for field, kinds in _READERS.items():
        is_given = getattr(column, field) != column._field_defaults[field]
        if is_given and column.kind not in kinds:
            raise wrong(column, "a column of kind {} has no {}. Leave it out.".format(
                column.kind, field))


def _check_buckets(column: ColumnFields) -> None:
    needs_buckets = column.kind in ("hash", "identity", "words")
    is_right = column.buckets > 0 if needs_buckets else column.buckets == 0
    if column.kind != "vocabulary" and not is_right:
        relation = ">" if needs_buckets else "=="
        raise wrong(column, "a column of kind {} needs buckets {} 0. Got: {}.".format(
            column.kind, relation, column.buckets))
    if column.buckets > MAX_BUCKETS and not column.is_keyed:
        raise wrong(column, "buckets must be at most {}. Got: {}.".format(
            MAX_BUCKETS, column.buckets))


def _check_vocabulary(column: ColumnFields) -> None:
    if (column.kind == "vocabulary") != bool(column.vocabulary):
        raise wrong(column, "vocabulary is for a vocabulary column, and it needs one.")
    if "/" in column.vocabulary:
        raise wrong(column, "vocabulary names a file of --data_location, without a folder. Got: "
                            "{!r}.".format(column.vocabulary))
    if column.vocabulary and column.separator and not column.newest:
        raise wrong(column, "a list of a vocabulary keeps its order; say how many items with "
                            "newest.")


def _check_words(column: ColumnFields) -> None:
    words = column.words
    repeated = sorted({word for word in words if words.count(word) > 1})
    if repeated:
        raise wrong(column, "the word {!r} is given twice.".format(repeated[0]))
    if words and column.buckets != len(words):
        raise wrong(column, "its {} words have a bucket each. Leave out buckets. Got: {}.".format(
            len(words), column.buckets))


def _check_default(column: ColumnFields) -> None:
    if column.default == column._field_defaults["default"]:
        return
    allowed = _allowed_default(column)
    if allowed:
        raise wrong(column, "the default of a column of kind {} is {}. Got: {!r}.".format(
            column.kind, allowed, column.default))


def _allowed_default(column: ColumnFields) -> str:
    """What the default may be, where it is something else; else empty."""
    default, kind = column.default, column.kind
    is_empty_list = column.is_list and not default
    if kind == "words" and default not in column.words and not is_empty_list:
        return "one of its words"
    if kind == "number" and not _is_finite(default):
        return "a finite number as text"
    if kind == "identity" and not _is_below(default, column.buckets):
        return "a whole number from 0 to {} as text".format(column.buckets - 1)
    return ""


def _is_finite(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _is_below(text: str, limit: int) -> bool:
    return bool(re.fullmatch("[0-9]+", text)) and int(text) < limit


def _check_embedding(column: ColumnFields) -> None:
    if column.combiner not in _COMBINERS:
        raise wrong(column, "combiner must be one of {}. Got: {!r}.".format(
            _COMBINERS, column.combiner))
    if column.combiner != "mean" and not column.separator:
        raise wrong(column, "combiner is for lists, which have a separator. Leave it out.")
    is_allowed = 0 <= column.width <= _MAX_WIDTH
    if not is_allowed or column.width and not column.is_feature:
        raise wrong(column, "width is that of an embedding, from 1 to {}, or 0 for the model's "
                            "own. Got: {} for a column of kind {}.".format(
                                _MAX_WIDTH, column.width, column.kind))


def _check_list(column: ColumnFields) -> None:
    separator = column.separator
    if separator and (len(separator.encode()) != 1 or separator in "\r\n\0"):
        raise wrong(column, "separator is one ASCII character that ends no line. Got: {!r}.".format(
            separator))
    if separator and column.kind in ("label", "identity", "user", "weight"):
        raise wrong(column, "a column of kind {} cannot be a list.".format(column.kind))
    _check_order(column)


def _check_order(column: ColumnFields) -> None:
    is_used_list = column.is_list and column.is_read
    if (column.newest or column.aligned) and not is_used_list:
        raise wrong(column, "newest and aligned are for lists that are used, which have a "
                            "separator and a kind other than 'unused'.")
    if not 0 <= column.newest <= _MAX_NEWEST:
        raise wrong(column, "newest is how many items are kept, from 1 to {}, or 0 for all in any "
                            "order. Got: {}.".format(_MAX_NEWEST, column.newest))


def _check_label(column: ColumnFields) -> None:
    given = [field for field in _OF_LABELS if getattr(column, field) not in ("", (), None)]
    if given and column.kind != "label":
        raise wrong(column, "{} is for labels. Its kind is {!r}.".format(given[0], column.kind))
    if column.labels and len(given) > 1:
        raise wrong(column, "with labels, each of them has its own {}.".format(given[0]))
    _check_outcomes(column)


def _check_outcomes(column: ColumnFields) -> None:
    types = {label.dtype for label in column.labels}
    if "int32" in types or len(types) > 1:
        raise wrong(column, "its labels need all of them positive, or all of them at_least.")
    for label in column.outcomes:
        _check_variable(column, "a label's name", label.name)
        _check_variable(column, "task", label.task or label.name)


def _check_names(column: ColumnFields) -> None:
    for field in ("table", "group"):
        name = getattr(column, field)
        if name:
            _check_variable(column, field, name)
    if column.is_read:
        _check_variable(column, "name", column.name)


def _check_variable(column: ColumnFields, field: str, name: str) -> None:
    if len(name) > _MAX_NAME:
        raise wrong(column, "{} has {} characters, at most {} are possible. Files may name the "
                            "column otherwise: other_names.".format(field, len(name), _MAX_NAME))
    if not VARIABLE_NAME.fullmatch(name):
        raise wrong(column, "{} names variables, so it is of A-Z, a-z, 0-9, '_', '-' and '.', and "
                            "begins with a letter or digit. Got: {!r}. Files may name the column "
                            "otherwise: other_names.".format(field, name))

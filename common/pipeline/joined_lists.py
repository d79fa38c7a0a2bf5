"""Lists in text whose items are divided by something else than the schema's separator.

Such a list is read as one long item, which no vocabulary has or, worse, which one was made of.
"""

from typing import Any, Dict, List, NamedTuple, Optional, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy import ndarray

from common.config.schema import Column, Schema
from common.errors import BadInput
from common.formats import list_texts, parsing
from common.formats.chunks import RawColumns
from common.log import log
from common.pipeline.string_ids import WordIds

_ROWS = 4096  # whose lists are looked at: more would say the same, and wide ones take their time
_DIVIDERS = (" ", ",", ";", "|", "\t", "\x01", "\x02", "\x03")
_MOST_IN_TARGETS = 0.5  # where more single values hold a divider, it is a part of names
_ENOUGH_HASHED = 100  # lists without a vocabulary, of which little can be told
_MOST_ARE_WRONG = 0.5  # where no list holds the separator
_FEWEST_TOLD = 0.01  # a name may hold anything


class _Texts(NamedTuple):
    """The distinct texts of a column that are not empty, binary [D], and their rows, int64 [D]."""

    texts: pa.BinaryArray
    num_rows: ndarray

    def holding(self, text: str) -> ndarray:
        """Which of them hold some text, bool [D]."""
        return np.array(pc.match_substring(self.texts, pattern=text), bool)

    def share(self, is_chosen: ndarray) -> float:
        """The share of the rows that some of them have; 0 of no rows."""
        return float(self.num_rows[is_chosen].sum() / max(self.num_rows.sum(), 1))


def check(
    path: str,
    columns: RawColumns,
    schema: Schema,
    vocabularies: Dict[str, WordIds],
) -> None:
    """Looks for wrongly divided lists among the first rows of a file, and says which there are.

    Args:
      columns: of some rows, as dictionaries; columns that are stored as lists are left out.

    Raises:
      BadInput: no list of a column of a vocabulary holds the separator and most are such, or all
        of any column are lists as programs print them.
    """
    texts = {}
    for name, array in columns.arrays.items():
        texts[name] = _texts_of(array)
    for column in schema.columns:
        if column.is_list and column.name in columns.arrays:
            _check_printed(path, column, columns.arrays[column.name])
    for column in schema.lists:
        lists = texts.get(column.name)
        if lists:
            singles = _singles(column, schema, texts)
            words = vocabularies.get(column.vocabulary)
            _check_column(path, column, lists, singles, words)


def _check_printed(path: str, column: Column, array: Any) -> None:
    if not isinstance(array, pa.DictionaryArray):
        return
    printed = list_texts.printed_list(array)
    if printed is not None:
        message = ("{}, column {!r}: all of the first rows hold text such as {!r}, a list as "
                   "programs print it. Write its items divided by {!r}.")
        raise BadInput(message.format(path, column.name, printed, column.separator))


def _texts_of(array: Any) -> Optional[_Texts]:
    """The texts of a column; None where it holds something else, or none."""
    if not isinstance(array, pa.DictionaryArray):
        return None
    indices = array.indices[:_ROWS].drop_null().to_numpy()
    num_rows = np.bincount(indices, minlength=len(array.dictionary))
    lengths = pc.binary_length(array.dictionary).to_numpy(zero_copy_only=False)
    is_filled = (lengths > 0) & (num_rows > 0)
    texts = array.dictionary.filter(pa.array(is_filled))
    return _Texts(texts, num_rows[is_filled]) if len(texts) else None


def _singles(
    column: Column,
    schema: Schema,
    texts: Dict[str, Optional[_Texts]],
) -> List[_Texts]:
    """The texts of columns of one value a row that share a list's vocabulary or table."""
    singles = []
    for other in schema.scalars:
        has_same_words = bool(column.vocabulary) and other.vocabulary == column.vocabulary
        has_same_table = bool(column.table) and other.table == column.table
        values = texts.get(other.name)
        if values and (has_same_words or has_same_table):
            singles.append(values)
    return singles


def _check_column(
    path: str,
    column: Column,
    lists: _Texts,
    singles: Sequence[_Texts],
    words: Optional[WordIds],
) -> None:
    for divider in _dividers(column.separator):
        is_wrong = _are_divided_by(divider, column, lists, singles, words)
        share = lists.share(is_wrong)
        if share >= _FEWEST_TOLD:
            message = _message(path, column, lists, divider, is_wrong)
            is_divided_elsewhere = lists.holding(column.separator).any()
            if words is not None and not is_divided_elsewhere and share >= _MOST_ARE_WRONG:
                raise BadInput(message)  # the others have one item, which nothing divides
            log(message)
            return


def _dividers(separator: str) -> List[str]:
    """What may stand in the place of a separator; first, what it is printed as."""
    others = [divider for divider in _DIVIDERS if divider != separator]
    if separator.isprintable():
        return others
    code = ord(separator)
    printed = ["\\x{:02x}", "\\u{:04x}", "\\{:03o}"]
    caret = "^" + chr(code + 64)
    return [*(form.format(code) for form in printed), caret, *others]


def _are_divided_by(
    divider: str,
    column: Column,
    lists: _Texts,
    singles: Sequence[_Texts],
    words: Optional[WordIds],
) -> ndarray:
    """Which lists some divider divides in place of the separator, bool [D].

    These hold it and not the separator. That alone may be a name; so either no list holds the
    separator and few single values the divider, or the vocabulary lacks the whole and has most of
    the parts.
    """
    has_separator = lists.holding(column.separator)
    is_candidate = lists.holding(divider) & ~has_separator
    if not is_candidate.any() or len(divider) > 1:
        return is_candidate
    in_singles = [values.share(values.holding(divider)) for values in singles]
    is_in_names = max(in_singles, default=0.0) > _MOST_IN_TARGETS
    if words is None:
        is_sure = len(lists.texts) >= _ENOUGH_HASHED and lists.share(is_candidate) == 1
        return is_candidate & (is_sure and not is_in_names)
    if not has_separator.any() and not is_in_names:
        return is_candidate
    candidates = lists.texts.filter(pa.array(is_candidate))
    is_wrong = is_candidate.copy()
    is_wrong[is_candidate] = _are_parts_known(candidates, divider, words)
    return is_wrong


def _are_parts_known(texts: pa.BinaryArray, divider: str, words: WordIds) -> ndarray:
    """Which texts a vocabulary lacks while it has most of their parts, bool [D]."""
    known = pa.array(list(words), pa.binary())
    parts = pc.split_pattern(texts, pattern=divider)
    is_known_part = pc.is_in(parts.flatten(), value_set=known)
    owners = pc.list_parent_indices(parts).to_numpy()
    num_known = np.bincount(owners, np.array(is_known_part, bool), len(texts))
    num_parts = np.bincount(owners, minlength=len(texts))
    is_whole_known = np.array(pc.is_in(texts, value_set=known), bool)
    return (2 * num_known > num_parts) & ~is_whole_known


def _message(
    path: str,
    column: Column,
    lists: _Texts,
    divider: str,
    is_wrong: ndarray,
) -> str:
    """What is said of lists that a divider divides."""
    example = lists.texts[int(np.argmax(is_wrong))].as_py()
    message = ("{}, column {!r}: {} of the {} lists in the first rows are divided by {}, such as "
               "{!r}; expected the byte {:02x}. Each is read as one item. Write them with the "
               "separator {!r}.")
    return message.format(
        path,
        column.name,
        lists.num_rows[is_wrong].sum(),
        lists.num_rows.sum(),
        _named(divider),
        parsing.shown(example),
        ord(column.separator),
        column.separator,
    )


def _named(divider: str) -> str:
    """A divider as a message names it."""
    if divider == " ":
        return "a blank"
    if len(divider) > 1:
        return "the {} characters {}".format(len(divider), divider)
    return repr(divider)

"""Rows cut into slices by the values of columns, as their files hold them."""

from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from common.config.schema import Column
from common.counts import counted
from common.formats.files import Files
from common.scoring.kept import KeptColumns

TOP = 20  # values of a column that are slices of their own
RANGES = 10  # that the numbers of a column are cut into
MAX_VALUES = 100000  # of a column that are told apart
MISSING, EMPTY = "(missing)", "(empty)"
_ROWS_AT_ONCE = 65536


class Cut(NamedTuple):
    """Rows cut by one column.

    Attributes:
      column: its name.
      names: of the slices.
      codes: the number of each row's slice, int16 [N].
      note: what a reader should know of the slices; empty for nothing.
    """

    column: str
    names: List[str]
    codes: np.ndarray
    note: str = ""


def cut(files: Files, columns: Sequence[Column], rows: np.ndarray) -> List[Cut]:
    """Rows cut by each of some columns, which are read once, part by part.

    Args:
      rows: the rows' numbers in the files, int64 [N], ascending.

    Raises:
      BadInput: the columns cannot be read.
    """
    kept = KeptColumns(files, [column.name for column in columns])
    seen: List[Any] = [_seen_of(column) for column in columns]
    for begin in range(0, len(rows), _ROWS_AT_ONCE):
        table = kept.of(rows[begin:begin + _ROWS_AT_ONCE])
        for column, values in zip(columns, seen):
            values.add(table.column(column.name))
    return [values.cut(column.name) for column, values in zip(columns, seen)]


def _seen_of(column: Column) -> Any:
    """What gathers the values of a column."""
    if column.is_list:
        return _Lengths(column.separator)
    return _Numbers() if column.kind == "number" else _Values()


class _Values:
    """Values that are told apart, each by its text."""

    def __init__(self) -> None:
        self._codes: Dict[str, int] = {}
        self._pieces: List[np.ndarray] = []

    def add(self, column: pa.ChunkedArray) -> None:
        """Adds some rows."""
        for chunk in column.chunks:
            encoded = chunk
            if not pa.types.is_dictionary(chunk.type):
                encoded = chunk.dictionary_encode()
            codes = [self._code(value) for value in encoded.dictionary.to_pylist()]
            if encoded.null_count:
                codes.append(self._code(None))
            table = np.array(codes, np.int32)
            places = encoded.indices.fill_null(len(codes) - 1).to_numpy(zero_copy_only=False)
            self._pieces.append(table[places])

    def _code(self, value: object) -> int:
        """The number of a value; -1 for one of too many."""
        if value is None:
            text = MISSING
        elif isinstance(value, bytes):
            text = value.decode("utf-8", "replace")
        else:
            text = str(value)
        code = self._codes.get(text or EMPTY, -1)
        if code < 0 and len(self._codes) < MAX_VALUES:
            code = self._codes[text or EMPTY] = len(self._codes)
        return code

    def cut(self, name: str) -> Cut:
        """The values with the most rows, and the others as one slice."""
        codes = np.concatenate(self._pieces)
        texts = list(self._codes)
        note = ""
        if len(texts) == MAX_VALUES:
            note = "more than {:,} values: those that come later count as others".format(
                MAX_VALUES)
        return _of_codes(name, texts, codes, note)


def _of_codes(name: str, texts: List[str], codes: np.ndarray, note: str = "") -> Cut:
    """Slices of the values that most rows have; -1 is the code of a row of none of them."""
    counts = np.bincount(codes[codes >= 0], minlength=len(texts))
    by_rows = np.argsort(-counts, kind="stable")[:TOP]
    top = sorted(by_rows.tolist(), key=lambda code: _sort_key(texts, by_rows, code))
    names = [texts[code] for code in top]
    places = np.full(len(texts) + 1, len(top), np.int16)  # the last is that of code -1
    places[top] = np.arange(len(top))
    sliced = places[codes]
    if (sliced == len(top)).any():
        is_known = (codes >= 0).all()
        told = " ({})".format(counted(len(texts) - len(top), "value")) if is_known else ""
        names.append("others" + told)
    return Cut(name, names, sliced, note)


def _sort_key(texts: List[str], by_rows: np.ndarray, code: int) -> Tuple[float, int]:
    """Where a value stands: numbers in their order, then texts by their number of rows."""
    try:
        return float(texts[code]), 0
    except ValueError:
        return float("inf"), int(np.flatnonzero(by_rows == code)[0])


class _Numbers:
    """Numbers, which are cut into ranges of as many rows each."""

    def __init__(self) -> None:
        self._pieces: List[np.ndarray] = []

    def add(self, column: pa.ChunkedArray) -> None:
        """Adds some rows."""
        self._pieces.append(self.numbers(column))

    def numbers(self, column: pa.ChunkedArray) -> np.ndarray:
        """The numbers of some rows, float64 [N]; NaN for what is none."""
        return pd.to_numeric(column.to_pandas(), errors="coerce").to_numpy(np.float64)

    def cut(self, name: str) -> Cut:
        """A slice for each number where these are few, else for each range."""
        numbers = np.concatenate(self._pieces)
        is_there = np.isfinite(numbers)
        values, places = np.unique(numbers[is_there], return_inverse=True)
        codes = np.full(len(numbers), -1, np.int64)
        texts = ["{:g}".format(value) for value in values]
        if len(values) > TOP:
            edges = np.unique(np.quantile(numbers[is_there], np.linspace(0, 1, RANGES + 1)))
            places = np.clip(np.searchsorted(edges, numbers[is_there], "right") - 1,
                             0, len(edges) - 2)
            texts = ["{:.4g} to {:.4g}".format(*ends) for ends in zip(edges, edges[1:])]
        codes[is_there] = places
        if not is_there.all():
            codes[~is_there] = len(texts)
            texts = [*texts, MISSING]
        return Cut(name, texts, codes.astype(np.int16))


class _Lengths(_Numbers):
    """Lists, which are cut by how many items they have.

    Args:
      separator: of the items where lists are text.
    """

    def __init__(self, separator: str) -> None:
        super().__init__()
        self._separator = separator

    def numbers(self, column: pa.ChunkedArray) -> np.ndarray:
        """The numbers of items of some rows, float64 [N]."""
        if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
            lengths = pc.list_value_length(column)
        else:
            text = pc.fill_null(column.cast(pa.string()), "")
            is_empty = pc.equal(text, "")
            items = pc.add(pc.count_substring(text, self._separator), 1)
            lengths = pc.if_else(is_empty, 0, items)
        return pc.fill_null(lengths, 0).to_numpy().astype(np.float64)

    def cut(self, name: str) -> Cut:
        """A slice for each number of items, or for each range."""
        return super().cut(name)._replace(note="by the number of items of a list")

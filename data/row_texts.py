"""The first rows of files whose columns nobody has described yet, read as training reads them."""

import collections
from typing import Counter, Dict, List, NamedTuple, Sequence, Set

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from common.config.schema import Column, Schema
from common.errors import BadInput, in_one_line
from common.formats import csv_layout, line_chunks, quoted_text, reader
from common.formats.column_names import ColumnNames
from common.formats.csv_file import CHUNK_ROWS, CsvFile
from common.naming import file_names
from common.pipeline.checks import BadRows
from common.places import location

LIST_SEPARATOR = "|"  # between the items of Parquet's lists
_OTHER_DELIMITERS = ";\t|,"
_BATCH_ROWS = 65536


class RowTexts(NamedTuple):
    """What some rows hold.

    Attributes:
      num_rows: how many rows were read.
      columns: column -> text -> the rows that have it; '' is a value that is missing.
      lists: the Parquet columns of lists, whose items are joined by LIST_SEPARATOR.
      nested: the Parquet columns that hold more than values or lists of them; their texts are left
        out.
      decimals: those of floats and decimals, which no kind reads as text.
      times: those of dates, times and durations.
    """

    num_rows: int
    columns: Dict[str, Counter[str]]
    lists: Set[str]
    nested: Set[str]
    decimals: Set[str] = set()
    times: Set[str] = set()


def read(names: str, delimiter: str, limit: int) -> RowTexts:
    """The first rows of text with a header or of Parquet.

    Args:
      names: files, folders, globs and lists, as --train_files takes them.
      delimiter: what divides the columns of text.
      limit: at most that many rows are read.

    Raises:
      BadInput: a file cannot be read, has a row of another number of fields, or names two columns
        alike; or there are no rows.
    """
    unknown = Schema("rows", (), "", "", "", "", delimiter)
    files = file_names.listed("rows", names.split(","), unknown, True)
    found = RowTexts(0, {}, set(), set(), set(), set())
    for file in files:
        if found.num_rows < limit:
            add = _add_parquet if reader.is_parquet(file.path) else _add_text
            found = add(found, file.path, delimiter, limit - found.num_rows)
    if not found.num_rows:
        raise BadInput("{}: has no rows.".format(names))
    return found


def _add_text(found: RowTexts, path: str, delimiter: str, limit: int) -> RowTexts:
    names = csv_layout.header_of(path, delimiter)
    if not names:
        return found
    check_header(path, names, delimiter)
    columns = tuple(Column(name, "unused") for name in names)
    schema = Schema("rows", columns, "", "", "", "", delimiter)
    file = CsvFile(path, schema, ColumnNames(schema))
    num_rows = 0
    for chunk in line_chunks.cut(file.text, file.layout.start, min(limit, CHUNK_ROWS)):
        raw = file.read(chunk, names)
        BadRows(0, skippable=False).add([path], raw.rejects)
        quoted_text.check(path, raw)
        for name in names:
            counts = found.columns.setdefault(name, collections.Counter())
            counts.update(_counts(path, name, raw.arrays[name]))
        num_rows += len(raw.rows)
        if num_rows >= limit:
            break
    return found._replace(num_rows=found.num_rows + num_rows)


def _counts(path: str, name: str, array: pa.DictionaryArray) -> Dict[str, int]:
    rows = np.bincount(array.indices, minlength=len(array.dictionary))
    counts: Dict[str, int] = {}
    for value, count in zip(array.dictionary.to_pylist(), rows.tolist()):
        try:
            counts[value.decode()] = count
        except UnicodeDecodeError:
            raise BadInput("{}, column {!r}: {!r} is not UTF-8.".format(path, name, value))
    return counts


def _add_parquet(found: RowTexts, path: str, _: str, limit: int) -> RowTexts:
    num_rows = 0
    try:
        with location.open_binary(path) as content:
            file = pq.ParquetFile(content)
            _check_names(path, file.schema_arrow.names)
            for field in file.schema_arrow:
                found.columns.setdefault(field.name, collections.Counter())
                _add_type(found, field.name, field.type)
            for batch in file.iter_batches(min(limit, _BATCH_ROWS)):
                _add_batch(found, batch)
                num_rows += batch.num_rows
                if num_rows >= limit:
                    break
    except (OSError, pa.ArrowException) as error:
        raise BadInput("{}: cannot be read: {}.".format(path, in_one_line(error)))
    return found._replace(num_rows=found.num_rows + num_rows)


def _add_type(found: RowTexts, name: str, kind: pa.DataType) -> None:
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    if is_list:
        found.lists.add(name)
    value = kind.value_type if is_list else kind
    if pa.types.is_nested(value):
        found.nested.add(name)
    if pa.types.is_floating(value) or pa.types.is_decimal(value):
        found.decimals.add(name)
    if pa.types.is_temporal(value):
        found.times.add(name)


def _add_batch(found: RowTexts, batch: pa.RecordBatch) -> None:
    for name, array in zip(batch.schema.names, batch.columns):
        if name not in found.nested:
            found.columns[name].update(map(_text, array.to_pylist()))


def _text(value: object) -> str:
    if value is None or value != value:  # NaN differs from itself
        return ""
    if isinstance(value, list):
        return LIST_SEPARATOR.join(map(_text, value))
    if isinstance(value, bool):
        return str(int(value))
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def check_header(path: str, names: List[str], delimiter: str) -> None:
    """Raises BadInput where a text's first line names two columns alike, or looks undivided."""
    _check_names(path, names)
    _check_delimiter(path, names, delimiter)


def _check_names(path: str, names: Sequence[str]) -> None:
    if any("\ufffd" in name for name in names):  # what bytes that are no UTF-8 are decoded to
        raise BadInput("{}: its first line is not UTF-8. Write the file as UTF-8.".format(path))
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise BadInput("{}: columns that occur twice: {}. Rename or remove one of each.".format(
            path, ", ".join(map(repr, repeated))))


def _check_delimiter(path: str, names: List[str], delimiter: str) -> None:
    """Raises BadInput for a single name that other delimiters divide."""
    line = "".join(names)
    dividing = [other for other in _OTHER_DELIMITERS if other != delimiter and other in line]
    if len(names) == 1 and dividing:
        raise BadInput("{}: {!r} divides its first line into one column, {!r}. If {!r} divides "
                       "them, give --delimiter {!r}.".format(
                           path, delimiter, names[0], dividing[0], dividing[0]))

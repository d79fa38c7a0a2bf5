"""Reads and writes rows as files hold them, text or Parquet, and converts one to the other."""

import contextlib
from typing import IO, Callable, Dict, Iterator, List, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow.types import is_dictionary, is_float32, is_list, is_string

from common.config.schema import Column, Schema
from common.files import replacing
from common.formats import reader
from common.formats.chunks import RawColumns, Reject
from common.formats.column_names import ColumnNames
from common.formats.parsing import parse_numbers
from common.pipeline.checks import BadRows
from common.pipeline.column_decoder import ColumnDecoder
from common.pipeline.encoder import Encoder
from common.pipeline.missing_texts import MissingTexts
from data import ragged

_STORED_TYPES = {
    "string": pa.string(),
    "int32": pa.int32(),
    "float": pa.float64(),
}
WriteTable = Callable[[pa.Table], None]


def arrow_schema(schema: Schema) -> pa.Schema:
    """The columns with the types that Parquet files store."""
    fields = [
        pa.field(column.name, _stored_type(column, schema))
        for column in schema.columns
    ]
    return pa.schema(fields)


def _stored_type(column: Column, schema: Schema) -> pa.DataType:
    """The type of one column in Parquet; the schema says whether lists are joined text."""
    item_type = _STORED_TYPES[column.dtype]
    if not column.is_list:
        return item_type
    if not schema.parquet_lists:
        return pa.string()
    return pa.list_(item_type)


def parquet_writer(path: str, schema: Schema) -> pq.ParquetWriter:
    """Opens a Parquet file to write rows to."""
    stored = arrow_schema(schema)
    return pq.ParquetWriter(path, stored, compression="snappy")


def write_text(table: pa.Table, schema: Schema, file: IO[bytes]) -> None:
    """Writes rows as lines without quoting; lists are joined by their separator, nulls empty."""
    columns = [
        _as_texts(values.combine_chunks(), column)
        for column, values in zip(schema.columns, table.columns)
    ]
    lines = pc.binary_join_element_wise(*columns, schema.delimiter)
    text = _join_lines(lines)
    file.write(text.as_buffer())
    file.write(b"\n")


def _as_texts(array: pa.Array, column: Column) -> pa.StringArray:
    """The text of each row's value, string [N]."""
    if is_list(array.type):
        items = _without_nulls(array.values)
        lists = pa.ListArray.from_arrays(array.offsets, items)
        array = pc.binary_join(lists, column.separator)
    return _without_nulls(array)


def _without_nulls(array: pa.Array) -> pa.StringArray:
    texts = array.cast(pa.string())
    return texts.fill_null("")


def _join_lines(lines: pa.StringArray) -> pa.StringScalar:
    """All lines as one text, without the last line end."""
    bounds = pa.array([0, len(lines)], pa.int32())
    all_lines = pa.ListArray.from_arrays(bounds, lines)
    joined = pc.binary_join(all_lines, "\n")
    return joined[0]


def convert(schema: Schema, source: str, target: str, csv_header: bool = False) -> int:
    """Converts a file chunk by chunk: to Parquet if the target ends in .parquet, else to text.

    Args:
      csv_header: whether the first line of text names its columns.

    Returns:
      the number of rows.

    Raises:
      BadInput: a row of the source cannot be read, or text cannot hold one of its values; no
        target is written then.
    """
    as_text = not target.endswith(".parquet")
    open_target = _open_text if as_text else _open_parquet
    count = 0
    with replacing(target) as path, open_target(path, schema) as write_table:
        for table in _tables(schema, source, as_text, csv_header):
            write_table(table)
            count += table.num_rows
    return count


@contextlib.contextmanager
def _open_text(path: str, schema: Schema) -> Iterator[WriteTable]:
    with open(path, "wb") as file:
        yield lambda table: write_text(table, schema, file)


@contextlib.contextmanager
def _open_parquet(path: str, schema: Schema) -> Iterator[WriteTable]:
    with parquet_writer(path, schema) as writer:
        yield writer.write_table


def _tables(
    schema: Schema,
    source: str,
    as_text: bool,
    csv_header: bool,
) -> Iterator[pa.Table]:
    """Yields the chunks of a file as tables of the stored types; checks rows as training would."""
    header = ColumnNames(schema) if csv_header else None
    file = reader.open_file(source, schema, header)
    stored = arrow_schema(schema)
    bad_rows = BadRows(0, skippable=False)
    checker = row_checker(schema, [source], bad_rows)
    for chunk in file.chunks:
        columns = file.read(chunk, stored.names)
        checker.encode(columns)
        unfit = _unfit_rows(columns, schema, as_text)
        bad_rows.add([source], unfit)
        yield _stored_table(columns, schema, stored)


def row_checker(schema: Schema, paths: Sequence[str], bad_rows: BadRows) -> Encoder:
    """An encoder used for its checks; vocabularies are empty, as unknown words are no errors.

    Args:
      paths: of the files, by their numbers.
      bad_rows: raises BadInput for rows that training would not take.
    """
    sizes = {}
    vocabularies: Dict[str, Dict[bytes, int]] = {}
    for name in schema.vocabularies:
        sizes[name] = 1
        vocabularies[name] = {}
    sized_schema = schema.with_vocabularies(sizes)
    return Encoder(paths, sized_schema, vocabularies, bad_rows)


def _unfit_rows(columns: RawColumns, schema: Schema, as_text: bool) -> List[Reject]:
    """The rows that the target cannot hold: not UTF-8 or, in text, with what divides text."""
    decoder = ColumnDecoder(columns)
    strings = [column for column in schema.columns if column.dtype == "string"]
    for column in strings:
        holds_lists = is_list(columns.arrays[column.name].type)
        dividers: List[str] = []
        if as_text:
            dividers = _dividers(schema, column, holds_lists)
        elif holds_lists and not schema.parquet_lists:
            dividers = [column.separator]
        _reject_unfit(decoder, column, holds_lists, dividers)
    return decoder.rejects


def _dividers(schema: Schema, column: Column, holds_lists: bool) -> List[str]:
    """What ends a line, a value or an item in text, so that no string can contain it."""
    dividers = ["\n", "\r", schema.delimiter]
    if holds_lists:
        dividers.append(column.separator)
    return dividers


def _reject_unfit(
        decoder: ColumnDecoder,
        column: Column,
        holds_lists: bool,
        dividers: List[str],
) -> None:
    """Rejects the rows in which a string is not UTF-8 or contains one of the dividers."""
    names = ", ".join(map(repr, dividers))
    expected = "text without " + names
    if holds_lists:
        items = decoder.lists(column)
        unfit = _contains_any(items.names, dividers)
        decoder.reject_items(items, unfit, column, expected)
    else:
        values, index = decoder.strings(column)
        unfit = _contains_any(values, dividers)
        decoder.reject(unfit[index], column, expected)


def _contains_any(values: pa.BinaryArray, dividers: List[str]) -> np.ndarray:
    """Which values contain one of the dividers, bool [D]."""
    unfit = np.zeros(len(values), bool)
    for divider in dividers:
        matches = pc.match_substring(values, divider)
        unfit |= np.array(matches, bool)
    return unfit


def _stored_table(columns: RawColumns, schema: Schema, stored: pa.Schema) -> pa.Table:
    """The columns of a chunk as a table of the stored types."""
    missing = MissingTexts(schema.missing)
    arrays = [
        _stored_array(columns, column, field.type, missing)
        for column, field in zip(schema.columns, stored)
    ]
    return pa.table(arrays, schema=stored)


def _stored_array(
        columns: RawColumns,
        column: Column,
        stored_type: pa.DataType,
        missing: MissingTexts,
) -> pa.Array:
    """A column as the stored type; missing integers become the default, missing numbers null."""
    array = columns.arrays[column.name]
    if column.dtype == "int32":
        integers = ColumnDecoder(columns, missing).integers(column)
        return pa.array(integers)
    if is_list(array.type):
        items = _values(array.values, _STORED_TYPES[column.dtype])
        lists = pa.ListArray.from_arrays(array.offsets, items)
        return lists if is_list(stored_type) else _as_texts(lists, column)
    if is_list(stored_type):
        return _split(array, column, stored_type.value_type)
    return _values(array, stored_type)


def _values(array: pa.Array, stored_type: pa.DataType) -> pa.Array:
    """Dictionary-encoded strings or numbers as the stored type; an empty number is null."""
    if not is_dictionary(array.type):
        return _doubles(array)
    if is_string(stored_type):
        plain = array.cast(pa.binary())
        return plain.cast(stored_type)
    distinct = parse_numbers(array.dictionary)
    numbers = pa.array(distinct, stored_type, from_pandas=True)
    return numbers.take(array.indices)


def _doubles(array: pa.Array) -> pa.Array:
    """Numbers as float64, NaN as null; of a float32, the number with its shortest text.

    So 20.4 stays 20.4 and does not become the 20.399999618530273 that float32 holds.
    """
    if is_float32(array.type):
        array = array.cast(pa.string())
    doubles = array.cast(pa.float64(), safe=False)
    return pa.array(doubles.to_numpy(zero_copy_only=False), from_pandas=True)


def _split(array: pa.DictionaryArray, column: Column, item_type: pa.DataType) -> pa.ListArray:
    """Splits joined lists; an empty text is a list without items."""
    plain = array.cast(pa.binary())
    texts = _without_nulls(plain)
    filled = pc.not_equal(texts, "")
    lists = pc.split_pattern(texts.filter(filled), column.separator)
    is_filled = filled.to_numpy(zero_copy_only=False)
    lengths = np.zeros(len(texts), np.int32)
    lengths[is_filled] = pc.list_value_length(lists).to_numpy()
    names = lists.flatten().cast(pa.binary())
    items = _values(names.dictionary_encode(), item_type)
    return pa.ListArray.from_arrays(ragged.offsets(lengths), items)

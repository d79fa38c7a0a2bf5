"""Rows as files hold them, text or Parquet, and their conversion from one to the other."""

from typing import Iterator, List

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet

from common.config.schema import Column, Schema
from common.files import replacing
from common.pipeline import reader
from common.pipeline.checks import BadRows
from common.pipeline.chunks import RawColumns, Reject
from common.pipeline.column_decoder import ColumnDecoder, parse_numbers
from common.pipeline.encoder import Encoder


def arrow_schema(schema: Schema) -> pa.Schema:
    """The columns as Parquet files hold them."""
    def kind(column: Column) -> pa.DataType:
        item = {"string": pa.string(), "int32": pa.int32(), "float": pa.float64()}[column.dtype]
        if not column.is_list:
            return item
        return pa.list_(item) if schema.parquet_lists else pa.string()

    return pa.schema([(column.name, kind(column)) for column in schema.columns])


def parquet_writer(path: str, schema: Schema) -> pa.parquet.ParquetWriter:
    """Opens a Parquet file to write rows to."""
    return pa.parquet.ParquetWriter(path, arrow_schema(schema), compression="snappy")


def write_text(table: pa.Table, schema: Schema, file: object) -> None:
    """Writes rows as lines without quoting, lists joined by their separators, nulls as nothing."""
    columns = []
    for column, values in zip(schema.columns, table.columns):
        array = values.combine_chunks()
        if pa.types.is_list(array.type):
            array = pa.compute.binary_join(pa.ListArray.from_arrays(
                array.offsets, array.values.cast(pa.string()).fill_null("")), column.separator)
        columns.append(array.cast(pa.string()).fill_null(""))
    lines = pa.compute.binary_join_element_wise(*columns, schema.delimiter)
    ends = pa.array([0, len(lines)], pa.int32())
    file.write(pa.compute.binary_join(pa.ListArray.from_arrays(ends, lines), "\n")[0].as_buffer())  # type: ignore
    file.write(b"\n")  # type: ignore[attr-defined]


def convert(schema: Schema, source: str, target: str) -> int:
    """Converts text to Parquet or back, chunk by chunk; which way, the target's ending says.

    Returns:
      the number of rows.

    Raises:
      BadInput: a row of the source cannot be read, or text cannot hold one of its values; no target is written then.
    """
    count = 0
    with replacing(target) as path:
        if target.endswith(".parquet"):
            with parquet_writer(path, schema) as parquet:
                for table in _tables(schema, source, as_text=False):
                    parquet.write_table(table)
                    count += table.num_rows
        else:
            with open(path, "wb") as text:
                for table in _tables(schema, source, as_text=True):
                    write_text(table, schema, text)
                    count += table.num_rows
    return count


def _tables(schema: Schema, source: str, as_text: bool) -> Iterator[pa.Table]:
    """The chunks of a file as tables of the stored types; every row is checked as training would check it."""
    file = reader.open_file(source, schema)
    stored, bad_rows = arrow_schema(schema), BadRows(0, skippable=False)
    sizes = {name: 1 for name in schema.vocabularies}
    checker = Encoder(source, schema.with_vocabularies(sizes), {name: {} for name in sizes}, bad_rows)
    for chunk in file.chunks:
        columns = file.read(chunk, stored.names)
        checker.encode(columns)
        bad_rows.add(source, _unfit(columns, schema, as_text))
        yield pa.table([_stored(columns, column, stored.field(column.name).type) for column in schema.columns],
                       schema=stored)


def _unfit(columns: RawColumns, schema: Schema, as_text: bool) -> List[Reject]:
    """The rows that the other format cannot hold: strings that are no UTF-8 or, for text, hold what divides it."""
    chunk = ColumnDecoder(columns)
    for column in schema.columns:
        if column.dtype == "string":
            is_list = pa.types.is_list(columns.arrays[column.name].type)
            dividers = ["\n", "\r", schema.delimiter] + [column.separator] * is_list if as_text else []
            expected = "text without " + ", ".join(map(repr, dividers))
            if is_list:
                items = chunk.lists(column)
                chunk.reject_items(items, _holds(items.names, dividers), column, expected)
            else:
                values, index = chunk.strings(column)
                chunk.reject(_holds(values, dividers)[index], column, expected)
    return chunk.rejects


def _holds(values: pa.BinaryArray, dividers: List[str]) -> np.ndarray:
    """Which values hold one of the dividers, bool [D]."""
    held = [np.array(pa.compute.match_substring(values, divider), bool) for divider in dividers]
    return np.logical_or.reduce([np.zeros(len(values), bool)] + held)


def _stored(columns: RawColumns, column: Column, kind: pa.DataType) -> pa.Array:
    """A column as a file gives it, as the stored type; missing integers get the default, numbers null."""
    array = columns.arrays[column.name]
    if column.dtype == "int32":
        return pa.array(ColumnDecoder(columns).integers(column))
    if pa.types.is_list(array.type):
        return pa.ListArray.from_arrays(array.offsets, _values(array.values, kind.value_type))
    return _split(array, column, kind.value_type) if pa.types.is_list(kind) else _values(array, kind)


def _values(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """Dictionary-encoded strings or numbers as the stored type; an empty number is null."""
    if not pa.types.is_dictionary(array.type):
        return array.cast(kind, safe=False)
    if pa.types.is_string(kind):
        return array.cast(pa.binary()).cast(kind)
    return pa.array(parse_numbers(array.dictionary), kind, from_pandas=True).take(array.indices)


def _split(array: pa.DictionaryArray, column: Column, kind: pa.DataType) -> pa.ListArray:
    """Joined lists as lists; an empty text is a list without items."""
    texts = array.cast(pa.binary()).cast(pa.string()).fill_null("")
    filled = pa.compute.not_equal(texts, "")
    lists = pa.compute.split_pattern(texts.filter(filled), column.separator)
    lengths = np.zeros(len(texts), np.int32)
    lengths[filled.to_numpy(zero_copy_only=False)] = pa.compute.list_value_length(lists).to_numpy()
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
    return pa.ListArray.from_arrays(offsets, _values(lists.flatten().cast(pa.binary()).dictionary_encode(), kind))

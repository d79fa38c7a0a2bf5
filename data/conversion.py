"""Rows as files hold them, text or Parquet, and their conversion from one to the other."""

from typing import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet

from common import reader
from common.checks import BadRows
from common.encoder import Encoder
from common.files import replacing
from common.schema import Column, Schema


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
      BadInput: a row of the source cannot be read; no target is written then.
    """
    count = 0
    with replacing(target) as path:
        if target.endswith(".parquet"):
            with parquet_writer(path, schema) as parquet:
                for table in _tables(schema, source):
                    parquet.write_table(table)
                    count += table.num_rows
        else:
            with open(path, "wb") as text:
                for table in _tables(schema, source):
                    write_text(table, schema, text)
                    count += table.num_rows
    return count


def _tables(schema: Schema, source: str) -> Iterator[pa.Table]:
    """The chunks of a file as tables of the stored types; every row is checked as training would check it."""
    file = reader.open_file(source, schema)
    stored = arrow_schema(schema)
    sizes = {name: 1 for name in schema.vocabularies}
    checker = Encoder(source, schema.with_vocabularies(sizes), {name: {} for name in sizes}, BadRows(0))
    for chunk in file.chunks:
        columns = file.read(chunk, stored.names)
        checker.encode(columns)
        yield pa.table([_stored(columns.arrays[column.name], column, stored.field(column.name).type)
                        for column in schema.columns], schema=stored)


def _stored(array: pa.Array, column: Column, kind: pa.DataType) -> pa.Array:
    """A column as common.reader reads it, as the stored type; missing integers get the default, numbers null."""
    if pa.types.is_list(array.type):
        return pa.ListArray.from_arrays(array.offsets, _stored(array.values, column, kind.value_type))
    if not pa.types.is_dictionary(array.type):
        return (array.fill_null(int(column.default)) if column.kind == "identity" else array).cast(kind)
    texts = array.cast(pa.binary()).cast(pa.string())
    if pa.types.is_list(kind):
        return _split(texts, column, kind.value_type)
    if pa.types.is_string(kind):
        return texts
    missing = column.default if column.dtype == "int32" else pa.scalar(None, pa.string())
    texts = pa.compute.utf8_trim_whitespace(texts)
    return pa.compute.if_else(pa.compute.equal(texts, ""), missing, texts).cast(kind)


def _split(texts: pa.Array, column: Column, kind: pa.DataType) -> pa.ListArray:
    """Joined lists as lists; an empty text is a list without items."""
    texts = texts.fill_null("")
    filled = pa.compute.not_equal(texts, "")
    lists = pa.compute.split_pattern(texts.filter(filled), column.separator)
    lengths = np.zeros(len(texts), np.int32)
    lengths[filled.to_numpy(zero_copy_only=False)] = pa.compute.list_value_length(lists).to_numpy()
    items = lists.flatten()
    if not pa.types.is_string(kind):
        items = pa.compute.utf8_trim_whitespace(items)
        items = pa.compute.if_else(pa.compute.equal(items, ""), pa.scalar(None, pa.string()), items).cast(kind)
    return pa.ListArray.from_arrays(pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)), items)

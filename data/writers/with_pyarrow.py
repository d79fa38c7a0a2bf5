"""Rows as pyarrow writes them."""

import decimal
from typing import Any, Callable, Dict

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import recipes
from recipes import RowSet


def read(rows: RowSet) -> pa.Table:
    """All as text, empty ones as such."""
    return pa.csv.read_csv(
        rows.path,
        read_options=pa.csv.ReadOptions(column_names=rows.names),
        parse_options=pa.csv.ParseOptions(delimiter=rows.delimiter, quote_char=False),
        convert_options=pa.csv.ConvertOptions(
            column_types={name: pa.string() for name in rows.names}, strings_can_be_null=False),
    )


def change(table: pa.Table, names: Any, convert: Callable[[Any], Any]) -> pa.Table:
    """A table with some columns converted."""
    for name in names:
        table = table.set_column(table.column_names.index(name), name, convert(table[name]))
    return table


def to_numbers(kind: pa.DataType) -> Callable[[Any], Any]:
    """Casts text to numbers, empty text to null."""
    return lambda column: pc.if_else(pc.equal(column, ""), None, column).cast(kind)


def typed(rows: RowSet, table: pa.Table) -> pa.Table:
    """Labels as int32, numbers as float64, lists as lists."""
    table = change(table, rows.labels, to_numbers(pa.int32()))
    table = change(table, rows.numbers, to_numbers(pa.float64()))
    for name, separator in rows.lists.items():
        table = change(table, [name], lambda column: pc.if_else(
            pc.equal(column, ""), pa.scalar([], pa.list_(pa.string())),
            pc.split_pattern(column, separator)))
    return table


def with_options(**options: object) -> recipes.Recipe:
    """The typed rows, written with options."""
    return lambda rows, table, path: pq.write_table(typed(rows, table), path, **options)


def with_ids(kind: pa.DataType) -> recipes.Recipe:
    """The typed rows with text of another type."""
    def write(rows: RowSet, table: pa.Table, path: str) -> None:
        pq.write_table(change(typed(rows, table), rows.ids, lambda ids: ids.cast(kind)), path)
    return write


def with_lists(kind: pa.DataType) -> recipes.Recipe:
    """The typed rows with lists of another type."""
    def write(rows: RowSet, table: pa.Table, path: str) -> None:
        pq.write_table(change(typed(rows, table), rows.lists, lambda ids: pa.chunked_array(
            [pa.array(ids.to_pylist(), kind)])), path)
    return write


def with_labels(convert: Callable[[Any], Any]) -> recipes.Recipe:
    """The typed rows with labels of another type."""
    def write(rows: RowSet, table: pa.Table, path: str) -> None:
        pq.write_table(change(typed(rows, table), rows.labels, convert), path)
    return write


def with_encoding(encoding: str) -> recipes.Recipe:
    """The typed rows with strings in an encoding."""
    def write(rows: RowSet, table: pa.Table, path: str) -> None:
        encodings = {name: encoding for name in rows.ids}
        encodings.update({name + ".list.element": encoding for name in rows.lists})
        pq.write_table(typed(rows, table), path, use_dictionary=False, column_encoding=encodings)
    return write


def with_decimals(bits: int) -> recipes.Recipe:
    """Labels as decimals."""
    kind = getattr(pa, "decimal{}".format(bits))(3, 1)
    return with_labels(lambda column: pa.array(
        [decimal.Decimal(value) for value in column.to_pylist()], kind))


def half_floats(rows: RowSet, table: pa.Table, path: str) -> None:
    """Labels in 16 bits."""
    pq.write_table(change(typed(rows, table), rows.labels,
                          lambda column: column.cast(pa.float32()).cast(pa.float16())), path)


RECIPES: Dict[str, recipes.Recipe] = {
    "text": lambda rows, table, path: pq.write_table(table, path),
    "default": with_options(),
    "views": with_ids(pa.string_view()),
    "large": with_ids(pa.large_string()),
    "binary": with_ids(pa.binary()),
    "dictionary": with_ids(pa.dictionary(pa.int32(), pa.string())),
    "list_view": with_lists(pa.list_view(pa.string())),
    "large_list": with_lists(pa.large_list(pa.large_string())),
    "list_of_views": with_lists(pa.list_(pa.string_view())),
    "delta": with_encoding("DELTA_BYTE_ARRAY"),
    "delta_length": with_encoding("DELTA_LENGTH_BYTE_ARRAY"),
    "plain": with_options(use_dictionary=False),
    "small_dictionary": with_options(dictionary_pagesize_limit=1000),
    "v2_pages": with_options(data_page_version="2.0"),
    "page_index": with_options(write_page_index=True),
    "content_defined": with_options(use_content_defined_chunking=True),
    "no_schema": with_options(store_schema=False),
    "old_lists": with_options(use_compliant_nested_type=False),
    "split_floats": lambda rows, table, path: pq.write_table(
        typed(rows, table), path, use_dictionary=False, use_byte_stream_split=rows.numbers),
    "split_integers": lambda rows, table, path: pq.write_table(
        typed(rows, table), path, use_dictionary=False, use_byte_stream_split=rows.labels),
    "bool": with_labels(lambda column: column.cast(pa.bool_())),
    "float": with_labels(lambda column: column.cast(pa.float32())),
    "half": half_floats,
    "decimal32": with_decimals(32),
    "decimal128": with_decimals(128),
    "decimal256": with_decimals(256),
    **{codec: with_options(compression=codec) for codec in ("gzip", "brotli", "zstd", "lz4")},
}

if __name__ == "__main__":
    recipes.main(read, RECIPES)

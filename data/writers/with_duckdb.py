"""Rows as DuckDB writes them."""

from typing import Dict

import duckdb
import recipes
from recipes import RowSet


def read(rows: RowSet) -> str:
    """What SQL calls the rows: all as text, empty ones as nulls."""
    return scan(rows, "all_varchar = true")


def scan(rows: RowSet, option: str) -> str:
    """A table function that reads the text."""
    return "read_csv('{}', header = false, names = {}, delim = '{}', quote = '', {})".format(
        rows.path, rows.names, rows.delimiter, option)


def typed(rows: RowSet, changes: Dict[str, str]) -> str:
    """The columns of a query: labels as integers, numbers as DOUBLE, lists as lists.

    Args:
      changes: other expressions, by name.
    """
    columns = {name: '"{}"'.format(name) for name in rows.names}
    for name in rows.labels:
        columns[name] = '"{}"::INTEGER'.format(name)
    for name in rows.numbers:
        columns[name] = '"{}"::DOUBLE'.format(name)
    for name, separator in rows.lists.items():
        split = "string_split(\"{0}\", chr({1}))".format(name, ord(separator))
        columns[name] = 'CASE WHEN "{}" IS NULL THEN [] ELSE {} END'.format(name, split)
    columns.update(changes)
    return ", ".join('{} AS "{}"'.format(text, name) for name, text in columns.items())


def write(query: str, path: str, options: str = "") -> None:
    """Writes the rows of a query."""
    duckdb.sql("SET preserve_insertion_order = true")
    duckdb.sql("COPY ({}) TO '{}' (FORMAT parquet{})".format(query, path, options))


def with_options(options: str) -> recipes.Recipe:
    """The typed rows, written with options."""
    return lambda rows, table, path: write(
        "SELECT {} FROM {}".format(typed(rows, {}), table), path, options)


def changed(names: str, text: str, more: str = "") -> recipes.Recipe:
    """The typed rows with an expression for some columns, where {} is the column.

    Args:
      more: columns beside the rows'.
    """
    def write_changed(rows: RowSet, table: str, path: str) -> None:
        changes = {name: text.format('"{}"'.format(name)) for name in getattr(rows, names)}
        write("SELECT {} {} FROM {}".format(typed(rows, changes), more, table), path)
    return write_changed


def of_lists(text: str) -> recipes.Recipe:
    """The typed rows with an expression for each list, where {} is the list."""
    def write_changed(rows: RowSet, table: str, path: str) -> None:
        query = "SELECT {} FROM {}".format(typed(rows, {}), table)
        lists = ", ".join('{} AS "{}"'.format(text.format('"{}"'.format(name)), name)
                          for name in rows.lists)
        write("SELECT * REPLACE ({}) FROM ({})".format(lists, query), path)
    return write_changed


RECIPES: Dict[str, recipes.Recipe] = {
    "text": lambda rows, table, path: write("FROM " + table, path),
    "default": with_options(""),
    "inferred": lambda rows, table, path: write("FROM " + scan(rows, "sample_size = -1"), path),
    "v2": with_options(", parquet_version v2"),
    "small_groups": with_options(", row_group_size 2048"),
    "bool": changed("labels", "{} = '1'"),
    "double": changed("labels", "{}::DOUBLE"),
    "decimal": changed("labels", "{}::INTEGER * 1.0"),
    "hugeint": changed("labels", "{}::HUGEINT"),
    "bignum": changed("labels", "{}::BIGNUM"),
    "json_lists": of_lists("to_json({})"),
    "printed_lists": of_lists("{}::VARCHAR"),
    "arrays": of_lists("list_resize({}, 400)::VARCHAR[400]"),
    "beside": changed("labels", "{}::TINYINT", ", {'a': [1]} AS s, map {'k': 1} AS m, "
                                               "DATE '2026-11-29' AS day, 1::VARIANT AS v"),
    "dates": changed("ids", "DATE '2026-11-29'"),
    **{codec: with_options(", compression " + codec)
       for codec in ("zstd", "gzip", "brotli", "lz4_raw", "uncompressed")},
}

if __name__ == "__main__":
    recipes.main(read, RECIPES)

"""Rows as ClickHouse writes them, by chdb."""

from typing import Dict

import chdb
import recipes
from recipes import RowSet

_CODEC = "output_format_parquet_compression_method = '{}'"


def read(rows: RowSet) -> str:
    """What SQL calls the rows: all as text, empty ones as such."""
    structure = ", ".join("`{}` String".format(name) for name in rows.names)
    kind = "CSV" if rows.delimiter == "," else "TSV"
    return "file('{}', '{}', '{}')".format(rows.path, kind, structure)


def typed(rows: RowSet, changes: Dict[str, str]) -> str:
    """The columns of a query: labels as integers, numbers as Float64, lists as lists."""
    columns = {name: "`{}`".format(name) for name in rows.names}
    for name in rows.labels:
        columns[name] = "toUInt8(`{}`)".format(name)
    for name in rows.numbers:
        columns[name] = "toFloat64OrNull(`{}`)".format(name)
    for name, separator in rows.lists.items():
        split = "splitByChar(char({}), `{}`)".format(ord(separator), name)
        columns[name] = "if(empty(`{}`), [], {})".format(name, split)
    columns.update(changes)
    return ", ".join("{} AS `{}`".format(text, name) for name, text in columns.items())


def write(rows: RowSet, table: str, path: str, changes: Dict[str, str], settings: str) -> None:
    """Writes the rows of a query, in the order of the text."""
    names = ", ".join("`_{0}` AS `{0}`".format(name) for name in rows.names)
    query = "SELECT {} FROM (SELECT {} FROM {}) FORMAT Parquet SETTINGS {}".format(
        names, typed(rows, changes).replace(" AS `", " AS `_"), table, settings)
    content = chdb.query(query + ", max_threads = 1").bytes()
    with open(path, "wb") as file:
        file.write(content)


def changed(names: str, text: str, settings: str = _CODEC.format("zstd")) -> recipes.Recipe:
    """The typed rows with an expression for some columns, where {} is the column."""
    def write_changed(rows: RowSet, table: str, path: str) -> None:
        changes = {name: text.format("`{}`".format(name)) for name in getattr(rows, names)}
        write(rows, table, path, changes, settings)
    return write_changed


def with_settings(settings: str) -> recipes.Recipe:
    """The typed rows, written with settings."""
    return lambda rows, table, path: write(rows, table, path, {}, settings)


RECIPES: Dict[str, recipes.Recipe] = {
    "default": with_settings(_CODEC.format("zstd")),
    "low_cardinality": changed("ids", "toLowCardinality({})"),
    "nullable": changed("ids", "nullIf({}, '')"),
    "fixed": changed("ids", "toFixedString({}, 40)"),
    "fixed16": changed("ids", "toFixedString({}, 16)"),
    "enum": changed("labels", "CAST({}, 'Enum8(\\'0\\' = 0, \\'1\\' = 1)')"),
    "comparison": changed("labels", "{} = '1'"),
    "bool": changed("labels", "toBool({})"),
    "float": changed("labels", "toFloat32({})"),
    "decimal": changed("labels", "toDecimal64({}, 2)"),
    "int128": changed("labels", "toInt128({})"),
    **{codec: with_settings(_CODEC.format(codec))
       for codec in ("none", "snappy", "gzip", "brotli", "lz4")},
}

if __name__ == "__main__":
    recipes.main(read, RECIPES)

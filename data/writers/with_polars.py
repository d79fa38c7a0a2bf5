"""Rows as Polars writes them."""

from typing import Any, Dict

import polars as pl
import recipes
from recipes import RowSet


def read(rows: RowSet) -> pl.DataFrame:
    """All as text, empty ones as nulls."""
    return read_as(rows, infer_schema=False)


def read_as(rows: RowSet, **options: Any) -> pl.DataFrame:
    """The rows as Polars reads them."""
    return pl.read_csv(rows.path, has_header=False, new_columns=rows.names,
                       separator=rows.delimiter, quote_char=None, **options)


def typed(rows: RowSet, table: pl.DataFrame) -> pl.DataFrame:
    """Labels as Int32, numbers as Float64, lists as lists."""
    changes = [pl.col(name).cast(pl.Int32) for name in rows.labels]
    changes += [pl.col(name).cast(pl.Float64) for name in rows.numbers]
    for name, separator in rows.lists.items():
        filled = pl.col(name).fill_null("").str.split(separator)
        changes.append(filled)
    return table.with_columns(changes)


def with_columns(names: str, change: Any, **options: Any) -> recipes.Recipe:
    """The typed rows with some columns changed."""
    def write(rows: RowSet, table: pl.DataFrame, path: str) -> None:
        changes = [change(pl.col(name)) for name in getattr(rows, names)]
        typed(rows, table).with_columns(changes).write_parquet(path, **options)
    return write


def inferred(rows: RowSet, table: pl.DataFrame, path: str) -> None:
    """What Polars infers from CSV."""
    read_as(rows, infer_schema_length=None).write_parquet(path)


def padded(rows: RowSet, table: pl.DataFrame, path: str) -> None:
    """Lists of one length, filled up with nulls."""
    changes = []
    wide = typed(rows, table)
    longest = max([wide[name].list.len().max() for name in rows.lists])
    for name in rows.lists:
        lists = wide[name].to_list()
        filled = [row + [None] * (longest - len(row)) for row in lists]
        changes.append(pl.Series(name, filled, dtype=pl.Array(pl.String, longest)))
    wide.with_columns(changes).write_parquet(path)


def same(column: pl.Expr) -> pl.Expr:
    """The column as it is."""
    return column


RECIPES: Dict[str, recipes.Recipe] = {
    "text": lambda rows, table, path: table.write_parquet(path),
    "default": with_columns("labels", same),
    "inferred": inferred,
    "categorical": with_columns("ids", lambda column: column.cast(pl.Categorical)),
    "empty_text": with_columns("ids", lambda column: column.fill_null("")),
    "bool": with_columns("labels", lambda column: column == 1),
    "float": with_columns("labels", lambda column: column.cast(pl.Float32)),
    "half": with_columns("labels", lambda column: column.cast(pl.Float16)),
    "decimal": with_columns("labels", lambda column: column.cast(pl.Decimal(10, 1))),
    "int128": with_columns("labels", lambda column: column.cast(pl.Int128)),
    "uint8": with_columns("labels", lambda column: column.cast(pl.UInt8)),
    "arrays": padded,
    "row_number": lambda rows, table, path: typed(rows, table).with_row_index().write_parquet(path),
    "small_groups": with_columns("labels", same, row_group_size=100),
    "small_pages": with_columns("labels", same, data_page_size=1000),
    **{codec: with_columns("labels", same, compression=codec)
       for codec in ("uncompressed", "snappy", "gzip", "brotli", "lz4")},
}

if __name__ == "__main__":
    recipes.main(read, RECIPES)

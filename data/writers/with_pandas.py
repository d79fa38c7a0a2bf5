"""Rows as pandas writes them by pyarrow."""

from typing import Any, Dict

import pandas as pd
import recipes
from recipes import RowSet


def read(rows: RowSet) -> pd.DataFrame:
    """All as text, empty ones as such."""
    return read_as(rows, dtype=str, keep_default_na=False)


def read_as(rows: RowSet, **options: Any) -> pd.DataFrame:
    """The rows as pandas reads them."""
    return pd.read_csv(rows.path, header=None, names=rows.names, sep=rows.delimiter, quoting=3,
                       **options)


def typed(rows: RowSet, table: pd.DataFrame) -> pd.DataFrame:
    """Labels as integers, numbers as floats, lists as lists."""
    table = table.copy()
    for name in rows.labels:
        table[name] = table[name].astype("int64")
    for name in rows.numbers:
        table[name] = pd.to_numeric(table[name])
    for name, separator in rows.lists.items():
        table[name] = [text.split(separator) if text else [] for text in table[name]]
    return table


def with_labels(dtype: str) -> recipes.Recipe:
    """The typed rows with labels of another type."""
    return lambda rows, table, path: typed(rows, table).astype(
        {name: dtype for name in rows.labels}).to_parquet(path)


def categories(rows: RowSet, table: pd.DataFrame, path: str) -> None:
    """Text as categories."""
    typed(rows, table).astype({name: "category" for name in rows.ids}).to_parquet(path)


def filtered(rows: RowSet, table: pd.DataFrame, path: str) -> None:
    """With the index that a filter leaves, as a column."""
    table = typed(rows, table)
    table.index = table.index.to_numpy() * 3
    table.to_parquet(path)


def inferred(rows: RowSet, table: pd.DataFrame, path: str) -> None:
    """What pandas infers where only empty fields are missing."""
    read_as(rows, keep_default_na=False, na_values=[""]).to_parquet(path)


def nullable(rows: RowSet, table: pd.DataFrame, path: str) -> None:
    """The same with types that have missing values."""
    read_as(rows, keep_default_na=False, na_values=[""],
            dtype_backend="numpy_nullable").to_parquet(path)


RECIPES: Dict[str, recipes.Recipe] = {
    "text": lambda rows, table, path: table.to_parquet(path),
    "default": lambda rows, table, path: typed(rows, table).to_parquet(path),
    "categories": categories,
    "index": filtered,
    "inferred": inferred,
    "nullable": nullable,
    "bool": with_labels("bool"),
    "float": with_labels("float64"),
    "label_text": with_labels("str"),
    "zstd": lambda rows, table, path: typed(rows, table).to_parquet(path, compression="zstd"),
    "printed_lists": lambda rows, table, path: typed(rows, table).astype(
        {name: str for name in rows.lists}).to_parquet(path),
}

if __name__ == "__main__":
    recipes.main(read, RECIPES)

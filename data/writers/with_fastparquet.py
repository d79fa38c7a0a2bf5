"""Rows as fastparquet writes them."""

from typing import Dict

import fastparquet
import recipes
from recipes import RowSet
from with_pandas import read, typed


def with_options(**options: object) -> recipes.Recipe:
    """The typed rows, written with options."""
    return lambda rows, table, path: fastparquet.write(path, typed(rows, table), **options)


def categories(rows: RowSet, table: object, path: str) -> None:
    """Text as categories."""
    columns = {name: "category" for name in rows.ids}
    fastparquet.write(path, typed(rows, table).astype(columns))


RECIPES: Dict[str, recipes.Recipe] = {
    "text": lambda rows, table, path: fastparquet.write(path, table),
    "default": with_options(),
    "categories": categories,
    "small_groups": with_options(row_group_offsets=100),
    "nulls": with_options(has_nulls=True),
    **{codec: with_options(compression=codec) for codec in ("SNAPPY", "GZIP", "ZSTD", "LZ4_RAW")},
}

if __name__ == "__main__":
    recipes.main(read, RECIPES)

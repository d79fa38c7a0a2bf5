"""Data sets with small tables, so that graphs initialise, save and compare in a moment."""

from types import ModuleType

import pytest

from common.config.schema import Schema


def small(schema: Schema, buckets: int = 2000) -> Schema:
    """The same schema, no hash column of which has more than so many buckets."""
    columns = [column._replace(buckets=min(column.buckets, buckets)) if column.kind == "hash" else column
               for column in schema.columns]
    return schema._replace(columns=tuple(columns))


def shrink_tables(monkeypatch: pytest.MonkeyPatch, *modules: ModuleType) -> None:
    """Gives modules, each with the same SCHEMA, one with small tables."""
    for module in modules:
        monkeypatch.setattr(module, "SCHEMA", small(module.SCHEMA))  # type: ignore[attr-defined]

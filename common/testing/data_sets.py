"""Data sets for tests of models: written once for all workers of pytest, and with small tables."""

import fcntl
import os
from types import ModuleType
from typing import Callable

import pytest

from common.config.schema import Schema


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[str], object]) -> str:
    """A folder that all workers of a run of pytest share, filled by the first that asks for it.

    Args:
      name: the folder's name; the same name must mean the same content.
      make: fills the folder whose path it gets.
    """
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    path = os.path.join(str(base), name)
    with open(path + ".lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(path + ".made"):
            os.makedirs(path, exist_ok=True)
            make(path)
            open(path + ".made", "w").close()
    return path


def small(schema: Schema, buckets: int = 2000) -> Schema:
    """The same schema with no more than so many buckets in each hash column."""
    columns = []
    for column in schema.columns:
        if column.kind == "hash":
            column = column._replace(buckets=min(column.buckets, buckets))
        columns.append(column)
    return schema._replace(columns=tuple(columns))


def shrink_tables(monkeypatch: pytest.MonkeyPatch, *modules: ModuleType) -> None:
    """Gives each module's SCHEMA small tables: a graph then initialises and saves in a moment."""
    for module in modules:
        monkeypatch.setattr(module, "SCHEMA", small(module.SCHEMA))

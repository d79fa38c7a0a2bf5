"""Rows whose columns are shuffled in turn, so that what a model knows of one column is lost."""

from typing import Iterator, List, NamedTuple, Sequence, Tuple

import numpy as np

from common.config.schema import Column, Schema
from common.pipeline.features import Block

_TAG = 7  # tells these draws from those of a sample with the same seed


class Unit(NamedTuple):
    """Columns that are shuffled together, by the same order of rows."""

    columns: Tuple[str, ...]

    @property
    def name(self) -> str:
        """What people call it."""
        return "+".join(self.columns)


def units(schema: Schema, names: Sequence[str] = ()) -> List[Unit]:
    """What is shuffled of a schema: each column that a model takes, aligned lists together.

    Args:
      names: of columns to which this is confined; with one aligned list come the others.

    Raises:
      ValueError: a name is of no column, or of one that a model does not take.
    """
    for name in names:
        _check(name, schema)
    aligned = tuple(column.name for column in schema.lists if column.aligned)
    found: List[Unit] = []
    for column in schema.inputs:
        unit = Unit(aligned if column.name in aligned else (column.name,))
        is_wanted = not names or set(unit.columns).intersection(names)
        if is_wanted and unit not in found:
            found.append(unit)
    return found


def _check(name: str, schema: Schema) -> None:
    inputs = [column.name for column in schema.inputs]
    if name in inputs:
        return
    kinds = {column.name: column.kind for column in schema.columns}
    if name in kinds:
        raise ValueError("--columns {}: it is of kind {!r}, and no model takes it. Columns that "
                         "one takes: {}.".format(name, kinds[name], ", ".join(inputs)))
    raise ValueError("--columns {}: the schema of the run has no such column. It has {}.".format(
        name or "''", ", ".join(inputs)))


def order_of(unit: Unit, repeat: int, schema: Schema, num_rows: int, seed: int) -> np.ndarray:
    """From which row each row takes a unit's columns, int64 [N].

    It depends on the first column's place in the schema, not on which others are shuffled.
    """
    place = [column.name for column in schema.columns].index(unit.columns[0])
    rng = np.random.default_rng([seed, _TAG, place, repeat])
    return rng.permutation(num_rows)


def block_of(block: Block, unit: Unit, order: np.ndarray, schema: Schema) -> Block:
    """A block with a unit's columns from other rows; all else is as it was.

    Args:
      order: of order_of.
    """
    return block._replace(
        ids=_from(block.ids, schema.scalars, unit, order),
        numbers=_from(block.numbers, schema.numbers, unit, order),
        lists=tuple(
            ragged.take(order) if column.name in unit.columns else ragged
            for column, ragged in zip(schema.lists, block.lists)))


def _from(array: np.ndarray, columns: Sequence[Column], unit: Unit,
          order: np.ndarray) -> np.ndarray:
    """An array [N, C] whose columns of a unit are in another order."""
    places = [place for place, column in enumerate(columns) if column.name in unit.columns]
    if not places:
        return array
    changed = array.copy(order="F")
    for place in places:
        changed[:, place] = array[order, place]
    return changed


def slices(block: Block, size: int) -> Iterator[Block]:
    """A block in pieces of at most `size` rows."""
    num_rows = len(block.rows)
    for low in range(0, num_rows, size):
        yield block.take(np.arange(low, min(low + size, num_rows)))

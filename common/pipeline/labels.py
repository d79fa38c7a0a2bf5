"""The labels of a chunk's rows, out of the columns that they are read from, and their weights."""

from typing import List, MutableSequence, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy import ndarray

from common.config.column import Column
from common.config.schema import Schema
from common.formats import parsing
from common.pipeline.column_decoder import ColumnDecoder

MAX_WEIGHT = 1e30  # of a row: sums over a batch stay far below what a float32 holds


def decode(decoder: ColumnDecoder, schema: Schema) -> List[ndarray]:
    """The targets of a schema, in its order: labels, 0 or 1 [N] each, and the rows' weights.

    Rows that lack one become rejects. A purchase without a click counts as none.
    """
    targets = read(decoder, schema)
    drop_unclicked(targets, schema)
    return targets


def drop_unclicked(targets: MutableSequence[ndarray], schema: Schema) -> int:
    """Makes purchases without a click none, where a schema has both; returns how many there are.

    Args:
      targets: in the schema's order, [N] each; that of purchases is replaced.
    """
    places = {label.role: place for place, label in enumerate(schema.labels)}
    if "click" not in places or "purchase" not in places:
        return 0
    click, purchase = targets[places["click"]], targets[places["purchase"]]
    is_unclicked = (purchase > 0) & ~(click > 0)
    targets[places["purchase"]] = np.where(is_unclicked, 0, purchase)
    return int(is_unclicked.sum())


def read(decoder: ColumnDecoder, schema: Schema) -> List[ndarray]:
    """The same as they stand in the file, purchases without a click among them."""
    targets = []
    for column in schema.label_columns + schema.weights:
        targets += of_column(decoder, column)
    return targets


def of_column(decoder: ColumnDecoder, column: Column) -> List[ndarray]:
    """The labels that are read from one column, or its weights."""
    if column.kind == "weight":
        weights = decoder.numbers(column)
        is_wrong = (weights < 0) | (weights > MAX_WEIGHT)
        decoder.reject(is_wrong, column, "a weight from 0 to {:g}".format(MAX_WEIGHT))
        return [weights]
    if column.dtype == "int32":
        return [decoder.integers(column)]
    if column.dtype == "float":
        numbers = decoder.numbers(column)
        return [numbers >= label.at_least for label in column.outcomes]
    values, index = decoder.strings(column)
    is_blank = parsing.is_blank(values)
    decoder.reject(is_blank[index], column, "a label's text")
    return [_is_any(values, label.positive)[index] for label in column.outcomes]


def _is_any(values: pa.BinaryArray, texts: Sequence[str]) -> ndarray:
    """Which strings are one of some texts, bool [D]."""
    wanted = pa.array([text.encode() for text in texts], pa.binary())
    return np.array(pc.is_in(values, value_set=wanted), bool)

"""The lines of samples, from users, targets and histories that are numbers."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data import ragged
from data.din.reviews import Items
from data.din.samples import SEPARATOR

_LABELS = pa.array([b"0", b"1"], pa.binary())


class Rows(NamedTuple):
    """Samples as indices into users and items.

    Attributes:
      labels, users, targets: int [S].
      lengths: the number of items of each of the H histories, int [H].
      history: the items of all histories, each oldest first, int [sum of lengths].
      history_of: the history of each sample, int [S].
    """

    labels: np.ndarray
    users: np.ndarray
    targets: np.ndarray
    lengths: np.ndarray
    history: np.ndarray
    history_of: np.ndarray


def to_lines(rows: Rows, users: pa.BinaryArray, items: Items) -> pa.BinaryArray:
    """The line of each sample with its line end, binary [S].

    Args:
      rows: the samples.
      users: the names of the users, binary [U].
      items: names and categories of the items.
    """
    targets = pa.array(rows.targets)
    history_of = pa.array(rows.history_of)
    columns = [
        _LABELS.take(pa.array(rows.labels)),
        users.take(pa.array(rows.users)),
        items.names.take(targets),
        items.categories.take(targets),
        _join(rows, items.names).take(history_of),
        _join(rows, items.categories).take(history_of),
    ]
    lines = pc.binary_join_element_wise(*columns, b"\t")
    return pc.binary_join_element_wise(lines, b"", b"\n")


def _join(rows: Rows, names: pa.BinaryArray) -> pa.BinaryArray:
    """The names of each history's items as one text, binary [H]."""
    values = names.take(pa.array(rows.history))
    lists = pa.ListArray.from_arrays(ragged.offsets(rows.lengths), values)
    return pc.binary_join(lists, SEPARATOR)

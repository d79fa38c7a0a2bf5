"""What a model predicts for rows, and how it becomes a table."""

from typing import Dict, Iterable, Iterator, List, NamedTuple, Sequence

import numpy as np
import pyarrow as pa

from common.errors import BadInput
from common.formats.chunks import file_of, row_in_file

PREFIX = "p_"  # of the columns of probabilities
_TABLE_ROWS = 65536


class Scores(NamedTuple):
    """The probabilities of some rows.

    Attributes:
      rows: the rows' numbers, int64 [N], ascending.
      by_task: task -> its probability, float32 [N].
    """

    rows: np.ndarray
    by_task: Dict[str, np.ndarray]

    def table(self, tasks: Sequence[str]) -> pa.Table:
        """The probabilities of some tasks, a column each."""
        return pa.table({PREFIX + task: pa.array(self.by_task[task]) for task in tasks})


def joined(batches: Iterable[Scores]) -> Iterator[Scores]:
    """The same rows in fewer pieces, so that a file of them has few row groups."""
    pieces: List[Scores] = []
    num_rows = 0
    for batch in batches:
        pieces.append(batch)
        num_rows += len(batch.rows)
        if num_rows >= _TABLE_ROWS:
            yield concat(pieces)
            pieces, num_rows = [], 0
    if pieces:
        yield concat(pieces)


def concat(pieces: Sequence[Scores]) -> Scores:
    """The rows of several pieces, one after another."""
    rows = np.concatenate([piece.rows for piece in pieces])
    by_task = {}
    for task in pieces[0].by_task:
        by_task[task] = np.concatenate([piece.by_task[task] for piece in pieces])
    return Scores(rows, by_task)


def check_finite(scores: Scores, paths: Sequence[str]) -> None:
    """Raises BadInput where a probability is not a number.

    Args:
      paths: of the files, by their numbers.
    """
    for task, values in scores.by_task.items():
        is_nan = np.isnan(values)
        if is_nan.any():
            row = int(scores.rows[is_nan.argmax()])
            raise BadInput("{}, row {}: the probability of {} is not a number. The checkpoint has "
                           "weights that are none, or the row numbers too large for them. Score "
                           "with an earlier one: --step.".format(
                               paths[file_of(row)], row_in_file(row) + 1, task))


def beside(kept: pa.Table, probabilities: pa.Table) -> pa.Table:
    """Kept columns, and the probabilities of the same rows behind them."""
    for name, column in zip(probabilities.column_names, probabilities.columns):
        kept = kept.append_column(name, column)
    return kept

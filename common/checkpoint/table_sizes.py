"""How many keys embedding variables hold: printed at each checkpoint, and a line in keys.jsonl."""

import os
from typing import List, Optional

import tensorflow.compat.v1 as tf

from common import files
from common.embedding import graph_record
from common.kernels.embedding import table as native_table


FILE = "keys.jsonl"


class Sizes(tf.train.CheckpointSaverListener):
    """Prints at each checkpoint how many keys the default graph's embedding variables hold.

    A line in keys.jsonl says, too, how many came and were evicted since the checkpoint before.

    Args:
      folder: of keys.jsonl.
    """

    def __init__(self, folder: str) -> None:
        self._path = os.path.join(folder, FILE)
        self._rows_saved: Optional[int] = None  # in the checkpoint before
        sizes = []
        for variable in graph_record.of_graph().variables.values():
            for handle in variable.parts:
                with tf.device(handle.device):
                    sizes.append(tf.stack(native_table.size(handle)))
        self._size = tf.add_n(sizes)
        self._rows_before = 0

    def before_save(self, session: tf.Session, global_step_value: int) -> None:
        """Counts before keys are evicted."""
        if self._rows_saved is None:
            self._rows_saved = _rows_of(self._path, global_step_value)
        rows, _, _ = session.run(self._size)
        self._rows_before = int(rows)

    def after_save(self, session: tf.Session, global_step_value: int) -> None:
        """Counts again and prints both."""
        rows, waiting, size = map(int, session.run(self._size))
        num_evicted = max(self._rows_before - rows, 0)
        megabytes = size / 1e6
        print("step {}: {:,} keys have a row, {:,} wait for one, {:,} were evicted; "
              "{:,.0f} MB".format(global_step_value, rows, waiting, num_evicted, megabytes))
        num_new = max(self._rows_before - (self._rows_saved or 0), 0)
        self._rows_saved = rows
        files.add_line(self._path, {
            "step": int(global_step_value), "keys": rows, "waiting": waiting, "new": num_new,
            "evicted": num_evicted})


def _rows_of(path: str, last_step: int) -> int:
    """How many keys the newest checkpoint up to a step had, 0 where there was none."""
    saved = [line["keys"] for line in files.read_lines(path) if line["step"] <= last_step]
    return saved[-1] if saved else 0


def listeners(folder: str) -> List[tf.train.CheckpointSaverListener]:
    """What is to listen to savers of the default graph; it writes into a folder."""
    return [Sizes(folder)] if graph_record.of_graph().variables else []

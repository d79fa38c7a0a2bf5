"""How many keys embedding variables hold, printed at each checkpoint."""

from typing import List

import tensorflow.compat.v1 as tf

from common.embedding import graph_record
from common.kernels.embedding import table as native_table


class Sizes(tf.train.CheckpointSaverListener):
    """Prints at each checkpoint how many keys the default graph's embedding variables hold."""

    def __init__(self) -> None:
        sizes = []
        for variable in graph_record.of_graph().variables.values():
            for handle in variable.parts:
                with tf.device(handle.device):
                    sizes.append(tf.stack(native_table.size(handle)))
        self._size = tf.add_n(sizes)
        self._rows_before = 0

    def before_save(self, session: tf.Session, global_step_value: int) -> None:
        """Counts before keys are evicted."""
        rows, _, _ = session.run(self._size)
        self._rows_before = int(rows)

    def after_save(self, session: tf.Session, global_step_value: int) -> None:
        """Counts again and prints both."""
        rows, waiting, size = session.run(self._size)
        num_evicted = max(self._rows_before - rows, 0)
        megabytes = size / 1e6
        print("step {}: {:,} keys have a row, {:,} wait for one, {:,} were evicted; "
              "{:,.0f} MB".format(global_step_value, rows, waiting, num_evicted, megabytes))


def listeners() -> List[tf.train.CheckpointSaverListener]:
    """What is to listen to savers of the default graph."""
    return [Sizes()] if graph_record.of_graph().variables else []

"""A small graph with one table that saves increments."""

import os
from typing import Callable, Dict, List, Optional

import numpy as np
import tensorflow.compat.v1 as tf

from common.checkpoint import generations, touched_rows
from common.checkpoint.generations import Contribution, Generations
from common.checkpoint.increment_files import FOLDER
from common.checkpoint.increments import IncrementSaver
from common.embedding import gather
from common.optimizers import train_step, updates
from common.optimizers.train_step import Training

ROWS = 60
WIDTH = 4

State = Dict[str, np.ndarray]


class Toy:
    """A table of 60 rows, in one to three slices, and a dense kernel, in a session of their own.

    look_up: gives a table's rows [N, D] at ids [N].
    """

    def __init__(
        self,
        folder: object,
        optimizer: str = "adagrad",
        slices: int = 1,
        keep: int = 2,
        extend: Callable[[Generations], List[Contribution]] = lambda _: [],
        server: Optional[tf.train.Server] = None,
        look_up: Callable[..., tf.Tensor] = lambda table, ids: gather.rows_of([table], [ids])[0]
    ) -> None:
        self.path = os.path.join(str(folder), "model.ckpt")
        self._graph = tf.Graph()
        with self._graph.as_default(), tf.device("/job:ps/task:0" if server else None):
            tf.set_random_seed(1)
            partitioner = tf.fixed_size_partitioner(slices) if slices > 1 else None
            self.ids = tf.placeholder(tf.int32, [None])
            table = tf.get_variable("table", [ROWS, WIDTH], partitioner=partitioner)
            kernel = tf.get_variable("kernel", [WIDTH, 1])
            step = tf.train.get_or_create_global_step()
            loss = tf.reduce_sum(tf.square(tf.matmul(look_up(table, self.ids), kernel) - 1.0))
            spec = train_step.train_spec(lambda features, labels: loss, {}, {},
                                         Training(optimizer, 0.05))
            marks = generations.make()
            rows = touched_rows.contributions(updates.recorded().by_rows, marks)
            self.tracked = generations.track(spec.train_op, marks, rows + extend(marks))
            self.train_op = self.tracked.train_op
            self.saver = IncrementSaver(str(folder), keep, self.tracked)
            self.session = tf.Session(server.target if server else "")
            self.global_step = step
            self._initializer = tf.global_variables_initializer()
            self._whole = {v.op.name: v for v in tf.global_variables()}

    def start(self) -> "Toy":
        """Begins at step 0 with a full checkpoint, as a run does."""
        self.session.run(self._initializer)
        self.saver.start(self.session)
        self.full()
        return self

    def restart(self) -> "Toy":
        """Goes on from what is in the folder."""
        self.saver.restore(self.session, tf.train.latest_checkpoint(os.path.dirname(self.path)))
        return self

    def step(self, *ids: int) -> None:
        self.session.run(self.train_op, {self.ids: ids})

    def full(self) -> str:
        return self.saver.save(self.session, self.path, self.session.run(self.global_step))

    def increment(self) -> str:
        """Saves an increment; returns the prefix of its files."""
        step = self.session.run(self.global_step)
        self.saver.save_increment(self.session, step)
        return os.path.join(os.path.dirname(self.path), FOLDER, "model.ckpt-{}".format(step))

    def state(self) -> State:
        return self.session.run(self._whole)


def assert_same(found: State, expected: State) -> None:
    assert sorted(found) == sorted(expected)
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name], name)

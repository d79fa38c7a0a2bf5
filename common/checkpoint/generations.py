"""Generations: how increments know what was touched since the full checkpoint they build on.

A row is marked with the generation in which it was touched last. A full checkpoint begins a new
generation before it reads the first variable, and an increment holds the rows whose mark is not
older than the generation of the full one that it builds on. Marks are never cleared: if the full
checkpoint fails, its generation counts for nothing. A step reads the generation after its updates.
So in whatever order steps of several workers and a save come, an update that the full checkpoint
did not see has a mark of its generation or a later one.
"""

from typing import Callable, List, NamedTuple, Sequence

import tensorflow.compat.v1 as tf

from common.checkpoint.increment_files import BASE
from common.tf_private import SaveableObject


class Generations(NamedTuple):
    """The variables that count generations, scalars; one set for a graph.

    Attributes:
      current: what a step marks with, int32; to be read after the step's updates.
      since: the first generation that an increment holds, int32.
      base: what the next increment builds on, string.
    """

    current: tf.Variable
    since: tf.Variable
    base: tf.Variable


class Contribution(NamedTuple):
    """A part of a graph of which increments hold only what was touched.

    Attributes:
      replaces: the variables and SaveableObjects of full checkpoints in whose place it is saved.
      saveable: its tensors are what was touched in the generations from `since` on, under names of
        their own. It restores after the full checkpoint is restored, and has to mark what it
        restores with `since`. A SelfRestoring one reads the increment itself.
      mark: makes the operation that marks what a step has touched, from the generation, int32
        scalar, which is read after the step's updates. A mark must never become older.
      variables: that it keeps its marks in.
    """

    replaces: Sequence[object]
    saveable: SaveableObject
    mark: Callable[[tf.Tensor], tf.Operation]
    variables: Sequence[tf.Variable] = ()


def make() -> Generations:
    """Makes the generations of the default graph, beside the global step."""
    current = _scalar("increments/generation", tf.int32, 1)
    since = _scalar("increments/since", tf.int32, 1)
    return Generations(current, since, _scalar(BASE, tf.string, ""))


def _scalar(name: str, dtype: tf.DType, value: object) -> tf.Variable:
    initializer = tf.constant_initializer(value, dtype)
    # In no collection, as savers and Scaffolds would save, restore and await those that are in one.
    with tf.colocate_with(tf.train.get_global_step(), ignore_existing=True):
        return tf.get_variable(name, [], dtype, initializer, trainable=False, collections=[])


class Tracked(NamedTuple):
    """A training step that marks what it touches.

    Attributes:
      train_op: the step.
      generations: which it marks with.
      contributions: what it marks.
    """

    train_op: tf.Operation
    generations: Generations
    contributions: Sequence[Contribution]

    @property
    def variables(self) -> List[tf.Variable]:
        """The variables of generations and marks.

        Full checkpoints do not hold them, the chief alone initializes them.
        """
        variables = list(self.generations)
        for contribution in self.contributions:
            variables += contribution.variables
        return variables


def track(
        train_op: tf.Operation,
        generations: Generations,
        contributions: Sequence[Contribution]) -> Tracked:
    """The training step that also marks what it has touched."""
    current = generations.current
    with tf.control_dependencies([train_op]), tf.colocate_with(current):
        now = tf.identity(current)
    marks = [contribution.mark(now) for contribution in contributions]
    marked_op = tf.group(train_op, *marks)
    return Tracked(marked_op, generations, contributions)

"""Embedding variables in increments: the keys that training steps have updated."""

import functools
from typing import List

import tensorflow.compat.v1 as tf

from common import tf_private
from common.checkpoint import tables
from common.checkpoint.generations import Contribution, Generations
from common.checkpoint.increment_files import VALUES
from common.embedding import embedding_variable, graph_record
from common.embedding.embedding_variable import EmbeddingVariable
from common.kernels.embedding import table as native_table
from common.kernels.embedding.table import Contents
from common.tf_private import SelfRestoring

_FIELDS = ("keys", "values", "freqs", "versions")


class Increment(SelfRestoring):
    """The rows of one part that were marked since the full checkpoint.

    They are saved as keys, values, freqs, versions and slots.
    """

    def __init__(self, variable: EmbeddingVariable, part: int, generations: Generations) -> None:
        self._variable = variable
        self._handle = variable.parts[part]
        self._since = generations.since
        name = variable.part_name(part)
        # An increment of another number of parts is of no use: no part would have its keys.
        if len(variable.parts) > 1:
            name += "_of_{}".format(len(variable.parts))
        step = tf.cast(tf.train.get_global_step(), tf.int64)
        names = _tensor_names(name, variable)
        with tf.device(self._handle.device):
            contents = native_table.export(self._handle, step, self._since)
            tensors = [getattr(contents, field) for field in _FIELDS]
            tensors += tables.split_slots(contents.slots, variable)
            specs = tf_private.save_whole(names, tensors)
        super().__init__(self._handle, specs, name)

    def restore_from(self, path: tf.Tensor) -> tf.Operation:
        """Sets the increment's rows and marks them."""
        names = [spec.name for spec in self.specs]
        dtypes = [spec.dtype for spec in self.specs]
        with tf.device(self._handle.device):
            tensors = tf_private.read(path, names, dtypes)
            keys, values, freqs, versions, *slots = tensors
            no_key = tf.zeros([0], tf.int64)
            contents = Contents(
                keys=keys,
                values=values,
                slots=tables.join_slots(slots),
                freqs=freqs,
                versions=versions,
                keys_filtered=no_key,
                freqs_filtered=no_key,
                versions_filtered=no_key,
                bloom=tf.zeros([0], tf.uint8))
            return native_table.restore(self._handle, contents, generation=self._since)


def _tensor_names(part: str, variable: EmbeddingVariable) -> List[str]:
    """The names of a part's tensors in increments: those of _FIELDS, then slots."""
    names = ["{}-sparse_incr_{}".format(part, field) for field in _FIELDS]
    for slot in variable.slots:
        names.append("{}/{}{}".format(part, slot.name, VALUES))
    return names


def contributions(generations: Generations) -> List[Contribution]:
    """The parts of the default graph's embedding variables, as increments hold them."""
    of_graph = []
    for variable in graph_record.of_graph().variables.values():
        updated = variable.updated
        keys = embedding_variable.cut(variable, updated, updated)
        for part, saveable in enumerate(tables.saveables(variable)):
            handle = variable.parts[part]
            increment = Increment(variable, part, generations)
            mark = functools.partial(_mark, handle, keys[part])
            of_graph.append(Contribution([saveable], increment, mark))
    return of_graph


def _mark(handle: tf.Tensor, keys: tf.Tensor, generation: tf.Tensor) -> tf.Operation:
    with tf.device(handle.device):
        return native_table.mark(handle, keys, generation)

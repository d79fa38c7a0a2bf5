"""Embedding variables in increments: the keys that training steps have updated."""

import functools
from typing import List

import tensorflow.compat.v1 as tf

from common.checkpoint import tables
from common.checkpoint.generations import Contribution, Generations
from common.checkpoint.increment_files import VALUES
from common.embedding import embedding_variable, graph_record
from common.embedding.embedding_variable import EmbeddingVariable
from common.kernels.embedding import table as native_table
from common.kernels.embedding.table import Contents
from common.tf_private import SaveSpec, SelfRestoring

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
        with tf.device(self._handle.device):
            contents = native_table.export(self._handle, step, self._since)
            tensors = [getattr(contents, field) for field in _FIELDS]
            tensors += tables.split_slots(contents.slots, variable)
            names = ["{}-sparse_incr_{}".format(name, field) for field in _FIELDS]
            names += ["{}/{}{}".format(name, slot.name, VALUES) for slot in variable.slots]
            specs = [SaveSpec(tensor, "", key) for key, tensor in zip(names, tensors)]
        super().__init__(self._handle, specs, name)

    def restore_from(self, path: tf.Tensor) -> tf.Operation:
        """Sets the increment's rows and marks them."""
        names = [spec.name for spec in self.specs]
        dtypes = [spec.dtype for spec in self.specs]
        with tf.device(self._handle.device):
            tensors = tf.raw_ops.RestoreV2(
                prefix=path, tensor_names=names, shape_and_slices=len(names) * [""],
                dtypes=dtypes)
            keys, values, freqs, versions, *slots = tensors
            nothing = tf.zeros([0], tf.int64)
            contents = Contents(
                keys=keys, values=values, slots=tables.join_slots(slots), freqs=freqs,
                versions=versions, keys_filtered=nothing, freqs_filtered=nothing,
                versions_filtered=nothing, bloom=tf.zeros([0], tf.uint8))
            return native_table.restore(self._handle, contents, generation=self._since)


def contributions(generations: Generations) -> List[Contribution]:
    """The parts of the default graph's embedding variables, as increments hold them."""
    of_graph = []
    for variable in graph_record.of_graph().variables.values():
        keys = embedding_variable.cut(variable, variable.updated, variable.updated)
        for part, saveable in enumerate(tables.saveables(variable)):
            mark = functools.partial(_mark, variable.parts[part], keys[part])
            increment = Increment(variable, part, generations)
            of_graph.append(Contribution([saveable], increment, mark))
    return of_graph


def _mark(handle: tf.Tensor, keys: tf.Tensor, generation: tf.Tensor) -> tf.Operation:
    with tf.device(handle.device):
        return native_table.mark(handle, keys, generation)

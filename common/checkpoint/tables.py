"""Embedding variables in full checkpoints: saved by parts, restored into any number of parts.

A part named N is saved as N-keys, N-values, N-freqs, N-versions, N-keys_filtered, N-freqs_filtered,
N-versions_filtered, N-bloom, and N/SLOT-values for each slot of the optimizer; the parts of a
variable that has several are N/part_0 and so on. Saving evicts.
"""

import re
from typing import Dict, Iterable, List, Sequence, Union

import numpy as np
import tensorflow.compat.v1 as tf

from common import tf_private
from common.embedding import embedding_variable, graph_record
from common.embedding.embedding_variable import EmbeddingVariable
from common.embedding.served_table import ServedTable
from common.errors import BadInput
from common.kernels.embedding import table as native_table
from common.kernels.embedding.table import Contents
from common.log import log
from common.tf_private import SelfRestoring

_FIELDS = [field for field in Contents._fields if field != "slots"]
DTYPES = {"values": tf.float32, "bloom": tf.uint8}  # of fields; the others are int64


class Saveable(SelfRestoring):
    """One part of an embedding variable as a tf.train.Saver saves it; Restorer restores it."""

    def __init__(self, variable: EmbeddingVariable, part: int) -> None:
        self.variable = variable
        handle = variable.parts[part]
        name = variable.part_name(part)
        step = tf.cast(tf.train.get_or_create_global_step(), tf.int64)
        with tf.device(handle.device):
            contents = native_table.export(handle, step, eviction=variable.eviction)
            tensors = [getattr(contents, field) for field in _FIELDS]
            tensors += split_slots(contents.slots, variable)
            names = _tensor_names(name, variable)
            specs = tf_private.save_whole(names, tensors)
        super().__init__(handle, specs, name)

    def restore_from(self, path: tf.Tensor) -> tf.Operation:
        """Nothing: how many parts a checkpoint has is known when it is read."""
        return tf.no_op()


def _tensor_names(part: str, variable: EmbeddingVariable) -> List[str]:
    """The names of a part's tensors in full checkpoints: those of _FIELDS, then slots."""
    names = ["{}-{}".format(part, field) for field in _FIELDS]
    for slot in variable.slots:
        names.append("{}/{}-values".format(part, slot.name))
    return names


def split_slots(slots: tf.Tensor, variable: EmbeddingVariable) -> List[tf.Tensor]:
    """The slots of rows [n, S], one by one."""
    widths = [slot.width for slot in variable.slots]
    if not widths:
        return []
    return tf.split(slots, widths, axis=1)


def join_slots(slots: Sequence[tf.Tensor]) -> tf.Tensor:
    """The slots of rows, float32 [n, width] each, as one tensor [n, S]."""
    if not slots:
        return tf.zeros([0, 0])
    return tf.concat(slots, axis=1)


def saveables(variable: EmbeddingVariable) -> List[Saveable]:
    """Those of a variable's parts in full checkpoints, made at the first call."""
    # Savers read this collection, so it is also where the ones made before are found.
    collection = tf.get_collection_ref(tf.GraphKeys.SAVEABLE_OBJECTS)
    present = [one for one in collection
               if isinstance(one, Saveable) and one.variable is variable]
    if present:
        return present
    new = [Saveable(variable, part) for part in range(len(variable.parts))]
    collection.extend(new)
    return new


class Restorer:
    """Restores one embedding variable from the parts of a checkpoint."""

    def __init__(self, variable: EmbeddingVariable) -> None:
        self._variable = variable
        self._make = variable.make()
        self._path = tf.placeholder(tf.string, [])
        self._names = tf.placeholder(tf.string, [None])
        parts = range(len(variable.parts))
        self._add = tf.group([self._add_to(part) for part in parts])

    def _add_to(self, part: int) -> tf.Operation:
        """Adds to one part those keys of a stored part that belong there."""
        variable = self._variable
        handle = variable.parts[part]
        dtypes = [DTYPES.get(field, tf.int64) for field in _FIELDS]
        dtypes += len(variable.slots) * [tf.float32]
        with tf.device(handle.device):
            tensors = tf_private.read(self._path, self._names, dtypes)
            fields = dict(zip(_FIELDS, tensors))
            slots = join_slots(tensors[len(_FIELDS):])
            contents = Contents(slots=slots, **fields)
            num_parts = len(variable.parts)
            return native_table.restore(handle, contents, part, num_parts)

    def restore(
            self,
            session: tf.Session,
            path: str,
            checkpoint: tf.train.NewCheckpointReader) -> None:
        """Makes the variable hold what a checkpoint has of it.

        Slots that this optimizer does not keep are left out.

        Raises:
          BadInput: the checkpoint does not have the variable.
        """
        variable = self._variable
        shapes = checkpoint.get_variable_to_shape_map()
        session.run(self._make)
        for part in stored_parts(variable.name, shapes, path):
            counters = shapes[part + "-bloom"][0]
            if counters not in (0, variable.admission.counters):
                log("{}: the Bloom filter of {} is of another size; keys that wait are counted "
                    "anew".format(path, part))
            feed = {self._path: path, self._names: _tensor_names(part, variable)}
            session.run(self._add, feed)


class ServedRestorer:
    """Restores one table of an exported model from the parts of a checkpoint."""

    def __init__(self, served: ServedTable) -> None:
        self._name = served.name
        # Without shapes: the import refuses placeholders whose number of keys is unknown.
        self._keys = tf.placeholder(tf.int64)
        self._values = tf.placeholder(tf.float32)
        self._restore = tf.raw_ops.LookupTableImportV2(
            table_handle=served.table.resource_handle,
            keys=self._keys,
            values=self._values)

    def restore(
            self,
            session: tf.Session,
            path: str,
            checkpoint: tf.train.NewCheckpointReader) -> None:
        """Makes the table hold the keys and values that a checkpoint has of it.

        Raises:
          BadInput: the checkpoint does not have the variable.
        """
        shapes = checkpoint.get_variable_to_shape_map()
        parts = stored_parts(self._name, shapes, path)

        def read(field: str) -> np.ndarray:
            arrays = [checkpoint.get_tensor("{}-{}".format(part, field)) for part in parts]
            return np.concatenate(arrays)

        feed = {self._keys: read("keys"), self._values: read("values")}
        session.run(self._restore, feed)


def restorers() -> List[Union[Restorer, ServedRestorer]]:
    """Gets the default graph's tables ready to be saved and restored.

    To be called once, when all tables and their slots are there.
    """
    record = graph_record.of_graph()
    variables = list(record.variables.values())
    embedding_variable.register(variables)
    for variable in variables:
        saveables(variable)
    of_variables = [Restorer(variable) for variable in variables]
    of_exports = [ServedRestorer(served) for served in record.served_tables.values()]
    return [*of_variables, *of_exports]


def stored_parts(name: str, shapes: Dict[str, List[int]], path: str) -> List[str]:
    """The parts of an embedding variable in a checkpoint with tensors of these shapes.

    Raises:
      BadInput: it has none.
    """
    parts = parts_among(shapes, name)
    if not parts:
        raise BadInput("{}: it holds no embedding variable {!r}. Go on with the flags that it was "
                       "made with, or give another --checkpoint.".format(path, name))
    return parts


def parts_among(tensors: Iterable[str], name: str) -> List[str]:
    """The parts of an embedding variable among the names of a checkpoint's tensors, or none."""
    pattern = re.compile("({}(?:/part_\\d+)?)-keys".format(re.escape(name)))
    matches = filter(None, map(pattern.fullmatch, tensors))
    return sorted(match.group(1) for match in matches)

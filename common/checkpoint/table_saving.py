"""Embedding variables in checkpoints: saved part by part, restored into any number of parts.

A part named N is saved as N-keys, N-values, N-freqs, N-versions, N-keys_filtered, N-freqs_filtered,
N-versions_filtered, N-bloom, and N/SLOT-values for each slot of the optimizer; its parts, where there are several, as
N/part_0 and so on. Saving evicts.
"""

import functools
import re
from typing import Dict, List, Union

import numpy as np
import tensorflow.compat.v1 as tf
from tensorflow.python.ops import gen_lookup_ops, io_ops
from tensorflow.python.training.saver import BaseSaverBuilder

from common.checkpoint import touched
from common.embedding import embedding_variable, graph_record
from common.embedding.embedding_variable import EmbeddingVariable
from common.embedding.served_table import ServedTable
from common.errors import BadInput
from common.kernels.embedding import table as native_table
from common.kernels.embedding.table import Contents
from common.log import log

_WITHOUT_SLOTS = [field for field in Contents._fields if field != "slots"]
_OF_ROWS = ("keys", "values", "freqs", "versions")
_DTYPES = {"values": tf.float32, "bloom": tf.uint8}


class Saveable(BaseSaverBuilder.SaveableObject):
    """One part of an embedding variable as a tf.train.Saver saves it; Restorer restores it."""

    restore_from = True

    def __init__(self, variable: EmbeddingVariable, part: int) -> None:
        self.variable = variable
        handle, name = variable.parts[part], variable.part_name(part)
        step = tf.cast(tf.train.get_or_create_global_step(), tf.int64)
        with tf.device(handle.device):
            contents = native_table.export(handle, step, eviction=variable.eviction)
            tensors = {"{}-{}".format(name, field): getattr(contents, field) for field in _WITHOUT_SLOTS}
            tensors.update(zip(_slot_names(variable, name), _split(contents.slots, variable)))
            specs = [BaseSaverBuilder.SaveSpec(tensor, "", key) for key, tensor in tensors.items()]
        super().__init__(handle, specs, name)

    def restore(self, restored_tensors: List[tf.Tensor], restored_shapes: object) -> tf.Operation:
        """Nothing: how many parts a checkpoint has is known when it is read."""
        return tf.no_op()


def _split(slots: tf.Tensor, variable: EmbeddingVariable) -> List[tf.Tensor]:
    """The slots of rows [n, S], one by one."""
    widths = [slot.width for slot in variable.slots]
    return tf.split(slots, widths, axis=1) if widths else []


def _slot_names(variable: EmbeddingVariable, part: str) -> List[str]:
    return ["{}/{}-values".format(part, slot.name) for slot in variable.slots]


class Increment(BaseSaverBuilder.SaveableObject):
    """The rows of one part that were marked since the full checkpoint: keys, values, freqs, versions and slots."""

    restore_from = "the increment"  # the number of rows stands nowhere else

    def __init__(self, variable: EmbeddingVariable, part: int) -> None:
        self._variable, self._handle = variable, variable.parts[part]
        name, step = variable.part_name(part), tf.cast(tf.train.get_global_step(), tf.int64)
        if len(variable.parts) > 1:  # an increment of another number of parts is of no use
            name += "_of_{}".format(len(variable.parts))
        with tf.device(self._handle.device):
            contents = native_table.export(self._handle, step, touched.since())
            tensors = {"{}-sparse_incr_{}".format(name, field): getattr(contents, field) for field in _OF_ROWS}
            tensors.update(zip(self._slot_names(name), _split(contents.slots, variable)))
            specs = [BaseSaverBuilder.SaveSpec(tensor, "", key) for key, tensor in tensors.items()]
        super().__init__(self._handle, specs, name)

    def _slot_names(self, name: str) -> List[str]:
        return ["{}/{}{}".format(name, slot.name, touched.VALUES) for slot in self._variable.slots]

    def restore(self, restored_tensors: List[tf.Tensor], restored_shapes: object) -> tf.Operation:
        """Sets the increment's rows and marks them."""
        names, dtypes = zip(*[(spec.name, spec.dtype) for spec in self.specs])
        with tf.device(self._handle.device):
            read = io_ops.restore_v2(restored_tensors[0], names, len(names) * [""], dtypes)
            keys, values, freqs, versions = read[:len(_OF_ROWS)]
            slots = tf.concat(read[len(_OF_ROWS):], axis=1) if self._variable.slots else tf.zeros([0, 0])
            none = tf.zeros([0], tf.int64)
            return native_table.restore(self._handle, Contents(
                keys, values, slots, freqs, versions, none, none, none, tf.zeros([0], tf.uint8)),
                generation=touched.since())


def contribute() -> None:
    """Adds the default graph's embedding variables to its increments; to be called before touched.track."""
    for variable in graph_record.of_graph().variables.values():
        parts = embedding_variable.cut(variable, variable.updated, variable.updated)
        for part, (saveable, mine) in enumerate(zip(_saveables(variable), parts)):
            touched.contribute(touched.Contribution(
                [saveable], Increment(variable, part), functools.partial(_mark, variable.parts[part], mine)))


def _mark(handle: tf.Tensor, keys: tf.Tensor, generation: tf.Tensor) -> tf.Operation:
    with tf.device(handle.device):
        return native_table.mark(handle, keys, generation)


def _saveables(variable: EmbeddingVariable) -> List[Saveable]:
    """Those of a variable's parts in full checkpoints, made at the first call."""
    made = [one for one in tf.get_collection(tf.GraphKeys.SAVEABLE_OBJECTS)
            if isinstance(one, Saveable) and one.variable is variable]
    if not made:
        made = [Saveable(variable, part) for part in range(len(variable.parts))]
        tf.get_collection_ref(tf.GraphKeys.SAVEABLE_OBJECTS).extend(made)
    return made


class Restorer:
    """Restores one embedding variable from the parts of a checkpoint."""

    def __init__(self, variable: EmbeddingVariable) -> None:
        self._variable = variable
        self._make = variable.make()
        self._path = tf.placeholder(tf.string, [])
        self._names = tf.placeholder(tf.string, [None])
        self._restore = self._restored()

    def _restored(self) -> tf.Operation:
        slots = self._variable.slots
        dtypes = [_DTYPES.get(field, tf.int64) for field in _WITHOUT_SLOTS] + len(slots) * [tf.float32]
        done = []
        for part, handle in enumerate(self._variable.parts):
            with tf.device(handle.device):
                read = io_ops.restore_v2(self._path, self._names, len(dtypes) * [""], dtypes)
                of_slots = read[len(_WITHOUT_SLOTS):]
                contents = Contents(slots=tf.concat(of_slots, axis=1) if slots else tf.zeros([0, 0]),
                                    **dict(zip(_WITHOUT_SLOTS, read)))
                done.append(native_table.restore(handle, contents, part, len(self._variable.parts)))
        return tf.group(done)

    def restore(self, session: tf.Session, path: str, checkpoint: tf.train.NewCheckpointReader) -> None:
        """Makes the variable hold what a checkpoint has of it; slots that this optimizer does not keep are left out.

        Raises:
          BadInput: the checkpoint does not have the variable.
        """
        shapes = checkpoint.get_variable_to_shape_map()
        session.run(self._make)
        for name in stored_parts(self._variable.name, shapes, path):
            counters = shapes[name + "-bloom"][0]
            if counters not in (0, self._variable.admission.counters):
                log("{}: the Bloom filter of {} is of another size; keys that wait are counted anew".format(path, name))
            names = ["{}-{}".format(name, field) for field in _WITHOUT_SLOTS] + _slot_names(self._variable, name)
            session.run(self._restore, {self._path: path, self._names: names})


class ServedRestorer:
    """Restores one table of an exported model from the parts of a checkpoint."""

    def __init__(self, served: ServedTable) -> None:
        self._name = served.name
        self._keys, self._values = tf.placeholder(tf.int64), tf.placeholder(tf.float32)  # it takes no known shapes
        self._restore = gen_lookup_ops.lookup_table_import_v2(served.table.resource_handle, self._keys, self._values)

    def restore(self, session: tf.Session, path: str, checkpoint: tf.train.NewCheckpointReader) -> None:
        """Makes the table hold the keys and values that a checkpoint has of it; raises BadInput where it has none."""
        parts = stored_parts(self._name, checkpoint.get_variable_to_shape_map(), path)
        keys, values = [np.concatenate([checkpoint.get_tensor("{}-{}".format(part, field)) for part in parts])
                        for field in ("keys", "values")]
        session.run(self._restore, {self._keys: keys, self._values: values})


def restorers() -> List[Union[Restorer, ServedRestorer]]:
    """Gets the default graph's tables ready to be saved and restored; to be called once, behind all else."""
    record = graph_record.of_graph()
    embedding_variable.register(record.variables.values())
    for variable in record.variables.values():
        _saveables(variable)
    return [*[Restorer(variable) for variable in record.variables.values()],
            *[ServedRestorer(served) for served in record.served_tables.values()]]


class Sizes(tf.train.CheckpointSaverListener):
    """Says at each checkpoint how many keys the default graph's embedding variables hold."""

    def __init__(self) -> None:
        sizes = []
        for variable in graph_record.of_graph().variables.values():
            for handle in variable.parts:
                with tf.device(handle.device):
                    sizes.append(tf.stack(native_table.size(handle)))
        self._size = tf.add_n(sizes)
        self._before = 0

    def before_save(self, session: tf.Session, global_step_value: int) -> None:
        """Counts before keys are evicted."""
        self._before = int(session.run(self._size)[0])

    def after_save(self, session: tf.Session, global_step_value: int) -> None:
        """Counts again and says both."""
        rows, waiting, size = session.run(self._size)
        print("step {}: {:,} keys have a row, {:,} wait for one, {:,} were evicted; {:,.0f} MB".format(
            global_step_value, rows, waiting, max(self._before - rows, 0), size / 1e6))


def listeners() -> List[tf.train.CheckpointSaverListener]:
    """What is to listen to savers of the default graph."""
    return [Sizes()] if graph_record.of_graph().variables else []


def stored_parts(name: str, shapes: Dict[str, List[int]], path: str) -> List[str]:
    """The parts of an embedding variable in a checkpoint with tensors of these shapes.

    Raises:
      BadInput: it has none.
    """
    whole = re.compile(re.escape(name) + r"(/part_\d+)?-keys")
    parts = sorted(key[:-len("-keys")] for key in shapes if whole.fullmatch(key))
    if not parts:
        raise BadInput("{}: it holds no embedding variable {!r}. Go on with the flags that it was made with, or give "
                       "another --checkpoint.".format(path, name))
    return parts

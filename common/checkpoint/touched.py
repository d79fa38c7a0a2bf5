"""Which rows of which tables a training step has touched, and what an increment holds of a graph.

A row is marked with the generation in which it was touched last. A full checkpoint begins a new generation before it
reads the first variable, and an increment holds the rows whose mark is not older than the generation of the full one
that it builds on. Marks are never cleared: if the full checkpoint fails, its generation counts for nothing. A step
reads the generation after its updates. So whichever way steps of several workers and a save fall, an update that the
full checkpoint did not see has a mark of its generation or a later one.
"""

from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

import tensorflow.compat.v1 as tf
from tensorflow.python.ops import io_ops
from tensorflow.python.ops.variables import _all_saveable_objects
from tensorflow.python.training.saving.saveable_object import SaveableObject, SaveSpec

from common.optimizers.adam_async import full_name
from common.optimizers.updates import Update, noted

BASE = "incremental_base"  # what an increment builds on, in its files
KEYS, VALUES = "-sparse_incr_keys", "-sparse_incr_values"
# Keys of graph collections; TensorFlow writes those that are strings into every file of a graph.
_CONTRIBUTIONS, _VARIABLES = ("touched", "contributions"), ("touched", "variables")


class Contribution(NamedTuple):
    """A part of a graph that saves in increments only what was touched since the full checkpoint.

    Tables with a sparse gradient have one by themselves; anything else adds its own with contribute().

    Attributes:
      replaces: the variables and SaveableObjects of full checkpoints that it stands for.
      saveable: its tensors are what was touched in the generations from since() on, under names of their own. Its
        restore() runs after the full checkpoint was restored, and has to mark what it restores with since(). With the
        attribute `restore_from` it reads the increment itself (see saving.Builder).
      mark: makes the operation that marks what a step has touched, from the generation, int32 scalar, which is read
        after the step's updates. A mark must never become older.
    """

    replaces: Sequence[object]
    saveable: SaveableObject
    mark: Callable[[tf.Tensor], tf.Operation]


def contribute(contribution: Contribution) -> None:
    """Adds a part to the increments of the default graph; to be called before the graph's saver is made."""
    tf.add_to_collection(_CONTRIBUTIONS, contribution)


def generation() -> tf.Variable:
    """The generation that a step marks what it touched with, int32 scalar; to be read after the step's updates."""
    return _variable("increments/generation", tf.int32, 1)


def since() -> tf.Variable:
    """The first generation that an increment holds, int32 scalar."""
    return _variable("increments/since", tf.int32, 1)


def base() -> tf.Variable:
    """What the next increment builds on, string scalar."""
    return _variable(BASE, tf.string, "")


def variables() -> List[tf.Variable]:
    """The variables of this module. Full checkpoints do not hold them, the chief alone initializes them."""
    return tf.get_collection(_VARIABLES)


def track(train_op: tf.Operation) -> tf.Operation:
    """The training step that also marks the rows it has touched."""
    with tf.control_dependencies([train_op]), tf.colocate_with(generation()):
        now = tf.identity(generation())
    slices: Dict[str, List[_Marked]] = {}
    for update in noted():
        with tf.colocate_with(update.table):
            marks = tf.get_variable("increments/" + update.table.op.name, update.table.shape[:1], tf.int32,
                                    tf.zeros_initializer(), trainable=False, collections=[_VARIABLES])
        slices.setdefault(full_name(update.table), []).append(_Marked(update, marks))
    for of_table in slices.values():
        _contribute_rows(of_table)
    return tf.group(train_op, *[contribution.mark(now) for contribution in tf.get_collection(_CONTRIBUTIONS)])


def saveables() -> List[object]:
    """What an increment holds: the contributions, all else of a full checkpoint whole, and base()."""
    contributions = tf.get_collection(_CONTRIBUTIONS)
    replaced = {id(part) for contribution in contributions for part in contribution.replaces}
    whole = [part for part in _all_saveable_objects() if id(part) not in replaced]
    return whole + [contribution.saveable for contribution in contributions] + [base()]


def names(parts: Sequence[object]) -> List[str]:
    """The names under which variables and SaveableObjects are saved."""
    specs = [spec.name for part in parts if isinstance(part, SaveableObject) for spec in part.specs]
    return specs + [full_name(part) for part in parts if isinstance(part, tf.Variable)]


def _variable(name: str, dtype: tf.DType, value: object) -> tf.Variable:
    """A scalar variable beside the global step, made at its first use."""
    found = [variable for variable in variables() if variable.op.name == name]
    if found:
        return found[0]
    with tf.colocate_with(tf.train.get_global_step(), ignore_existing=True):
        return tf.get_variable(name, [], dtype, tf.constant_initializer(value, dtype), trainable=False,
                               collections=[_VARIABLES])


class _Marked(NamedTuple):
    """A table, or a slice of one, and the generations in which its rows were touched last, int32 [V]."""

    update: Update
    marks: tf.Variable

    def mark(self, now: tf.Tensor) -> tf.Operation:
        """Marks the rows of a step."""
        with tf.colocate_with(self.update.table):
            if "/job:ps" not in self.marks.device:  # no step here overlaps with another one or with a save
                return tf.scatter_update(self.marks, self.update.rows, now).op
            # Of two workers the later one may have read the earlier generation; the maximum takes five times as long.
            return tf.scatter_max(self.marks, self.update.rows, now, use_locking=True).op


def _contribute_rows(slices: List[_Marked]) -> None:
    """Adds the touched rows of a table, which may be in slices, and of its slots."""
    rows = [_touched_rows(of_slice, at_least_one=len(slices) > 1) for of_slice in slices]
    counts = [tf.size(of_slice, out_type=tf.int64) for of_slice in rows]
    for i, marked in enumerate(slices):
        place = (tf.add_n(counts), tf.add_n([tf.zeros([], tf.int64)] + counts[:i])) if len(slices) > 1 else None
        saved = [marked.update.table] + marked.update.slots
        contribute(Contribution(saved, _Rows(marked, rows[i], place), marked.mark))


def _touched_rows(marked: _Marked, at_least_one: bool) -> tf.Tensor:
    """The rows touched in the generations from since() on, int64 [n]; TensorFlow cannot save a slice of no rows."""
    with tf.colocate_with(marked.update.table):
        rows = tf.reshape(tf.where(marked.marks >= since()), [-1])
        missing = tf.cast(tf.equal(tf.size(rows), 0), tf.int32) if at_least_one else 0
        return tf.concat([rows, tf.zeros([missing], tf.int64)], axis=0)


class _Rows(SaveableObject):
    """Rows of a table, or of a slice of one, and of its slots, under the numbers that they have in the table.

    Args:
      rows: of the slice, int64 [n].
      place: for a slice: the number of rows of all slices and of those before it, int64 scalars.
    """

    restore_from = "the increment"  # the number of rows stands nowhere else

    def __init__(self, marked: _Marked, rows: tf.Tensor, place: Optional[Tuple[tf.Tensor, tf.Tensor]]) -> None:
        self._marks, table = marked.marks, marked.update.table
        self._variables = [table] + marked.update.slots
        info = table._get_save_slice_info()
        self._first = info.var_offset[0] if info else 0
        with tf.colocate_with(table):
            where = (place[0], place[1], tf.size(rows, out_type=tf.int64)) if place else None
            specs = [SaveSpec(rows + self._first, _slice_spec(where, []), full_name(table) + KEYS)]
            for variable in self._variables:
                specs.append(SaveSpec(tf.gather(variable, rows), _slice_spec(where, variable.shape.as_list()[1:]),
                                      full_name(variable) + VALUES))
        super().__init__(table, specs, table.op.name)

    def restore(self, restored_tensors: List[tf.Tensor], restored_shapes: None) -> tf.Operation:
        """Writes those of the increment's rows that the slice has, and marks them."""
        keys, *values = io_ops.restore_v2(
            restored_tensors[0], [spec.name for spec in self.specs], len(self.specs) * [""],
            [spec.dtype for spec in self.specs])
        local = keys - self._first
        here = tf.reshape(tf.where((local >= 0) & (local < self._marks.shape.as_list()[0])), [-1])
        rows = tf.gather(local, here)
        written = [tf.scatter_update(variable, rows, tf.ensure_shape(
            tf.gather(value, here), [None] + variable.shape.as_list()[1:]))
            for variable, value in zip(self._variables, values)]
        return tf.group(*written, tf.scatter_max(self._marks, rows, tf.identity(since()), use_locking=True))


def _slice_spec(where: Optional[Tuple[tf.Tensor, ...]], widths: List[int]) -> Union[str, tf.Tensor]:
    """What tells TensorFlow which part of a tensor [n, widths] is saved: (n, first row, rows); "" for all of it."""
    if not where:
        return ""
    total, first, count = [tf.as_string(number) for number in where]
    dims = "".join(" {}".format(width) for width in widths)
    return tf.strings.join([total, dims + " ", first, ",", count, ":-" * len(widths)])

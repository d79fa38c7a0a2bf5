"""Tables in increments: the rows that training steps have touched."""

from typing import Dict, List, NamedTuple, Optional, Sequence, Union

import tensorflow.compat.v1 as tf

from common import tf_private
from common.checkpoint.generations import Contribution, Generations
from common.checkpoint.increment_files import KEYS, VALUES
from common.optimizers.updates import RowUpdate
from common.tf_private import SaveSpec, SelfRestoring, full_name


class _Marked(NamedTuple):
    """A table, or a slice of one, and when its rows were touched last.

    Attributes:
      table: [V, D].
      rows: those of a step, int [R].
      saved: the table and its slots, [V, ...] each.
      marks: generations, int32 [V].
    """

    table: tf.Variable
    rows: tf.Tensor
    saved: List[tf.Variable]
    marks: tf.Variable

    def mark(self, now: tf.Tensor) -> tf.Operation:
        """Marks the rows of a step."""
        with tf.colocate_with(self.table):
            # In one process, no step overlaps with another one or with a save.
            if "/job:ps" not in self.marks.device:
                return tf.scatter_update(self.marks, self.rows, now).op
            # Of two workers the later one may have read the earlier generation; the maximum takes
            # five times as long.
            return tf.scatter_max(self.marks, self.rows, now, use_locking=True).op


class _Place(NamedTuple):
    """Where the rows of one slice stand among those of all slices that an increment holds.

    Attributes:
      total, first, count: the rows of all slices, those of slices before it, its own; int64
        scalars.
    """

    total: tf.Tensor
    first: tf.Tensor
    count: tf.Tensor


def contributions(updates: Sequence[RowUpdate], generations: Generations) -> List[Contribution]:
    """The tables that a training step updates by rows, as increments hold them."""
    slices: Dict[str, List[_Marked]] = {}
    for update in updates:
        of_table = slices.setdefault(full_name(update.table), [])
        of_table.append(_with_marks(update))
    of_tables: List[Contribution] = []
    for members in slices.values():
        of_tables += _of_table(members, generations)
    return of_tables


def _with_marks(update: RowUpdate) -> _Marked:
    table = update.table
    with tf.colocate_with(table):
        marks = tf.get_variable(
            name="increments/" + table.op.name,
            shape=table.shape[:1],
            dtype=tf.int32,
            initializer=tf.zeros_initializer(),
            trainable=False,
            collections=[])
    return _Marked(table, update.rows, [table] + update.slots, marks)


def _of_table(slices: Sequence[_Marked], generations: Generations) -> List[Contribution]:
    """The touched rows of each slice of a table, and of its slots."""
    is_cut = len(slices) > 1
    rows = [_touched(marked, generations, is_cut) for marked in slices]
    places: Sequence[Optional[_Place]] = [None]
    if is_cut:
        places = _places(rows)
    of_slices = []
    for marked, touched, place in zip(slices, rows, places):
        contribution = Contribution(
            replaces=marked.saved,
            saveable=_Rows(marked, touched, place, generations),
            mark=marked.mark,
            variables=[marked.marks])
        of_slices.append(contribution)
    return of_slices


def _touched(marked: _Marked, generations: Generations, at_least_one: bool) -> tf.Tensor:
    """The rows touched in the generations that an increment holds, int64 [n]."""
    with tf.colocate_with(marked.table):
        rows = tf.reshape(tf.where(marked.marks >= generations.since), [-1])
        if not at_least_one:
            return rows
        # TensorFlow cannot save a slice of no rows, so row 0 goes in its place.
        is_empty = tf.equal(tf.size(rows), 0)
        num_absent = tf.cast(is_empty, tf.int32)
        absent = tf.zeros([num_absent], tf.int64)
        return tf.concat([rows, absent], axis=0)


def _places(rows: Sequence[tf.Tensor]) -> List[_Place]:
    counts = [tf.size(of_slice, out_type=tf.int64) for of_slice in rows]
    total = tf.add_n(counts)
    first = tf.zeros([], tf.int64)
    places = []
    for count in counts:
        place = _Place(total, first, count)
        places.append(place)
        first += count
    return places


class _Rows(SelfRestoring):
    """Rows of a table, or of a slice of one, and of its slots, by their numbers in the table.

    Args:
      rows: of the slice, int64 [n].
      place: for a slice, among all.
    """

    def __init__(
            self,
            marked: _Marked,
            rows: tf.Tensor,
            place: Optional[_Place],
            generations: Generations) -> None:
        self._marked = marked
        self._since = generations.since
        table = marked.table
        of_whole = tf_private.slice_of(table)
        self._first = of_whole.offset[0] if of_whole else 0
        with tf.colocate_with(table):
            keys = rows + self._first
            where = _slice_spec(place, [])
            specs = [SaveSpec(keys, where, full_name(table) + KEYS)]
            for variable in marked.saved:
                values = tf.gather(variable, rows)
                where = _slice_spec(place, _widths(variable))
                name = full_name(variable) + VALUES
                specs.append(SaveSpec(values, where, name))
        super().__init__(table, specs, table.op.name)

    def restore_from(self, path: tf.Tensor) -> tf.Operation:
        """Writes those of the increment's rows that the slice has, and marks them."""
        names = [spec.name for spec in self.specs]
        dtypes = [spec.dtype for spec in self.specs]
        keys, *values = tf_private.read(path, names, dtypes)
        marks = self._marked.marks
        num_rows, = marks.shape.as_list()
        local = keys - self._first
        is_not_before = local >= 0
        is_here = is_not_before & (local < num_rows)
        here = tf.reshape(tf.where(is_here), [-1])
        rows = tf.gather(local, here)
        writes = []
        for variable, value in zip(self._marked.saved, values):
            shape = [None] + _widths(variable)
            of_slice = tf.gather(value, here)
            of_slice = tf.ensure_shape(of_slice, shape)
            write = tf.scatter_update(variable, rows, of_slice)
            writes.append(write)
        since = tf.identity(self._since)
        mark = tf.scatter_max(marks, rows, since, use_locking=True)
        return tf.group(*writes, mark)


def _widths(variable: tf.Variable) -> List[int]:
    """The shape of one row."""
    return variable.shape.as_list()[1:]


def _slice_spec(place: Optional[_Place], widths: List[int]) -> Union[str, tf.Tensor]:
    """What tells TensorFlow which part of a tensor [n, widths] is saved; "" for all of it.

    As text, it is the whole's shape, then first,count for rows and - for each other dimension.
    """
    if not place:
        return ""
    total, first, count = map(tf.as_string, place)
    dims = "".join(" {}".format(width) for width in widths)
    all_of_dims = ":-" * len(widths)
    return tf.strings.join([total, dims + " ", first, ",", count, all_of_dims])

"""A warm start of embedding variables from those of another run, in any number of parts."""

import re
from typing import Dict, List, NamedTuple, Optional

import tensorflow.compat.v1 as tf

from common import tf_private
from common.checkpoint import tables
from common.checkpoint.increment_files import KEYS, VALUES
from common.checkpoint.warm_source import Source
from common.embedding.embedding_variable import EmbeddingVariable
from common.kernels.embedding import table as native_table
from common.kernels.embedding.table import Contents

_NEVER = -1  # the version of a key that was never updated
_ROWS = ("keys", "values", "freqs", "versions")
_WAITING = ("keys_filtered", "freqs_filtered", "versions_filtered")


class _Names(NamedTuple):
    """What the tensors of a part are called in full checkpoints, or in increments."""

    fields: List[str]
    key: str  # ends the name of a field
    slot: str


_FULL = _Names([*_ROWS, *_WAITING, "bloom"], "-{}", "/{}-values")
_INCREMENT = _Names(list(_ROWS), "-sparse_incr_{}", "/{}" + VALUES)


class TableStart:
    """Gives one embedding variable the keys that a checkpoint and its increment have.

    Counts and versions come along: a version is a global step, and is moved by the steps of the
    other run, so that a key is as old as it was, and one step, when this run begins at step 0. Keys
    that wait for a row wait anew, with their counts.

    Args:
      with_slots: whether the optimizer's slots come along; they start as new else.
    """

    def __init__(self, variable: EmbeddingVariable, source: Source, with_slots: bool) -> None:
        self._variable, self._source = variable, source
        self._with_slots = with_slots
        self._parts = tf.placeholder(tf.string, [None])
        self._add_full = self._adding(source.path, _FULL)
        self._add_increment: Optional[tf.Operation] = None
        if source.increment:
            self._add_increment = self._adding(source.increment, _INCREMENT)

    def run(self, session: tf.Session) -> None:
        """Adds the keys to the variable, which is there and has none."""
        for part in tables.parts_among(self._source.tensors, self._variable.name):
            session.run(self._add_full, {self._parts: self._names(part, _FULL)})
        for part in _parts_of_increment(self._variable.name, self._source):
            session.run(self._add_increment, {self._parts: self._names(part, _INCREMENT)})

    def _names(self, part: str, names: _Names) -> List[str]:
        of_part = [part + names.key.format(field) for field in names.fields]
        if self._with_slots:
            of_part += [part + names.slot.format(slot.name) for slot in self._variable.slots]
        return of_part

    def _adding(self, path: str, names: _Names) -> tf.Operation:
        handles = self._variable.parts
        return tf.group([self._add_to(part, path, names) for part in range(len(handles))])

    def _add_to(self, part: int, path: str, names: _Names) -> tf.Operation:
        variable = self._variable
        handle = variable.parts[part]
        dtypes = [tables.DTYPES.get(field, tf.int64) for field in names.fields]
        if self._with_slots:
            dtypes += len(variable.slots) * [tf.float32]
        with tf.device(handle.device):
            tensors = tf_private.read(path, self._parts, dtypes)
            fields = dict(zip(names.fields, tensors))
            slots = self._slots(tensors[len(names.fields):])
            contents = _contents(fields, slots, self._source.step)
            return native_table.restore(handle, contents, part, len(variable.parts))

    def _slots(self, tensors: List[tf.Tensor]) -> tf.Tensor:
        """The slots that come along, but as new where they count by the global step."""
        kept = []
        for slot, tensor in zip(self._variable.slots, tensors):
            new = tf.fill(tf.shape(tensor), slot.initial)
            kept.append(new if slot.counts_steps else tensor)
        return tables.join_slots(kept)


def _contents(fields: Dict[str, tf.Tensor], slots: tf.Tensor, step: int) -> Contents:
    """What a table is to hold, whose run begins after so many steps of another one."""
    no_key = tf.zeros([0], tf.int64)
    filled = {name: fields.get(name, no_key) for name in (*_ROWS, *_WAITING)}
    for name in ("versions", "versions_filtered"):
        versions = filled[name]
        never = tf.fill(tf.shape(versions), tf.constant(_NEVER, tf.int64))
        # One step more, as the step before the first would be the number that stands for never.
        filled[name] = tf.where(tf.equal(versions, _NEVER), never, versions - step - 1)
    bloom = fields.get("bloom", tf.zeros([0], tf.uint8))
    return Contents(slots=slots, bloom=bloom, **filled)


def _parts_of_increment(name: str, source: Source) -> List[str]:
    pattern = re.compile("({}(?:/part_\\d+_of_\\d+)?){}".format(re.escape(name), KEYS))
    matches = filter(None, map(pattern.fullmatch, source.of_increment))
    return sorted(match.group(1) for match in matches)


def difference(variable: EmbeddingVariable, source: Source) -> Optional[str]:
    """Why a checkpoint does not have an embedding variable as it is; None where it does."""
    parts = tables.parts_among(source.tensors, variable.name)
    if not parts:
        return "no embedding variable of that name in the checkpoint"
    width = source.tensors[parts[0] + "-values"][1][1]
    if width != variable.width:
        return "rows of {} there, of {} here".format(width, variable.width)
    return None


def has_slots(variable: EmbeddingVariable, source: Source) -> bool:
    """Whether a checkpoint has all slots of this optimizer for an embedding variable."""
    part = tables.parts_among(source.tensors, variable.name)[0]
    for slot in variable.slots:
        name = part + _FULL.slot.format(slot.name)
        if source.tensors.get(name, (None, []))[1][1:] != [slot.width]:
            return False
    return True

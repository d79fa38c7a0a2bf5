"""A warm start of variables: which ones a checkpoint of another run has, and how they get them."""

from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import tensorflow.compat.v1 as tf

from common import tf_private
from common.checkpoint.increment_files import VALUES
from common.checkpoint.warm_source import Source
from common.tf_private import Slice, full_name

Growth = Dict[str, Tuple[int, int]]  # name of a vocabulary's table -> words of then and of now


class Plan(NamedTuple):
    """What a graph's variables start with.

    Attributes:
      whole: variables, or slices of them, that are there in the same shape.
      grown: tables of vocabularies, and slots of these, to which words were added.
      absent: names of variables that are not there, or have another type or shape; why.
    """

    whole: Sequence[tf.Variable]
    grown: Sequence[tf.Variable]
    absent: Dict[str, str]


def plan(variables: Sequence[tf.Variable], source: Source, growth: Growth) -> Plan:
    """Which variables a checkpoint has.

    Args:
      growth: of the vocabularies that have more words than in the checkpoint's run.
    """
    whole: List[tf.Variable] = []
    grown: List[tf.Variable] = []
    absent: Dict[str, str] = {}
    for variable in variables:
        difference = _difference(variable, source)
        if difference is None:
            whole.append(variable)
        elif _has_grown(variable, source, growth):
            grown.append(variable)
        else:
            absent[full_name(variable)] = difference
    return Plan(whole, grown, absent)


def _difference(variable: tf.Variable, source: Source) -> Optional[str]:
    """Why a checkpoint does not have a variable as it is; None where it does."""
    name = full_name(variable)
    if name not in source.tensors:
        return "not in the checkpoint"
    there = source.tensors[name]
    here = variable.dtype.base_dtype, tf_private.full_shape(variable)
    if there != here:
        return "{} {} there, {} {} here".format(
            there[0].name, there[1], here[0].name, here[1])
    return None


def _has_grown(variable: tf.Variable, source: Source, growth: Growth) -> bool:
    """Whether a variable has a row for each word, and the checkpoint those of the first words."""
    name = full_name(variable)
    if name not in source.tensors:
        return False
    dtype, there = source.tensors[name]
    here = tf_private.full_shape(variable)
    path = "/{}/".format(name)
    for table, words in growth.items():
        if "/{}/".format(table) in path and (there[:1], here[:1]) == ([words[0]], [words[1]]):
            return there[1:] == here[1:] and dtype == variable.dtype.base_dtype
    return False


def assign(its_plan: Plan, source: Source) -> tf.Operation:
    """Sets the variables of a plan to what a checkpoint and its increment have of them."""
    ops = [_with_increment(_assign_whole(variable, source), variable, source)
           for variable in its_plan.whole]
    for variable in its_plan.grown:
        ops.append(_with_increment(_assign_first_rows(variable, source), variable, source))
    return tf.group(*ops)


def _assign_whole(variable: tf.Variable, source: Source) -> tf.Operation:
    name = full_name(variable)
    path = source.increment if source.is_whole_in_increment(name) else source.path
    place = tf_private.slice_of(variable)
    with tf.colocate_with(variable):
        value, = tf_private.read(
            path, [name], [variable.dtype.base_dtype], [place.spec if place else ""])
        value.set_shape(variable.shape)
        return tf.assign(variable, value).op


def _assign_first_rows(variable: tf.Variable, source: Source) -> tf.Operation:
    """Sets the rows that a checkpoint has of a table that has more of them here."""
    name = full_name(variable)
    path = source.increment if source.is_whole_in_increment(name) else source.path
    _, there = source.tensors[name]
    place = tf_private.slice_of(variable)
    first = place.offset[0] if place else 0
    here = variable.shape.as_list()
    num_rows = min(here[0], max(there[0] - first, 0))
    if not num_rows:
        return tf.no_op()
    offset = [first] + len(there[1:]) * [0]
    rows = Slice(name, there, offset, [num_rows] + here[1:])
    with tf.colocate_with(variable):
        value, = tf_private.read(path, [name], [variable.dtype.base_dtype], [rows.spec])
        value.set_shape(rows.shape)
        return _write_rows(variable, tf.range(num_rows), value)


def _with_increment(full: tf.Operation, variable: tf.Variable, source: Source) -> tf.Operation:
    """Sets the rows that the increment has, after those of the full checkpoint."""
    name = full_name(variable)
    keys_name = source.keys_of_rows(name)
    if keys_name is None:
        return full
    place = tf_private.slice_of(variable)
    first = place.offset[0] if place else 0
    num_rows = variable.shape.as_list()[0]
    with tf.control_dependencies([full]), tf.colocate_with(variable):
        dtypes = [tf.int64, variable.dtype.base_dtype]
        keys, values = tf_private.read(source.increment, [keys_name, name + VALUES], dtypes)
        local = keys - first
        is_not_before = local >= 0
        here = tf.reshape(tf.where(is_not_before & (local < num_rows)), [-1])
        values = tf.ensure_shape(values, [None] + variable.shape.as_list()[1:])
        return _write_rows(variable, tf.gather(local, here), tf.gather(values, here))


def _write_rows(variable: tf.Variable, rows: tf.Tensor, values: tf.Tensor) -> tf.Operation:
    return tf.scatter_update(variable, rows, values).op

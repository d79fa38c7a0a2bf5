"""Micro batches: a batch in slices, one after another, so that memory holds one's activations.

Each slice's loss counts by its share of the batch's rows, so the slices' losses and gradients add
up to the batch's. A slice is read when the gradients of the one before are there. Unlike DeepRec's
feature of this name, which takes several batches from the input, the batch size stays that of one
update.
"""

import functools
from typing import Callable, Dict, List, NamedTuple, Sequence, Tuple, Union

import tensorflow.compat.v1 as tf

from common.embedding.embedding_variable import Lookup
from common.kernels.optimizers import update as update_kernel
from common.pipeline.encoder import feature_names
from common.pipeline.lists import Ragged

Features = Dict[str, tf.Tensor]
Gradient = Union[None, tf.Tensor, tf.IndexedSlices]
Gradients = List[Tuple[Gradient, tf.Variable]]
Move = Tuple[tf.Tensor, tf.Tensor]  # a running mean, and what is subtracted from it


class Slice(NamedTuple):
    """Rows of a batch.

    Attributes:
      features, labels: of these rows.
      share: of the batch's rows, float32 scalar.
    """

    features: Features
    labels: Features
    share: Union[float, tf.Tensor]


class Backward(NamedTuple):
    """What a slice adds to a step.

    Attributes:
      loss: scalar.
      gradients: of the loss, with the variables they are of.
      lookups: in embedding variables, with the gradients of their rows.
    """

    loss: tf.Tensor
    gradients: Gradients
    lookups: Sequence[Tuple[Lookup, Gradient]] = ()

    def outputs(self) -> List[object]:
        """The loss and all gradients that are there, as tf.group takes them."""
        of_variables = [gradient for gradient, _ in self.gradients if gradient is not None]
        of_rows = [gradient for _, gradient in self.lookups if gradient is not None]
        return [self.loss, of_variables, of_rows]


def one_after_another(backward: Callable[[Slice], Backward], features: Features, labels: Features,
                      count: int) -> List[Backward]:
    """What each slice of a batch adds to a step; the batch itself where count is 0 or 1.

    Variables are made by the first slice and used again by the others. UPDATE_OPS are left with one
    update for each running mean: by the average of what the slices would have moved it by.

    Args:
      backward: makes the forward and backward pass of a slice.
      features, labels: as common.pipeline.dataset.columnar_input gives them.

    Raises:
      ValueError: an operation in UPDATE_OPS does not move a running mean.
    """
    if count <= 1:
        return [backward(Slice(features, labels, 1.0))]
    # Layers tell of their running means through this collection alone.
    update_ops = tf.get_collection_ref(tf.GraphKeys.UPDATE_OPS)
    num_before = len(update_ops)
    slices: List[Backward] = []
    moves: List[List[Move]] = []
    for number in range(count):
        with tf.control_dependencies([tf.group(*last.outputs()) for last in slices[-1:]]):
            part = cut(features, labels, number, count)
        with tf.variable_scope(tf.get_variable_scope(), reuse=number > 0):
            added = backward(part)
        slices.append(_without_absent_rows(added, part))
        moves.append(_moves(update_ops[num_before:], part.share))
        del update_ops[num_before:]
    update_ops.extend(_sum_moves(of_mean) for of_mean in zip(*moves))
    return slices


def _without_absent_rows(added: Backward, part: Slice) -> Backward:
    """The same, where a slice without rows counts no keys of embedding variables."""
    has_rows = tf.cast(part.share > 0, tf.int64)
    lookups = [(lookup._replace(counts=has_rows * lookup.counts), gradient)
               for lookup, gradient in added.lookups]
    return added._replace(lookups=lookups)


def cut(features: Features, labels: Features, number: int, count: int) -> Slice:
    """Slice `number` of `count` of a batch of B rows.

    Its rows are B * number // count to before B * (number + 1) // count. A batch of fewer rows than
    slices, as the last of a run may be, gives slices that are empty; such a one has a row
    nevertheless, of which any model can compute, and the share 0; embedding variables do not count
    its keys.
    """
    size = tf.shape(next(iter(labels.values())))[0]
    low = size * number // count
    high = size * (number + 1) // count
    share = tf.cast(high - low, tf.float32) / tf.cast(size, tf.float32)
    begin = tf.expand_dims(low, 0)
    rows = tf.expand_dims(tf.maximum(high - low, 1), 0)
    of_lists = [feature_names(column) for column in _list_columns(features)]
    in_lists = [name for names in of_lists for name in names]
    part = {name: tf.slice(tensor, begin, rows) for name, tensor in features.items()
            if name not in in_lists}
    for names in of_lists:
        lists = Ragged(*[features[name] for name in names])
        part.update(zip(names, _cut_list(lists, begin, rows)))
    label_part = {name: tf.slice(label, begin, rows) for name, label in labels.items()}
    return Slice(part, label_part, share)


def _list_columns(features: Features) -> List[str]:
    """The columns that stand as three tensors among features."""
    ending = feature_names("").row_splits
    return [name[:-len(ending)] for name in features if name.endswith(ending)]


def _cut_list(lists: Ragged, begin: tf.Tensor, rows: tf.Tensor) -> Ragged:
    splits = tf.slice(lists.row_splits, begin, rows + 1)
    first = splits[:1]
    items = splits[-1:] - first
    values = tf.slice(lists.values, first, items)
    weights = tf.slice(lists.weights, first, items)
    return Ragged(values, splits - first, weights)


def _moves(updates: Sequence[Union[tf.Operation, tf.Tensor]], share: tf.Tensor) -> List[Move]:
    """The running means that a slice updates, each with the slice's part of its move."""
    moves: List[Move] = []
    for update in updates:
        op = getattr(update, "op", update)
        if op.type == "AssignSub":
            moves.append((op.inputs[0], share * op.inputs[1]))
        elif op.type == "ZooMovingAverage":
            moves += [(mean, share * move) for mean, move in update_kernel.moves(op)]
        else:
            raise ValueError(
                "with --micro_batch, {} must be an AssignSub or a ZooMovingAverage, by which "
                "running means move. Got: {}. Train without --micro_batch.".format(
                    op.name, op.type))
    return moves


def _sum_moves(moves: Sequence[Move]) -> tf.Tensor:
    """The update of one running mean by the moves of all slices."""
    mean, _ = moves[0]
    return tf.assign_sub(mean, tf.add_n([move for _, move in moves]))


def sum_slices(slices: Sequence[Backward]) -> Backward:
    """The loss and the gradients of a batch from those of its slices."""
    if len(slices) == 1:
        return slices[0]
    gradients: Gradients = []
    for of_variable in zip(*[one.gradients for one in slices]):
        _, variable = of_variable[0]
        gradients.append((sum_of([gradient for gradient, _ in of_variable]), variable))
    loss = tf.add_n([one.loss for one in slices])
    lookups = [lookup for one in slices for lookup in one.lookups]
    return Backward(loss, gradients, lookups)


def sum_of(gradients: Sequence[Gradient]) -> Gradient:
    """The sum of one variable's gradients, where they are; rows of tables follow one another."""
    present = [gradient for gradient in gradients if gradient is not None]
    if not present:
        return None
    with tf.device(present[0].device):
        if isinstance(present[0], tf.IndexedSlices):
            values = tf.concat([slices.values for slices in present], axis=0)
            indices = tf.concat([slices.indices for slices in present], axis=0)
            return tf.IndexedSlices(values, indices, present[0].dense_shape)
        # Adds each as it comes, while add_n would hold all of them.
        return functools.reduce(tf.add, present)

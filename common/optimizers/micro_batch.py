"""Micro batches: a batch in slices, one after another, so that memory holds one's activations.

Each slice's loss counts by its share of the batch's rows, or of their weights, so the slices'
losses and gradients add up to the batch's. A slice is read when the gradients of the one before are
there. Unlike DeepRec's feature of this name, which takes several batches from the input, the batch
size stays that of one update.
"""

import functools
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

import tensorflow.compat.v1 as tf

from common.config.schema import WEIGHT
from common.embedding.embedding_variable import Lookup
from common.kernels.optimizers import update as update_kernel
from common.pipeline.features import Ragged, feature_names

Features = Dict[str, tf.Tensor]
PresentGradient = Union[tf.Tensor, tf.IndexedSlices]
Gradient = Optional[PresentGradient]
Gradients = List[Tuple[Gradient, tf.Variable]]
Move = Tuple[tf.Tensor, tf.Tensor]  # a running mean, and what is subtracted from it


class Slice(NamedTuple):
    """Rows of a batch.

    Attributes:
      features, labels: of these rows.
      share: of the batch's rows, float32 scalar.
      share_of_loss: of the batch's loss, float32 scalar: where rows have weights, of these.
    """

    features: Features
    labels: Features
    share: Union[float, tf.Tensor]
    share_of_loss: Union[float, tf.Tensor]


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
        of_variables = [gradient for gradient, _ in self.gradients]
        of_rows = [gradient for _, gradient in self.lookups]
        return [self.loss, _present(of_variables), _present(of_rows)]


def _present(gradients: Sequence[Gradient]) -> List[PresentGradient]:
    """Those of the variables on which the loss depends."""
    return [gradient for gradient in gradients if gradient is not None]


def one_after_another(
        backward: Callable[[Slice], Backward],
        features: Features,
        labels: Features,
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
        return [backward(Slice(features, labels, 1.0, 1.0))]
    # Layers tell of their running means through this collection alone.
    update_ops = tf.get_collection_ref(tf.GraphKeys.UPDATE_OPS)
    num_before = len(update_ops)
    slices: List[Backward] = []
    moves: List[List[Move]] = []
    for number in range(count):
        before = [tf.group(*last.outputs()) for last in slices[-1:]]
        with tf.control_dependencies(before):
            part = cut(features, labels, number, count)
        is_reused = number > 0
        with tf.variable_scope(tf.get_variable_scope(), reuse=is_reused):
            added = backward(part)
        slices.append(_without_absent_rows(added, part))
        new_updates = update_ops[num_before:]
        moves.append(_moves(new_updates, part.share))
        del update_ops[num_before:]
    update_ops.extend(_sum_moves(of_mean) for of_mean in zip(*moves))
    return slices


def _without_absent_rows(added: Backward, part: Slice) -> Backward:
    """The same, where a slice without rows counts no keys of embedding variables."""
    has_rows = tf.cast(part.share > 0, tf.int64)
    lookups = []
    for lookup, gradient in added.lookups:
        counts = has_rows * lookup.counts
        lookups.append((lookup._replace(counts=counts), gradient))
    return added._replace(lookups=lookups)


def cut(features: Features, labels: Features, number: int, count: int) -> Slice:
    """Slice `number` of `count` of a batch of B rows.

    Its rows are B * number // count to before B * (number + 1) // count. A batch of fewer rows than
    slices, as the last of a run may be, gives slices that are empty; such a one has a row
    nevertheless, of which any model can compute, and the share 0; embedding variables do not count
    its keys.
    """
    any_label = next(iter(labels.values()))
    size = tf.shape(any_label)[0]
    low = size * number // count
    high = size * (number + 1) // count
    num_rows = tf.cast(high - low, tf.float32)
    share = num_rows / tf.cast(size, tf.float32)
    begin = tf.expand_dims(low, 0)
    at_least_one = tf.maximum(high - low, 1)
    rows = _Rows(begin, tf.expand_dims(at_least_one, 0))
    cut_features = rows.of_features(features)
    cut_labels = {name: rows.of(label) for name, label in labels.items()}
    share_of_loss = share
    if WEIGHT in labels:
        share_of_loss = _share_of_weights(cut_labels[WEIGHT], labels[WEIGHT], share)
    return Slice(cut_features, cut_labels, share, share_of_loss)


def _share_of_weights(part: tf.Tensor, whole: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    """The share of a slice's weights; that of its rows, where a batch weighs nothing."""
    total = tf.reduce_sum(whole)
    of_rows = tf.cast(share > 0, tf.float32) * tf.reduce_sum(part)  # an empty slice has a row
    return tf.where(total > 0, tf.math.divide_no_nan(of_rows, total), share)


class _Rows(NamedTuple):
    """Consecutive rows of a batch.

    Attributes:
      begin: the first, int32 [1].
      size: how many, int32 [1].
    """

    begin: tf.Tensor
    size: tf.Tensor

    def of(self, tensor: tf.Tensor) -> tf.Tensor:
        """These rows of a tensor [B]."""
        return tf.slice(tensor, self.begin, self.size)

    def of_features(self, features: Features) -> Features:
        """These rows of features, of which those of lists are three tensors a column."""
        part = dict(features)
        of_lists: Features = {}
        for column in _list_columns(features):
            names = feature_names(column)
            lists = Ragged(*map(part.pop, names))
            of_lists.update(zip(names, self.of_lists(lists)))
        for name, tensor in part.items():
            part[name] = self.of(tensor)
        part.update(of_lists)
        return part

    def of_lists(self, lists: Ragged) -> Ragged:
        """These rows of a column of lists."""
        splits = tf.slice(lists.row_splits, self.begin, self.size + 1)
        first = splits[:1]
        last = splits[-1:]
        num_items = last - splits[:1]
        values = tf.slice(lists.values, first, num_items)
        weights = tf.slice(lists.weights, first, num_items)
        return Ragged(values, splits - first, weights)


def _list_columns(features: Features) -> List[str]:
    """The columns of lists among features, in their order."""
    ending = feature_names("").row_splits
    names = [name for name in features if name.endswith(ending)]
    return [name[:-len(ending)] for name in names]


def _moves(updates: Sequence[Union[tf.Operation, tf.Tensor]], share: tf.Tensor) -> List[Move]:
    """The running means that a slice updates, each with the slice's part of its move."""
    moves: List[Move] = []
    for update in updates:
        op = getattr(update, "op", update)
        if op.type == "AssignSub":
            mean, move = op.inputs
            moves.append((mean, share * move))
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
    of_slices = [move for _, move in moves]
    return tf.assign_sub(mean, tf.add_n(of_slices))


def sum_slices(slices: Sequence[Backward]) -> Backward:
    """The loss and the gradients of a batch from those of its slices."""
    if len(slices) == 1:
        return slices[0]
    gradients: Gradients = []
    by_slice = [one.gradients for one in slices]
    for of_variable in zip(*by_slice):
        _, variable = of_variable[0]
        total = sum_of([gradient for gradient, _ in of_variable])
        gradients.append((total, variable))
    losses = [one.loss for one in slices]
    loss = tf.add_n(losses)
    lookups = [lookup for one in slices for lookup in one.lookups]
    return Backward(loss, gradients, lookups)


def sum_of(gradients: Sequence[Gradient]) -> Gradient:
    """The sum of one variable's gradients, where they are; rows of tables follow one another."""
    present = _present(gradients)
    if not present:
        return None
    first = present[0]
    with tf.device(first.device):
        if isinstance(first, tf.IndexedSlices):
            values = [slices.values for slices in present]
            indices = [slices.indices for slices in present]
            return tf.IndexedSlices(
                tf.concat(values, axis=0),
                tf.concat(indices, axis=0),
                first.dense_shape)
        # Adds each as it comes, while add_n would hold all of them.
        return functools.reduce(tf.add, present)

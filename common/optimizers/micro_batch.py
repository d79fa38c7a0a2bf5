"""A batch in slices, one after another, so that the activations of one slice at a time are in memory (micro batch).

Each slice's loss counts by its share of the batch's rows, so the slices' losses and gradients add up to the batch's. A
slice is read when the gradients of the one before are there. Unlike DeepRec's feature of this name, which takes several
batches from the input, the batch size stays that of one update.
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


class Slice(NamedTuple):
    """Rows of a batch.

    Attributes:
      features, labels: of these rows.
      share: of the batch's rows, float32 scalar.
    """

    features: Features
    labels: Features
    share: Union[float, tf.Tensor]


class Computed(NamedTuple):
    """What a slice adds to a step.

    Attributes:
      loss: scalar.
      gradients: of the loss, with the variables they are of.
      lookups: in embedding variables, with the gradients of their rows.
    """

    loss: tf.Tensor
    gradients: Gradients
    lookups: Sequence[Tuple[Lookup, Gradient]] = ()


def in_turn(compute: Callable[[Slice], Computed], features: Features, labels: Features, count: int) -> List[Computed]:
    """What is computed of each slice of a batch, each after the one before; of the batch itself where count is 0 or 1.

    Variables are made by the first slice and used again by the others. UPDATE_OPS are left with one update for each
    running mean: by the average of what the slices would have moved it by.

    Args:
      features, labels: as common.pipeline.dataset.columnar_input gives them.

    Raises:
      ValueError: an operation in UPDATE_OPS does not move a running mean.
    """
    if count <= 1:
        return [compute(Slice(features, labels, 1.0))]
    collected = tf.get_collection_ref(tf.GraphKeys.UPDATE_OPS)
    before = len(collected)
    done: List[Computed] = []
    moves: List[List[tf.Tensor]] = []
    for number in range(count):
        with tf.control_dependencies([_everything(one) for one in done[-1:]]):
            part = cut(features, labels, number, count)
        with tf.variable_scope(tf.get_variable_scope(), reuse=number > 0):
            one = compute(part)
        there = tf.cast(part.share > 0, tf.int64)
        done.append(one._replace(lookups=[(found._replace(counts=there * found.counts), gradient)
                                          for found, gradient in one.lookups]))
        moves.append([move for update in collected[before:] for move in _moves(update, part.share)])
        del collected[before:]
    collected.extend(tf.assign_sub(same[0][0], tf.add_n([move for _, move in same])) for same in zip(*moves))
    return done


def cut(features: Features, labels: Features, number: int, count: int) -> Slice:
    """Slice `number` of `count` of a batch of B rows: B * number // count to before B * (number + 1) // count.

    A batch of fewer rows than slices, as the last of a run may be, gives slices that are empty; such a one has a row
    nevertheless, of which any model can compute, and the share 0; embedding variables do not count its keys.
    """
    size = tf.shape(next(iter(labels.values())))[0]
    low, high = size * number // count, size * (number + 1) // count
    share = tf.cast(high - low, tf.float32) / tf.cast(size, tf.float32)
    begin = tf.expand_dims(low, 0)
    rows = tf.expand_dims(tf.maximum(high - low, 1), 0)
    lists = _list_columns(features)
    in_lists = [name for column in lists for name in feature_names(column)]
    taken = {name: tf.slice(tensor, begin, rows) for name, tensor in features.items() if name not in in_lists}
    for column in lists:
        names = feature_names(column)
        taken.update(zip(names, _cut_list(Ragged(*[features[name] for name in names]), begin, rows)))
    return Slice(taken, {name: tf.slice(label, begin, rows) for name, label in labels.items()}, share)


def _list_columns(features: Features) -> List[str]:
    """The columns that stand as three tensors among features."""
    ending = feature_names("").row_splits
    return [name[:-len(ending)] for name in features if name.endswith(ending)]


def _cut_list(lists: Ragged, begin: tf.Tensor, rows: tf.Tensor) -> Ragged:
    splits = tf.slice(lists.row_splits, begin, rows + 1)
    first, items = splits[:1], splits[-1:] - splits[:1]
    return Ragged(tf.slice(lists.values, first, items), splits - first, tf.slice(lists.weights, first, items))


def _everything(computed: Computed) -> tf.Operation:
    """What is over when a slice is: one edge for each operation that waits for it."""
    return tf.group(computed.loss, [gradient for gradient, _ in computed.gradients if gradient is not None],
                    [gradient for _, gradient in computed.lookups if gradient is not None])


def _moves(update: Union[tf.Operation, tf.Tensor], share: tf.Tensor) -> List[Tuple[tf.Tensor, tf.Tensor]]:
    """Running means, and a slice's part in what is subtracted from each."""
    op = getattr(update, "op", update)
    if op.type == "AssignSub":
        return [(op.inputs[0], share * op.inputs[1])]
    if op.type == "ZooMovingAverage":
        return [(average, share * move) for average, move in update_kernel.moves(op)]
    raise ValueError("with --micro_batch, {} must be an AssignSub or a ZooMovingAverage, by which running means move. "
                     "Got: {}. Train without --micro_batch.".format(op.name, op.type))


def summed(parts: Sequence[Computed]) -> Computed:
    """The loss and the gradients of a batch from those of its slices."""
    if len(parts) == 1:
        return parts[0]
    gradients = [(sum_of([gradient for gradient, _ in same]), same[0][1])
                 for same in zip(*[part.gradients for part in parts])]
    return Computed(tf.add_n([part.loss for part in parts]), gradients,
                    [lookup for part in parts for lookup in part.lookups])


def sum_of(gradients: Sequence[Gradient]) -> Gradient:
    """The sum of one variable's gradients, where they are; rows of tables stand one after another."""
    found = [gradient for gradient in gradients if gradient is not None]
    if not found:
        return None
    with tf.device(found[0].device):
        if isinstance(found[0], tf.IndexedSlices):
            return tf.IndexedSlices(tf.concat([slices.values for slices in found], axis=0),
                                    tf.concat([slices.indices for slices in found], axis=0), found[0].dense_shape)
        return functools.reduce(tf.add, found)  # as they come, while add_n would hold all of them

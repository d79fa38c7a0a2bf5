"""Optimizers by name, as the flags call them."""

from typing import List, Sequence, Tuple

import tensorflow.compat.v1 as tf

from common.deeprec import symbols as deeprec
from common.kernels.embedding import lookup
from common.kernels.optimizers import update
from common.optimizers.adagrad_decay import AdagradDecayOptimizer
from common.optimizers.adam_async import AdamAsyncOptimizer

NAMES = ("adam", "adamasync", "adagraddecay", "adagrad", "gradientdescent")


class _NativeRows(tf.train.Optimizer):
    """What lets native ops update a table whose gradient comes from native lookups."""

    def _apply_sparse_duplicate_indices(self, grad: tf.IndexedSlices, var: tf.Variable) -> tf.Operation:
        if not lookup.is_of_lookups(grad):
            return super()._apply_sparse_duplicate_indices(grad, var)
        grad = lookup.summed(grad, var)
        if update.serves(var):
            return self._update_table(grad, var)
        return self._apply_sparse(grad, var)

    def _update_table(self, grad: tf.IndexedSlices, var: tf.Variable) -> tf.Operation:
        """What a native op may do in place of TensorFlow's; grad names each row once."""
        raise NotImplementedError


class _Native(_NativeRows):
    """What lets native ops update variables with dense gradients too, where `native` is set.

    Those on servers, resource variables and those with constraints are left to TensorFlow's.
    """

    def __init__(self, *args: object, native: bool) -> None:
        super().__init__(*args)
        self._native = native
        self._dense: List[Tuple[tf.Variable, tf.Tensor]] = []

    def _apply_dense(self, grad: tf.Tensor, var: tf.Variable) -> tf.Operation:
        if not self._native or not update.serves(var) or var.constraint is not None:
            return super()._apply_dense(grad, var)
        self._dense.append((var, grad))
        return tf.no_op()

    def _prepare(self) -> None:
        self._dense = []
        super()._prepare()

    def _finish(self, update_ops: List[tf.Operation], name_scope: str) -> tf.Operation:
        if self._dense:
            update_ops = update_ops + [self._update_dense(*zip(*self._dense))]
        return super()._finish(update_ops, name_scope)

    def _update_dense(self, variables: Sequence[tf.Variable], gradients: Sequence[tf.Tensor]) -> tf.Operation:
        """What native ops do with variables that have dense gradients."""
        raise NotImplementedError


class _Adam(_Native, tf.train.AdamOptimizer):
    def _update_table(self, grad: tf.IndexedSlices, var: tf.Variable) -> tf.Operation:
        return update.adam(var, self.get_slot(var, "m"), self.get_slot(var, "v"), self._rate(), grad, self._beta1,
                           self._beta2, self._epsilon, all_rows=True)

    def _update_dense(self, variables: Sequence[tf.Variable], gradients: Sequence[tf.Tensor]) -> tf.Operation:
        m, v = [[self.get_slot(var, name) for var in variables] for name in "mv"]
        return update.adam_dense(variables, m, v, gradients, self._rate(), self._beta1, self._beta2, self._epsilon)

    def _rate(self) -> tf.Tensor:
        """The learning rate with the correction of the moments' bias in it."""
        power1, power2 = self._get_beta_accumulators()
        return self._lr_t * tf.sqrt(1.0 - power2) / (1.0 - power1)


class _Adagrad(_Native, tf.train.AdagradOptimizer):
    def _update_table(self, grad: tf.IndexedSlices, var: tf.Variable) -> tf.Operation:
        return update.adagrad(var, self.get_slot(var, "accumulator"), self._learning_rate_tensor, grad)

    def _update_dense(self, variables: Sequence[tf.Variable], gradients: Sequence[tf.Tensor]) -> tf.Operation:
        accumulators = [self.get_slot(var, "accumulator") for var in variables]
        return update.adagrad_dense(variables, accumulators, gradients, self._learning_rate_tensor)


class _AdamAsync(_NativeRows, AdamAsyncOptimizer):
    def _update_table(self, grad: tf.IndexedSlices, var: tf.Variable) -> tf.Operation:
        return self.apply_rows_with(update.adam, grad, var)


class _AdagradDecay(_Native, AdagradDecayOptimizer):
    def _update_table(self, grad: tf.IndexedSlices, var: tf.Variable) -> tf.Operation:
        return self.apply_with(update.adagrad_decay, grad, var)

    def _update_dense(self, variables: Sequence[tf.Variable], gradients: Sequence[tf.Tensor]) -> tf.Operation:
        return tf.group(*[self.apply_with(update.adagrad_decay, grad, var) for var, grad in zip(variables, gradients)])


def make(name: str, learning_rate: float, native: bool = False) -> tf.train.Optimizer:
    """The optimizer of that name with its default settings: TensorFlow's, DeepRec's where it is installed, or ours.

    Args:
      native: whether native ops may take the place of TensorFlow's where gradients are dense; where they come from
        native lookups, they do.

    Raises:
      ValueError: there is no optimizer of that name.
    """
    if name == "adam":
        return _Adam(learning_rate, native=native)
    if name == "adagrad":
        return _Adagrad(learning_rate, native=native)
    if name == "gradientdescent":
        return tf.train.GradientDescentOptimizer(learning_rate)
    step = tf.train.get_or_create_global_step()
    if name == "adamasync":
        return deeprec.own_optimizer(name, learning_rate, step) or _AdamAsync(learning_rate)
    if name == "adagraddecay":
        return deeprec.own_optimizer(name, learning_rate, step) or _AdagradDecay(learning_rate, step, native=native)
    raise ValueError("optimizer must be one of {}. Got: {!r}.".format(", ".join(NAMES), name))


def moves_named_rows_only(optimizer: tf.train.Optimizer) -> bool:
    """Whether a sparse gradient changes, of a table and its slots, just the rows that it names; not so with Adam.

    False also where that is not known.
    """
    return isinstance(optimizer, (tf.train.GradientDescentOptimizer, tf.train.AdagradOptimizer, AdamAsyncOptimizer,
                                  AdagradDecayOptimizer))

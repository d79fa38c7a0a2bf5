"""What lets native ops update variables within an optimizer of TensorFlow's."""

from typing import List, Sequence, Tuple

import tensorflow.compat.v1 as tf

from common.kernels.embedding import lookup
from common.kernels.optimizers import update


class NativeRows(tf.train.Optimizer):
    """Has a native op update a table whose gradient comes from native lookups."""

    def _apply_sparse_duplicate_indices(
            self,
            grad: tf.IndexedSlices,
            var: tf.Variable) -> tf.Operation:
        if not lookup.is_of_lookups(grad):
            return super()._apply_sparse_duplicate_indices(grad, var)
        grad = lookup.summed(grad, var)
        if update.serves(var):
            return self._update_rows(grad, var)
        return self._apply_sparse(grad, var)

    def _update_rows(self, grad: tf.IndexedSlices, var: tf.Variable) -> tf.Operation:
        """The native update of a table by a gradient that names each row once."""
        raise NotImplementedError


class NativeDense(NativeRows):
    """Has one native op update all variables with dense gradients too, where `native` is set.

    Variables on servers, resource variables and those with constraints are left to TensorFlow's.
    """

    def __init__(self, *args: object, native: bool) -> None:
        super().__init__(*args)
        self._native = native
        self._pending: List[Tuple[tf.Variable, tf.Tensor]] = []

    def _prepare(self) -> None:
        self._pending = []
        super()._prepare()

    def _apply_dense(self, grad: tf.Tensor, var: tf.Variable) -> tf.Operation:
        if not self._native or not update.serves(var) or var.constraint is not None:
            return super()._apply_dense(grad, var)
        # TensorFlow asks for one variable after another; one op for all of them is faster.
        self._pending.append((var, grad))
        return tf.no_op()

    def _finish(self, update_ops: List[tf.Operation], name_scope: str) -> tf.Operation:
        all_ops = list(update_ops)
        if self._pending:
            variables, gradients = zip(*self._pending)
            dense = self._update_dense(variables, gradients)
            all_ops.append(dense)
        return super()._finish(all_ops, name_scope)

    def _update_dense(
            self,
            variables: Sequence[tf.Variable],
            gradients: Sequence[tf.Tensor]) -> tf.Operation:
        """The native update of variables by gradients of their shapes."""
        raise NotImplementedError

    def _slot_of_each(self, variables: Sequence[tf.Variable], name: str) -> List[tf.Variable]:
        """The slot of that name of each variable."""
        return [self.get_slot(variable, name) for variable in variables]

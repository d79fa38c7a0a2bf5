"""AdamAsync: Adam for asynchronous training, as DeepRec defines it, of stock TensorFlow ops.

Each variable has its own powers of beta1 and beta2, and a sparse gradient moves only the rows it names (TensorFlow's
Adam moves every row of a table in every step). With b1p, b2p the powers before the step:

    m <- beta1 m + (1 - beta1) g        v <- beta2 v + (1 - beta2) g^2
    w <- w - learning_rate sqrt(1 - b2p) / (1 - b1p) m / (sqrt(v) + epsilon)
"""

from typing import Callable, Dict, List

import tensorflow.compat.v1 as tf
from tensorflow.python.training import training_ops


class AdamAsyncOptimizer(tf.train.Optimizer):
    """Adam with powers of its own for each variable, and lazy updates of rows.

    The slices of a partitioned variable share their powers, so that a checkpoint restores in other slices.

    Args:
      learning_rate, beta1, beta2, epsilon: as in Kingma and Ba, arXiv 1412.6980.
      apply_sparse_rmsprop: sparse gradients follow RMSProp with momentum instead, without bias correction:
        v <- beta2 v + (1 - beta2) g^2, m <- beta1 m + learning_rate g / sqrt(v + epsilon), w <- w - m.
    """

    def __init__(self, learning_rate: float = 0.001, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8,
                 use_locking: bool = False, apply_sparse_rmsprop: bool = False, name: str = "AdamAsync") -> None:
        super().__init__(use_locking, name)
        self._rate, self._beta1, self._beta2, self._epsilon = learning_rate, beta1, beta2, epsilon
        self._rmsprop = apply_sparse_rmsprop
        self._touched: Dict[str, List[tf.Tensor]] = {}

    def _create_slots(self, var_list: List[tf.Variable]) -> None:
        for variable in var_list:
            self._zeros_slot(variable, "m", self._name)
            self._zeros_slot(variable, "v", self._name)
            for power, start in (("beta1_power", self._beta1), ("beta2_power", self._beta2)):
                self._create_non_slot_variable(start, "{}/{}/{}".format(full_name(variable), self._name, power),
                                               variable)

    def _power(self, variable: tf.Variable, name: str) -> tf.Variable:
        return self._get_non_slot_variable("{}/{}/{}".format(full_name(variable), self._name, name), variable.graph)

    def _scale(self, variable: tf.Variable) -> tf.Tensor:
        """The bias-corrected learning rate, scalar."""
        b1p, b2p = self._power(variable, "beta1_power"), self._power(variable, "beta2_power")
        return self._rate * tf.sqrt(1.0 - b2p) / (1.0 - b1p)

    def _touch(self, variable: tf.Variable, touched: tf.Tensor) -> None:
        """Notes that the variable's powers move if the bool scalar is true."""
        self._touched.setdefault(full_name(variable), []).append(touched)

    def _apply_dense(self, grad: tf.Tensor, var: tf.Variable) -> tf.Operation:
        self._touch(var, tf.constant(True))
        return training_ops.apply_adam(*self._dense_arguments(var, lambda v: v), grad,
                                       use_locking=self._use_locking).op

    def _resource_apply_dense(self, grad: tf.Tensor, var: tf.Variable) -> tf.Operation:
        self._touch(var, tf.constant(True))
        return training_ops.resource_apply_adam(*self._dense_arguments(var, lambda v: v.handle), grad,
                                                use_locking=self._use_locking)

    def _dense_arguments(self, var: tf.Variable, handle: object) -> List[object]:
        powers = [tf.identity(self._power(var, name)) for name in ("beta1_power", "beta2_power")]
        slots = [handle(v) for v in (var, self.get_slot(var, "m"), self.get_slot(var, "v"))]  # type: ignore[operator]
        return [*slots, *powers, *[tf.constant(value, var.dtype.base_dtype) for value in (
            self._rate, self._beta1, self._beta2, self._epsilon)]]

    def _apply_sparse(self, grad: tf.IndexedSlices, var: tf.Variable) -> tf.Operation:
        return self._apply_rows(grad.values, var, grad.indices)

    def _resource_apply_sparse(self, grad: tf.Tensor, handle: tf.Variable, indices: tf.Tensor) -> tf.Operation:
        return self._apply_rows(grad, handle, indices)

    def _apply_rows(self, grad: tf.Tensor, var: tf.Variable, indices: tf.Tensor) -> tf.Operation:
        """Updates the rows of distinct indices [R] with their gradients [R, ...]."""
        m, v = self.get_slot(var, "m"), self.get_slot(var, "v")
        new_v = self._beta2 * tf.gather(v, indices) + (1.0 - self._beta2) * grad * grad
        if self._rmsprop:
            new_m = self._beta1 * tf.gather(m, indices) + self._rate * grad / tf.sqrt(new_v + self._epsilon)
            change = new_m
        else:
            self._touch(var, tf.size(indices) > 0)
            new_m = self._beta1 * tf.gather(m, indices) + (1.0 - self._beta1) * grad
            change = self._scale(var) * new_m / (tf.sqrt(new_v) + self._epsilon)
        return tf.group(tf.scatter_update(m, indices, new_m, self._use_locking),
                        tf.scatter_update(v, indices, new_v, self._use_locking),
                        tf.scatter_sub(var, indices, change, self._use_locking))

    def apply_rows_with(self, kernel: Callable[..., tf.Operation], grad: tf.IndexedSlices,
                        var: tf.Variable) -> tf.Operation:
        """Lets a kernel update distinct rows: (table, m, v, rate, slices, beta1, beta2, epsilon) -> operation."""
        if self._rmsprop:
            return self._apply_sparse(grad, var)
        self._touch(var, tf.size(grad.indices) > 0)
        return kernel(var, self.get_slot(var, "m"), self.get_slot(var, "v"), self._scale(var), grad, self._beta1,
                      self._beta2, self._epsilon)

    def _finish(self, update_ops: List[tf.Operation], name_scope: str) -> tf.Operation:
        """Moves the powers of the variables that had a gradient, after all updates have read them."""
        moves = []
        graph = tf.get_default_graph()
        with tf.control_dependencies([tf.group(*update_ops)]):
            for name, touched in self._touched.items():
                for power, beta in (("beta1_power", self._beta1), ("beta2_power", self._beta2)):
                    variable = self._get_non_slot_variable("{}/{}/{}".format(name, self._name, power), graph)
                    with tf.colocate_with(variable):
                        factor = tf.where(tf.reduce_any(tf.stack(touched)), beta, 1.0)
                        moves.append(variable.assign(variable * factor, use_locking=self._use_locking))
        self._touched = {}
        return tf.group(*update_ops, *moves, name=name_scope)


def full_name(variable: tf.Variable) -> str:
    """A variable's name, for a slice that of the whole."""
    info = variable._get_save_slice_info()
    return info.full_name if info else variable.op.name

"""AdamAsync: Adam for asynchronous training, as DeepRec defines it, of stock TensorFlow ops.

Each variable has its own powers of beta1 and beta2, and a sparse gradient moves only the rows it
names (TensorFlow's Adam moves every row of a table in every step). With b1p, b2p the powers before
the step:

    m <- beta1 m + (1 - beta1) g        v <- beta2 v + (1 - beta2) g^2
    w <- w - learning_rate sqrt(1 - b2p) / (1 - b1p) m / (sqrt(v) + epsilon)
"""

from typing import Callable, Dict, List, Union

import tensorflow.compat.v1 as tf

from common.tf_private import full_name, reference


class AdamAsyncOptimizer(tf.train.Optimizer):
    """Adam with powers of its own for each variable, and lazy updates of rows.

    The slices of a partitioned variable share their powers, so that a checkpoint restores in other
    slices.

    Args:
      learning_rate, beta1, beta2, epsilon: as in Kingma and Ba, arXiv 1412.6980; the rate may
        be that of a step, float32 scalar.
      apply_sparse_rmsprop: sparse gradients follow RMSProp with momentum instead, without bias
        correction: v <- beta2 v + (1 - beta2) g^2, m <- beta1 m + learning_rate g / sqrt(v +
        epsilon), w <- w - m.
    """

    def __init__(
            self,
            learning_rate: Union[float, tf.Tensor] = 0.001,
            beta1: float = 0.9,
            beta2: float = 0.999,
            epsilon: float = 1e-8,
            use_locking: bool = False,
            apply_sparse_rmsprop: bool = False,
            name: str = "AdamAsync") -> None:
        super().__init__(use_locking, name)
        self._rate = learning_rate
        self._beta1 = beta1
        self._beta2 = beta2
        self._epsilon = epsilon
        self._rmsprop = apply_sparse_rmsprop
        self._powers = {"beta1_power": beta1, "beta2_power": beta2}
        self._touched: Dict[str, List[tf.Tensor]] = {}

    def _create_slots(self, var_list: List[tf.Variable]) -> None:
        for variable in var_list:
            self._zeros_slot(variable, "m", self._name)
            self._zeros_slot(variable, "v", self._name)
            for power, beta in self._powers.items():
                name = self._power_name(full_name(variable), power)
                self._create_non_slot_variable(beta, name, variable)

    def _power_name(self, variable: str, power: str) -> str:
        return "{}/{}/{}".format(variable, self._name, power)

    def _power(self, variable: str, power: str) -> tf.Variable:
        name = self._power_name(variable, power)
        return self._get_non_slot_variable(name, tf.get_default_graph())

    def _scale(self, variable: tf.Variable) -> tf.Tensor:
        """The bias-corrected learning rate, scalar."""
        name = full_name(variable)
        bias1 = 1.0 - self._power(name, "beta1_power")
        bias2 = 1.0 - self._power(name, "beta2_power")
        return self._rate * tf.sqrt(bias2) / bias1

    def _touch(self, variable: tf.Variable, is_touched: tf.Tensor) -> None:
        """Has the variable's powers move if the bool scalar is true."""
        self._touched.setdefault(full_name(variable), []).append(is_touched)

    def _apply_dense(self, grad: tf.Tensor, var: tf.Variable) -> tf.Operation:
        self._touch(var, tf.constant(True))
        arguments = self._dense_arguments(grad, var, reference)
        return tf.raw_ops.ApplyAdam(**arguments).op

    def _resource_apply_dense(self, grad: tf.Tensor, var: tf.Variable) -> tf.Operation:
        self._touch(var, tf.constant(True))
        arguments = self._dense_arguments(grad, var, lambda variable: variable.handle)
        return tf.raw_ops.ResourceApplyAdam(**arguments)

    def _dense_arguments(
            self,
            grad: tf.Tensor,
            var: tf.Variable,
            handle: Callable[[tf.Variable], tf.Tensor]) -> Dict[str, object]:
        """What TensorFlow's op of an Adam step takes; it has one for each kind of variable."""
        name = full_name(var)
        dtype = var.dtype.base_dtype
        return dict(
            beta1_power=tf.identity(self._power(name, "beta1_power")),
            beta2_power=tf.identity(self._power(name, "beta2_power")),
            var=handle(var),
            m=handle(self.get_slot(var, "m")),
            v=handle(self.get_slot(var, "v")),
            lr=tf.cast(self._rate, dtype),
            beta1=tf.constant(self._beta1, dtype),
            beta2=tf.constant(self._beta2, dtype),
            epsilon=tf.constant(self._epsilon, dtype),
            grad=grad,
            use_locking=self._use_locking)

    def _apply_sparse(self, grad: tf.IndexedSlices, var: tf.Variable) -> tf.Operation:
        return self._apply_rows(grad.values, var, grad.indices)

    def _resource_apply_sparse(
            self,
            grad: tf.Tensor,
            handle: tf.Variable,
            indices: tf.Tensor) -> tf.Operation:
        return self._apply_rows(grad, handle, indices)

    def _apply_rows(self, grad: tf.Tensor, var: tf.Variable, indices: tf.Tensor) -> tf.Operation:
        """Updates the rows of distinct indices [R] with their gradients [R, ...]."""
        m = self.get_slot(var, "m")
        v = self.get_slot(var, "v")
        beta1, beta2, epsilon = self._beta1, self._beta2, self._epsilon
        decayed_v = beta2 * tf.gather(v, indices)
        new_share = (1.0 - beta2) * grad
        new_v = decayed_v + new_share * grad
        decayed_m = beta1 * tf.gather(m, indices)
        if self._rmsprop:
            deviation = tf.sqrt(new_v + epsilon)
            new_m = decayed_m + self._rate * grad / deviation
            change = new_m
        else:
            self._touch(var, tf.size(indices) > 0)
            new_m = decayed_m + (1.0 - beta1) * grad
            deviation = tf.sqrt(new_v) + epsilon
            change = self._scale(var) * new_m / deviation
        locks = self._use_locking
        return tf.group(
            tf.scatter_update(m, indices, new_m, locks),
            tf.scatter_update(v, indices, new_v, locks),
            tf.scatter_sub(var, indices, change, locks))

    def apply_rows_with(
            self,
            kernel: Callable[..., tf.Operation],
            grad: tf.IndexedSlices,
            var: tf.Variable) -> tf.Operation:
        """Lets a kernel update distinct rows.

        Args:
          kernel: (table, m, v, rate, slices, beta1, beta2, epsilon) -> operation.
        """
        if self._rmsprop:
            return self._apply_sparse(grad, var)
        self._touch(var, tf.size(grad.indices) > 0)
        return kernel(
            var,
            self.get_slot(var, "m"),
            self.get_slot(var, "v"),
            self._scale(var),
            grad,
            self._beta1,
            self._beta2,
            self._epsilon)

    def _finish(self, update_ops: List[tf.Operation], name_scope: str) -> tf.Operation:
        """Moves the powers of the variables that had a gradient."""
        moves = []
        # All updates read the powers, those of other variables and slices too.
        with tf.control_dependencies([tf.group(*update_ops)]):
            for variable, touched in self._touched.items():
                for name, beta in self._powers.items():
                    power = self._power(variable, name)
                    moves.append(self._move(power, beta, touched))
        self._touched = {}
        return tf.group(*update_ops, *moves, name=name_scope)

    def _move(self, power: tf.Variable, beta: float, touched: List[tf.Tensor]) -> tf.Tensor:
        """Multiplies a power by its beta if any of the bool scalars is true."""
        with tf.colocate_with(power):
            is_touched = tf.reduce_any(tf.stack(touched))
            factor = tf.where(is_touched, beta, 1.0)
            moved = power * factor
            return power.assign(moved, use_locking=self._use_locking)

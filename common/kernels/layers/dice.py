"""DIN's activation in a native op, forward and backward."""

from typing import List

import tensorflow.compat.v1 as tf

from common.kernels import native


def dice(x: tf.Tensor, z: tf.Tensor, alpha: tf.Tensor) -> tf.Tensor:
    """(s + (1 - s) alpha) x with s = sigmoid(z) (DIN, equation 5): float32 [B, H].

    Args:
      x, z: inputs and the same normalised, float32 [B, H].
      alpha: the slope where s is 0, float32 [H].
    """
    return native.load().ops.zoo_dice(x=x, z=z, alpha=alpha).y


@tf.RegisterGradient("ZooDice")
def _gradient(op: tf.Operation, dy: tf.Tensor, _: tf.Tensor) -> List[tf.Tensor]:
    x, alpha = op.inputs[0], op.inputs[2]
    share = op.outputs[1]
    gradients = native.load().ops.zoo_dice_grad(x=x, alpha=alpha, share=share, dy=dy)
    return list(gradients)

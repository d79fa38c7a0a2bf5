"""The numerics of BF16 products in FP32 arithmetic, for machines and ops that do not multiply
bfloat16.
"""

from typing import List, Tuple

import tensorflow.compat.v1 as tf

from common.layers.gradients import Gradient, custom_gradient


def round_to_bf16(x: tf.Tensor) -> tf.Tensor:
    """The nearest bfloat16 of each float32, as float32."""
    return tf.cast(tf.cast(x, tf.bfloat16), tf.float32)


@custom_gradient
def bf16_matmul(x: tf.Tensor, kernel: tf.Tensor) -> Tuple[tf.Tensor, Gradient]:
    """The product of x [B, I] and kernel [I, H] with inputs rounded to bfloat16 and sums in
    float32, [B, H].

    The products of its gradient round their inputs too, as a BF16 kernel does.
    """
    x, kernel = round_to_bf16(x), round_to_bf16(kernel)

    def gradient(upstream: tf.Tensor) -> List[tf.Tensor]:
        upstream = round_to_bf16(upstream)
        x_gradient = tf.matmul(upstream, kernel, transpose_b=True)
        kernel_gradient = tf.matmul(x, upstream, transpose_a=True)
        return [x_gradient, kernel_gradient]

    return tf.matmul(x, kernel), gradient

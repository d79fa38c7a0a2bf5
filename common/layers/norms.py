"""Batch normalisations, alone and side by side."""

from typing import List, NamedTuple, Sequence

import tensorflow.compat.v1 as tf

from common.kernels.layers import norm as norm_kernel
from common.kernels.optimizers import update as update_kernel
from common.layers.dense_layers import Dense

_BATCH_NORM_MOMENTUM = 0.97


class Norm(NamedTuple):
    """Batch normalisation between dense layers: its mode, and what is added to each variance.

    An epsilon that is large beside the variances lets small inputs stay small, such as rows of embeddings that were
    rarely seen.
    """

    training: bool
    epsilon: float = 1e-3


def batch_norm(inputs: tf.Tensor, name: str, norm: Norm, config: Dense, affine: bool = True,
               before_dense: bool = False) -> tf.Tensor:
    """Normalises each of H features to mean 0 and variance 1: by the batch [B, H] in training, else by running means.

    Args:
      affine: whether a learned scale and offset follow.
      before_dense: whether a dense layer comes next, for which BF16 can be made at once.
    """
    return batch_norms([inputs], [name], norm, config, affine, before_dense=before_dense)[0]


def batch_norms(inputs: Sequence[tf.Tensor], names: Sequence[str], norm: Norm, config: Dense, affine: bool = True,
                relu: bool = False, before_dense: bool = False) -> List[tf.Tensor]:
    """Batch normalisations side by side, as batch_norm makes them one by one, with a relu behind where it is wanted."""
    if norm.training and config.fused:
        return _fused_norms(inputs, names, norm, affine, relu, before_dense and config.in_bfloat16)
    outputs = [tf.layers.batch_normalization(x, momentum=_BATCH_NORM_MOMENTUM, epsilon=norm.epsilon, center=affine,
                                             scale=affine, training=norm.training, name=name)
               for x, name in zip(inputs, names)]
    return [tf.nn.relu(y) for y in outputs] if relu else outputs


def _fused_norms(inputs: Sequence[tf.Tensor], names: Sequence[str], norm: Norm, affine: bool, relu: bool,
                 shortened: bool) -> List[tf.Tensor]:
    """The same with native ops; variables and updates are those that tf.layers.batch_normalization makes."""
    gammas, betas, moving = [], [], []
    for x, name in zip(inputs, names):
        width = [x.shape[1].value]
        with tf.variable_scope(name):
            gammas.append(tf.get_variable("gamma", width, initializer=tf.ones_initializer()) if affine
                          else tf.ones(width))
            betas.append(tf.get_variable("beta", width, initializer=tf.zeros_initializer()) if affine
                         else tf.zeros(width))
            moving.append(tf.get_variable("moving_mean", width, initializer=tf.zeros_initializer(), trainable=False))
            moving.append(tf.get_variable("moving_variance", width, initializer=tf.ones_initializer(),
                                          trainable=False))
    outputs, means, variances = norm_kernel.normalise(inputs, gammas, betas, norm.epsilon, relu, shortened)
    measured = [value for pair in zip(means, variances) for value in pair]
    rate = 1 - _BATCH_NORM_MOMENTUM
    if all(map(update_kernel.serves, moving)):
        updates = [update_kernel.moving_averages(moving, measured, rate)]
    else:
        updates = [tf.assign_sub(variable, (variable - value) * rate) for variable, value in zip(moving, measured)]
    tf.get_collection_ref(tf.GraphKeys.UPDATE_OPS).extend(updates)
    return outputs

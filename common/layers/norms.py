"""Batch normalisations, alone and side by side."""

from typing import List, NamedTuple, Sequence

import tensorflow.compat.v1 as tf

from common.kernels.layers import norm as norm_kernel
from common.kernels.optimizers import update as update_kernel
from common.layers.config import Dense

_MOMENTUM = 0.97


class Norm(NamedTuple):
    """Batch normalisation between dense layers: its mode, and what is added to each variance.

    An epsilon that is large compared with the variances lets small inputs stay small, such as rows
    of embeddings that were rarely seen.
    """

    training: bool
    epsilon: float = 1e-3


class _Variables(NamedTuple):
    """Of one normalisation, [H] each; gamma and beta are constants where it is not affine."""

    gamma: tf.Tensor
    beta: tf.Tensor
    mean: tf.Variable
    variance: tf.Variable


def batch_norm(
        inputs: tf.Tensor,
        name: str,
        norm: Norm,
        config: Dense,
        affine: bool = True,
        before_dense: bool = False,
) -> tf.Tensor:
    """Normalises each of H features to mean 0 and variance 1: by the batch [B, H] in training, else
    by running means.

    Args:
      affine: whether a learned scale and offset follow.
      before_dense: whether a dense layer comes next, for which BF16 can be made at once.
    """
    return batch_norms([inputs], [name], norm, config, affine, before_dense=before_dense)[0]


def batch_norms(
        inputs: Sequence[tf.Tensor],
        names: Sequence[str],
        norm: Norm,
        config: Dense,
        affine: bool = True,
        relu: bool = False,
        before_dense: bool = False,
) -> List[tf.Tensor]:
    """Batch normalisations side by side, as batch_norm makes them one by one, with a relu behind
    each where it says.
    """
    if norm.training and config.fused:
        makes_bf16 = before_dense and config.in_bfloat16
        return _fused_norms(inputs, names, norm, affine, relu, makes_bf16)
    outputs = [_community_norm(x, name, norm, affine) for x, name in zip(inputs, names)]
    return [tf.nn.relu(y) for y in outputs] if relu else outputs


def _community_norm(x: tf.Tensor, name: str, norm: Norm, affine: bool) -> tf.Tensor:
    return tf.layers.batch_normalization(
        x, name=name, training=norm.training,
        momentum=_MOMENTUM, epsilon=norm.epsilon,
        center=affine, scale=affine)


def _fused_norms(
        inputs: Sequence[tf.Tensor],
        names: Sequence[str],
        norm: Norm,
        affine: bool,
        relu: bool,
        makes_bf16: bool,
) -> List[tf.Tensor]:
    """The same with native ops; variables and updates are those that tf.layers.batch_normalization
    makes.
    """
    variables = [_variables(x.shape[1].value, name, affine) for x, name in zip(inputs, names)]
    gammas = [each.gamma for each in variables]
    betas = [each.beta for each in variables]
    outputs, means, variances = norm_kernel.normalise(inputs, gammas, betas, norm.epsilon, relu,
                                                      makes_bf16)
    averages: List[tf.Variable] = []
    values: List[tf.Tensor] = []
    for each, mean, variance in zip(variables, means, variances):
        averages += [each.mean, each.variance]
        values += [mean, variance]
    updates = tf.get_collection_ref(
        tf.GraphKeys.UPDATE_OPS)  # which a training step runs, as of tf.layers
    updates.extend(_move(averages, values))
    return outputs


def _variables(width: int, name: str, affine: bool) -> _Variables:
    zeros, ones = tf.zeros_initializer(), tf.ones_initializer()
    with tf.variable_scope(name):
        if affine:
            gamma = tf.get_variable("gamma", [width], initializer=ones)
            beta = tf.get_variable("beta", [width], initializer=zeros)
        else:
            gamma, beta = tf.ones(width), tf.zeros(width)
        mean = tf.get_variable("moving_mean", [width], initializer=zeros, trainable=False)
        variance = tf.get_variable("moving_variance", [width], initializer=ones, trainable=False)
    return _Variables(gamma, beta, mean, variance)


def _move(averages: Sequence[tf.Variable], values: Sequence[tf.Tensor]) -> List[object]:
    """Moves running means towards the values of a batch."""
    rate = 1 - _MOMENTUM
    if all(map(update_kernel.serves, averages)):
        return [update_kernel.moving_averages(averages, values, rate)]
    # AssignSub, as tf.layers makes it: micro batches know how to average such moves.
    return [
        tf.assign_sub(average, (average - value) * rate)
        for average, value in zip(averages, values)
    ]

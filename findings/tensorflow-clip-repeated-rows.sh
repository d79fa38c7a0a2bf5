#!/usr/bin/env bash
# One would guess that tf.clip_by_global_norm(gradients, 1) leaves gradients whose norm is at most
# 1, and that the norm it returns is that of the gradients. For the gradient of an embedding it is
# neither once a batch looks up a row twice: TensorFlow takes the norm of the slices before those
# of one row are summed, in 1.15.5 and in 2.21.0 alike, and so do tf.clip_by_norm and the clipnorm
# and global_clipnorm of Keras 3. One row looked up 100 times: the norm is 200, 20 is returned, and
# what was to be clipped to 1 has 10. Popular items are in a batch many times, so a recommendation
# model is clipped less than asked, the more so the larger its batch is. Our product sums the
# slices of a row before it takes a norm (common/optimizers).

set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/try.py" <<'PYTHON'
import sys

import numpy as np
import tensorflow as tf

tf.compat.v1.logging.set_verbosity("ERROR")
LOOKED_UP = [3] * 100  # one row of a table of [10, 4], a hundred times
LIMIT = 1.0


def norm(gradient):
    return tf.norm(tf.convert_to_tensor(gradient))  # dense: slices of one row are summed


def clipped(gradient):
    (by_global_norm,), returned = tf.clip_by_global_norm([gradient], LIMIT)
    by_norm = tf.clip_by_norm(gradient, LIMIT)
    return [norm(gradient), returned, norm(by_global_norm), norm(by_norm)]


def by_tensorflow_1():
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        table = tf.compat.v1.get_variable("table", initializer=tf.ones([10, 4]))
        gradient, = tf.gradients(tf.reduce_sum(tf.gather(table, LOOKED_UP)), [table])
        session.run(tf.compat.v1.global_variables_initializer())
        return session.run(clipped(gradient))


def by_tensorflow_2():
    table = tf.Variable(tf.ones([10, 4]))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.gather(table, LOOKED_UP))
    return [number.numpy() for number in clipped(tape.gradient(loss, table))]


def by_keras(**limits):
    import keras

    embedding = keras.layers.Embedding(10, 4, embeddings_initializer="ones")
    embedding.build()
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(embedding(tf.constant(LOOKED_UP)))
    gradients = tape.gradient(loss, embedding.trainable_variables)
    before = embedding.get_weights()[0]
    keras.optimizers.SGD(1.0, **limits).apply(gradients, embedding.trainable_variables)
    step = np.linalg.norm(before - embedding.get_weights()[0])
    print("keras {}, {}: the step has norm {:.1f}".format(keras.__version__, limits, step))
    assert abs(step - 10) < 0.01, "the behaviour has changed"


in_order = by_tensorflow_1() if tf.__version__.startswith("1.") else by_tensorflow_2()
print("tensorflow {}, clipped to {}:".format(tf.__version__, LIMIT))
for what, number in zip(["norm", "returned", "by_global_norm", "by_norm"], in_order):
    print("    {}: {:.1f}".format(what, number))
assert np.allclose(in_order, [200, 20, 10, 10], atol=0.01), "the behaviour has changed"
if sys.argv[1:] == ["keras"]:
    by_keras(clipnorm=LIMIT)
    by_keras(global_clipnorm=LIMIT)
PYTHON

export TF_CPP_MIN_LOG_LEVEL=3 PYTHONWARNINGS=ignore KERAS_BACKEND=tensorflow
"${PYTHON37:-python3.7}" -m venv "$folder/1"
"$folder/1/bin/pip" install --quiet --disable-pip-version-check tensorflow==1.15.5 'numpy<1.19' \
    'protobuf<3.21'
"$folder/1/bin/python" "$folder/try.py"
"${PYTHON:-python3.11}" -m venv "$folder/2"
"$folder/2/bin/pip" install --quiet --disable-pip-version-check tensorflow-cpu==2.21.0 \
    keras==3.15.1
"$folder/2/bin/python" "$folder/try.py" keras

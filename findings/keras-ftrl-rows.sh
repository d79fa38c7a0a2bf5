#!/usr/bin/env bash
# One would guess that a step of an optimizer leaves rows of an embedding alone that the batch
# does not look up, as FTRL of TensorFlow 1 does. Keras 3.15.1's Ftrl updates all rows and
# computes each from its linear slot, zero for a row that was never looked up: the first step sets
# the initial or loaded values of all such rows to zero. Keras's Adagrad leaves them as they are.
# Of a table of pretrained embeddings, one batch leaves only its own rows. Our product has no
# FTRL, and trains with TensorFlow 1.15.5's own optimizers and two of DeepRec's
# (common/optimizers).

set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3.11}" -m venv venv
venv/bin/pip install -q tensorflow-cpu==2.19.1 keras==3.15.1

export TF_CPP_MIN_LOG_LEVEL=3 PYTHONWARNINGS=ignore
venv/bin/python - <<'PYTHON'
import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf

ROWS = 4
BATCH = np.array([[0], [1]])


def after_a_step(optimizer):
    embedding = keras.layers.Embedding(ROWS, 1, embeddings_initializer="ones")
    model = keras.Sequential([keras.Input([1], dtype="int32"), embedding, keras.layers.Flatten()])
    model.compile(optimizer, loss="mse")
    model.train_on_batch(BATCH, np.array([[0.0], [0.0]]))
    return np.array(embedding.get_weights()[0]).ravel().round(3).tolist()


def after_a_step_of_tensorflow_1():
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        table = tf.compat.v1.get_variable("table", initializer=tf.ones([ROWS, 1]))
        found = tf.nn.embedding_lookup(table, BATCH)
        step = tf.compat.v1.train.FtrlOptimizer(0.01).minimize(tf.reduce_mean(found ** 2))
        session.run(tf.compat.v1.global_variables_initializer())
        session.run(step)
        return session.run(table).ravel().round(3).tolist()


print("keras {}, tensorflow {}".format(keras.__version__, tf.__version__))
ftrl = after_a_step(keras.optimizers.Ftrl(0.01))
adagrad = after_a_step(keras.optimizers.Adagrad(0.01))
former = after_a_step_of_tensorflow_1()
print("rows of ones, of which the batch has the first two, after a step")
print("of Keras's Ftrl:", ftrl)
print("of Keras's Adagrad:", adagrad)
print("of TensorFlow 1's FtrlOptimizer:", former)
assert all(np.array(ftrl[:2]) != 0) and not any(ftrl[2:])
assert adagrad[2:] == [1, 1] and former[2:] == [1, 1] and former[0] != 1
PYTHON

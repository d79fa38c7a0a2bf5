#!/usr/bin/env bash
# One would guess that a model converted to ONNX either computes what it did or is refused.
# TensorFlow's tf.scatter_nd adds up the values of repeated indices. tf2onnx 1.17.0 writes it as
# ONNX's ScatterND without a reduction, where repeated indices overwrite each other, so
# onnxruntime 1.32.0 keeps one value of each. Counts and sums for each row, made from ragged ids
# in this way, come out wrong for every row with two ids, without an error.
# tf.tensor_scatter_nd_add gets the reduction and is right. Our product exports SavedModels, whose
# list means use no scatter_nd.

set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3.11}" -m venv venv
venv/bin/pip install -q tensorflow-cpu==2.19.1 tf2onnx==1.17.0 onnx==1.22.0 onnxruntime==1.32.0

export TF_CPP_MIN_LOG_LEVEL=3 PYTHONWARNINGS=ignore
venv/bin/python - <<'PYTHON'
import logging

import numpy as np
import onnxruntime
import tensorflow as tf
import tf2onnx

logging.disable(logging.ERROR)
INPUT = tf.TensorSpec([None], tf.int32, name="rows")


@tf.function(input_signature=[INPUT])
def scatter(rows):
    ones = tf.ones_like(rows, tf.float32)
    return tf.scatter_nd(rows[:, tf.newaxis], ones, [4])


@tf.function(input_signature=[INPUT])
def scatter_add(rows):
    ones = tf.ones_like(rows, tf.float32)
    return tf.tensor_scatter_nd_add(tf.zeros([4]), rows[:, tf.newaxis], ones)


def in_both(function, rows):
    model, _ = tf2onnx.convert.from_function(function, input_signature=[INPUT], opset=18)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return function(rows).numpy().tolist(), session.run(None, {"rows": rows})[0].tolist()


print("tensorflow {}, tf2onnx {}, onnxruntime {}".format(
    tf.__version__, tf2onnx.__version__, onnxruntime.__version__))
rows = np.array([0, 0, 0, 2], np.int32)
found = in_both(scatter, rows)
added = in_both(scatter_add, rows)
print("ids of rows", rows.tolist(), "counted")
print("scatter_nd: TensorFlow {}, onnxruntime {}".format(*found))
print("tensor_scatter_nd_add: TensorFlow {}, onnxruntime {}".format(*added))
right = [3, 0, 1, 0]
assert found == (right, [1, 0, 1, 0]) and added == (right, right)
PYTHON

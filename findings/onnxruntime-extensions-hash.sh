#!/usr/bin/env bash
# One would guess that an operator with the name of TensorFlow's StringToHashBucketFast, made for
# converted TensorFlow models, gives TensorFlow's buckets. The one of onnxruntime-extensions
# 0.15.2 gives others: of 2,000 ids in 1,000 buckets about one in a thousand agrees, which is
# chance. A converted model looks up a random row of each embedding and answers with plausible
# probabilities. Our product's exports hash with TensorFlow's own operator, and its faster ways of
# hashing are tested against that.

set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3.11}" -m venv venv
venv/bin/pip install -q tensorflow-cpu==2.19.1 onnx==1.22.0 onnxruntime==1.32.0 \
    onnxruntime-extensions==0.15.2

export TF_CPP_MIN_LOG_LEVEL=3 PYTHONWARNINGS=ignore
venv/bin/python - <<'PYTHON'
import numpy as np
import onnxruntime
import onnxruntime_extensions
import tensorflow as tf
from onnx import TensorProto, helper

BUCKETS = 1000
inputs = [helper.make_tensor_value_info("texts", TensorProto.STRING, [None]),
          helper.make_tensor_value_info("buckets", TensorProto.INT64, [1])]
output = helper.make_tensor_value_info("ids", TensorProto.INT64, [None])
node = helper.make_node("StringToHashBucketFast", ["texts", "buckets"], ["ids"],
                        domain="ai.onnx.contrib")
versions = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.contrib", 1)]
model = helper.make_model(helper.make_graph([node], "hash", inputs, [output]),
                          opset_imports=versions, ir_version=9)
options = onnxruntime.SessionOptions()
options.register_custom_ops_library(onnxruntime_extensions.get_library_path())
session = onnxruntime.InferenceSession(model.SerializeToString(), options)

texts = np.array(["user_{}".format(number) for number in range(2000)], object)
theirs = session.run(None, {"texts": texts, "buckets": np.array([BUCKETS])})[0]
ours = tf.strings.to_hash_bucket_fast(texts, BUCKETS).numpy()

print("tensorflow {}, onnxruntime-extensions {}".format(
    tf.__version__, onnxruntime_extensions.__version__))
print("texts:", *texts[:5])
print("TensorFlow's buckets:", *ours[:5])
print("onnxruntime-extensions' buckets:", *theirs[:5])
print("equal: {} of {}".format((ours == theirs).sum(), len(texts)))
assert ((0 <= theirs) & (theirs < BUCKETS)).all()
assert (ours == theirs).mean() < 0.01
PYTHON

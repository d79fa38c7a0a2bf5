#!/usr/bin/env bash
# One would guess that an AUC depends on the order of the predictions alone, and that 0.5 means a
# model that learned nothing. tf.metrics.auc of TensorFlow 1.15.5 counts at 200 thresholds evenly
# spaced between 0 and 1: where all probabilities lie below 1/199, a perfect ranking scores 0.5,
# with careful_interpolation too. With 1,000 thresholds it scores about 0.9. Purchases and other
# rare events have such probabilities, so a good conversion model is taken for a broken one, and a
# published 0.50 may mean "not measured". Our product computes the exact AUC over all rows of an
# evaluation instead (common/metrics).

set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3.7}" -m venv venv
venv/bin/pip install -q tensorflow==1.15.5 numpy==1.18.5 protobuf==3.20.3 h5py==2.10.0

export TF_CPP_MIN_LOG_LEVEL=3 PYTHONWARNINGS=ignore
venv/bin/python - <<'PYTHON'
import numpy as np
import tensorflow.compat.v1 as tf

tf.logging.set_verbosity(tf.logging.ERROR)
labels = np.arange(1000) >= 990
probabilities = np.linspace(0.0001, 0.005, 1000).astype(np.float32)


def measure(**options):
    with tf.Graph().as_default(), tf.Session() as session:
        _, update = tf.metrics.auc(labels, probabilities, **options)
        session.run(tf.local_variables_initializer())
        return float(session.run(update))


above = probabilities[labels][:, np.newaxis] > probabilities[~labels]
print("tensorflow", tf.__version__)
print("share of pairs in the right order:", above.mean())
found = [measure(), measure(summation_method="careful_interpolation"),
         measure(num_thresholds=1000)]
print("tf.metrics.auc:", found[0])
print("with careful_interpolation:", found[1])
print("with 1,000 thresholds:", found[2])
assert above.all()
assert np.allclose(found[:2], 0.5, atol=1e-6) and 0.85 < found[2] < 0.95
PYTHON

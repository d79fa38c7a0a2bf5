#!/usr/bin/env bash
# One would guess that a read of s3:// that the server refuses is an error, as it is for any other
# file. TensorFlow 1.15.5 takes a refused part of an object for the end of the file:
# TextLineDataset yields the lines before it and raises nothing. Where the server refuses
# everything, as it does once keys are withdrawn, tf.gfile.Exists is False and
# tf.train.latest_checkpoint is None. A user trains on a fraction of the rows, and a job that
# restarts with bad keys begins at step 0 beside its checkpoints. Our product never uses this file
# system: common/places reads and writes objects through pyarrow and checks every length.

set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3.7}" -m venv venv
venv/bin/pip install -q tensorflow==1.15.5 numpy==1.18.5 protobuf==3.20.3 h5py==2.10.0 \
    'moto[s3,server]==4.2.14'

export TF_CPP_MIN_LOG_LEVEL=3 PYTHONWARNINGS=ignore
venv/bin/python - <<'PYTHON'
import logging
import os
import threading

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

LINE, LINES = b"0,1,abcdef\n", 300000
DENIED = b"<Error><Code>InvalidAccessKeyId</Code><Message>No such key.</Message></Error>"

logging.getLogger("werkzeug").setLevel(logging.ERROR)
store = DomainDispatcherApplication(create_backend_app)
is_refused = lambda request: False


def answer(request, start):
    if not is_refused(request):
        return store(request, start)
    start("403 Forbidden", [("Content-Type", "application/xml")])
    return [] if request["REQUEST_METHOD"] == "HEAD" else [DENIED]


server = make_server("127.0.0.1", 0, answer, threaded=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = "127.0.0.1:{}".format(server.port)
os.environ.update(S3_ENDPOINT=address, S3_USE_HTTPS="0", AWS_REGION="us-east-1",
                  AWS_ACCESS_KEY_ID="key", AWS_SECRET_ACCESS_KEY="secret")

import boto3
import numpy as np
import tensorflow.compat.v1 as tf

tf.logging.set_verbosity(tf.logging.ERROR)
client = boto3.client("s3", endpoint_url="http://" + address)
client.create_bucket(Bucket="bucket")
objects = {"rows.csv": LINE * LINES, "run/model.ckpt-7.index": b"-",
           "run/checkpoint": b'model_checkpoint_path: "model.ckpt-7"\n'}
for key, body in objects.items():
    client.put_object(Bucket="bucket", Key=key, Body=body)


def count_lines():
    with tf.Graph().as_default(), tf.Session() as session:
        lines = tf.data.TextLineDataset("s3://bucket/rows.csv")
        return session.run(lines.reduce(np.int64(0), lambda count, line: count + 1))


print("tensorflow", tf.__version__)
counts = {"all parts": count_lines()}
newest = {"answers": tf.train.latest_checkpoint("s3://bucket/run")}
is_refused = lambda request: request.get("HTTP_RANGE", "bytes=0-")[:8] != "bytes=0-"
counts["the first part alone"] = count_lines()
is_refused = lambda request: True
newest["refuses"] = tf.train.latest_checkpoint("s3://bucket/run")
exists = tf.gfile.Exists("s3://bucket/run/checkpoint")
for parts, count in counts.items():
    print("lines of", LINES, "where the server gives", parts + ":", count)
for does, path in newest.items():
    print("latest_checkpoint where the server", does + ":", path)
print("gfile.Exists where the server refuses:", exists)
assert counts["all parts"] == LINES
assert 0 < counts["the first part alone"] < LINES
assert newest == {"answers": "s3://bucket/run/model.ckpt-7", "refuses": None} and not exists
PYTHON

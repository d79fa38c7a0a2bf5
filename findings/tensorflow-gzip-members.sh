#!/usr/bin/env bash
# One would guess that TensorFlow reads a gzip file as gunzip and Python do, with all of its
# members. TensorFlow 1.15.5 stops after the first member: of two files joined by cat,
# TextLineDataset and TFRecordDataset yield the first one's rows, and no error. Text joined by
# cat, or packed in blocks as bgzip does, loses most of its rows, and so does a file of gzipped
# TFRecords. Our product unpacks compressed text itself, also for its --tf path that otherwise
# reads as TensorFlow does.

set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3.7}" -m venv venv
venv/bin/pip install -q tensorflow==1.15.5 numpy==1.18.5 protobuf==3.20.3 h5py==2.10.0

export TF_CPP_MIN_LOG_LEVEL=3 PYTHONWARNINGS=ignore
venv/bin/python - <<'PYTHON'
import gzip

import tensorflow.compat.v1 as tf

HALF = 1000


def count(kind, path):
    with tf.Graph().as_default(), tf.Session() as session:
        rows = kind(path, compression_type="GZIP")
        following = tf.data.make_one_shot_iterator(rows).get_next()
        found = 0
        try:
            while True:
                session.run(following)
                found += 1
        except tf.errors.OutOfRangeError:
            return found


def join(first, second, path):
    with open(first, "rb") as one, open(second, "rb") as other, open(path, "wb") as joined:
        joined.write(one.read() + other.read())


for name in ("one", "two"):
    with gzip.open(name + ".csv.gz", "wb") as text:
        text.write(b"0,1,abc\n" * HALF)
    with tf.io.TFRecordWriter(name + ".records.gz", "GZIP") as records:
        for _ in range(HALF):
            records.write(b"0,1,abc")
join("one.csv.gz", "two.csv.gz", "both.csv.gz")
join("one.records.gz", "two.records.gz", "both.records.gz")

print("tensorflow", tf.__version__)
with gzip.open("both.csv.gz") as text:
    lines = len(text.readlines())
found = [count(tf.data.TextLineDataset, "both.csv.gz"),
         count(tf.data.TFRecordDataset, "both.records.gz")]
print("lines by Python's gzip:", lines)
print("lines by TextLineDataset: {}, records by TFRecordDataset: {}".format(*found))
assert lines == 2 * HALF and found == [HALF, HALF]
PYTHON

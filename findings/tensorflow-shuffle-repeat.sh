#!/usr/bin/env bash
# One would guess that a seed fixes the order of a pass, however many passes follow. In TensorFlow
# 1.15.5 the first pass of shuffle(buffer, seed).repeat(N) has another order for N = 1 than for N
# = 2: a default optimization makes one op of both, which draws from its buffer otherwise, and
# leaves N = 1 out. Without the default optimizations all are alike. A program that resumes at the
# element where it stopped, with another number of passes, gets some elements twice and others
# never. Our product always repeats without end and takes the rows that it needs
# (common/pipeline/tf_path.py).

set -eu
python=${PYTHON:-python3.7}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$python" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow==1.15.5 'numpy<1.19' 'protobuf<3.21'
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import tensorflow as tf


def first_pass(times, optimize):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.compat.v1.set_random_seed(5)
        dataset = tf.data.Dataset.range(12).shuffle(4, seed=5).repeat(times)
        options = tf.data.Options()
        options.experimental_optimization.apply_default_optimizations = optimize
        dataset = dataset.with_options(options)
        element = tf.compat.v1.data.make_one_shot_iterator(dataset).get_next()
        return [int(session.run(element)) for _ in range(12)]


print("tensorflow", tf.__version__)
print("first pass of range(12).shuffle(4, seed=5).repeat(N):")
orders = {}
for times in (1, 2, 3, None):
    for optimize in (True, False):
        orders[times, optimize] = first_pass(times, optimize)
        print("N = {}, default optimizations {}: {}".format(
            times, "on" if optimize else "off", orders[times, optimize]))
same_without = len({tuple(orders[times, False]) for times in (1, 2, 3, None)}) == 1
same_beyond_one = len({tuple(orders[times, True]) for times in (2, 3, None)}) == 1
if not same_without or not same_beyond_one or orders[1, True] == orders[2, True]:
    raise SystemExit("the behaviour has changed")
print("with the default optimizations, one pass has another order than the first of two")
PYTHON

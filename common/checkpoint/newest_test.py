import os

import tensorflow.compat.v1 as tf

from common.checkpoint import newest


def test_the_newest_step(tmp_path: object) -> None:
    assert newest.checkpoint_step(str(tmp_path)) == 0
    with tf.Graph().as_default(), tf.Session() as session:
        step = tf.train.get_or_create_global_step()
        session.run(step.initializer)
        session.run(step.assign(7))
        tf.train.Saver().save(session, os.path.join(str(tmp_path), "model.ckpt"), 7)
    assert newest.checkpoint_step(str(tmp_path)) == 7

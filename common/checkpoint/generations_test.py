import tensorflow.compat.v1 as tf

from common.checkpoint import generations
from common.checkpoint.generations import Contribution


def test_full_checkpoints_do_not_hold_generations() -> None:
    with tf.Graph().as_default():
        step = tf.train.get_or_create_global_step()
        counters = generations.make()
        assert tf.global_variables() == [step] and not tf.local_variables()
        names = [variable.op.name for variable in counters]
        assert names == ["increments/generation", "increments/since", "incremental_base"]


def test_a_step_marks_with_the_generation_after_its_updates() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        tf.train.get_or_create_global_step()
        counters = generations.make()
        marks = tf.get_variable("marks", [], tf.int32, collections=[])
        train_op = counters.current.assign(5).op  # as a full checkpoint that begins meanwhile
        contribution = Contribution([], None, lambda now: marks.assign(now).op, [marks])
        tracked = generations.track(train_op, counters, [contribution])
        assert tracked.variables == [*counters, marks]
        session.run([variable.initializer for variable in tracked.variables])
        session.run(tracked.train_op)
        assert session.run(marks) == 5

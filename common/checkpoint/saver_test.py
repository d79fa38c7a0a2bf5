import glob
import os
from typing import List

import pytest
import tensorflow.compat.v1 as tf

from common.checkpoint.saver import Saver
from common.errors import BadInput
from common.tf_private import SaveSpec, SelfRestoring


class Twice(SelfRestoring):
    """Saves two tensors of a variable and restores their sum, which it reads by itself."""

    def __init__(self, variable: tf.Variable) -> None:
        self.got: List[tf.Tensor] = []
        specs = [
            SaveSpec(variable + shift, "", name)
            for name, shift in (("twice/low", -1.0), ("twice/high", 1.0))
        ]
        super().__init__(variable, specs, "twice")

    def restore_from(self, path: tf.Tensor) -> tf.Operation:
        self.got.append(path)
        low, high = tf.raw_ops.RestoreV2(prefix=path, tensor_names=["twice/low", "twice/high"],
                                         shape_and_slices=["", ""], dtypes=2 * [tf.float32])
        return self.op.assign(low + high)


def path_in(folder: object) -> str:
    return os.path.join(str(folder), "model.ckpt")


@pytest.mark.parametrize("with_variable", [False, True])
def test_a_saveable_may_read_the_checkpoint_itself(with_variable: bool, tmp_path: object) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        own = tf.get_variable("own", initializer=3.0, collections=["mine"])
        if with_variable:
            tf.get_variable("plain", initializer=5.0)
        twice = Twice(own)
        tf.add_to_collection(tf.GraphKeys.SAVEABLE_OBJECTS, twice)
        saver = Saver(1)
        session.run([own.initializer, tf.global_variables_initializer()])
        saver.save(session, path_in(tmp_path), 1)
        saver.restore(session, path_in(tmp_path) + "-1")
        assert [tensor.dtype for tensor in twice.got] == [tf.string]  # the prefix alone
        assert session.run(own) == 6.0
        assert session.run(tf.global_variables()) == ([5.0] if with_variable else [])


def test_all_variables_and_saveables_in_files_that_tensorflow_reads(tmp_path: object) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        variable = tf.get_variable("v", initializer=1.0)
        session.run(variable.initializer)
        saver = Saver(2)
        for step in range(1, 4):
            session.run(variable.assign(float(step)))
            saver.save(session, path_in(tmp_path), step)
        assert len(glob.glob(path_in(tmp_path) + "-*.index")) == 2
        with open(os.path.join(str(tmp_path), "checkpoint")) as file:
            assert str(tmp_path) not in file.read()  # the folder may be moved
        tf.train.Saver().restore(session, path_in(tmp_path) + "-2")
        assert session.run(variable) == 2.0


def test_what_was_restored_is_not_written_over_itself(tmp_path: object) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        variable = tf.get_variable("v", initializer=1.0)
        saver = Saver(2)
        session.run(variable.initializer)
        path = saver.save(session, path_in(tmp_path), 1)
        saver.restore(session, path)
        before = os.stat(path + ".index").st_mtime_ns
        assert saver.save(session, path_in(tmp_path),
                          1) == path and os.stat(path + ".index").st_mtime_ns == before
        session.run(variable.assign(2.0))
        saver.save(session, path_in(tmp_path), 2)
        saver.save(session, path_in(tmp_path), 1)  # no longer what was restored
        assert tf.train.load_variable(path, "v") == 2.0


def test_as_many_checkpoints_are_left_as_are_kept_now(tmp_path: object) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        variable = tf.get_variable("v", initializer=1.0)
        session.run(variable.initializer)
        before, after = Saver(5), Saver(2)
        for step in range(1, 6):
            before.save(session, path_in(tmp_path), step)
        after.recover_last_checkpoints(before.last_checkpoints)
        after.save(session, path_in(tmp_path), 6)
    names = sorted(glob.glob(path_in(tmp_path) + "-*.index"))
    assert names == [path_in(tmp_path) + "-{}.index".format(step) for step in (5, 6)]


def test_a_full_disk_leaves_the_last_checkpoint_and_nothing_half_written(
        tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        open(path_in(tmp_path) + "-2.data-00000-of-00001", "w").close()
        os.makedirs(path_in(tmp_path) + "-2_temp_1")
        raise tf.errors.ResourceExhaustedError(None, None, "No space\nleft")

    with tf.Graph().as_default(), tf.Session() as session:
        variable = tf.get_variable("v", initializer=1.0)
        session.run(variable.initializer)
        saver = Saver(1)
        saver.save(session, path_in(tmp_path), 1)
        monkeypatch.setattr(tf.train.Saver, "save", fail)
        with pytest.raises(BadInput, match=r"there is no space for a checkpoint; the last one has "
                           r"0 MB. What was half written is removed. .* resumes from .*ckpt-1. "
                           r"TensorFlow says: No space left"):
            saver.save(session, path_in(tmp_path), 2)
    assert not glob.glob(path_in(tmp_path) + "-2*")

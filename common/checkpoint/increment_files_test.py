import glob
import os
from typing import Callable

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common.checkpoint import increment_files, increments
from common.checkpoint.increment_files import FOLDER
from common.checkpoint.newest import resume_step
from common.testing.increments import WIDTH, Toy, assert_same


def flip(path: str) -> None:
    with open(path, "r+b") as file:
        file.seek(os.path.getsize(path) // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))


def cut(path: str) -> None:
    os.truncate(path, os.path.getsize(path) - 1)


@pytest.mark.slow
@pytest.mark.parametrize("damage", [flip, cut, os.remove])
@pytest.mark.parametrize("suffix", [".index", ".data-00000-of-00001"])
def test_damaged(damage: Callable[[str], None], suffix: str, tmp_path: object,
                 capsys: pytest.CaptureFixture) -> None:
    toy = Toy(tmp_path).start()
    toy.step(3)
    toy.increment()
    expected = toy.state()
    toy.step(4)
    newest = toy.increment()
    damage(newest + suffix)
    assert resume_step(str(tmp_path)) == 1
    again = Toy(tmp_path).restart()
    assert_same(again.state(), expected)
    assert "{} is left out: it is damaged: ".format(newest) in capsys.readouterr().err
    assert not glob.glob(newest + "*")
    again.step(5)
    again.increment()
    assert_same(Toy(tmp_path).restart().state(), again.state())


def test_not_written_to_its_end(tmp_path: object) -> None:
    toy = Toy(tmp_path).start()
    toy.step(3)
    whole = toy.increment()
    expected = toy.state()
    folder = os.path.dirname(whole)
    os.makedirs(os.path.join(folder, "model.ckpt-9_temp_1"))
    for name in ("model.ckpt-9.data-00000-of-00001", "model.ckpt-9.index",
                 "model.ckpt-9_temp_1/part-00000"):
        with open(os.path.join(folder, name), "w") as file:
            file.write("half")
    assert_same(Toy(tmp_path).restart().state(), expected)
    assert sorted(os.listdir(folder)) == ["checkpoint"] + sorted(
        map(os.path.basename, glob.glob(whole + ".*")))


@pytest.mark.slow
def test_of_another_full_checkpoint(tmp_path: object, capsys: pytest.CaptureFixture) -> None:
    toy = Toy(tmp_path).start()
    toy.step(3)
    newest = toy.increment()
    other = Toy(tmp_path)
    other.session.run(other._initializer)
    other.session.run(other._whole["kernel"].assign(np.ones([WIDTH, 1])))
    tf_saver = super(increments.IncrementSaver, other.saver)
    tf_saver.save(other.session, other.path, 0)  # of the name that the increment builds on
    again = Toy(tmp_path).restart()
    assert_same(again.state(), other.state())
    assert "{} is left out: it builds on model.ckpt-0, not on {}-0".format(newest, other.path) in (
        capsys.readouterr().err)
    assert os.listdir(os.path.dirname(newest)) == []


def test_a_start_without_a_checkpoint_leaves_increments_out(tmp_path: object) -> None:
    toy = Toy(tmp_path).start()
    toy.step(3)
    toy.increment()
    os.remove(os.path.join(str(tmp_path), "checkpoint"))
    assert resume_step(str(tmp_path)) == 0
    again = Toy(tmp_path).start()
    assert os.listdir(os.path.join(str(tmp_path), FOLDER)) == []
    assert again.session.run(again.global_step) == 0


def test_of_another_graph(tmp_path: object, capsys: pytest.CaptureFixture) -> None:
    toy = Toy(tmp_path).start()
    toy.step(3)
    toy.increment()
    with toy._graph.as_default():
        found = increment_files.find(tf.train.latest_checkpoint(str(tmp_path)),
                                     ["table/Adam", "kernel"])
    assert (found.path, found.step) == (None, 0) and list(
        found.unusable.values()) == ["it lacks table/Adam"]

import glob
import os
from typing import Any, List

import tensorflow.compat.v1 as tf

from common import event_files


def write(folder: str, steps: List[int], suffix: str = "") -> None:
    """An event file with a value at each of some steps."""
    writer = tf.summary.FileWriter(folder, filename_suffix=suffix)
    for step in steps:
        value = tf.Summary.Value(tag="click/auc", simple_value=step / 100)
        writer.add_summary(tf.Summary(value=[value]), step)
    writer.close()


def steps_of(folder: str) -> List[int]:
    """The steps of all values in the event files of a folder."""
    steps = []
    for path in glob.glob(os.path.join(glob.escape(folder), "events.*")):
        events = tf.train.summary_iterator(path)
        steps += [event.step for event in events if event.HasField("summary")]
    return sorted(steps)


def test_values_of_a_step_and_later_ones_are_dropped(tmp_path: Any) -> None:
    folder = str(tmp_path / "eval[1]")
    write(folder, [10, 20], ".first")
    write(folder, [30, 40], ".second")
    event_files.drop_from(folder, 30)
    assert steps_of(folder) == [10, 20]
    event_files.drop_from(folder, 20)
    assert steps_of(folder) == [10]


def test_where_nothing_is_later_nothing_is_written(tmp_path: Any) -> None:
    event_files.drop_from(str(tmp_path / "none"), 0)
    assert not os.path.exists(str(tmp_path / "none"))
    write(str(tmp_path), [10])
    before = {path: os.stat(path).st_mtime_ns for path in glob.glob(str(tmp_path / "*"))}
    event_files.drop_from(str(tmp_path), 11)
    assert before == {path: os.stat(path).st_mtime_ns for path in glob.glob(str(tmp_path / "*"))}


def test_a_file_that_a_kill_has_cut_keeps_what_it_has(tmp_path: Any) -> None:
    write(str(tmp_path), [10, 20, 30])
    path, = glob.glob(str(tmp_path / "events.*"))
    with open(path, "r+b") as file:
        file.truncate(os.path.getsize(path) - 3)
    event_files.drop_from(str(tmp_path), 20)
    assert steps_of(str(tmp_path)) == [10]


def test_a_file_that_this_process_writes_stays(tmp_path: Any) -> None:
    writer = tf.summary.FileWriter(str(tmp_path))
    value = tf.Summary.Value(tag="loss", simple_value=1.0)
    writer.add_summary(tf.Summary(value=[value]), 5)
    writer.flush()
    event_files.drop_from(str(tmp_path), 5)
    writer.add_summary(tf.Summary(value=[value]), 7)
    writer.close()
    assert steps_of(str(tmp_path)) == [5, 7]
    event_files.drop_from(str(tmp_path), 7)
    assert steps_of(str(tmp_path)) == [5]

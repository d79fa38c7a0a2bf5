import glob
import json
import os
import signal
import subprocess
import sys
from typing import List

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common import runner
from common.config.cluster import Cluster
from common.errors import BadInput, Lost, NanLoss, NeverCame, Stopped
from common.pipeline import raw, source
from common.testing import toy
from common.testing.evaluations import settings_of
from common.testing.runs import (TEST, TRAIN, Params, make_run, model_fn, rows_by_step, start_child,
                                 train, wait_for)
from common.testing.toy import SCHEMA

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(runner.__file__)))


@pytest.mark.slow
def test_killed_and_started_again_no_row_is_lost_or_seen_twice(tmp_path: object) -> None:
    toy.open_toy(tmp_path, TRAIN, TEST)
    process = start_child(tmp_path, steps=75, save_steps=10)
    wait_for(tmp_path, 37)
    process.kill()
    assert not os.path.exists(os.path.join(str(tmp_path), "run", "metrics.json"))
    again = start_child(tmp_path, steps=75, save_steps=10)
    assert again.wait() == 0, again.output()
    # 75 steps of 16 rows are three epochs of 400: each row three times, once in each epoch.
    rows = sum(rows_by_step(tmp_path), [])
    for epoch in range(3):
        assert sorted(rows[epoch * 400:(epoch + 1) * 400]) == list(range(400))
    with open(os.path.join(str(tmp_path), "run", "metrics.json")) as file:
        assert json.load(file)["steps_trained_here"] in (35, 45)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_the_same_command_goes_on(tmp_path: object, number: int) -> None:
    toy.open_toy(tmp_path, TRAIN, TEST)
    process = start_child(tmp_path, steps=50, save_steps=0)
    wait_for(tmp_path, 12)
    process.send_signal(number)
    assert process.wait() == 128 + number, process.output()
    output = process.output()
    assert "stopped by {}; the same command".format(
        signal.Signals(number).name) in output and "Traceback" not in output
    stopped_at = tf.train.load_variable(os.path.join(str(tmp_path), "run"), "global_step")
    assert stopped_at == len(rows_by_step(tmp_path)) < 50
    assert not os.path.exists(os.path.join(str(tmp_path), "run", "metrics.json"))
    again = start_child(tmp_path, steps=50, save_steps=0)
    assert again.wait() == 0, again.output()
    rows = sum(rows_by_step(tmp_path), [])
    assert sorted(rows[:400]) == sorted(rows[400:]) == list(range(400))


@pytest.mark.slow
def test_results_are_written_and_a_finished_run_only_evaluates(
        tmp_path: object, capsys: pytest.CaptureFixture) -> None:
    first = train(tmp_path)
    again = train(tmp_path)
    assert again == first and set(first) == {"y"} and first["y"]["rows"] == 50
    folder = os.path.join(str(tmp_path), "run")
    with open(os.path.join(folder, "metrics.json")) as file:
        report = json.load(file)
    assert report["tasks"]["y"] == pytest.approx(first["y"])
    assert report["steps_trained_here"] == 0 and report["seed"] == 3 and report["versions"][
        "tensorflow"] == "1.15.5"
    assert {"command", "steps_per_sec", "samples_per_sec", "peak_memory_mb",
            "bad_rows"} <= set(report)
    with open(os.path.join(folder, "config.json")) as file:
        assert json.load(file)["run"]["batch_size"] == 16
    assert "train rows" in capsys.readouterr().out


@pytest.mark.slow
def test_metrics_of_a_run_that_goes_on_are_gone_until_it_is_over(tmp_path: object) -> None:
    train(tmp_path)
    path = os.path.join(str(tmp_path), "run", "metrics.json")
    bad = toy.random_rows(1, 400)
    bad[7][0] = "2"
    with pytest.raises(BadInput, match="row 8, column 'y'"):
        train(tmp_path, toy.open_toy(tmp_path, bad, TEST), steps=40)
    assert not os.path.exists(path)
    train(tmp_path, steps=40)
    with open(path) as file:
        assert json.load(file)["global_step"] == 40


def open_with_a_bad_test_row(folder: object) -> source.Data:
    """Toy rows; a label of the test rows is none, behind the first rows that are looked at."""
    test = toy.random_rows(2, 60)
    test[54][0] = "2"
    return toy.open_toy(folder, TRAIN, test, parquet=True)  # in row groups of 50


@pytest.mark.slow
@pytest.mark.parametrize("eval_steps", [0, 10])
def test_bad_test_rows_are_named_after_training_and_within_it(tmp_path: object,
                                                              eval_steps: int) -> None:
    data = open_with_a_bad_test_row(tmp_path)
    with pytest.raises(BadInput, match="row 55, column 'y'"):
        train(tmp_path, data, **settings_of(eval_steps))
    step = tf.train.load_variable(os.path.join(str(tmp_path), "run"), "global_step")
    assert step == (eval_steps or 30)


@pytest.mark.slow
def test_bad_test_rows_are_named_by_an_evaluator(tmp_path: object) -> None:
    train(tmp_path, open_with_a_bad_test_row(tmp_path), evaluate=False)
    job = Cluster({"chief": ["127.0.0.1:1"], "evaluator": ["127.0.0.1:2"]}, "evaluator", 0)
    with pytest.raises(BadInput, match="row 55, column 'y'"):
        train(tmp_path, open_with_a_bad_test_row(tmp_path), cluster=job)


@pytest.mark.slow
def test_whole_epochs_end_with_the_last_row(tmp_path: object) -> None:
    log = os.path.join(str(tmp_path), "log")
    train(tmp_path, params=Params(log), steps=-(-2 * 400 // 48), epochs=2, batch_size=48)
    rows = rows_by_step(tmp_path)
    assert [len(batch) for batch in rows] == [48] * 16 + [32]
    assert sorted(sum(rows, [])) == sorted(2 * list(range(400)))


@pytest.mark.slow
def test_no_eval(tmp_path: object) -> None:
    assert train(tmp_path, evaluate=False) == {}
    with open(os.path.join(str(tmp_path), "run", "metrics.json")) as file:
        assert json.load(file)["tasks"] == {}
    assert glob.glob(os.path.join(str(tmp_path), "run", "export", "*", "saved_model.pb"))


@pytest.mark.slow
@pytest.mark.parametrize("save_steps, keep, kept", [(10, 2, [20, 30]), (10, 9, [0, 10, 20, 30]),
                                                    (0, 9, [0, 30]), (None, 1, [30])])
def test_checkpoints(tmp_path: object, save_steps: int, keep: int, kept: List[int]) -> None:
    train(tmp_path, save_steps=save_steps, keep_checkpoint_max=keep)
    found = glob.glob(os.path.join(str(tmp_path), "run", "model.ckpt-*.index"))
    assert sorted(int(path.split("-")[-1].split(".")[0]) for path in found) == kept


@pytest.mark.slow
def test_timeline_is_a_chrome_trace(tmp_path: object) -> None:
    result = os.path.join(str(tmp_path), "out")
    train(tmp_path, timeline=10, result_dir=result)
    traces = sorted(glob.glob(os.path.join(result, "timeline-*.json")))
    assert len(traces) == 3
    with open(traces[-1]) as file:
        events = json.load(file)["traceEvents"]
    assert any(event.get("ph") == "X" and event.get("dur", 0) > 0 for event in events)


@pytest.mark.parametrize("field", ["steps", "batch_size"])
def test_run_is_checked_when_made(tmp_path: object, field: str) -> None:
    with pytest.raises(ValueError, match="{} must be > 0. Got: 0.".format(field)):
        make_run(tmp_path, **{field: 0})


@pytest.mark.parametrize("error, status", [(BadInput("what"), 1), (OSError("what"), 1),
                                           (NanLoss("what"), 1), (Stopped(15), 143),
                                           (Stopped(2), 130), (KeyboardInterrupt(), 130), (None, 0),
                                           (NeverCame("what"), 1), (Lost("what"), 138)])
def test_exit_status(error: BaseException, status: int, capsys: pytest.CaptureFixture) -> None:
    def main() -> None:
        if error:
            raise error

    assert runner.exit_status(main) == status
    assert ("error: what" in capsys.readouterr().err) == (status in (1, 138))


RELOAD = """
import json, sys
import tensorflow as tf
folder, signature = sys.argv[1:]
with tf.Graph().as_default(), tf.Session() as session:
    model = tf.saved_model.loader.load(session, ["serve"], folder)
    request = json.load(open(folder + "/assets.extra/sample_request.json"))
    given = request["instances"]
    info = model.signature_def[signature]
    if signature == request["signature_name"]:
        feeds = {tensor.name: [row[name] for row in given] for name, tensor in info.inputs.items()}
    else:
        def feature(value):
            if isinstance(value, int):
                return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode("utf-8")]))
        def example(row):
            features = {name: feature(value) for name, value in row.items()}
            return tf.train.Example(features=tf.train.Features(feature=features))
        serialized = [example(row).SerializeToString() for row in given]
        feeds = {info.inputs["examples"].name: serialized}
    outputs = session.run({name: tensor.name for name, tensor in info.outputs.items()}, feeds)
    print(json.dumps({name: value.tolist() for name, value in outputs.items()}))
"""


@pytest.mark.slow
@pytest.mark.parametrize("signature", ["serving_default", "examples:serving_default"])
def test_export_gives_the_same_probabilities_without_our_code(tmp_path: object,
                                                              signature: str) -> None:
    train(tmp_path)
    folder = glob.glob(os.path.join(str(tmp_path), "run", "export", "*"))[0]
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", RELOAD, folder, signature],
                          cwd="/", stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          universal_newlines=True)
    assert done.returncode == 0, done.stderr
    with tf.Graph().as_default(), tf.Session() as session:
        columns = dict(zip(toy.NAMES, zip(*TEST[:3])))
        columns["size"] = tuple(int(value or 0) for value in columns["size"])
        tensors = {name: tf.constant(values) for name, values in columns.items()}
        features = raw.decode(tensors, SCHEMA, {}, as_columns=False)
        spec = model_fn(features, None, tf.estimator.ModeKeys.PREDICT, Params())
        checkpoint = tf.train.latest_checkpoint(os.path.join(str(tmp_path), "run"))
        tf.train.Saver().restore(session, checkpoint)
        expected = session.run(spec.predictions["y"])
    np.testing.assert_allclose(json.loads(done.stdout)["y"], expected, rtol=1e-6)


def test_a_refused_run_without_steps_to_make_leaves_its_folder_as_it_was(tmp_path: object) -> None:
    def wider(*args: object) -> tf.estimator.EstimatorSpec:
        tf.get_variable("more", [3])
        return model_fn(*args)  # type: ignore[arg-type]

    train(tmp_path, steps=2, evaluate=False)
    config = os.path.join(str(tmp_path), "run", "config.json")
    os.utime(config, (1, 1))
    run = make_run(tmp_path, steps=2, evaluate=False)
    with pytest.raises(BadInput, match="lacks 1 of .* variables, such as more"):
        runner.train_and_evaluate(run, toy.open_toy(tmp_path, TRAIN, TEST), wider, Params(), ["y"])
    assert os.path.getmtime(config) == 1
    assert os.path.exists(os.path.join(str(tmp_path), "run", "metrics.json"))

"""Increments of runs that are killed, and of clusters."""

import os
import random
import time
from typing import Callable, Tuple

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common.checkpoint import newest
from common.checkpoint.increment_files import FOLDER, KEYS, VALUES
from common.testing import toy
from common.testing.children import Child
from common.testing.increments import State, assert_same
from common.testing.jobs import Job
from common.testing.runs import TEST, TRAIN, Params, rows_by_step, start_child, train


def newest_by_hand(folder: str) -> Tuple[int, State]:
    """The step and the variables of the newest increment on its full checkpoint, put together in
    NumPy.
    """
    def read(prefix: str) -> State:
        reader = tf.train.load_checkpoint(prefix)
        return {
            name: np.copy(reader.get_tensor(name))
            for name in reader.get_variable_to_shape_map()
        }

    values, increment = read(tf.train.latest_checkpoint(folder)), tf.train.latest_checkpoint(
        os.path.join(folder, FOLDER))
    changes = read(increment) if increment else {"global_step": -1}
    if changes["global_step"] > values["global_step"]:
        for table in [name[:-len(KEYS)] for name in changes if name.endswith(KEYS)]:
            for name in [name[:-len(VALUES)] for name in changes if name.endswith(VALUES)]:
                if name == table or name.startswith(table + "/"):
                    values[name][changes[table + KEYS]] = changes[name + VALUES]
        values.update({name: value for name, value in changes.items() if name in values})
    return int(values["global_step"]), values


def steps_in_log(folder: object) -> int:
    path = os.path.join(str(folder), "log")
    return sum(1 for _ in open(path)) if os.path.exists(path) else 0


def kill_after(folder: object, process: Child, wait_steps: int, secs: float) -> None:
    """Kills a process some time after it has run some steps."""
    deadline, before = time.monotonic() + 180, steps_in_log(folder)
    try:
        while steps_in_log(folder) < before + wait_steps and process.status() is None:
            assert time.monotonic() < deadline, "no step for 180 s"
            time.sleep(0.01)
        time.sleep(secs)
    finally:
        process.kill()


@pytest.mark.slow
def test_killed_at_random_moments(tmp_path: object) -> None:
    toy.open_toy(tmp_path, TRAIN, TEST)
    run, rng, gained, printed = os.path.join(str(tmp_path), "run"), random.Random(5), 0, 0
    expected: Tuple[int, State] = (0, {})
    for number in range(12):
        process = start_child(tmp_path, 0.005, steps=1 << 20, save_steps=100,
                              keep_checkpoint_max=100, incremental_ckpt=0.1)
        kill_after(tmp_path, process, rng.choice([0, 1, 1, 50]), rng.uniform(0.0, 1.0))
        output, printed = process.output()[printed:], len(process.output())
        assert "Traceback" not in output and "damaged" not in output, output
        if expected[0] and "resuming" in output:
            assert "resuming from step {}\n".format(expected[0]) in output
        again = os.path.join(run, "model.ckpt-{}".format(expected[0]))
        if expected[0] and again in tf.train.get_checkpoint_state(run).all_model_checkpoint_paths:
            reader = tf.train.load_checkpoint(again)
            assert_same(
                {name: reader.get_tensor(name)
                 for name in reader.get_variable_to_shape_map()}, expected[1])
        if tf.train.latest_checkpoint(run):
            step, state = newest_by_hand(run)
            assert step >= expected[0] and step == newest.resume_step(run)
            gained += step > newest.checkpoint_step(run)
            expected = step, state
    assert gained >= 2  # kills after which an increment had more than the full checkpoints
    rows = sum(rows_by_step(tmp_path), [])
    for epoch in range(len(rows) // 400):
        assert sorted(rows[epoch * 400:(epoch + 1) * 400]) == list(range(400))


@pytest.mark.slow
def test_a_run_goes_on_with_increments_and_says_so_without_the_flag(
        tmp_path: object, capsys: pytest.CaptureFixture) -> None:
    data = toy.open_toy(tmp_path, TRAIN, TEST)
    run, log = os.path.join(str(tmp_path), "run"), os.path.join(str(tmp_path), "log")
    train(tmp_path, data, Params(log, 0.02), steps=20, save_steps=0, keep_checkpoint_max=9,
          incremental_ckpt=0.1)
    newest = tf.train.latest_checkpoint(os.path.join(run, FOLDER))
    step = int(newest.split("-")[-1])
    assert 0 < step < 20
    with open(os.path.join(run, "checkpoint"),
              "w") as file:  # as if it had been killed before its end
        file.write(
            'model_checkpoint_path: "model.ckpt-0"\nall_model_checkpoint_paths: "model.ckpt-0"\n')
    capsys.readouterr()
    train(tmp_path, data, Params(log), steps=25, save_steps=0, keep_checkpoint_max=9,
          incremental_ckpt=30)
    assert "resuming from step {}\n".format(step) in capsys.readouterr().out
    rows = sum(rows_by_step(tmp_path), [])
    assert sorted(rows[:400]) == list(range(400))
    with open(os.path.join(run, "checkpoint"), "w") as file:
        file.write(
            'model_checkpoint_path: "model.ckpt-0"\nall_model_checkpoint_paths: "model.ckpt-0"\n')
    train(tmp_path, data, steps=3, save_steps=0)
    assert "increments up to step {} are left out, as --incremental_ckpt is 0".format(
        step) in capsys.readouterr().out


@pytest.mark.slow
def test_a_cluster_whose_processes_are_killed(make_job: Callable[..., Job]) -> None:  # noqa: F811
    job = make_job({"chief": 1, "worker": 1, "ps": 2}, steps=600, save_steps=0, secs=0.02,
                   incremental_ckpt=0.3)
    job.start()
    run = os.path.join(job.folder, "run")
    for name in ("ps-1", "worker-0", "ps-0", "chief-0"):
        before = newest.resume_step(run) if tf.train.latest_checkpoint(run) else 0
        job.wait_for_steps("chief-0", len(job.rows("chief-0")) + 40)
        saved = tf.train.latest_checkpoint(os.path.join(run, FOLDER))
        job.processes[name].kill()
        assert saved and newest.resume_step(run) > before, job.logs()
        job.start(name)
    assert set(job.last_statuses().values()) == {0}, job.logs()
    assert "is left out" not in job.logs()
    assert job.metrics()["global_step"] >= 600 and job.metrics()["tasks"]["y"]["rows"] == 50

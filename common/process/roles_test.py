"""Whole clusters of the toy model, in processes of their own."""

import os
import re
import signal
import time

import pytest
import tensorflow.compat.v1 as tf

from common.callbacks import watch
from common.checkpoint import newest, saver
from common.config.cluster import GRACE_SECS
from common.errors import NeverCame
from common.process import roles, waiting


def be_impatient() -> None:
    """Shortens the seconds until a process says what it waits for, or gives up after a signal."""
    waiting.SAY_SECS = 1.0
    watch._GRACE_SECS = 2.0


@pytest.mark.slow
def test_every_role_ends_by_itself_and_reads_its_own_rows(make_job: object) -> None:
    job = make_job({"chief": 1, "worker": 2, "ps": 2, "evaluator": 1}, steps=60, save_steps=20,
                   secs=0.02)
    job.start()
    assert set(job.statuses().values()) == {0}, job.logs()
    assert job.metrics()["global_step"] >= 60 and job.metrics()["tasks"]["y"]["rows"] == 50
    assert os.listdir(os.path.join(job.folder, "run", "export"))
    for shard, name in enumerate(["chief-0", "worker-0", "worker-1"]):
        seen = sum(job.rows(name), [])
        assert seen and set(seen) <= set(range(400 * shard // 3, 400 * (shard + 1) // 3))
    assert "Traceback" not in job.logs()
    assert "training is over and no trainer is left" in job.log("ps-0")
    assert "training is over" in job.log("worker-1")
    # A finished job that is started again only evaluates; nobody waits for anybody.
    job.start()
    assert set(job.statuses().values()) == {0}, job.logs()


@pytest.mark.slow
def test_without_an_evaluator_the_chief_evaluates_and_any_process_may_be_killed(
        make_job: object) -> None:
    job = make_job({"chief": 1, "worker": 1, "ps": 2}, steps=400, save_steps=20, secs=0.02)
    job.start()
    for name in ("ps-1", "worker-0", "chief-0"):
        job.wait_for_steps("chief-0", len(job.rows("chief-0")) + 25)
        job.processes[name].kill()
        job.start(name)
    assert set(job.last_statuses().values()) == {0}, job.logs()
    assert job.metrics()["global_step"] >= 400 and job.metrics()["tasks"]["y"]["rows"] == 50


@pytest.mark.slow
def test_a_worker_that_never_comes_back_stops_nobody(make_job: object) -> None:
    job = make_job({"chief": 1, "worker": 2, "ps": 1}, steps=200, secs=0.03)
    job.start("chief-0", "ps-0", "worker-0")  # worker-1 never comes at all
    job.wait_for_steps("worker-0", 5)
    job.processes.pop("worker-0").kill()
    assert job.statuses() == {"chief-0": 0, "ps-0": 0}, job.logs()


@pytest.mark.slow
def test_who_waits_says_for_whom_and_how_long_it_may_be(make_job: object) -> None:
    job = make_job({"chief": 1, "worker": 1, "ps": 1}, steps=10, wait_secs=6, setup=be_impatient)
    job.start("worker-0", "ps-0")
    assert job.statuses() == {"worker-0": 1, "ps-0": 1}, job.logs()
    assert "waiting for chief-0 (127.0.0.1:" in job.log("worker-0")
    assert "Raise --wait_secs to wait longer" in job.log("worker-0")


@pytest.mark.slow
def test_alone(make_job: object) -> None:
    waits_for = {
        "chief-0": "ps-0", "ps-0": "one of chief-0", "evaluator-0": "a checkpoint of chief-0"
    }
    jobs = {}
    for name in waits_for:
        jobs[name] = make_job({"chief": 1, "ps": 1, "evaluator": 1}, steps=10, wait_secs=5,
                              setup=be_impatient)
        jobs[name].start(name)
    for name, job in jobs.items():
        assert job.statuses() == {name: 1}
        assert "waiting for" in job.log(name)
        assert re.search(r"waited [5-9] s for {} \(".format(waits_for[name]),
                         job.log(name)), job.log(name)


@pytest.mark.slow
def test_sigterm_ends_all_with_143_the_chief_saves_and_the_job_goes_on(make_job: object) -> None:
    job = make_job({"chief": 1, "ps": 1}, steps=100, secs=0.02)
    job.start()
    job.wait_for_steps("chief-0", 20)
    for name in ("ps-0", "chief-0"):
        job.processes[name].send_signal(signal.SIGTERM)
    assert job.statuses() == {"ps-0": 143, "chief-0": 143}, job.logs()
    saved = newest.checkpoint_step(os.path.join(job.folder, "run"))
    assert 20 <= saved < 100
    job.start()
    assert set(job.statuses().values()) == {0}, job.logs()
    assert "resuming from step {}".format(saved) in job.log("chief-0")


def save_slowly() -> None:
    """Makes a process impatient, and its saves last longer than it waits after a signal."""
    be_impatient()
    save = saver.Saver.save

    def slow(*args: object, **kwargs: object) -> str:
        time.sleep(6.0)
        return save(*args, **kwargs)

    saver.Saver.save = slow


@pytest.mark.slow
def test_sigterm_does_not_cut_off_a_save_and_the_server_serves_it(make_job: object) -> None:
    job = make_job({"chief": 1, "ps": 1}, steps=1000, secs=0.02, setup=save_slowly)
    job.start()
    job.wait_for_steps("chief-0", 20)
    for name in ("ps-0", "chief-0"):
        job.processes[name].send_signal(signal.SIGTERM)
    assert job.statuses() == {"ps-0": 143, "chief-0": 143}, job.logs()
    assert "a checkpoint is being saved" in job.log("chief-0"), job.logs()
    assert 20 <= newest.checkpoint_step(os.path.join(job.folder, "run")) < 1000


def test_a_server_ends_by_itself_before_it_is_killed() -> None:
    assert 60.0 <= roles._LINGER_SECS <= GRACE_SECS - 30.0


@pytest.mark.slow
def test_sigterm_ends_a_chief_whose_server_is_gone(make_job: object) -> None:
    job = make_job({"chief": 1, "ps": 1}, steps=1000, secs=0.02, setup=be_impatient)
    job.start()
    job.wait_for_steps("chief-0", 20)
    job.processes["ps-0"].kill()
    job.processes["chief-0"].send_signal(signal.SIGTERM)
    assert job.processes["chief-0"].wait(60) == 143, job.logs()


def test_metrics_of_an_earlier_step_are_waited_out(tmp_path: object) -> None:
    path = os.path.join(str(tmp_path), "metrics.json")
    for content, step in (('{"global_step": 9}', 10), (None, 10)):
        if content:
            with open(path, "w") as file:
                file.write(content)
        with pytest.raises(NeverCame, match="for the evaluator to write {}".format(path)):
            roles.await_metrics(path, step, 0.0)
    roles.await_metrics(path, 9, 0.0)


def test_sessions_look_for_the_chief_more_often() -> None:
    init = tf.train.SessionManager.__init__
    with roles.quick_recovery(), tf.Graph().as_default():
        assert tf.train.SessionManager()._recovery_wait_secs == 2.0
    assert tf.train.SessionManager.__init__ is init


@pytest.mark.slow
def test_a_chief_without_servers_trains_on_its_own_and_leaves_evaluation_to_the_evaluator(
        make_job: object) -> None:
    job = make_job({"chief": 1, "evaluator": 1}, steps=30, save_steps=10)
    job.start()
    assert set(job.statuses().values()) == {0}, job.logs()
    assert job.metrics()["global_step"] == 30 and job.metrics()["steps_trained_here"] == 0
    assert sorted(sum(job.rows("chief-0"), [])[:400]) == list(range(400))

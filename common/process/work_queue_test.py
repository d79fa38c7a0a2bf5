"""The work queue in whole clusters of the toy model, in processes of their own."""

import os
import signal

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common.kernels import native  # noqa: F401
from common.kernels.pipeline import work_queue as kernel  # noqa: F401
from common.kernels.pipeline.work_queue import Plan  # noqa: F401
from common.pipeline import source, work_queue  # noqa: F401
from common.testing import toy  # noqa: F401
from common.testing.jobs import BATCH, Job, cluster_of
from common.testing.runs import make_run  # noqa: F401

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(native.load().ops is None, reason=native.load().reason)
]
ROWS = 400


def counts(job: Job) -> np.ndarray:
    """How often each row was trained, by anybody."""
    return np.bincount([row for name in job.processes for row in sum(job.rows(name), [])],
                       minlength=ROWS)


def plan_of(job: Job, trainers: int) -> Plan:
    data = source.open_data(job.folder, toy.SCHEMA, False, 0, False)
    return work_queue.make_items(data.train, data, make_run(job.folder,
                                                            cluster=cluster_of(trainers))).plan


def saved_counts(job: Job, plan: Plan) -> np.ndarray:
    """How many rows of each item were trained by the time of the last checkpoint, int [I]."""
    checkpoint = tf.train.load_checkpoint(os.path.join(job.folder, "run"))
    trained = checkpoint.get_tensor("work_queue/epoch") * plan.sizes
    for _, item, done in checkpoint.get_tensor("work_queue/left"):
        trained[item] += done - plan.sizes[item]
    return trained


def trained_since(job: Job, trainers: int) -> np.ndarray:
    """How many rows of each item were trained that the last checkpoint knows nothing of, int
    [I].
    """
    plan = plan_of(job, trainers)
    return np.add.reduceat(counts(job), plan.bounds[:-1]) - saved_counts(job, plan)


def test_each_row_is_seen_once_an_epoch_and_who_is_faster_takes_more(
        make_job: object) -> None:  # noqa: F811
    job = make_job({"chief": 1, "worker": 1, "ps": 2}, steps=150, save_steps=20, secs=0.02,
                   workqueue=True)
    job.start()
    job.wait_for_steps("worker-0", 10, secs=300)
    job.processes["worker-0"].send_signal(signal.SIGSTOP)
    before = len(job.rows("chief-0"))
    job.wait_for_steps("chief-0", before + 30, secs=300)
    job.processes["worker-0"].send_signal(signal.SIGCONT)
    rows = sum(job.rows("chief-0")[before:before + 30], [])
    assert len(set(rows)) > ROWS * 3 // 5  # more than half of the rows
    assert set(job.statuses(300).values()) == {0}, job.logs()
    trained = counts(job)
    # Nobody trains a row twice in an epoch, and what is missing is in the items that were taken at
    # the end.
    epochs = int(np.ceil(150 * BATCH / ROWS)) + 1
    assert trained.max() <= epochs and trained.sum() >= 150 * BATCH
    beyond = trained_since(job, 2)
    # steps that ended while the chief saved for the last time
    assert beyond.min() >= 0 and beyond.sum() <= 4 * BATCH
    assert "16 items of at most 25 rows, on ps-0" in job.log("worker-0")
    assert "Traceback" not in job.logs()


def test_a_worker_that_is_killed_and_comes_back_goes_on_with_what_it_had(
        make_job: object) -> None:  # noqa: F811
    job = make_job({"chief": 1, "worker": 2, "ps": 1}, steps=300, save_steps=20, secs=0.03,
                   workqueue=True)
    job.start()
    job.wait_for_steps("worker-1", 12, secs=300)
    job.processes["worker-1"].kill()
    for name in ("chief-0", "worker-0"):  # lest they are done before it is back
        job.processes[name].send_signal(signal.SIGSTOP)
    job.start("worker-1")
    job.wait_for_steps("worker-1", len(job.rows("worker-1")) + 1, secs=300)
    for name in ("chief-0", "worker-0"):
        job.processes[name].send_signal(signal.SIGCONT)
    assert set(job.statuses(300).values()) == {0}, job.logs()
    beyond = trained_since(job, 3)
    # The step in which it was killed may be in its log and not in the queue.
    assert beyond.min() >= 0 and beyond.sum() <= 7 * BATCH
    assert "the rows that it had read are trained twice" not in job.logs()


def shorten_silence() -> None:
    kernel.SILENT_SECS = 2.0


def test_what_a_lost_worker_took_is_trained_by_others(make_job: object) -> None:  # noqa: F811
    job = make_job({"chief": 1, "worker": 1, "ps": 1}, steps=400, save_steps=20, secs=0.03,
                   workqueue=True, setup=shorten_silence)
    job.start()
    job.wait_for_steps("worker-0", 12, secs=300)
    job.processes["worker-0"].kill()
    job.processes.pop("worker-0")
    assert set(job.statuses(300).values()) == {0}, job.logs()
    left = tf.train.load_checkpoint(os.path.join(job.folder, "run")).get_tensor(
        "work_queue/left")  # none at an end
    epochs = {epoch for epoch, _, _ in left.tolist()}
    assert len(epochs) <= 2 and (not epochs or max(epochs) - min(epochs)
                                 <= 1), left  # none of when it was lost
    saved = saved_counts(job, plan_of(job, 2))
    assert saved.max() - saved.min() <= 2 * 25, saved


@pytest.mark.parametrize("name", ["ps-0", "chief-0"])
def test_a_server_or_a_chief_that_is_killed_sets_it_back_to_the_checkpoint(
        make_job: object,  # noqa: F811
        name: str) -> None:
    job = make_job({"chief": 1, "worker": 1, "ps": 1}, steps=250, save_steps=10, secs=0.03,
                   workqueue=True)
    job.start()
    job.wait_for_steps("chief-0", 30, secs=300)
    job.processes[name].kill()
    job.start(name)
    assert set(job.last_statuses(300).values()) == {0}, job.logs()
    epochs = tf.train.load_checkpoint(os.path.join(job.folder,
                                                   "run")).get_tensor("work_queue/epoch")
    assert 250 * BATCH // ROWS <= epochs <= 250 * BATCH // ROWS + 2
    assert counts(job).min() >= epochs - 2


def test_all_trainers_end_with_the_last_row_of_the_epochs(make_job: object) -> None:  # noqa: F811
    job = make_job({"chief": 1, "worker": 2, "ps": 1}, steps=0, epochs=2, secs=0.02, save_steps=10,
                   workqueue=True)
    job.start()
    assert set(job.statuses(300).values()) == {0}, job.logs()
    assert set(counts(job)) == {2}, job.logs()
    checkpoint = tf.train.load_checkpoint(os.path.join(job.folder, "run"))
    assert checkpoint.get_tensor("work_queue/trained") == 2 * ROWS

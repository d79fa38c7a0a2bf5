"""Parts of the rows in whole clusters of the toy model, in processes of their own."""

import signal
import time
from typing import Iterable

import numpy as np
import pytest

from common.testing.jobs import BATCH, Job, make_job  # noqa: F401

pytestmark = pytest.mark.slow
ROWS = 400


def counts(job: Job, names: Iterable[str] = ("chief-0", "worker-0")) -> np.ndarray:
    """How often each row was trained, by anybody."""
    rows = [row for name in names for row in sum(job.rows(name), [])]
    return np.bincount(rows, minlength=ROWS)


def supervise(job: Job, secs: float) -> None:
    """Waits until all have ended with 0; starts who asks for it, with 138, as it ends."""
    deadline = time.monotonic() + secs
    statuses = {name: process.status() for name, process in job.processes.items()}
    while set(statuses.values()) != {0}:
        assert time.monotonic() < deadline and set(statuses.values()) <= {None, 0, 138}, job.logs()
        for name in [name for name, status in statuses.items() if status == 138]:
            job.start(name)
        time.sleep(0.1)
        statuses = {name: process.status() for name, process in job.processes.items()}


def test_each_trainer_ends_with_the_epochs_of_its_part(make_job: object) -> None:  # noqa: F811
    job = make_job({"chief": 1, "worker": 1, "ps": 1, "evaluator": 1}, steps=0, epochs=2,
                   secs=0.01)
    job.start()
    job.wait_for_steps("worker-0", 3, secs=300)
    job.processes["worker-0"].send_signal(signal.SIGSTOP)
    job.wait_for_steps("chief-0", 25, secs=300)
    job.processes["worker-0"].send_signal(signal.SIGCONT)
    assert set(job.statuses(300).values()) == {0}, job.logs()
    assert set(counts(job)) == {2}, job.logs()
    assert job.metrics()["global_step"] == 2 * 25
    assert "Traceback" not in job.logs()


def test_a_worker_that_is_killed_goes_on_where_its_own_count_is(
        make_job: object) -> None:  # noqa: F811
    job = make_job({"chief": 1, "worker": 1, "ps": 1}, steps=0, epochs=3, secs=0.02)
    job.start()
    job.wait_for_steps("worker-0", 12, secs=300)
    job.processes["worker-0"].kill()
    job.start("worker-0")
    assert set(job.statuses(300).values()) == {0}, job.logs()
    trained = counts(job)
    assert trained.min() == 3 and trained.sum() <= 3 * ROWS + BATCH  # the step of the kill


@pytest.mark.parametrize("name", ["ps-0", "chief-0"])
def test_a_server_or_a_chief_that_is_killed_sets_all_parts_back_to_the_checkpoint(
        make_job: object, name: str) -> None:  # noqa: F811
    job = make_job({"chief": 1, "worker": 1, "ps": 1}, steps=0, epochs=3, secs=0.03,
                   save_steps=10)
    job.start()
    job.wait_for_steps("worker-0", 37, secs=300)  # whose part ends with its step 38
    job.processes[name].kill()
    job.start(name)
    supervise(job, 300)
    assert counts(job).min() >= 3, job.logs()


def test_another_number_of_trainers_reads_the_rest_of_each_part(
        make_job: object) -> None:  # noqa: F811
    job = make_job({"chief": 1, "worker": 2, "ps": 1}, steps=12, epochs=1, secs=0.02)
    job.start()
    assert set(job.statuses(300).values()) == {0}, job.logs()
    names = ("chief-0", "worker-0", "worker-1")
    assert counts(job, names).max() == 1
    other = Job(job.folder, {"chief": 1, "worker": 1, "ps": 2}, steps=0, epochs=1)
    other.start()
    assert set(other.statuses(300).values()) == {0}, other.logs()
    trained = counts(job, names)
    # steps of the workers that ended while the chief saved for the last time
    assert trained.min() == 1 and trained.sum() <= ROWS + 2 * BATCH, other.logs()
    assert "2 trainers in place of 3: what is left " in other.log("chief-0")

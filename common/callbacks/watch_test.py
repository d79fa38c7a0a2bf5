"""A trainer's watch over its cluster, with sockets in place of servers."""

import re
import socket
import time
from typing import Iterator, List, Optional

import pytest

from common.callbacks import watch as watch_module
from common.callbacks.watch import Watch
from common.config.cluster import Cluster
from common.process import rehearsal, waiting
from common.process.signals import Signals


def watched(monkeypatch: pytest.MonkeyPatch, port: int, is_over: bool = False,
            received: Optional[int] = None, saving: bool = False, wait_secs: float = 0.5,
            steps_after: int = 0) -> List[int]:
    """The statuses with which a watch leaves within two seconds of a chief that has run a step.

    Args:
      saving: whether a save began after the step, and has not ended.
      steps_after: steps that began after the save did.
    """
    left: List[int] = []
    signals = Signals()
    monkeypatch.setattr(waiting, "SAY_SECS", 0.0)
    monkeypatch.setattr(watch_module, "_GRACE_SECS", 0.0)
    monkeypatch.setattr(watch_module, "_STUCK_SECS", 0.1)
    monkeypatch.setattr(watch_module.os, "_exit", left.append)
    job = Cluster({"chief": ["127.0.0.1:1"], "ps": ["127.0.0.1:{}".format(port)]}, "chief", 0)
    with signals, Watch(job, signals, lambda: is_over, wait_secs) as watch:
        watch.after_run(None, None)
        if saving:
            watch.note_saving(True)
        for _ in range(steps_after):
            watch.before_run(None)
        signals.received = received
        time.sleep(2.3)
    return left


@pytest.mark.slow
@pytest.mark.parametrize("is_over, received, status, reason",
                         [(True, None, 0, "training is over and the others have left"),
                          (False, None, 1, "no step for .*waiting for ps-0"),
                          (False, 15, 143, "no step ends; left without a checkpoint")])
def test_a_watch_leaves(is_over: bool, received: int, status: int, reason: str,
                        monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    port, = rehearsal.free_ports(1)
    assert watched(monkeypatch, port, is_over, received)[0] == status
    assert re.search(reason, capsys.readouterr().err)


@pytest.fixture
def port_of_a_server() -> Iterator[int]:
    """A port of this machine that something listens at."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(64)
        yield server.getsockname()[1]


@pytest.mark.slow
@pytest.mark.parametrize("received", [15, None])
def test_a_save_is_waited_for_after_a_signal_and_beyond_wait_secs(
        received: int, port_of_a_server: int, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture) -> None:
    assert watched(monkeypatch, port_of_a_server, received=received, saving=True) == []
    assert "a checkpoint is being saved or evaluated" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("received, status", [(15, 143), (None, 1)])
def test_a_save_whose_server_is_gone_is_not_waited_for(
        received: int, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    port, = rehearsal.free_ports(1)
    assert watched(monkeypatch, port, received=received, saving=True)[0] == status


@pytest.mark.slow
def test_a_save_that_failed_is_over_when_the_next_step_begins(
        port_of_a_server: int, monkeypatch: pytest.MonkeyPatch) -> None:
    left = watched(monkeypatch, port_of_a_server, received=15, saving=True, steps_after=1)
    assert left[0] == 143


@pytest.mark.slow
@pytest.mark.parametrize("saving", [False, True])
def test_a_step_that_does_not_end_though_servers_answer(
        saving: bool, port_of_a_server: int, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture) -> None:
    left = watched(monkeypatch, port_of_a_server, saving=saving, wait_secs=60.0)
    assert left == [] if saving else left[0] == 138
    assert ("An answer was lost; to be started again" in capsys.readouterr().err) != saving

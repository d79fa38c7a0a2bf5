import contextlib
import glob
import os
from typing import List, Tuple

import pytest
import tensorflow.compat.v1 as tf

from common.checkpoint import increment_hook
from common.checkpoint.increment_files import FOLDER
from common.checkpoint.increment_hook import SaveEvery
from common.process import roles
from common.testing.increments import Toy


def run_hook(toy: Toy, hook: SaveEvery, steps: int) -> None:
    hook.begin()
    hook.after_create_session(toy.session, None)
    for _ in range(steps):
        toy.step(3)
        hook.after_run(tf.train.SessionRunContext(None, toy.session), None)


def test_the_hook_saves_every_so_often_but_not_the_last_step(
        tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    toy = Toy(tmp_path, keep=9).start()
    clock = iter(range(1000))
    noted: List[bool] = []
    monkeypatch.setattr(increment_hook.time, "monotonic", lambda: next(clock))
    with toy._graph.as_default():
        run_hook(toy, SaveEvery(toy.saver, 3, 7, noted.append), 7)
    steps = sorted(int(path.split("-")[-1].split(".")[0]) for path in glob.glob(os.path.join(
        str(tmp_path), FOLDER, "*.index")))
    assert steps and max(steps) < 7 and len(steps) < 6
    assert noted[:2] == [True, False] and len(noted) % 2 == 0


@pytest.mark.parametrize("losses", [(), roles.LOSSES])
def test_a_save_that_a_lost_server_interrupts(losses: Tuple[type, ...], tmp_path: object,
                                              monkeypatch: pytest.MonkeyPatch,
                                              capsys: pytest.CaptureFixture) -> None:
    def fail(session: tf.Session, step: int) -> None:
        raise tf.errors.UnavailableError(None, None, "Socket closed")

    toy = Toy(tmp_path).start()
    monkeypatch.setattr(toy.saver, "save_increment", fail)
    noted: List[bool] = []
    with toy._graph.as_default():
        hook = SaveEvery(toy.saver, 0, 7, noted.append, losses)
    with contextlib.nullcontext() if losses else pytest.raises(tf.errors.UnavailableError):
        run_hook(toy, hook, 1)
    assert noted == [True, False]
    assert ("an increment was not saved, as a process was lost: Socket closed"
            in capsys.readouterr().err) == bool(losses)

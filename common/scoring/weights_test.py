import os
from typing import Any, Optional

import pytest
import tensorflow.compat.v1 as tf

from common.checkpoint import increment_files
from common.checkpoint.increment_files import Newest
from common.scoring import weights
from common.scoring.weights import Weights


@pytest.fixture
def run(tmp_path: Any) -> str:
    """The folder of a run with checkpoints of steps 3 and 7, and two exports."""
    folder = str(tmp_path / "run")
    for stamp in ("9", "10"):
        os.makedirs(os.path.join(folder, "export", stamp))
        open(os.path.join(folder, "export", stamp, "saved_model.pb"), "w").close()
    with tf.Graph().as_default(), tf.Session() as session:
        trained = tf.train.get_or_create_global_step()
        saver = tf.train.Saver()
        for step in (3, 7):
            trained.load(step, session)
            saver.save(session, os.path.join(folder, "model.ckpt"), step)
    open(os.path.join(folder, "config.json"), "w").close()
    return folder


def test_the_newest_checkpoint_or_that_of_a_step(run: str) -> None:
    assert weights.find(run, None, None) == Weights(run, os.path.join(run, "model.ckpt-7"))
    assert weights.find(run, None, 3).path == os.path.join(run, "model.ckpt-3")


def test_newer_increments_are_not_used_and_said(
        run: str, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    full = os.path.join(run, "model.ckpt-7")
    assert weights.find(run, None, None).path == full
    assert "increment" not in capsys.readouterr().err
    newest = Newest(path=os.path.join(run, "increment"), step=9, unusable={})
    monkeypatch.setattr(increment_files, "find", {full: newest}.get)
    assert weights.find(run, None, None).path == full
    assert "the increment of step 9 is newer than {} and is not used".format(
        full) in capsys.readouterr().err


def test_checkpoints_in_another_folder(run: str, tmp_path: Any) -> None:
    results = str(tmp_path / "results")
    os.makedirs(results)
    os.replace(os.path.join(run, "config.json"), os.path.join(results, "config.json"))
    found = weights.find(results, run, None)
    assert found == Weights(results, os.path.join(run, "model.ckpt-7"))
    with pytest.raises(ValueError, match="results: there is no checkpoint in it. If the run had"):
        weights.find(results, None, None)


def test_an_export_is_the_newest_of_a_folder_or_the_one_named(run: str) -> None:
    newest = os.path.join(run, "export", "10")
    assert weights.find(os.path.join(run, "export"), None, None) == Weights(run, newest, True)
    older = os.path.join(run, "export", "9")
    assert weights.find(older, None, None) == Weights(run, older, True)


@pytest.mark.parametrize("folder, checkpoints, step, message", [
    ("run", None, 5, "--step 5: .* has no checkpoint of this step. It has 3, 7"),
    ("nowhere", None, None, "nowhere: there is no such folder"),
    (".", None, None, "it holds neither config.json of a run nor an export"),
    ("run/export", None, 3, "an export has one step and no checkpoints. Drop --step"),
    ("run/export", "run", None, "an export has one step and no checkpoints. Drop --step"),
])
def test_what_is_not_there_is_an_error(run: str, tmp_path: Any, folder: str,
                                       checkpoints: Optional[str], step: Optional[int],
                                       message: str) -> None:
    with pytest.raises(ValueError, match=message):
        weights.find(str(tmp_path / folder), checkpoints, step)


def test_an_export_away_from_its_run_is_an_error(run: str) -> None:
    os.remove(os.path.join(run, "config.json"))
    with pytest.raises(ValueError, match="there is no config.json in .*run, which says how rows"):
        weights.find(os.path.join(run, "export", "10"), None, None)


def test_a_run_in_a_store_is_to_be_copied_first() -> None:
    with pytest.raises(ValueError, match="s3://b/run: runs are scored from a local folder. Copy"):
        weights.find("s3://b/run", None, None)

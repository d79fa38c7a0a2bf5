import json
import os
import subprocess
import sys
from typing import NamedTuple, Tuple

import pytest
import tensorflow.compat.v1 as tf

from common import earlier_run, results
from common.config.toggles import Toggles
from common.errors import BadInput
from common.optimizers.schedule import Schedule
from common.optimizers.train_step import Training
from common.pipeline import source
from common.pipeline.source import Data
from common.testing import toy
from common.testing.runs import make_run


class Params(NamedTuple):
    training: Training
    width: int = 16


@pytest.fixture
def data(tmp_path: object) -> Data:
    return toy.open_toy(tmp_path, toy.random_rows(1, 9), toy.random_rows(2, 5))


def start(folder: object, data: Data, model: str = "ESMM", optimizer: str = "adagrad",
          complete: bool = False, enabled_features: Tuple[Tuple[str, str], ...] = ()) -> None:
    run = make_run(folder, model=model, checkpoint_dir=str(folder),
                   enabled_features=enabled_features)
    params = Params(Training(optimizer, 0.1))
    earlier_run.check(str(folder), run, data, params)
    results.start(str(folder), run, data, params, complete)


def read(folder: object, name: str) -> object:
    with open(os.path.join(str(folder), name)) as file:
        return json.load(file)


def save_checkpoint(folder: object) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        session.run(tf.train.get_or_create_global_step().initializer)
        tf.train.Saver().save(session, os.path.join(str(folder), "model.ckpt"), 0)


def test_metrics_stand_beside_the_config(tmp_path: object, data: Data) -> None:
    start(tmp_path, data)
    assert read(tmp_path, "config.json")["params"] == {"width": 16, "training": {
        "optimizer": "adagrad", "learning_rate": 0.1, "toggles": dict(Toggles()._asdict()),
        "schedule": dict(Schedule()._asdict()), "clip_norm": 0.0}}
    results.finish(str(tmp_path), {"y": {"auc": 0.7, "gauc": float("nan")}}, 3, 40, 16, data,
                   results.Trained(40, 2.5, 0.5, 17.0))
    report = read(tmp_path, "metrics.json")
    assert report["tasks"] == {"y": {"auc": 0.7, "gauc": None}} and report["global_step"] == 40
    assert report["steps_per_sec"] == 2.5 and report["samples_per_sec"] == 40.0 and report[
        "steps_trained_here"] == 40
    start(tmp_path, data, complete=True)
    assert os.path.exists(os.path.join(str(tmp_path), "metrics.json"))
    start(tmp_path, data)
    assert not os.path.exists(os.path.join(str(tmp_path), "metrics.json"))


def test_every_file_is_listed_in_its_order(tmp_path: object) -> None:
    paths = ["{}/{}".format(tmp_path, name) for name in ("b", "c", "a")]
    for secs, path in enumerate(paths):
        toy.write_csv(path, toy.random_rows(secs, 5))
        os.utime(path, ns=(0, (86400 + secs) * 10 ** 9 + 7))
    names = ",".join(paths[:2]), paths[2]
    start(tmp_path, source.open_data(str(tmp_path), toy.SCHEMA, True, 0, False, *names))
    listed = [{"name": os.path.basename(path), "bytes": os.path.getsize(path),
               "version": "{}000000007".format(86400 + secs),
               "written": "1970-01-02 00:00:0{} UTC".format(secs)}
              for secs, path in enumerate(paths)]
    config = read(tmp_path, "config.json")
    assert config["train"] == {"folder": str(tmp_path), "files": listed[:2]}
    assert config["test"] == {"folder": str(tmp_path), "files": listed[2:]}


@pytest.mark.parametrize("model, optimizer", [("MMOE", "adagrad"), ("ESMM", "adam")])
def test_checkpoints_of_another_run_are_refused(tmp_path: object, data: Data, model: str,
                                                optimizer: str) -> None:
    start(tmp_path, data)
    start(tmp_path, data, model, optimizer)  # nothing was trained yet
    start(tmp_path, data)
    save_checkpoint(tmp_path)
    message = ("config.json: the checkpoints of this folder are of ESMM trained with 'adagrad'; "
               "{} with '{}' cannot")
    with pytest.raises(BadInput, match=message.format(model, optimizer)):
        start(tmp_path, data, model, optimizer)
    assert read(tmp_path, "config.json")["run"]["model"] == "ESMM"
    start(tmp_path, data)


def test_checkpoints_of_other_words_are_refused(tmp_path: object, data: Data) -> None:
    def with_words(*words: bytes) -> Data:
        return data._replace(vocabularies={"mid_voc": {word: i for i, word in enumerate(words)}})

    fixed, growing = (), (("ev", ""),)
    start(tmp_path, with_words(b"none", b"a", b"b"))
    save_checkpoint(tmp_path)
    for enabled in (fixed, growing):
        start(tmp_path, with_words(b"none", b"a", b"b"), enabled_features=enabled)
    message = ("trained with another mid_voc, of 3 words; that of now has {}, with other ids. "
               "Give the vocabularies")
    for enabled, *words in ((fixed, b"none", b"b", b"a"), (fixed, b"none", b"a", b"b", b"c"),
                            (growing, b"none", b"b", b"a", b"c"), (growing, b"none")):
        with pytest.raises(BadInput, match=message.format(len(words))):
            start(tmp_path, with_words(*words), enabled_features=enabled)
    start(tmp_path, with_words(b"none", b"a", b"b", b"c"),
          enabled_features=growing)  # a row for each word more
    assert read(tmp_path, "config.json")["vocabularies"]["mid_voc"]["words"] == 4


def test_the_config_of_an_older_version_is_read(tmp_path: object, data: Data) -> None:
    start(tmp_path, data)
    save_checkpoint(tmp_path)
    path = tmp_path.joinpath("config.json")
    config = json.loads(path.read_text())
    config["params"] = {"width": "16", "optimizer": "'adagrad'", "learning_rate": "0.1"}
    path.write_text(json.dumps(config))
    with pytest.raises(BadInput, match="trained with 'adagrad'; ESMM with 'adam' cannot"):
        start(tmp_path, data, optimizer="adam")
    start(tmp_path, data)
    assert read(tmp_path, "config.json")["params"]["training"]["optimizer"] == "adagrad"


def test_the_command_runs_when_pasted(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    script = tmp_path.joinpath("a script.py")
    script.write_text("import os, sys; print(os.getcwd(), sys.argv[1:])")
    folder = tmp_path.joinpath("some where")
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["../a script.py", "--flag", "it's"])
    monkeypatch.setattr(sys, "executable", os.path.realpath(sys.executable))
    done = subprocess.run(["/bin/sh", "-c", results.command()], cwd="/", stdout=subprocess.PIPE,
                          check=True)
    assert done.stdout.decode().strip() == "{} {}".format(folder, ["--flag", "it's"])

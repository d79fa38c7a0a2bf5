"""New runs of the toy model that start with what another run has trained."""

import argparse
import glob
import json
import os
import shutil
import time
from typing import Any, Dict, List
from unittest import mock

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common.callbacks import warm_start
from common.callbacks.warm_start import WarmStartFrom
from common.config.tables import Settings
from common.config.toggles import Toggles
from common.embedding.input_layer import Embedding
from common.embedding.kinds import Kind
from common.embedding.storage import Storage
from common.errors import BadInput
from common.kernels import native
from common.optimizers.train_step import Training
from common.pipeline import source as source_module
from common.pipeline.source import Data
from common.testing import runs, toy
from common.testing.jobs import Job, make_job  # noqa: F401
from common.testing.runs import TEST, TRAIN, Params

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(warm_start.__file__)))
STEPS = 20
PLAIN = Embedding(4, Toggles())
OTHERS = toy.random_rows(5, 200)
Tensors = Dict[str, np.ndarray]


def thirds(shape: tf.TensorShape, dtype: tf.DType) -> List[int]:
    """A partitioner: three slices of what has rows enough."""
    return [3 if shape[0].value >= 3 else 1] + (shape.ndims - 1) * [1]


def stored(kind: Kind, **settings: Any) -> Embedding:
    return PLAIN._replace(storage=Storage(kind, Settings(**settings), often=3))


def train(folder: object, params: Params, path: str = "", **fields: Any) -> str:
    """Trains in FOLDER, which gets rows of its own; returns the folder of its checkpoints."""
    os.makedirs(str(folder), exist_ok=True)
    rows = OTHERS if path else TRAIN
    data = toy.open_toy(folder, rows, TEST)
    values: Dict[str, Any] = dict(steps=STEPS, evaluate=False, keep_checkpoint_max=9)
    values.update(fields)
    values.setdefault("settings", (WarmStartFrom(path),))
    runs.train(folder, data, params, **values)
    return os.path.join(str(folder), "run")


def tensors(folder: str, step: int) -> Tensors:
    """What a checkpoint holds; the parts of an embedding variable in the order of their keys."""
    reader = tf.train.load_checkpoint(os.path.join(folder, "model.ckpt-{}".format(step)))
    plain: Tensors = {}
    parts: Dict[str, List[np.ndarray]] = {}
    for name in sorted(reader.get_variable_to_shape_map()):
        value = reader.get_tensor(name)
        head, _, field = name.rpartition("-")
        if not head:
            plain[name] = value
            continue
        whole = "/".join(word for word in head.split("/") if not word.startswith("part_"))
        parts.setdefault("{}-{}".format(whole, field), []).append(value)
    merged = {name: np.concatenate(values) for name, values in parts.items()}
    for name, value in merged.items():
        keys = merged[_keys_of(name, merged)]
        plain[name] = value[np.argsort(keys)] if len(value) == len(keys) else value
    return plain


def _keys_of(name: str, names: Tensors) -> str:
    table = name.rpartition("-")[0]
    while table + "-keys" not in names:
        table = table.rpartition("/")[0]
    return table + ("-keys_filtered" if name.endswith("_filtered") else "-keys")


def weights(values: Tensors) -> Tensors:
    """All but where a run is: its step and its rows."""
    return {name: value for name, value in values.items()
            if name != "global_step" and not name.startswith(("position/", "work_queue/"))}


def assert_start(new: Tensors, source: Tensors, step: int = STEPS) -> None:
    """Fails unless a run has started with all that another one had after a step."""
    assert set(weights(new)) == set(weights(source)) and new["global_step"] == 0
    for name, value in weights(source).items():
        if name.endswith("-versions"):
            value = np.where(value == -1, -1, value - step - 1)
        if name.endswith("-versions_filtered"):  # such keys wait anew
            value = np.full_like(value, -1)
        np.testing.assert_array_equal(new[name], value, name)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer, embedding", [
    ("adagrad", PLAIN), ("adam", PLAIN._replace(partitioner=thirds)), ("adam", stored(Kind.EV)),
    ("adagrad", stored(Kind.EV, filter="counter")), ("adagrad", stored(Kind.ADAPTIVE)),
    ("adam", stored(Kind.DYNAMIC)), ("adagrad", stored(Kind.MULTIHASH))])
def test_a_new_run_has_the_weights_slots_and_keys_of_another(
        tmp_path: object, optimizer: str, embedding: Embedding) -> None:
    if embedding.storage.kind is not Kind.FIXED and native.load().ops is None:
        pytest.skip(native.load().reason)
    params = Params(training=Training(optimizer, 0.01), embedding=embedding)
    source = train(os.path.join(str(tmp_path), "a"), params)
    new = train(os.path.join(str(tmp_path), "b"), params, source, steps=3)
    assert_start(tensors(new, 0), tensors(source, STEPS))
    assert tensors(new, 3)["global_step"] == 3
    assert json.loads(tensors(new, 3)["position/plan"])["rows"] != json.loads(
        tensors(source, STEPS)["position/plan"])["rows"]


@pytest.mark.slow
@pytest.mark.parametrize("to_tf", [True, False])
def test_the_community_path_starts_from_ours_and_back(tmp_path: object, to_tf: bool) -> None:
    kinds = [Toggles(), Toggles(tf=True)]
    before, after = kinds if to_tf else reversed(kinds)
    source = train(os.path.join(str(tmp_path), "a"), Params(embedding=Embedding(4, before)),
                   toggles=before)
    new = train(os.path.join(str(tmp_path), "b"), Params(embedding=Embedding(4, after)), source,
                steps=1, toggles=after)
    assert_start(tensors(new, 0), tensors(source, STEPS))


@pytest.mark.slow
@pytest.mark.skipif(native.load().ops is None, reason=native.load().reason)
@pytest.mark.parametrize("kind", [Kind.EV, Kind.FIXED])
def test_a_cluster_starts_from_a_run_alone_and_back(tmp_path: object, make_job: Any,  # noqa: F811
                                                    kind: Kind) -> None:
    alone = Params(training=Training("adam", 0.01), embedding=stored(kind))
    spread = alone._replace(embedding=stored(kind, servers=2)._replace(partitioner=thirds))
    source = train(os.path.join(str(tmp_path), "a"), alone)
    job: Job = make_job(  # no other worker, which would train while the chief saves its start
        dict(ps=2, chief=1), STEPS, params=spread, evaluate=False,
        keep_checkpoint_max=9, settings=(WarmStartFrom(source),))
    job.start()
    assert set(job.last_statuses().values()) == {0}, job.logs()
    of_job = os.path.join(str(tmp_path), "run")
    assert_start(tensors(of_job, 0), tensors(source, STEPS))
    back = train(os.path.join(str(tmp_path), "b"), alone, of_job, steps=1)
    last = int(tf.train.latest_checkpoint(of_job).rpartition("-")[2])
    assert_start(tensors(back, 0), tensors(of_job, last), last)


@pytest.mark.slow
@pytest.mark.skipif(native.load().ops is None, reason=native.load().reason)
@pytest.mark.parametrize("embedding", [PLAIN._replace(partitioner=thirds), stored(Kind.EV)])
def test_the_increments_of_the_other_run_are_read(
        tmp_path: object, embedding: Embedding) -> None:
    params = Params(training=Training("adagrad", 0.1), embedding=embedding)
    killed = os.path.join(str(tmp_path), "killed")
    os.makedirs(killed)
    toy.open_toy(killed, TRAIN, TEST)
    child = runs.start_child(killed, 0.1, params, steps=10 ** 6, save_steps=0, incremental_ckpt=1)
    source = os.path.join(killed, "run")
    increments = os.path.join(source, ".incremental_checkpoint")
    deadline = time.monotonic() + 90
    while not tf.train.latest_checkpoint(increments):
        assert child.status() is None and time.monotonic() < deadline, child.output()
        time.sleep(0.1)
    child.kill()
    increment = tf.train.latest_checkpoint(increments)
    step = int(increment.rpartition("-")[2])
    new = train(os.path.join(str(tmp_path), "b"), params, source, steps=1)
    with open(os.path.join(new, "config.json")) as file:
        started = json.load(file)["warm_start"]
    assert (started["step"], started["increment"]) == (step, increment)
    # The run itself saves a full checkpoint where it resumes.
    resumed = os.path.join(str(tmp_path), "resumed")
    shutil.copytree(killed, resumed)
    data = source_data(resumed)
    runs.train(resumed, data, params, steps=step + 1, incremental_ckpt=100, evaluate=False,
               keep_checkpoint_max=9)
    assert_start(tensors(new, 0), tensors(os.path.join(resumed, "run"), step), step)


def source_data(folder: str) -> Data:
    return source_module.open_data(folder, toy.SCHEMA, False, 0, False)


@pytest.mark.slow
def test_slots_may_stay_behind(tmp_path: object, capsys: pytest.CaptureFixture) -> None:
    params = Params(training=Training("adam", 0.01))
    source = train(os.path.join(str(tmp_path), "a"), params)
    new = train(os.path.join(str(tmp_path), "b"), params, steps=1,
                settings=(WarmStartFrom(source, slots=False),))
    before, after = tensors(source, STEPS), tensors(new, 0)
    slots = {name for name in weights(after) if "Adam" in name or "_power" in name}
    for name in weights(after):
        if name not in slots:
            np.testing.assert_array_equal(after[name], before[name], name)
        elif name.endswith("_power"):
            assert after[name] == pytest.approx(0.9 if "beta1" in name else 0.999)
        else:
            assert not after[name].any(), name
    assert "are initialized" not in capsys.readouterr().err


@pytest.mark.slow
def test_what_is_new_is_listed_or_refused(tmp_path: object, capsys: pytest.CaptureFixture) -> None:
    source = train(os.path.join(str(tmp_path), "a"), Params())
    params = Params(training=Training("adam", 0.01))
    strict = (WarmStartFrom(source, strict=True),)
    with pytest.raises(BadInput, match=r"--warm_start_strict: .*model.ckpt-20 lacks \d+ of the "
                       r"variables: .*Adam.* \(not in the checkpoint\).* Drop --warm_start_strict"):
        train(os.path.join(str(tmp_path), "b"), params, steps=1, settings=strict)
    assert not glob.glob(os.path.join(str(tmp_path), "b", "run", "config.json"))
    new = train(os.path.join(str(tmp_path), "b"), params, source, steps=1)
    text = capsys.readouterr()
    assert "are initialized: " in text.out + text.err
    with open(os.path.join(new, "config.json")) as file:
        started = json.load(file)["warm_start"]
    assert all("Adam" in name or "_power" in name for name in started["initialized"])
    # A run that resumes needs the other one no more, and config.json still says where it began.
    shutil.rmtree(source)
    train(os.path.join(str(tmp_path), "b"), params, source, steps=2)
    with open(os.path.join(new, "config.json")) as file:
        assert json.load(file)["warm_start"] == started


@pytest.mark.slow
def test_a_damaged_checkpoint_is_refused(tmp_path: object) -> None:
    source = train(os.path.join(str(tmp_path), "a"), Params())
    data = max(glob.glob(os.path.join(source, "model.ckpt-20.data-*")), key=os.path.getsize)
    with open(data, "r+b") as file:
        file.seek(100)
        file.write(bytes(100))
    with pytest.raises(BadInput, match=r"--warm_start: .*model.ckpt-20 is damaged, or was removed"):
        train(os.path.join(str(tmp_path), "b"), Params(), source, steps=1)
    assert not tf.train.latest_checkpoint(os.path.join(str(tmp_path), "b", "run"))


ARGS = argparse.Namespace(
    warm_start="", warm_start_slots=True, warm_start_strict=False, checkpoint=None,
    deeprec_tables=None)


@pytest.mark.parametrize("flags, message", [
    (dict(warm_start_strict=True), "--warm_start_strict and --warm_start_slots .* Give "
     "--warm_start too"),
    (dict(warm_start_slots=False), "there is none. Give --warm_start too"),
    (dict(warm_start="s3://b/run"), "s3://b/run: a checkpoint is read from a local folder. Copy"),
    (dict(warm_start="run", checkpoint="./run"), "run: that is the folder of --checkpoint"),
    (dict(warm_start="no/such"), "no/such: there is neither a folder nor a complete checkpoint"),
    (dict(warm_start="/"), "/: this folder holds no complete checkpoint"),
])
def test_wrong_flags_are_refused(flags: Dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        warm_start.from_flags(argparse.Namespace(**{**vars(ARGS), **flags}))


def test_deeprecs_own_tables_are_refused() -> None:
    args = argparse.Namespace(**{**vars(ARGS), "deeprec_tables": object(), "warm_start": ROOT})
    with mock.patch.object(tf.train, "latest_checkpoint", return_value="x"), pytest.raises(
            ValueError, match="--warm_start does not read DeepRec's own tables. Drop --ev"):
        warm_start.from_flags(args)
